#include "conf/conf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "conf/file.h"
#include "conf/load.h"
#include "conf/value.h"
#include <assert.h>
#include <string.h>

/* ---- birth and end ---- */

struct wm_conf *wm_conf_new(const struct wm_conf_table *t, unsigned scope)
{
	struct wm_conf *c = wm_alloc(sizeof(*c));
	c->table = t;
	c->scope = scope;
	c->values = wm_alloc(t->size);
	c->origins = wm_calloc(t->n_rows, sizeof(*c->origins));
	wm_arena_init(&c->arena, 0);
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct wm_conf_option *o = &t->rows[i];
		struct wm_conf_option lax = *o;
		struct wm_err err;
		lax.attrs &= ~(unsigned)WM_CONF_NOT_EMPTY;
		int rc = wm_conf_value_parse(&lax, o->def, false, wm_conf_value_at(c, o), &err);
		assert(rc == 0); /* a default is our own text */
		(void)rc;
		c->origins[i].where = o->name;
	}
	return c;
}

void wm_conf_list_fini(struct wm_conf_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		wm_free(l->items[i]);
	wm_free(l->items);
	*l = (struct wm_conf_list){0};
}

void wm_conf_free(struct wm_conf *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->table->n_rows; i++)
		wm_conf_value_fini(&c->table->rows[i], wm_conf_value_at(c, &c->table->rows[i]));
	wm_conf_list_fini(&c->args);
	wm_conf_list_fini(&c->warnings);
	wm_arena_fini(&c->arena);
	wm_free(c->origins);
	wm_free(c->values);
	wm_free(c);
}

void wm_conf_never_wait(struct wm_conf *c)
{
	c->never_waits = true;
}

static int check_wait(const struct wm_conf *c, const char *path, struct wm_err *err)
{
	return c->never_waits ? wm_file_refuse_waiting(path, err) : 0;
}

/* ---- asking ---- */

void *wm_conf_values(const struct wm_conf *c)
{
	return c->values;
}

const struct wm_conf_list *wm_conf_args(const struct wm_conf *c)
{
	return &c->args;
}

const struct wm_conf_list *wm_conf_warnings(const struct wm_conf *c)
{
	return &c->warnings;
}

void *wm_conf_value_at(const struct wm_conf *c, const struct wm_conf_option *o)
{
	return (char *)c->values + o->offset;
}

struct wm_conf_origin *wm_conf_origin_of(const struct wm_conf *c, const struct wm_conf_option *o)
{
	return &c->origins[o - c->table->rows];
}

static const struct wm_conf_option *get_row(const struct wm_conf *c, const char *name)
{
	const struct wm_conf_option *o = wm_conf_option_find(c->table, c->scope, name);
	assert(o != NULL); /* names in calls are our own */
	return o;
}

enum wm_conf_source wm_conf_source(const struct wm_conf *c, const char *name)
{
	return wm_conf_origin_of(c, get_row(c, name))->source;
}

bool wm_conf_is_given(const struct wm_conf *c, const char *name)
{
	return wm_conf_source(c, name) > WM_CONF_BY_OTHER;
}

const char *wm_conf_where(const struct wm_conf *c, const char *name)
{
	return wm_conf_origin_of(c, get_row(c, name))->where;
}

const char *wm_conf_nearest_row(const struct wm_conf *c, const char *wrong, unsigned without)
{
	const struct wm_conf_table *t = c->table;
	const char **names = wm_calloc(t->n_rows + 1, sizeof(*names));
	size_t n = 0;
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct wm_conf_option *o = &t->rows[i];
		unsigned hidden = without | WM_CONF_FAMILY | WM_CONF_HIDDEN;
		if (wm_conf_option_is_in(o, c->scope) && (o->attrs & hidden) == 0)
			names[n++] = o->name;
	}
	const char *best = wm_conf_nearest(wrong, names, n);
	wm_free(names);
	return best;
}

/* ---- setting ---- */

int wm_conf_refuse_later(const char *where, struct wm_err *err)
{
	return wm_fail(err, WM_INVALID_ARGUMENT, "%s: not in this version", where);
}

#define FILE_SUFFIX "-file"

const struct wm_conf_option *wm_conf_find(const struct wm_conf *c, const char *name,
					  bool *from_file)
{
	const struct wm_conf_option *o = wm_conf_option_find(c->table, c->scope, name);
	*from_file = false;
	bool exact = o != NULL && (o->attrs & WM_CONF_FAMILY) == 0;
	if (exact || !wm_str_ends(name, FILE_SUFFIX))
		return o;
	char *bare = wm_strdup(name);
	bare[strlen(bare) - strlen(FILE_SUFFIX)] = '\0';
	const struct wm_conf_option *secret = wm_conf_option_find(c->table, c->scope, bare);
	wm_free(bare);
	*from_file = secret != NULL && (secret->attrs & WM_CONF_FROM_FILE) != 0;
	return *from_file ? secret : o;
}

static int assign(struct wm_conf *c, const struct wm_conf_option *o, struct wm_conf_origin from,
		  const char *text, struct wm_err *err)
{
	struct wm_conf_origin *origin = wm_conf_origin_of(c, o);
	bool add = origin->source == from.source;
	if (add && origin->from_file != from.from_file)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s and %s say the same: give one of them",
			       origin->where, from.where);
	if (wm_conf_value_parse(o, text, add, wm_conf_value_at(c, o), err) != 0)
		return wm_wrap(err, "%s", from.where);
	*origin = from;
	origin->where = wm_arena_strdup(&c->arena, from.where);
	return 0;
}

int wm_conf_assign(struct wm_conf *c, const struct wm_conf_option *o, enum wm_conf_source source,
		   const char *where, const char *text, struct wm_err *err)
{
	return assign(c, o, (struct wm_conf_origin){source, where, false}, text, err);
}

int wm_conf_assign_file(struct wm_conf *c, const struct wm_conf_option *o,
			enum wm_conf_source source, const char *where, const char *path,
			struct wm_err *err)
{
	struct wm_buf text = {0};
	int rc = check_wait(c, path, err);
	if (rc == 0)
		rc = wm_conf_file_read_secret(path, &text, err);
	if (rc != 0)
		rc = wm_wrap(err, "%s", where);
	else
		rc = assign(c, o, (struct wm_conf_origin){source, where, true}, wm_buf_str(&text),
			    err);
	if (text.data != NULL)
		wm_wipe(text.data, text.cap);
	wm_buf_fini(&text);
	return rc;
}

void wm_conf_derive(struct wm_conf *c, const char *name, const char *from, const char *text)
{
	const struct wm_conf_option *o = get_row(c, name);
	struct wm_err err;
	int rc = wm_conf_value_parse(o, text, false, wm_conf_value_at(c, o), &err);
	assert(rc == 0);
	(void)rc;
	*wm_conf_origin_of(c, o) =
		(struct wm_conf_origin){WM_CONF_BY_OTHER, wm_conf_where(c, from), false};
}

/* ---- loading ---- */

static int load_file(struct wm_conf *c, struct wm_err *err)
{
	for (size_t i = 0; i < c->table->n_rows; i++) {
		const struct wm_conf_option *o = &c->table->rows[i];
		const char *path;
		struct wm_conf_node *root;
		if ((o->attrs & WM_CONF_PATH) == 0 || c->origins[i].source == WM_CONF_BY_DEFAULT)
			continue;
		path = *(char *const *)wm_conf_value_at(c, o);
		int rc = check_wait(c, path, err);
		if (rc == 0)
			rc = wm_conf_file_read(&c->arena, path, &root, err);
		return rc == 0 ? wm_conf_load_tree(c, root, err) : rc;
	}
	return 0;
}

/* Assigns the flags whose rows have one of @attrs (0: those without any of the two kinds). */
static int assign_flags(struct wm_conf *c, const struct wm_conf_flags *flags, unsigned attrs,
			struct wm_err *err)
{
	const unsigned early = WM_CONF_PATH | WM_CONF_ALONE;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < flags->n; i++) {
		const struct wm_conf_flag *f = &flags->items[i];
		if ((f->row->attrs & early) != attrs)
			continue;
		if (f->from_file)
			rc = wm_conf_assign_file(c, f->row, WM_CONF_BY_FLAG, f->where, f->text,
						 err);
		else
			rc = wm_conf_assign(c, f->row, WM_CONF_BY_FLAG, f->where, f->text, err);
	}
	return rc;
}

/* True when a flag with @attr is on: --help asks for nothing else, --print-config for no checks. */
static bool is_asked(const struct wm_conf *c, unsigned attr)
{
	for (size_t i = 0; i < c->table->n_rows; i++) {
		const struct wm_conf_option *o = &c->table->rows[i];
		if ((o->attrs & attr) != 0 && *(bool *)wm_conf_value_at(c, o))
			return true;
	}
	return false;
}

static int check_rows(struct wm_conf *c, struct wm_err *err)
{
	for (size_t i = 0; i < c->table->n_rows; i++) {
		const struct wm_conf_option *o = &c->table->rows[i];
		bool given = c->origins[i].source != WM_CONF_BY_DEFAULT;
		if (!wm_conf_option_is_in(o, c->scope))
			continue;
		if ((o->attrs & WM_CONF_LATER) != 0 && given &&
		    !wm_conf_value_is_default(o, wm_conf_value_at(c, o)))
			return wm_conf_refuse_later(c->origins[i].where, err);
		if ((o->attrs & WM_CONF_REQUIRED) != 0 && !given)
			return wm_fail(err, WM_INVALID_ARGUMENT, "--%s is required", o->name);
	}
	return 0;
}

static int load_sources(struct wm_conf *c, const struct wm_conf_flags *flags, char *const *env,
			struct wm_err *err)
{
	int rc = assign_flags(c, flags, WM_CONF_ALONE, err);
	if (rc == 0 && is_asked(c, WM_CONF_ALONE))
		return assign_flags(c, flags, 0, err);
	if (rc == 0)
		rc = assign_flags(c, flags, WM_CONF_PATH, err);
	if (rc == 0)
		rc = load_file(c, err);
	if (rc == 0)
		rc = wm_conf_env_apply(c, env, err);
	if (rc == 0)
		rc = assign_flags(c, flags, 0, err);
	if (rc != 0 || is_asked(c, WM_CONF_UNCHECKED))
		return rc;
	rc = check_rows(c, err);
	if (rc == 0 && c->table->check != NULL)
		rc = c->table->check(c, c->values, err);
	return rc;
}

int wm_conf_load(struct wm_conf *c, int argc, char *const *argv, char *const *env,
		 struct wm_err *err)
{
	struct wm_conf_flags flags = {0};
	int rc = wm_conf_flags_parse(c, argc, argv, &flags, err);
	if (rc == 0)
		rc = load_sources(c, &flags, env, err);
	wm_free(flags.items);
	return rc;
}
