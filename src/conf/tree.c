/*
 * From a file's tree to values. Keys nest as the dots of the options' names do; where a name ends,
 * its value stands, and must be of its type. A key that leads nowhere is a warning, not an error:
 * a file may be shared with a newer version.
 */
#include "base/mem.h"
#include "base/str.h"
#include "conf/load.h"
#include "conf/value.h"
#include <stdio.h>
#include <string.h>

#define PATH_SIZE    200
#define WARNINGS_MAX 50 /* a file of another program is full of unknown keys */

/* ---- values ---- */

static int refuse_type(const struct wm_conf_option *o, const struct wm_conf_node *n,
		       struct wm_err *err)
{
	char found[120];
	const char *hint = "";
	wm_conf_node_describe(n, (o->attrs & WM_CONF_SECRET) != 0, found, sizeof(found));
	if (n->text != NULL && n->type != WM_CONF_NODE_TEXT && o->kind != WM_CONF_BOOL)
		hint = "; put it in quotes if it is meant as text";
	return wm_conf_node_fail(n, err, "wants %s, found %s%s", wm_conf_value_wants(o), found,
				 hint);
}

/* True when a scalar of @type may stand for a value of @kind. */
static bool fits(enum wm_conf_kind kind, const struct wm_conf_node *n)
{
	switch (kind) {
	case WM_CONF_BOOL: return n->type == WM_CONF_NODE_BOOL;
	case WM_CONF_INT:
	case WM_CONF_PORT: return n->type == WM_CONF_NODE_INT;
	case WM_CONF_DURATION:
		return n->type == WM_CONF_NODE_TEXT ||
		       (n->type == WM_CONF_NODE_INT && strcmp(n->text, "0") == 0);
	case WM_CONF_SIZE: return n->type == WM_CONF_NODE_TEXT || n->type == WM_CONF_NODE_INT;
	case WM_CONF_STRING:
	case WM_CONF_WORD:
	case WM_CONF_PREFIX:
	case WM_CONF_HOST_PORT:
	case WM_CONF_ENDPOINT:
	case WM_CONF_IP:
	case WM_CONF_LIST: /* with commas */ return n->type == WM_CONF_NODE_TEXT;
	case WM_CONF_MAP: return false;
	}
	return false;
}

/* Gives an error of a value its file, line and key. */
static int locate(const struct wm_conf_node *n, struct wm_err *err)
{
	char path[PATH_SIZE];
	wm_conf_node_path(n, path, sizeof(path));
	return wm_wrap(err, "%s:%u: %s", n->file, n->line, path);
}

/* A child of a list or map, as text. */
static int check_child(const struct wm_conf_option *o, const struct wm_conf_node *n,
		       struct wm_err *err)
{
	struct wm_conf_option one = *o;
	one.kind = o->of;
	return fits(o->of, n) ? 0 : refuse_type(&one, n, err);
}

static int set_list(const struct wm_conf_option *o, const struct wm_conf_node *list, void *at,
		    struct wm_err *err)
{
	const struct wm_conf_node *n;
	wm_conf_value_fini(o, at);
	wm_conf_node_each(n, list)
	{
		int rc = check_child(o, n, err);
		if (rc != 0)
			return rc;
		if (wm_conf_value_add_item(o, n->text, at, err) != 0)
			return locate(n, err);
	}
	return 0;
}

static int set_map(const struct wm_conf_option *o, const struct wm_conf_node *map, void *at,
		   struct wm_err *err)
{
	const struct wm_conf_node *n;
	wm_conf_value_fini(o, at);
	wm_conf_node_each(n, map)
	{
		int rc = check_child(o, n, err);
		if (rc != 0)
			return rc;
		if (wm_conf_value_add_pair(o, n->key, n->text, at, err) != 0)
			return locate(n, err);
	}
	return 0;
}

static int set_value(const struct wm_conf_option *o, const struct wm_conf_node *n, void *at,
		     struct wm_err *err)
{
	if (o->kind == WM_CONF_LIST && n->type == WM_CONF_NODE_LIST)
		return set_list(o, n, at, err);
	if (o->kind == WM_CONF_MAP && n->type == WM_CONF_NODE_MAP)
		return set_map(o, n, at, err);
	if (!fits(o->kind, n))
		return refuse_type(o, n, err);
	return wm_conf_value_parse(o, n->text, false, at, err) == 0 ? 0 : locate(n, err);
}

/* A key that ends in "-file": the value stands in the file that it names. */
static int set_from_file(struct wm_conf *c, const struct wm_conf_option *o,
			 const struct wm_conf_node *n, struct wm_err *err)
{
	char path[PATH_SIZE];
	struct wm_conf_option name = *o;
	name.kind = WM_CONF_STRING;
	if (n->type != WM_CONF_NODE_TEXT)
		return refuse_type(&name, n, err);
	wm_conf_node_path(n, path, sizeof(path));
	const char *where = wm_arena_printf(&c->arena, "%s (%s:%u)", path, n->file, n->line);
	return wm_conf_assign_file(c, o, WM_CONF_BY_FILE, where, n->text, err);
}

static int set_row(struct wm_conf *c, const struct wm_conf_option *o, const struct wm_conf_node *n,
		   struct wm_err *err)
{
	struct wm_conf_origin *origin = wm_conf_origin_of(c, o);
	char path[PATH_SIZE];
	if (origin->source == WM_CONF_BY_FILE)
		return wm_conf_node_fail(n, err, "the same as %s", origin->where);
	int rc = set_value(o, n, wm_conf_value_at(c, o), err);
	if (rc != 0)
		return rc;
	wm_conf_node_path(n, path, sizeof(path));
	origin->source = WM_CONF_BY_FILE;
	origin->where = wm_arena_printf(&c->arena, "%s (%s:%u)", path, n->file, n->line);
	return 0;
}

/* ---- keys ---- */

static void add_warning(struct wm_conf_list *l, struct wm_buf *text)
{
	l->items = wm_realloc(l->items, (l->n + 1) * sizeof(*l->items));
	l->items[l->n++] = wm_buf_take(text);
}

static void warn_unknown(struct wm_conf *c, const struct wm_conf_node *n, const char *path)
{
	struct wm_conf_list *l = &c->warnings;
	struct wm_buf text = {0};
	if (l->n > WARNINGS_MAX)
		return;
	if (l->n == WARNINGS_MAX) {
		wm_buf_printf(&text, "%s:%u: this and all further unknown keys are ignored",
			      n->file, n->line);
		add_warning(l, &text);
		return;
	}
	const char *near = wm_conf_nearest_row(c, path, WM_CONF_NO_FILE);
	wm_buf_printf(&text, "%s:%u: unknown key %s is ignored", n->file, n->line, path);
	if (near != NULL)
		wm_buf_printf(&text, "; did you mean %s?", near);
	add_warning(l, &text);
}

/* True when @path is a section: some key of the file begins with it and a dot. */
static bool is_section(const struct wm_conf *c, const char *path)
{
	size_t n = strlen(path);
	for (size_t i = 0; i < c->table->n_rows; i++) {
		const struct wm_conf_option *o = &c->table->rows[i];
		if ((o->attrs & WM_CONF_NO_FILE) == 0 && wm_conf_option_is_in(o, c->scope) &&
		    strncmp(o->name, path, n) == 0 && o->name[n] == '.')
			return true;
	}
	return false;
}

/* ---- families ---- */

/* Checks the values below @n, whose names behind the ID begin with @prefix. */
static int check_members(const struct wm_conf *c, const struct wm_conf_option *family,
			 const struct wm_conf_node *n, const char *prefix, struct wm_err *err)
{
	const struct wm_conf_node *child;
	int rc = 0;
	wm_conf_node_each(child, n)
	{
		char name[PATH_SIZE];
		struct wm_conf_option member;
		union wm_conf_any v = {0};
		snprintf(name, sizeof(name), "%s%s", prefix, child->key);
		bool known = wm_conf_family_member(c, family, name, &member);
		if (known && member.kind == WM_CONF_MAP && child->type == WM_CONF_NODE_MAP)
			continue;
		if (known && child->type != WM_CONF_NODE_NULL) {
			rc = set_value(&member, child, &v, err);
			wm_conf_value_fini(&member, &v);
		} else if (child->type == WM_CONF_NODE_MAP) {
			wm_str_copy(name + strlen(name), sizeof(name) - strlen(name), ".");
			rc = check_members(c, family, child, name, err);
		}
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* What stands below an ID has to make sense, before it is refused by name. */
static int refuse_id(const struct wm_conf *c, const struct wm_conf_option *family,
		     const struct wm_conf_node *id, struct wm_err *err)
{
	if (id->type != WM_CONF_NODE_MAP && id->type != WM_CONF_NODE_NULL)
		return wm_conf_node_fail(id, err, "wants a section with keys");
	int rc = check_members(c, family, id, "", err);
	return rc != 0 ? rc : wm_conf_node_fail(id, err, "not in this version");
}

/* @n is an ID, or the section of all IDs; an empty one of these says nothing. */
static int apply_family(const struct wm_conf *c, const struct wm_conf_option *family,
			const struct wm_conf_node *n, const char *path, struct wm_err *err)
{
	if (!wm_streq(family->file_key, path))
		return refuse_id(c, family, n, err);
	if (n->type != WM_CONF_NODE_MAP && n->type != WM_CONF_NODE_NULL)
		return wm_conf_node_fail(n, err, "wants a section with keys");
	return n->first != NULL ? refuse_id(c, family, n->first, err) : 0;
}

/* ---- all keys ---- */

static int apply_key(struct wm_conf *c, const struct wm_conf_node *n, struct wm_err *err)
{
	char path[PATH_SIZE];
	wm_conf_node_path(n, path, sizeof(path));
	bool from_file;
	const struct wm_conf_option *o = wm_conf_find(c, path, &from_file);
	bool known = o != NULL && (o->attrs & WM_CONF_NO_FILE) == 0;
	if (known && from_file && n->type != WM_CONF_NODE_NULL)
		return set_from_file(c, o, n, err);
	if (known && (o->attrs & WM_CONF_FAMILY) == 0)
		return n->type == WM_CONF_NODE_NULL ? 0 : set_row(c, o, n, err);
	if (is_section(c, path)) {
		if (n->type != WM_CONF_NODE_MAP && n->type != WM_CONF_NODE_NULL)
			return wm_conf_node_fail(n, err, "wants a section with keys");
		return n->type == WM_CONF_NODE_MAP ? wm_conf_load_tree(c, n, err) : 0;
	}
	if (known)
		return apply_family(c, o, n, path, err);
	warn_unknown(c, n, path);
	return 0;
}

/* Recurses as deep as a file may nest (WM_CONF_DEPTH_MAX). */
int wm_conf_load_tree(struct wm_conf *c, const struct wm_conf_node *root, struct wm_err *err)
{
	const struct wm_conf_node *n;
	if (root->type != WM_CONF_NODE_MAP)
		return wm_conf_node_fail(root, err, "wants sections with keys");
	wm_conf_node_each(n, root)
	{
		int rc = apply_key(c, n, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}
