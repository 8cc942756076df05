/*
 * wmctl: finds the command by the words between the flags, loads the flags that it knows, runs it,
 * and prints what it answered. Errors go to standard error, as "Error: " and a sentence.
 */
#include "base/file.h"
#include "base/mem.h"
#include "crypto/pki.h"
#include "platform/crash.h"
#include "programs/wmctl/command.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Prints to @to; an error of standard output is one of the program. */
static int print(FILE *to, const struct wm_buf *text, struct wm_err *err)
{
	if (text->len > 0 && (fwrite(text->data, 1, text->len, to) != text->len || fflush(to) != 0))
		return wm_fail(err, WM_DATA_LOSS, "cannot write the answer to standard output");
	return 0;
}

static int check_args(const struct wm_ctl *ctl, struct wm_err *err)
{
	const struct wm_ctl_command *c = ctl->command;
	if (ctl->n_args < c->min_args)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s needs %s", c->name, c->args);
	if (ctl->n_args > c->max_args)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: unexpected argument \"%.80s\"",
			       c->name, ctl->args[c->max_args]);
	return 0;
}

static int run_command(struct wm_ctl *ctl, struct wm_err *err)
{
	if (ctl->o->help) {
		wm_ctl_command_help(ctl->command, NULL, &ctl->out);
		return 0;
	}
	int rc = check_args(ctl, err);
	return rc != 0 ? rc : ctl->command->run(ctl, err);
}

static unsigned load_scope(const struct wm_ctl_command *c)
{
	/* gen-config has a --server of its own. */
	return (c->scope & WM_CTL_PKI_CONFIG) != 0 ? c->scope : c->scope | WM_CTL_LENIENT;
}

static int run(struct wm_ctl *ctl, int argc, char **argv, size_t used, struct wm_err *err)
{
	struct wm_conf *conf = wm_conf_new(wm_ctl_options_table(), load_scope(ctl->command));
	int rc = wm_conf_load(conf, argc, argv, NULL, err);
	if (rc == 0) {
		const struct wm_conf_list *args = wm_conf_args(conf);
		ctl->conf = conf;
		ctl->o = wm_conf_values(conf);
		ctl->args = args->items + used;
		ctl->n_args = args->n - used;
		wm_arena_init(&ctl->arena, 0);
		rc = run_command(ctl, err);
		wm_arena_fini(&ctl->arena);
	}
	wm_conf_free(conf);
	return rc;
}

/* No command: the list of them, on standard output when it was asked for. */
static int show_commands(struct wm_ctl *ctl, int argc, char **argv, const char *group,
			 struct wm_err *err)
{
	struct wm_conf *conf = wm_conf_new(wm_ctl_options_table(), WM_CTL_LENIENT);
	int rc = wm_conf_load(conf, argc, argv, NULL, err);
	if (rc == 0 && ((const struct wm_ctl_options *)wm_conf_values(conf))->help) {
		wm_ctl_command_help(NULL, group, &ctl->out);
	} else if (rc == 0) {
		wm_ctl_command_help(NULL, group, &ctl->notes);
		rc = wm_fail(err, WM_INVALID_ARGUMENT, "no command is given");
	}
	wm_conf_free(conf);
	return rc;
}

/* "wmctl help get nodes" is "wmctl get nodes --help". */
static bool drop_help_word(struct wm_conf_list *words)
{
	if (words->n == 0 || strcmp(words->items[0], "help") != 0)
		return false;
	wm_free(words->items[0]);
	memmove(words->items, words->items + 1, --words->n * sizeof(*words->items));
	return true;
}

static int dispatch(struct wm_ctl *ctl, int argc, char **argv, struct wm_err *err)
{
	struct wm_conf_list words = {0};
	size_t used = 0;
	wm_conf_scan_args(wm_ctl_options_table(), argc, argv, &words);
	bool helps = drop_help_word(&words);
	const char *group = NULL;
	int rc = wm_ctl_command_find(&words, &ctl->command, &used, err);
	if (used > 0)
		group = words.items[0];
	if (rc == 0 && helps)
		wm_ctl_command_help(ctl->command, group, &ctl->out);
	else if (rc == 0 && ctl->command == NULL)
		rc = show_commands(ctl, argc, argv, group, err);
	else if (rc == 0)
		rc = run(ctl, argc, argv, used, err);
	wm_conf_list_fini(&words);
	return rc;
}

int main(int argc, char **argv)
{
	struct wm_ctl ctl = {0};
	struct wm_err err = {0}, last = {0};
	signal(SIGPIPE, SIG_IGN);
	wm_file_guard_stdio();
	wm_crash_install("wmctl");
	wm_crash_forbid_core();
	int rc = dispatch(&ctl, argc, argv, &err);
	if (rc != 0)
		fprintf(stderr, "Error: %s\n", err.text);
	if (print(stderr, &ctl.notes, &last) != 0 || print(stdout, &ctl.out, &last) != 0) {
		fprintf(stderr, "Error: %s\n", last.text);
		rc = rc != 0 ? rc : last.code;
	}
	wm_pki_buf_wipe(&ctl.out);
	wm_buf_fini(&ctl.notes);
	return wm_err_exit_status(rc);
}
