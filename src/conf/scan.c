#include "conf/scan.h"
#include "base/mem.h"
#include "base/str.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- errors ---- */

static int fail_at(const struct wm_conf_scan *s, const char *what, const char *fmt, va_list ap)
	WM_PRINTF(3, 0);
static int fail_at(const struct wm_conf_scan *s, const char *what, const char *fmt, va_list ap)
{
	char text[WM_ERR_TEXT];
	vsnprintf(text, sizeof(text), fmt, ap);
	return wm_fail(s->err, WM_INVALID_ARGUMENT, "%s:%u: %s%s%s%.300s", s->file, s->line,
		       what != NULL ? "not " : "", what != NULL ? what : "",
		       what != NULL ? ": " : "", text);
}

int wm_conf_scan_fail(const struct wm_conf_scan *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int rc = fail_at(s, s->format, fmt, ap);
	va_end(ap);
	return rc;
}

int wm_conf_scan_refuse(const struct wm_conf_scan *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int rc = fail_at(s, NULL, fmt, ap);
	va_end(ap);
	return rc;
}

int wm_conf_scan_fail_here(const struct wm_conf_scan *s, const char *wanted)
{
	int c = wm_conf_scan_peek(s);
	if (c == -1)
		return wm_conf_scan_fail(s, "wants %s, found the end of the file", wanted);
	if (c == '\n' || c == '\r')
		return wm_conf_scan_fail(s, "wants %s, found the end of the line", wanted);
	if (isprint(c))
		return wm_conf_scan_fail(s, "wants %s, found '%c'", wanted, c);
	return wm_conf_scan_fail(s, "wants %s, found the byte 0x%02x", wanted, (unsigned)c);
}

/* ---- the cursor ---- */

static int check_text(struct wm_conf_scan *s)
{
	const char *p = s->at;
	if (wm_utf8_is_valid(p, (size_t)(s->end - p)))
		return 0;
	for (size_t n; (n = wm_utf8_sequence(p, (size_t)(s->end - p))) > 0; p += n)
		s->line += *p == '\n';
	return wm_conf_scan_fail(s, "a byte that is no UTF-8 text");
}

int wm_conf_scan_begin(struct wm_conf_scan *s, struct wm_arena *a, const char *name,
		       const char *format, const void *text, size_t len, struct wm_err *err)
{
	const char *at = text != NULL ? text : "";
	*s = (struct wm_conf_scan){
		.arena = a,
		.file = wm_arena_strdup(a, name),
		.format = format,
		.at = at,
		.end = at + len,
		.line = 1,
		.err = err,
	};
	if (len > WM_CONF_FILE_MAX)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: larger than %u bytes", name,
			       WM_CONF_FILE_MAX);
	return check_text(s);
}

void wm_conf_scan_end(struct wm_conf_scan *s)
{
	if (s->text.data != NULL)
		wm_wipe(s->text.data, s->text.cap);
	wm_buf_fini(&s->text);
}

int wm_conf_scan_peek(const struct wm_conf_scan *s)
{
	return s->at < s->end ? (unsigned char)*s->at : -1;
}

bool wm_conf_scan_take(struct wm_conf_scan *s, const char *word)
{
	size_t n = strlen(word);
	if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
		return false;
	s->at += n;
	return true;
}

void wm_conf_scan_step(struct wm_conf_scan *s)
{
	s->line += *s->at++ == '\n';
}

/* ---- characters ---- */

int wm_conf_scan_hex(struct wm_conf_scan *s, unsigned n, uint32_t *out)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t v = 0;
	for (unsigned i = 0; i < n; i++) {
		int c = wm_conf_scan_peek(s);
		const char *d = c > 0 ? strchr(digits, tolower(c)) : NULL;
		if (d == NULL)
			return wm_conf_scan_fail_here(s, "a hexadecimal digit");
		v = v << 4 | (uint32_t)(d - digits);
		s->at++;
	}
	*out = v;
	return 0;
}

int wm_conf_scan_add_char(struct wm_conf_scan *s, uint32_t c)
{
	uint8_t u[4] = {(uint8_t)c};
	size_t n = 1;
	if (c == 0)
		return wm_conf_scan_refuse(s, "text holds a NUL character");
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return wm_conf_scan_fail(s, "an escape that is no character");
	if (c >= 0x80) {
		static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
		n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		for (size_t i = n - 1; i > 0; i--, c >>= 6)
			u[i] = (uint8_t)(0x80 | (c & 0x3f));
		u[0] = (uint8_t)(lead[n] | c);
	}
	wm_buf_add(&s->text, u, n);
	return 0;
}

const char *wm_conf_scan_take_text(struct wm_conf_scan *s)
{
	const char *text = wm_arena_strdup(s->arena, wm_buf_str(&s->text));
	wm_buf_clear(&s->text);
	return text;
}

/* ---- the tree ---- */

/* Maps and lists around a child of @n, and itself. */
static unsigned depth_below(const struct wm_conf_node *n)
{
	unsigned depth = 1;
	for (; n != NULL; n = n->parent)
		depth++;
	return depth;
}

static int check_key(const struct wm_conf_scan *s, const struct wm_conf_node *map, const char *key)
{
	const struct wm_conf_node *old = wm_conf_node_find(map, key);
	if (*key == '\0')
		return wm_conf_scan_refuse(s, "a key is empty");
	if (old != NULL)
		return wm_conf_scan_refuse(s, "\"%.80s\" is already set in line %u", key,
					   old->line);
	return 0;
}

struct wm_conf_node *wm_conf_scan_add(struct wm_conf_scan *s, struct wm_conf_node *parent,
				      const char *key, enum wm_conf_node_type type, unsigned line)
{
	bool holds = type == WM_CONF_NODE_MAP || type == WM_CONF_NODE_LIST;
	if (key != NULL && check_key(s, parent, key) != 0)
		return NULL;
	if (holds && depth_below(parent) > WM_CONF_DEPTH_MAX) {
		wm_conf_scan_refuse(s, "the file is nested too deeply");
		return NULL;
	}
	if (s->n_nodes++ >= WM_CONF_NODES_MAX) {
		wm_conf_scan_refuse(s, "the file has too many entries");
		return NULL;
	}
	struct wm_conf_node *n = wm_conf_node_add(s->arena, parent, type, s->file, line);
	n->key = key;
	return n;
}
