/*
 * libyaml hands over events; from them grows the tree. The parser keeps the container it stands in
 * and, inside a map, the key that waits for its value. Nothing here recurses: depth is a counter.
 */
#include "conf/yaml.h"
#include "base/str.h"
#include <ctype.h>
#include <string.h>
#include <yaml.h>

struct build {
	struct wm_arena *arena;
	const char *file;
	struct wm_err *err;
	struct wm_conf_node *root;
	struct wm_conf_node *at; /* the open container, NULL outside */
	const char *key;         /* in a map: waits for its value */
	unsigned depth;
	unsigned n_nodes;
	unsigned n_documents;
	bool done;
};

static int refuse(struct build *b, unsigned line, const char *what)
{
	return wm_fail(b->err, WM_INVALID_ARGUMENT, "%s:%u: %s", b->file, line, what);
}

/* ---- what a plain scalar is ---- */

static bool is_one_of(const char *s, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (strcmp(s, *words) == 0)
			return true;
	}
	return false;
}

static bool is_int(const char *s)
{
	if (*s == '-' || *s == '+')
		s++;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'o'))
		return isxdigit((unsigned char)s[2]) != 0;
	return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

static bool is_float(const char *s)
{
	static const char *const words[] = {".inf",  ".Inf", ".INF", "-.inf", "-.Inf", "-.INF",
					    "+.inf", ".nan", ".NaN", ".NAN",  NULL};
	if (is_one_of(s, words))
		return true;
	if (*s == '-' || *s == '+')
		s++;
	size_t whole = strspn(s, "0123456789"), part = 0;
	s += whole;
	if (*s == '.') {
		part = strspn(s + 1, "0123456789");
		s += 1 + part;
	}
	if (whole + part == 0)
		return false;
	if (*s == 'e' || *s == 'E') {
		s += s[1] == '-' || s[1] == '+' ? 2 : 1;
		if (*s == '\0')
			return false;
		s += strspn(s, "0123456789");
	}
	return *s == '\0';
}

static enum wm_conf_node_type plain_type(const char *s)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const bools[] = {"true",  "True",  "TRUE", "false",
					    "False", "FALSE", NULL};
	if (is_one_of(s, nulls))
		return WM_CONF_NODE_NULL;
	if (is_one_of(s, bools))
		return WM_CONF_NODE_BOOL;
	if (is_int(s))
		return WM_CONF_NODE_INT;
	return is_float(s) ? WM_CONF_NODE_FLOAT : WM_CONF_NODE_TEXT;
}

/* ---- the tree ---- */

/* A node of @type at the place where the parser stands. NULL with an error when there is none. */
static struct wm_conf_node *add_node(struct build *b, enum wm_conf_node_type type, unsigned line)
{
	if (b->n_nodes++ >= WM_CONF_NODES_MAX) {
		refuse(b, line, "the file has too many entries");
		return NULL;
	}
	struct wm_conf_node *n = wm_conf_node_add(b->arena, b->at, type, b->file, line);
	n->key = b->key;
	b->key = NULL;
	if (b->root == NULL)
		b->root = n;
	return n;
}

static int take_key(struct build *b, const char *text, unsigned line)
{
	const struct wm_conf_node *old = wm_conf_node_find(b->at, text);
	if (*text == '\0')
		return refuse(b, line, "a key is empty");
	if (old != NULL)
		return wm_fail(b->err, WM_INVALID_ARGUMENT,
			       "%s:%u: \"%.80s\" is already set in line %u", b->file, line, text,
			       old->line);
	b->key = wm_arena_strdup(b->arena, text);
	return 0;
}

static bool wants_key(const struct build *b)
{
	return b->at != NULL && b->at->type == WM_CONF_NODE_MAP && b->key == NULL;
}

static int on_scalar(struct build *b, const yaml_event_t *e, unsigned line)
{
	const char *text = (const char *)e->data.scalar.value;
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (e->data.scalar.anchor != NULL)
		return refuse(b, line, "anchors are not accepted");
	if (e->data.scalar.tag != NULL)
		return refuse(b, line, "tags are not accepted");
	if (strlen(text) != e->data.scalar.length)
		return refuse(b, line, "text holds a NUL character");
	if (wants_key(b))
		return take_key(b, text, line);
	struct wm_conf_node *n = add_node(b, plain ? plain_type(text) : WM_CONF_NODE_TEXT, line);
	if (n == NULL)
		return WM_INVALID_ARGUMENT;
	n->text = wm_arena_strdup(b->arena, text);
	return 0;
}

static int on_open(struct build *b, enum wm_conf_node_type type, const yaml_char_t *anchor,
		   const yaml_char_t *tag, unsigned line)
{
	if (anchor != NULL)
		return refuse(b, line, "anchors are not accepted");
	if (tag != NULL)
		return refuse(b, line, "tags are not accepted");
	if (wants_key(b))
		return refuse(b, line, "a key must be text");
	if (++b->depth > WM_CONF_DEPTH_MAX)
		return refuse(b, line, "the file is nested too deeply");
	struct wm_conf_node *n = add_node(b, type, line);
	if (n == NULL)
		return WM_INVALID_ARGUMENT;
	b->at = n;
	return 0;
}

static int on_close(struct build *b)
{
	b->at = b->at->parent;
	b->depth--;
	return 0;
}

static int on_event(struct build *b, const yaml_event_t *e)
{
	unsigned line = (unsigned)e->start_mark.line + 1;
	switch (e->type) {
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT: return 0;
	case YAML_STREAM_END_EVENT: b->done = true; return 0;
	case YAML_DOCUMENT_START_EVENT:
		return b->n_documents++ == 0 ? 0 : refuse(b, line, "a second document begins");
	case YAML_ALIAS_EVENT: return refuse(b, line, "aliases are not accepted");
	case YAML_SCALAR_EVENT: return on_scalar(b, e, line);
	case YAML_MAPPING_START_EVENT:
		return on_open(b, WM_CONF_NODE_MAP, e->data.mapping_start.anchor,
			       e->data.mapping_start.tag, line);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(b, WM_CONF_NODE_LIST, e->data.sequence_start.anchor,
			       e->data.sequence_start.tag, line);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT: return on_close(b);
	}
	return 0;
}

/* ---- the file ---- */

/* The line of what libyaml complains about: its reader knows only an offset. */
static unsigned problem_line(const yaml_parser_t *p, const char *text, size_t len)
{
	if (p->error != YAML_READER_ERROR)
		return (unsigned)p->problem_mark.line + 1;
	unsigned line = 1;
	for (size_t i = 0; i < len && i < p->problem_offset; i++)
		line += text[i] == '\n';
	return line;
}

static int build_all(struct build *b, yaml_parser_t *p, const char *text, size_t len)
{
	int rc = 0;
	while (rc == 0 && !b->done) {
		yaml_event_t e;
		if (!yaml_parser_parse(p, &e))
			return wm_fail(b->err, WM_INVALID_ARGUMENT, "%s:%u: not YAML: %s", b->file,
				       problem_line(p, text, len),
				       p->problem != NULL ? p->problem : "out of memory");
		rc = on_event(b, &e);
		yaml_event_delete(&e);
	}
	return rc;
}

int wm_conf_yaml_parse(struct wm_arena *a, const char *name, const void *text, size_t len,
		       struct wm_conf_node **out, struct wm_err *err)
{
	struct build b = {.arena = a, .file = wm_arena_strdup(a, name), .err = err};
	yaml_parser_t p;
	if (len > WM_CONF_FILE_MAX)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: larger than %u bytes", name,
			       WM_CONF_FILE_MAX);
	if (!yaml_parser_initialize(&p))
		return wm_fail(err, WM_RESOURCE_EXHAUSTED, "%s: no memory to read it", name);
	yaml_parser_set_input_string(&p, text != NULL ? text : (const unsigned char *)"", len);
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	int rc = build_all(&b, &p, text, len);
	yaml_parser_delete(&p);
	if (rc != 0)
		return rc;
	if (b.root == NULL || b.root->type == WM_CONF_NODE_NULL)
		b.root = wm_conf_node_add(a, NULL, WM_CONF_NODE_MAP, b.file, 1);
	*out = b.root;
	return 0;
}
