/*
 * webmesh-node: a member of a mesh. Options in, a node's life, an exit status out: 0 after an
 * orderly stop, 2 when the options have to be mended, 1 for anything else.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/options.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "base/version.h"
#include "conf/conf.h"
#include "platform/crash.h"
#include "platform/notify.h"

extern char **environ;

static int show(const struct wm_buf *text)
{
	fputs(wm_buf_str(text), stdout);
	return fflush(stdout) == 0 ? 0 : 1;
}

static int show_version(const struct wm_node_options *o)
{
	struct wm_buf text = {0};
	wm_version_format("webmesh-node", "webmesh-node", o->json, &text);
	int status = show(&text);
	wm_buf_fini(&text);
	return status;
}

static int show_help(void)
{
	struct wm_buf text = {0};
	wm_node_options_help(&text);
	int status = show(&text);
	wm_buf_fini(&text);
	return status;
}

/* Warnings go to standard error, so that the configuration can be piped on. */
static int show_config(const struct wm_node_options *o)
{
	struct wm_buf text = {0};
	const struct wm_conf_list *warnings = wm_node_options_warnings(o);
	for (size_t i = 0; i < warnings->n; i++)
		fprintf(stderr, "webmesh-node: %s\n", warnings->items[i]);
	wm_node_options_print(o, &text);
	int status = show(&text);
	wm_buf_fini(&text);
	return status;
}

static int fail(const struct wm_err *err)
{
	fprintf(stderr, "webmesh-node: %s\n", err->text);
	return wm_err_exit_status(err->code);
}

static struct wm_log *open_log(const struct wm_node_options *o)
{
	enum wm_log_level level = WM_LOG_INFO;
	if (!wm_log_level_parse(o->global_log_level, &level))
		level = WM_LOG_INFO;
	bool json = strcmp(o->global_log_format, "text") != 0;
	struct wm_log *log = wm_log_new(STDERR_FILENO, level, json ? WM_LOG_JSON : WM_LOG_TEXT);
	wm_log_set_journal(log, wm_notify_is_journal(STDERR_FILENO));
	return log;
}

static void tell_of_crash(void *arg, const char *path)
{
	wm_error(arg, "node.crashed_before", "file=%s", path);
}

/* From here on a crash leaves a report on disk too; those of earlier runs are told of. */
static void keep_crashes(const struct wm_node_options *o, struct wm_log *log)
{
	const char *folder = wm_node_options_crash_dir(o);
	wm_crash_set_folder(folder);
	wm_crash_set_log(log);
	wm_crash_collect("webmesh-node", folder, tell_of_crash, log);
}

static int run(struct wm_node_options *o)
{
	struct wm_err err;
	struct wm_log *log = open_log(o);
	signal(SIGHUP,
	       SIG_IGN); /* a reload before the node runs: what it would read is being read */
	keep_crashes(o, log);
	const struct wm_conf_list *warnings = wm_node_options_warnings(o);
	for (size_t i = 0; i < warnings->n; i++)
		wm_warn(log, "options.ignored", "what=\"%s\"", warnings->items[i]);
	int rc = wm_agent_run(o, log, &err);
	if (rc == WM_ABORTED) /* its parts still use what would be freed from here on */
		_exit(fail(&err));
	wm_crash_set_log(NULL);
	wm_log_free(log);
	return rc == 0 ? 0 : fail(&err);
}

int main(int argc, char **argv)
{
	struct wm_err err;
	struct wm_node_options *o = NULL;
	signal(SIGPIPE, SIG_IGN);
	wm_file_guard_stdio();
	wm_crash_install("webmesh-node");
	wm_crash_forbid_core(); /* memory is full of keys */
	wm_conf_hide_secrets(wm_node_options_table(), argc, argv, environ);
	if (wm_node_options_load(argc, argv, environ, &o, &err) != 0)
		return fail(&err);
	int status;
	if (wm_node_options_wants_help(o))
		status = show_help();
	else if (wm_node_options_wants_version(o))
		status = show_version(o);
	else if (wm_node_options_wants_print(o))
		status = show_config(o);
	else
		status = run(o);
	wm_node_options_free(o);
	return status;
}
