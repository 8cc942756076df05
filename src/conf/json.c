/* Recurses as deep as a file may nest (WM_CONF_DEPTH_MAX). */
#include "conf/json.h"
#include "base/mem.h"
#include "conf/scan.h"
#include <ctype.h>
#include <string.h>

static int parse_value(struct wm_conf_scan *s, struct wm_conf_node *parent, const char *key);

static void skip_space(struct wm_conf_scan *s)
{
	while (s->at < s->end && memchr(" \t\r\n", *s->at, 4) != NULL)
		wm_conf_scan_step(s);
}

/* ---- strings ---- */

/* Behind "\u": a character, of which those beyond 0xffff are written as a pair. */
static int parse_unicode(struct wm_conf_scan *s)
{
	uint32_t high, low;
	int rc = wm_conf_scan_hex(s, 4, &high);
	if (rc != 0)
		return rc;
	if (high < 0xd800 || high > 0xdbff)
		return wm_conf_scan_add_char(s, high);
	if (!wm_conf_scan_take(s, "\\u"))
		return wm_conf_scan_fail(s, "half of a surrogate pair");
	rc = wm_conf_scan_hex(s, 4, &low);
	if (rc != 0)
		return rc;
	if (low < 0xdc00 || low > 0xdfff)
		return wm_conf_scan_fail(s, "half of a surrogate pair");
	return wm_conf_scan_add_char(s, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
}

/* Behind a backslash. */
static int parse_escape(struct wm_conf_scan *s)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	int c = wm_conf_scan_peek(s);
	const char *p = c > 0 ? strchr(from, c) : NULL;
	if (wm_conf_scan_take(s, "u"))
		return parse_unicode(s);
	if (p == NULL)
		return wm_conf_scan_fail_here(s, "an escape");
	s->at++;
	wm_buf_add(&s->text, &to[p - from], 1);
	return 0;
}

static int parse_string(struct wm_conf_scan *s, const char **out)
{
	s->at++;
	while (!wm_conf_scan_take(s, "\"")) {
		int c = wm_conf_scan_peek(s), rc = 0;
		if (c < ' ')
			return wm_conf_scan_fail_here(s, "'\"' at the end of text");
		s->at++;
		if (c == '\\')
			rc = parse_escape(s);
		else
			wm_buf_add(&s->text, s->at - 1, 1);
		if (rc != 0)
			return rc;
	}
	*out = wm_conf_scan_take_text(s);
	return 0;
}

/* ---- numbers and words ---- */

static size_t skip_digits(struct wm_conf_scan *s)
{
	const char *begin = s->at;
	while (s->at < s->end && isdigit((unsigned char)*s->at))
		s->at++;
	return (size_t)(s->at - begin);
}

static int skip_exponent(struct wm_conf_scan *s)
{
	if (!wm_conf_scan_take(s, "e") && !wm_conf_scan_take(s, "E"))
		return 0;
	if (!wm_conf_scan_take(s, "+"))
		(void)wm_conf_scan_take(s, "-");
	return skip_digits(s) > 0 ? 0 : wm_conf_scan_fail_here(s, "a digit");
}

static int parse_number(struct wm_conf_scan *s, struct wm_conf_node *parent, const char *key)
{
	const char *begin = s->at;
	(void)wm_conf_scan_take(s, "-");
	if (!wm_conf_scan_take(s, "0") && skip_digits(s) == 0)
		return wm_conf_scan_fail_here(s, "a digit");
	const char *whole = s->at;
	if (wm_conf_scan_take(s, ".") && skip_digits(s) == 0)
		return wm_conf_scan_fail_here(s, "a digit");
	int rc = skip_exponent(s);
	if (rc != 0)
		return rc;
	struct wm_conf_node *n = wm_conf_scan_add(
		s, parent, key, s->at == whole ? WM_CONF_NODE_INT : WM_CONF_NODE_FLOAT, s->line);
	if (n == NULL)
		return WM_INVALID_ARGUMENT;
	n->text = wm_arena_strndup(s->arena, begin, (size_t)(s->at - begin));
	return 0;
}

static int parse_word(struct wm_conf_scan *s, struct wm_conf_node *parent, const char *key)
{
	static const char *const words[] = {"true", "false", "null"};
	for (size_t i = 0; i < WM_ARRAY_LEN(words); i++) {
		if (!wm_conf_scan_take(s, words[i]))
			continue;
		struct wm_conf_node *n = wm_conf_scan_add(
			s, parent, key, i < 2 ? WM_CONF_NODE_BOOL : WM_CONF_NODE_NULL, s->line);
		if (n == NULL)
			return WM_INVALID_ARGUMENT;
		n->text = words[i];
		return 0;
	}
	return wm_conf_scan_fail_here(s, "a value");
}

/* ---- objects and arrays ---- */

static int parse_member(struct wm_conf_scan *s, struct wm_conf_node *map)
{
	const char *key;
	if (wm_conf_scan_peek(s) != '"')
		return wm_conf_scan_fail_here(s, "a key in double quotes");
	int rc = parse_string(s, &key);
	if (rc != 0)
		return rc;
	skip_space(s);
	if (!wm_conf_scan_take(s, ":"))
		return wm_conf_scan_fail_here(s, "':'");
	return parse_value(s, map, key);
}

/* Behind the bracket that opened @n. */
static int parse_children(struct wm_conf_scan *s, struct wm_conf_node *n)
{
	bool is_map = n->type == WM_CONF_NODE_MAP;
	const char *close = is_map ? "}" : "]";
	skip_space(s);
	if (wm_conf_scan_take(s, close))
		return 0;
	for (;;) {
		skip_space(s);
		int rc = is_map ? parse_member(s, n) : parse_value(s, n, NULL);
		if (rc != 0)
			return rc;
		skip_space(s);
		if (wm_conf_scan_take(s, close))
			return 0;
		if (!wm_conf_scan_take(s, ","))
			return wm_conf_scan_fail_here(s, is_map ? "',' or '}'" : "',' or ']'");
	}
}

static int parse_value(struct wm_conf_scan *s, struct wm_conf_node *parent, const char *key)
{
	skip_space(s);
	int c = wm_conf_scan_peek(s);
	if (c == '-' || (c >= '0' && c <= '9'))
		return parse_number(s, parent, key);
	if (c != '{' && c != '[' && c != '"')
		return parse_word(s, parent, key);
	enum wm_conf_node_type type = c == '{'   ? WM_CONF_NODE_MAP
				      : c == '[' ? WM_CONF_NODE_LIST
						 : WM_CONF_NODE_TEXT;
	struct wm_conf_node *n = wm_conf_scan_add(s, parent, key, type, s->line);
	if (n == NULL)
		return WM_INVALID_ARGUMENT;
	if (type == WM_CONF_NODE_TEXT)
		return parse_string(s, &n->text);
	s->at++;
	return parse_children(s, n);
}

static int parse_file(struct wm_conf_scan *s, struct wm_conf_node **out)
{
	skip_space(s);
	if (wm_conf_scan_peek(s) != '{')
		return wm_conf_scan_fail_here(s, "'{'");
	struct wm_conf_node *root = wm_conf_scan_add(s, NULL, NULL, WM_CONF_NODE_MAP, s->line);
	if (root == NULL)
		return WM_INVALID_ARGUMENT;
	s->at++;
	int rc = parse_children(s, root);
	if (rc != 0)
		return rc;
	skip_space(s);
	*out = root;
	return s->at == s->end ? 0 : wm_conf_scan_fail_here(s, "nothing more");
}

int wm_conf_json_parse(struct wm_arena *a, const char *name, const void *text, size_t len,
		       struct wm_conf_node **out, struct wm_err *err)
{
	struct wm_conf_scan s;
	int rc = wm_conf_scan_begin(&s, a, name, "JSON", text, len, err);
	if (rc == 0)
		rc = parse_file(&s, out);
	wm_conf_scan_end(&s);
	return rc;
}
