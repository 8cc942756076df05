#pragma once
/*
 * A program's configuration, loaded by its table: defaults, then the file, then the environment,
 * then flags; the later wins, and which source set what is remembered for messages. Lists and maps
 * of a later source replace those of an earlier one. The struct of values belongs to the
 * configuration and is freed with it. One thread at a time.
 *
 * Flags: --name value, --name=value, --flag (true), --flag=false, -c value for rows with a letter;
 * lists may be repeated, divided by commas or both; "--" ends the flags.
 * Environment: the name in capitals, dots as _, dashes kept or as _ ("MESH_NODE-ID",
 * "MESH_NODE_ID"); both with different values are an error, an empty one is as none.
 * Secrets of rows with WM_CONF_FROM_FILE may stand in a file of their own: --x.password-file PATH,
 * X_PASSWORD_FILE=PATH, or the key password-file. One line's end at its end is no part of them.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "conf/node.h"
#include "conf/option.h"

enum wm_conf_source {
	WM_CONF_BY_DEFAULT,
	WM_CONF_BY_OTHER, /* derived from another option */
	WM_CONF_BY_FILE,
	WM_CONF_BY_ENV,
	WM_CONF_BY_FLAG,
};

/* A configuration with every value at its default; commands outside @scope's bits are not known. */
struct wm_conf *wm_conf_new(const struct wm_conf_table *t, unsigned scope)
	__attribute__((returns_nonnull));
/* NULL is allowed. Frees the values too, and wipes the secret ones. */
void wm_conf_free(struct wm_conf *c);
/* The program's struct. Fields may be changed by who owns the configuration: text is wm_alloc's. */
void *wm_conf_values(const struct wm_conf *c) __attribute__((returns_nonnull));

/* For a program that runs and may not stand still: pipes and devices are refused, not read. */
void wm_conf_never_wait(struct wm_conf *c);
/*
 * Loads everything: @argv (its first entry is the program's name; borrowed during the call), @env
 * in the form of environ (NULL: none), and the file that a row with WM_CONF_PATH names. The error
 * names the option as it was spelt there, or file, line and key; code INVALID_ARGUMENT where the
 * user has to mend something. After an error only wm_conf_free is allowed.
 */
int wm_conf_load(struct wm_conf *c, int argc, char *const *argv, char *const *env,
		 struct wm_err *err) WM_MUST_CHECK;
/* Applies the table's values from a parsed file only (the part of wm_conf_load between). */
int wm_conf_load_tree(struct wm_conf *c, const struct wm_conf_node *root, struct wm_err *err)
	WM_MUST_CHECK;

/* What stood between the flags, in order, and after "--". */
const struct wm_conf_list *wm_conf_args(const struct wm_conf *c);
/* The same from @argv alone, for programs that choose their command by it; bad flags are passed. */
void wm_conf_scan_args(const struct wm_conf_table *t, int argc, char *const *argv,
		       struct wm_conf_list *out);
/*
 * Takes the values of secrets out of the memory that the system shows as this process's command
 * line and environment: they move to the vault (base/vault.h), for good, and @argv and @env point
 * there, so that both can be read as before.
 */
void wm_conf_hide_secrets(const struct wm_conf_table *t, int argc, char **argv, char **env);
void wm_conf_list_fini(struct wm_conf_list *l);

/* Sentences about what was ignored (unknown keys of a file, with the nearest one). */
const struct wm_conf_list *wm_conf_warnings(const struct wm_conf *c);

/* Who set the option of this name. */
enum wm_conf_source wm_conf_source(const struct wm_conf *c, const char *name);
/* True when a file, the environment or a flag set it. */
bool wm_conf_is_given(const struct wm_conf *c, const char *name);
/* How it was spelt where it was set: "--mesh.node-id", "MESH_NODE_ID", "mesh.node-id (n.yaml:3)".
 */
const char *wm_conf_where(const struct wm_conf *c, const char *name);
/*
 * Sets an option from another one that implies it; @from is that one's name. @text must be a value
 * for @name, which is our own promise.
 */
void wm_conf_derive(struct wm_conf *c, const char *name, const char *from, const char *text);

/*
 * ---- reload: @fresh is the same table, loaded again from the same sources ----
 * Tells of each row whose values differ (@differs may be NULL); returns how many there are.
 */
size_t wm_conf_compare(const struct wm_conf *c, const struct wm_conf *fresh,
		       void (*differs)(void *arg, const struct wm_conf_option *o), void *arg);
/*
 * Exchanges what differs in the rows with WM_CONF_RELOAD, values with their origins; a second time
 * undoes the first. All other values, and the struct that they lie in, stay where they are.
 */
void wm_conf_exchange(struct wm_conf *c, struct wm_conf *fresh);

/* Appends the options as --help shows them: by section, with their defaults. */
void wm_conf_help(const struct wm_conf_table *t, unsigned scope, struct wm_buf *out);

/*
 * Appends the values in force as JSON, as --print-config shows them: nested keys in order, nothing
 * that is zero or empty, durations in nanoseconds, secrets as "(hidden)", and no option of a later
 * version that nobody has set.
 */
void wm_conf_print(const struct wm_conf *c, struct wm_buf *out);

/* The entry of @names (@n of them) that is most like @wrong, or NULL when none is near. */
const char *wm_conf_nearest(const char *wrong, const char *const *names, size_t n);
