/*
 * A file is lines: a header that says which table the next ones fill, or a key with its value. What
 * made a table (a header, a longer header, a dotted key, braces) decides who may still add to it;
 * the node's mark remembers it. Values recurse as deep as a file may nest (WM_CONF_DEPTH_MAX).
 */
#include "conf/toml.h"
#include "conf/scan.h"
#include "conf/toml_scalar.h"
#include <ctype.h>
#include <string.h>

enum mark {
	BY_LONGER_HEADER = 1, /* "a" in [a.b]: [a] may follow */
	BY_HEADER,
	BY_DOTTED_KEY, /* "a" in a.b = 1: further a.c may follow in the same table */
	BY_VALUE,      /* braces or brackets: closed */
	BY_TABLES,     /* [[a]]: each further [[a]] adds one */
};

static int parse_value(struct wm_conf_scan *s, struct wm_conf_node *parent, const char *key);

/* ---- between the words ---- */

static void skip_blank(struct wm_conf_scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t'))
		s->at++;
}

static int skip_comment(struct wm_conf_scan *s)
{
	if (!wm_conf_scan_take(s, "#"))
		return 0;
	while (s->at < s->end && !wm_conf_toml_is_control((unsigned char)*s->at))
		s->at++;
	bool ended = s->at == s->end || *s->at == '\n' ||
		     (*s->at == '\r' && s->end - s->at > 1 && s->at[1] == '\n');
	return ended ? 0 : wm_conf_scan_fail_here(s, "the end of a comment");
}

/* Blanks, comments and empty lines. */
static int skip_lines(struct wm_conf_scan *s)
{
	int rc;
	do {
		skip_blank(s);
		rc = skip_comment(s);
	} while (rc == 0 && wm_conf_toml_take_newline(s));
	return rc;
}

static int end_line(struct wm_conf_scan *s)
{
	skip_blank(s);
	int rc = skip_comment(s);
	if (rc != 0 || s->at == s->end || wm_conf_toml_take_newline(s))
		return rc;
	return wm_conf_scan_fail_here(s, "the end of the line");
}

/* ---- keys ---- */

static bool is_bare(int c)
{
	return c > 0 && c < 0x80 && (isalnum(c) || c == '-' || c == '_');
}

static int parse_key(struct wm_conf_scan *s, const char **out)
{
	skip_blank(s);
	int c = wm_conf_scan_peek(s), rc = 0;
	if (c == '"' || c == '\'') {
		rc = wm_conf_toml_string(s, false, out);
	} else {
		const char *begin = s->at;
		while (is_bare(wm_conf_scan_peek(s)))
			s->at++;
		if (s->at == begin)
			return wm_conf_scan_fail_here(s, "a key");
		*out = wm_arena_strndup(s->arena, begin, (size_t)(s->at - begin));
	}
	skip_blank(s);
	return rc;
}

/* wm_conf_node_find's node, which is ours to change. */
static struct wm_conf_node *find(struct wm_conf_node *map, const char *key)
{
	for (struct wm_conf_node *n = map->first; n != NULL; n = n->next) {
		if (strcmp(n->key, key) == 0)
			return n;
	}
	return NULL;
}

static int refuse_more(const struct wm_conf_scan *s, const struct wm_conf_node *old)
{
	return wm_conf_scan_refuse(s,
				   "\"%.80s\" is set in line %u; nothing can be added to it here",
				   old->key, old->line);
}

static struct wm_conf_node *add_table(struct wm_conf_scan *s, struct wm_conf_node *parent,
				      const char *key, enum mark mark)
{
	struct wm_conf_node *n = wm_conf_scan_add(s, parent, key, WM_CONF_NODE_MAP, s->line);
	if (n != NULL)
		n->mark = (unsigned char)mark;
	return n;
}

/* ---- values ---- */

static int parse_pair(struct wm_conf_scan *s, struct wm_conf_node *table)
{
	const char *key;
	int rc = parse_key(s, &key);
	while (rc == 0 && wm_conf_scan_take(s, ".")) {
		struct wm_conf_node *old = find(table, key);
		if (old != NULL && old->mark != BY_DOTTED_KEY)
			return refuse_more(s, old);
		table = old != NULL ? old : add_table(s, table, key, BY_DOTTED_KEY);
		if (table == NULL)
			return WM_INVALID_ARGUMENT;
		rc = parse_key(s, &key);
	}
	if (rc != 0)
		return rc;
	if (!wm_conf_scan_take(s, "="))
		return wm_conf_scan_fail_here(s, "'='");
	return parse_value(s, table, key);
}

/* Behind "[": lines may end anywhere, and the last value may have a comma. */
static int parse_array(struct wm_conf_scan *s, struct wm_conf_node *list)
{
	for (;;) {
		int rc = skip_lines(s);
		if (rc != 0 || wm_conf_scan_take(s, "]"))
			return rc;
		rc = parse_value(s, list, NULL);
		if (rc == 0)
			rc = skip_lines(s);
		if (rc != 0 || wm_conf_scan_take(s, "]"))
			return rc;
		if (!wm_conf_scan_take(s, ","))
			return wm_conf_scan_fail_here(s, "',' or ']'");
	}
}

/* Behind "{": all on one line. */
static int parse_inline(struct wm_conf_scan *s, struct wm_conf_node *map)
{
	skip_blank(s);
	if (wm_conf_scan_take(s, "}"))
		return 0;
	for (;;) {
		int rc = parse_pair(s, map);
		if (rc != 0)
			return rc;
		skip_blank(s);
		if (wm_conf_scan_take(s, "}"))
			return 0;
		if (!wm_conf_scan_take(s, ","))
			return wm_conf_scan_fail_here(s, "',' or '}'");
	}
}

static int parse_value(struct wm_conf_scan *s, struct wm_conf_node *parent, const char *key)
{
	unsigned line = s->line;
	skip_blank(s);
	int c = wm_conf_scan_peek(s);
	enum wm_conf_node_type type = c == '['   ? WM_CONF_NODE_LIST
				      : c == '{' ? WM_CONF_NODE_MAP
						 : WM_CONF_NODE_TEXT;
	struct wm_conf_node *n = wm_conf_scan_add(s, parent, key, type, line);
	if (n == NULL)
		return WM_INVALID_ARGUMENT;
	n->mark = BY_VALUE;
	if (c == '"' || c == '\'')
		return wm_conf_toml_string(s, true, &n->text);
	if (type == WM_CONF_NODE_TEXT)
		return wm_conf_toml_word(s, &n->type, &n->text);
	s->at++;
	return type == WM_CONF_NODE_LIST ? parse_array(s, n) : parse_inline(s, n);
}

/* ---- headers ---- */

/* The table that a header's word leads through; in an array of tables, the last one. */
static struct wm_conf_node *walk_through(struct wm_conf_scan *s, struct wm_conf_node *table,
					 const char *key)
{
	struct wm_conf_node *n = find(table, key);
	if (n == NULL)
		return add_table(s, table, key, BY_LONGER_HEADER);
	if (n->mark == BY_TABLES)
		return n->last;
	if (n->mark != BY_VALUE)
		return n;
	refuse_more(s, n);
	return NULL;
}

static struct wm_conf_node *begin_table(struct wm_conf_scan *s, struct wm_conf_node *parent,
					const char *key)
{
	struct wm_conf_node *n = find(parent, key);
	/* One that is there already is refused by add_table. */
	if (n == NULL || n->mark != BY_LONGER_HEADER)
		return add_table(s, parent, key, BY_HEADER);
	n->mark = BY_HEADER;
	n->line = s->line;
	return n;
}

static struct wm_conf_node *begin_one_of_tables(struct wm_conf_scan *s, struct wm_conf_node *parent,
						const char *key)
{
	struct wm_conf_node *n = find(parent, key);
	if (n == NULL || n->mark != BY_TABLES)
		n = wm_conf_scan_add(s, parent, key, WM_CONF_NODE_LIST, s->line);
	if (n == NULL)
		return NULL;
	n->mark = BY_TABLES;
	return add_table(s, n, NULL, BY_HEADER);
}

/* Behind "[" or "[["; @table is the root and becomes the table that the next lines fill. */
static int parse_header(struct wm_conf_scan *s, bool several, struct wm_conf_node **table)
{
	const char *key;
	int rc = parse_key(s, &key);
	while (rc == 0 && wm_conf_scan_take(s, ".")) {
		*table = walk_through(s, *table, key);
		if (*table == NULL)
			return WM_INVALID_ARGUMENT;
		rc = parse_key(s, &key);
	}
	if (rc != 0)
		return rc;
	if (!wm_conf_scan_take(s, several ? "]]" : "]"))
		return wm_conf_scan_fail_here(s, several ? "']]'" : "']'");
	*table = several ? begin_one_of_tables(s, *table, key) : begin_table(s, *table, key);
	return *table != NULL ? 0 : WM_INVALID_ARGUMENT;
}

/* ---- the file ---- */

static int parse_file(struct wm_conf_scan *s, struct wm_conf_node **out)
{
	struct wm_conf_node *root = add_table(s, NULL, NULL, BY_HEADER);
	struct wm_conf_node *table = root;
	*out = root;
	for (;;) {
		int rc = skip_lines(s);
		if (rc != 0 || s->at == s->end)
			return rc;
		if (wm_conf_scan_take(s, "[")) {
			bool several = wm_conf_scan_take(s, "[");
			table = root;
			rc = parse_header(s, several, &table);
		} else {
			rc = parse_pair(s, table);
		}
		if (rc == 0)
			rc = end_line(s);
		if (rc != 0)
			return rc;
	}
}

int wm_conf_toml_parse(struct wm_arena *a, const char *name, const void *text, size_t len,
		       struct wm_conf_node **out, struct wm_err *err)
{
	struct wm_conf_scan s;
	int rc = wm_conf_scan_begin(&s, a, name, "TOML", text, len, err);
	if (rc == 0)
		rc = parse_file(&s, out);
	wm_conf_scan_end(&s);
	return rc;
}
