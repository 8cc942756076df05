#include "base/mem.h"
#include "base/str.h"
#include "base/vault.h"
#include "conf/load.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NAME_SIZE 160

/* "mesh.node-id" as "MESH_NODE-ID" or, with @fold, as "MESH_NODE_ID". */
static void format_name(const char *dotted, size_t n, bool fold, char out[NAME_SIZE])
{
	size_t i = 0;
	for (; i < n && i < NAME_SIZE - 1; i++) {
		bool cut = dotted[i] == '.' || (fold && dotted[i] == '-');
		out[i] = cut ? '_' : (char)toupper((unsigned char)dotted[i]);
	}
	out[i] = '\0';
}

/* The value of @name, NULL when it is not set or empty. */
static const char *find_in(char *const *env, const char *name)
{
	size_t n = strlen(name);
	for (; *env != NULL; env++) {
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
			return (*env)[n + 1] != '\0' ? *env + n + 1 : NULL;
	}
	return NULL;
}

struct found {
	char name[NAME_SIZE];
	const char *value; /* NULL while nothing was found */
};

/* Looks for one spelling; two that say different things contradict each other. */
static int look_for(struct found *f, char *const *env, const char *name, struct wm_err *err)
{
	const char *value = find_in(env, name);
	if (value == NULL || strcmp(f->name, name) == 0)
		return 0;
	if (f->value == NULL) {
		wm_str_copy(f->name, sizeof(f->name), name);
		f->value = value;
		return 0;
	}
	if (strcmp(f->value, value) == 0)
		return 0;
	return wm_fail(err, WM_INVALID_ARGUMENT,
		       "%s and %s are both set in the environment, to different values", f->name,
		       name);
}

static int look_for_both(struct found *f, char *const *env, const char *dotted, size_t n,
			 struct wm_err *err)
{
	char name[NAME_SIZE];
	format_name(dotted, n, false, name);
	int rc = look_for(f, env, name, err);
	if (rc != 0)
		return rc;
	format_name(dotted, n, true, name);
	return look_for(f, env, name, err);
}

static int look_for_all(const struct wm_conf_option *o, char *const *env, struct found *f,
			struct wm_err *err)
{
	int rc = look_for_both(f, env, o->name, strlen(o->name), err);
	if (rc == 0 && o->file_key != NULL)
		rc = look_for_both(f, env, o->file_key, strlen(o->file_key), err);
	for (const char *p = o->alias; rc == 0 && p != NULL && *p != '\0';) {
		size_t n = strcspn(p, " ");
		rc = look_for_both(f, env, p, n, err);
		p += n + strspn(p + n, " ");
	}
	return rc;
}

/* "<name>_FILE" for a secret; both it and the secret itself contradict each other. */
static int look_for_file(const struct wm_conf_option *o, char *const *env, struct found *f,
			 const struct found *direct, struct wm_err *err)
{
	char name[NAME_SIZE];
	if ((o->attrs & WM_CONF_FROM_FILE) == 0)
		return 0;
	snprintf(name, sizeof(name), "%s-file", o->name);
	int rc = look_for_both(f, env, name, strlen(name), err);
	if (rc != 0 || f->value == NULL || direct->value == NULL)
		return rc;
	return wm_fail(err, WM_INVALID_ARGUMENT, "%s and %s say the same: give one of them",
		       direct->name, f->name);
}

int wm_conf_env_apply(struct wm_conf *c, char *const *env, struct wm_err *err)
{
	const unsigned not_here = WM_CONF_NO_ENV | WM_CONF_FAMILY;
	int rc = 0;
	for (size_t i = 0; env != NULL && rc == 0 && i < c->table->n_rows; i++) {
		const struct wm_conf_option *o = &c->table->rows[i];
		struct found f = {.name = ""}, file = {.name = ""};
		if ((o->attrs & not_here) != 0 || !wm_conf_option_is_in(o, c->scope))
			continue;
		rc = look_for_all(o, env, &f, err);
		if (rc == 0)
			rc = look_for_file(o, env, &file, &f, err);
		if (rc == 0 && file.value != NULL)
			rc = wm_conf_assign_file(c, o, WM_CONF_BY_ENV, file.name, file.value, err);
		if (rc == 0 && f.value != NULL)
			rc = wm_conf_assign(c, o, WM_CONF_BY_ENV, f.name, f.value, err);
	}
	return rc;
}

/* ---- what others may read ---- */

/* The value of each variable of this name. */
static void hide_named(char **env, const char *name)
{
	size_t n = strlen(name);
	for (; *env != NULL; env++) {
		if (strncmp(*env, name, n) != 0 || (*env)[n] != '=')
			continue;
		char *kept = *env;
		*env = wm_vault_strdup(kept);
		wm_wipe(kept + n + 1, strlen(kept + n + 1));
	}
}

static void hide_both(char **env, const char *dotted, size_t n)
{
	char name[NAME_SIZE], folded[NAME_SIZE];
	format_name(dotted, n, false, name);
	format_name(dotted, n, true, folded);
	hide_named(env, name);
	if (strcmp(folded, name) != 0)
		hide_named(env, folded);
}

static void hide_env(const struct wm_conf_table *t, char **env)
{
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct wm_conf_option *o = &t->rows[i];
		if ((o->attrs & WM_CONF_SECRET) == 0 || (o->attrs & WM_CONF_NO_ENV) != 0)
			continue;
		hide_both(env, o->name, strlen(o->name));
		if (o->file_key != NULL)
			hide_both(env, o->file_key, strlen(o->file_key));
		for (const char *p = o->alias; p != NULL && *p != '\0';) {
			size_t n = strcspn(p, " ");
			hide_both(env, p, n);
			p += n + strspn(p + n, " ");
		}
	}
}

void wm_conf_hide_secrets(const struct wm_conf_table *t, int argc, char **argv, char **env)
{
	wm_conf_hide_flags(t, argc, argv);
	if (env != NULL)
		hide_env(t, env);
}
