#pragma once
/*
 * A command of wmctl: a row with its words, its help and its function; and what such a function
 * gets. It appends its answer to ctl->out and its notes to ctl->notes, which main prints to
 * standard output and standard error. One thread.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "programs/wmctl/options.h"

struct wm_ctl {
	const struct wm_ctl_command *command;
	const struct wm_conf *conf;
	const struct wm_ctl_options *o;
	char *const *args; /* behind the command's own words */
	size_t n_args;
	struct wm_arena arena; /* lives as long as the command runs */
	struct wm_buf out;     /* wiped when done: keys pass through it */
	struct wm_buf notes;
};

struct wm_ctl_command {
	const char *group; /* "get" of "get nodes", or NULL */
	const char *name;
	const char *alias; /* other names, with blanks between, or NULL */
	const char *args;  /* for the usage line: "[NODE_ID]" */
	size_t min_args, max_args;
	unsigned scope; /* enum wm_ctl_scope */
	const char *help;
	int (*run)(struct wm_ctl *ctl, struct wm_err *err); /* NULL: not in this version */
};

/*
 * The command that the words in @args name; *@used says how many of them. INVALID_ARGUMENT, with
 * the nearest name, when there is none; @out is NULL without an error when the words are none or
 * name a group only (*@used is 1 then).
 */
int wm_ctl_command_find(const struct wm_conf_list *args, const struct wm_ctl_command **out,
			size_t *used, struct wm_err *err) WM_MUST_CHECK;
/* All commands, in the order of the help; those of a later version are among them. */
const struct wm_ctl_command *wm_ctl_commands(size_t *n);
/* Appends the help of @c; with NULL, of all commands in @group (NULL: of wmctl). */
void wm_ctl_command_help(const struct wm_ctl_command *c, const char *group, struct wm_buf *out);
