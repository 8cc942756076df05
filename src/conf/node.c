#include "conf/node.h"
#include "base/str.h"
#include <stdio.h>
#include <string.h>

#define PATH_MAX_LEN 200

struct wm_conf_node *wm_conf_node_add(struct wm_arena *a, struct wm_conf_node *parent,
				      enum wm_conf_node_type type, const char *file, unsigned line)
{
	struct wm_conf_node *n = wm_arena_alloc(a, sizeof(*n));
	*n = (struct wm_conf_node){.type = type, .line = line, .file = file, .parent = parent};
	if (parent == NULL)
		return n;
	if (parent->last != NULL)
		parent->last->next = n;
	else
		parent->first = n;
	parent->last = n;
	parent->n++;
	return n;
}

const struct wm_conf_node *wm_conf_node_find(const struct wm_conf_node *map, const char *key)
{
	const struct wm_conf_node *child;
	if (map == NULL || map->type != WM_CONF_NODE_MAP)
		return NULL;
	wm_conf_node_each(child, map)
	{
		if (strcmp(child->key, key) == 0)
			return child;
	}
	return NULL;
}

static size_t index_in_list(const struct wm_conf_node *n)
{
	size_t i = 0;
	for (const struct wm_conf_node *s = n->parent->first; s != n; s = s->next)
		i++;
	return i;
}

char *wm_conf_node_path(const struct wm_conf_node *n, char *out, size_t size)
{
	if (n->parent == NULL) {
		wm_str_copy(out, size, "");
		return out;
	}
	wm_conf_node_path(n->parent, out, size);
	size_t len = strlen(out);
	if (n->parent->type == WM_CONF_NODE_LIST)
		snprintf(out + len, size - len, "[%zu]", index_in_list(n));
	else
		snprintf(out + len, size - len, "%s%s", len > 0 ? "." : "", n->key);
	return out;
}

int wm_conf_node_fail(const struct wm_conf_node *n, struct wm_err *err, const char *fmt, ...)
{
	char text[WM_ERR_TEXT], path[PATH_MAX_LEN];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	wm_conf_node_path(n, path, sizeof(path));
	return wm_fail(err, WM_INVALID_ARGUMENT, "%s:%u: %s%s%.240s", n->file, n->line, path,
		       *path != '\0' ? ": " : "", text);
}

char *wm_conf_node_describe(const struct wm_conf_node *n, bool secret, char *out, size_t size)
{
	static const char *const by_type[] = {
		[WM_CONF_NODE_NULL] = "nothing",   [WM_CONF_NODE_BOOL] = "the boolean",
		[WM_CONF_NODE_INT] = "the number", [WM_CONF_NODE_FLOAT] = "the number",
		[WM_CONF_NODE_TEXT] = "the text",  [WM_CONF_NODE_MAP] = "a section with keys",
		[WM_CONF_NODE_LIST] = "a list",
	};
	const char *quote = n->type == WM_CONF_NODE_TEXT ? "\"" : "";
	if (n->text == NULL || n->type == WM_CONF_NODE_NULL || secret)
		snprintf(out, size, "%s", by_type[n->type]);
	else
		snprintf(out, size, "%s %s%.60s%s%s", by_type[n->type], quote, n->text,
			 strlen(n->text) > 60 ? "..." : "", quote);
	return out;
}

static int refuse(const struct wm_conf_node *n, const char *wants, struct wm_err *err)
{
	char found[120];
	/* What stands here may be a key or a password in the wrong place: its type is enough. */
	wm_conf_node_describe(n, true, found, sizeof(found));
	return wm_conf_node_fail(n, err, "wants %s, found %s", wants, found);
}

/* The child, NULL when it is absent or null. */
static const struct wm_conf_node *find_set(const struct wm_conf_node *map, const char *key)
{
	const struct wm_conf_node *n = wm_conf_node_find(map, key);
	return n != NULL && n->type != WM_CONF_NODE_NULL ? n : NULL;
}

int wm_conf_node_get_text(const struct wm_conf_node *map, const char *key, const char **out,
			  struct wm_err *err)
{
	const struct wm_conf_node *n = find_set(map, key);
	if (n == NULL)
		return 0;
	if (n->type != WM_CONF_NODE_TEXT)
		return refuse(n, "text (in quotes, if it looks like a number)", err);
	*out = n->text;
	return 0;
}

int wm_conf_node_get_bool(const struct wm_conf_node *map, const char *key, bool *out,
			  struct wm_err *err)
{
	const struct wm_conf_node *n = find_set(map, key);
	if (n == NULL)
		return 0;
	if (n->type != WM_CONF_NODE_BOOL || !wm_parse_bool(n->text, out))
		return refuse(n, "true or false", err);
	return 0;
}

int wm_conf_node_get_duration(const struct wm_conf_node *map, const char *key, int64_t *out_ns,
			      struct wm_err *err)
{
	const struct wm_conf_node *n = find_set(map, key);
	if (n == NULL)
		return 0;
	if (n->type != WM_CONF_NODE_TEXT || !wm_parse_duration(n->text, out_ns))
		return refuse(n, "a duration such as 30s or 1h30m", err);
	return 0;
}

int wm_conf_node_get_map(const struct wm_conf_node *map, const char *key,
			 const struct wm_conf_node **out, struct wm_err *err)
{
	*out = find_set(map, key);
	if (*out != NULL && (*out)->type != WM_CONF_NODE_MAP)
		return refuse(*out, "a section with keys", err);
	return 0;
}

int wm_conf_node_get_list(const struct wm_conf_node *map, const char *key,
			  const struct wm_conf_node **out, struct wm_err *err)
{
	*out = find_set(map, key);
	if (*out != NULL && (*out)->type != WM_CONF_NODE_LIST)
		return refuse(*out, "a list", err);
	return 0;
}
