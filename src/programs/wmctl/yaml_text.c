/*
 * YAML from JSON. Keys stay in their order; a text is written plain only when no reader of YAML
 * could take it for anything else, and in double quotes otherwise.
 */
#include "programs/wmctl/output.h"
#include "base/str.h"
#include <ctype.h>
#include <jansson.h>
#include <string.h>

static void add_value(const json_t *v, unsigned depth, bool in_list, struct wm_buf *out);

static void add_indent(struct wm_buf *out, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		wm_buf_add_str(out, "  ");
}

static bool is_plain(const char *s)
{
	static const char *const words[] = {"true", "false", "null", "yes", "no",  "on",
					    "off",  "y",     "n",    "inf", "nan", NULL};
	if (!isalpha((unsigned char)*s))
		return false;
	for (size_t i = 0; words[i] != NULL; i++) {
		if (strcasecmp(s, words[i]) == 0)
			return false;
	}
	for (; *s != '\0'; s++) {
		if (!isalnum((unsigned char)*s) && strchr("_-./", *s) == NULL)
			return false;
	}
	return true;
}

/* What YAML takes for the end of a line, or for none of its characters. */
static size_t escape_wide(const unsigned char *s, struct wm_buf *out)
{
	if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0) {
		wm_buf_printf(out, "\\x%02x", (unsigned)s[1]);
		return 2;
	}
	if (s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9)) {
		wm_buf_add_str(out, s[2] == 0xa8 ? "\\u2028" : "\\u2029");
		return 3;
	}
	if (s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf) {
		wm_buf_add_str(out, "\\ufeff");
		return 3;
	}
	if (s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe) {
		wm_buf_add_str(out, s[2] == 0xbe ? "\\ufffe" : "\\uffff");
		return 3;
	}
	return 0;
}

void wm_ctl_yaml_quote(const char *text, struct wm_buf *out)
{
	const unsigned char *s = (const unsigned char *)text;
	wm_buf_add_str(out, "\"");
	while (*s != '\0') {
		size_t n = escape_wide(s, out);
		if (n == 0) {
			n = 1;
			if (*s == '"' || *s == '\\')
				wm_buf_printf(out, "\\%c", *s);
			else if (*s < 0x20 || *s == 0x7f)
				wm_buf_printf(out, "\\x%02x", (unsigned)*s);
			else
				wm_buf_add(out, s, 1);
		}
		s += n;
	}
	wm_buf_add_str(out, "\"");
}

static void add_text(const char *s, struct wm_buf *out)
{
	if (is_plain(s)) {
		wm_buf_add_str(out, s);
		return;
	}
	wm_ctl_yaml_quote(s, out);
}

static void add_scalar(const json_t *v, struct wm_buf *out)
{
	if (json_is_string(v)) {
		add_text(json_string_value(v), out);
	} else {
		char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
		wm_buf_add_str(out, text != NULL ? text : "null");
		free(text);
	}
	wm_buf_add_str(out, "\n");
}

static bool is_empty(const json_t *v)
{
	return json_is_object(v) ? json_object_size(v) == 0 : json_array_size(v) == 0;
}

/* The first key of a map in a list stands behind the dash. */
static void add_map(const json_t *map, unsigned depth, bool in_list, struct wm_buf *out)
{
	const char *key;
	json_t *v;
	bool first = true;
	/* The iteration changes nothing, but its type does not say so. */
	json_t *m = json_incref((json_t *)(uintptr_t)map);
	json_object_foreach(m, key, v)
	{
		if (!first || !in_list)
			add_indent(out, depth);
		first = false;
		add_text(key, out);
		wm_buf_add_str(out, ":");
		add_value(v, depth, false, out);
	}
	json_decref(m);
}

static void add_list(const json_t *list, unsigned depth, struct wm_buf *out)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		add_indent(out, depth);
		wm_buf_add_str(out, "-");
		add_value(json_array_get(list, i), depth, true, out);
	}
}

/* What follows a "key:" or a "-" at @depth. */
static void add_value(const json_t *v, unsigned depth, bool in_list, struct wm_buf *out)
{
	bool nested = json_is_object(v) || json_is_array(v);
	if (nested && is_empty(v)) {
		wm_buf_add_str(out, json_is_object(v) ? " {}\n" : " []\n");
	} else if (json_is_object(v)) {
		wm_buf_add_str(out, in_list ? " " : "\n");
		add_map(v, depth + 1, in_list, out);
	} else if (json_is_array(v)) {
		wm_buf_add_str(out, "\n");
		add_list(v, in_list ? depth + 1 : depth, out);
	} else {
		wm_buf_add_str(out, " ");
		add_scalar(v, out);
	}
}

int wm_ctl_yaml_from_json(const char *json, size_t len, struct wm_buf *out, struct wm_err *err)
{
	json_error_t why;
	json_t *root = json_loadb(json, len, 0, &why);
	if (root == NULL)
		return wm_fail(err, WM_INTERNAL, "not JSON: %s", why.text);
	if (is_empty(root))
		wm_buf_add_str(out, json_is_object(root) ? "{}\n" : "[]\n");
	else if (json_is_object(root))
		add_map(root, 0, false, out);
	else
		add_list(root, 0, out);
	json_decref(root);
	return 0;
}
