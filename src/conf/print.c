/*
 * The configuration as JSON: nested as the dots of the keys say, keys in order of the alphabet,
 * nothing that is zero, empty or false, durations in nanoseconds, secrets hidden.
 */
#include "base/mem.h"
#include "base/str.h"
#include "conf/load.h"
#include "conf/value.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HIDDEN "(hidden)"

struct print {
	struct wm_buf *out;
	const char *path; /* of the last value; its sections are open */
	unsigned depth;
	bool first; /* in the object or array that is open */
};

/* ---- JSON ---- */

static void add_text(struct wm_buf *out, const char *s)
{
	wm_buf_add_str(out, "\"");
	for (size_t n; *s != '\0'; s += n) {
		n = wm_utf8_sequence(s, strlen(s));
		if (n == 0) {
			wm_buf_add_str(out, "\\ufffd");
			n = 1;
		} else if (*s == '"' || *s == '\\') {
			wm_buf_printf(out, "\\%c", *s);
		} else if ((unsigned char)*s < ' ' || *s == 0x7f) {
			wm_buf_printf(out, "\\u%04x", (unsigned)*s);
		} else {
			wm_buf_add(out, s, n);
		}
	}
	wm_buf_add_str(out, "\"");
}

static void next_line(struct print *p)
{
	wm_buf_printf(p->out, "%s\n%*s", p->first ? "" : ",", (int)(2 * p->depth), "");
	p->first = false;
}

static void open_bracket(struct print *p, const char *bracket)
{
	wm_buf_add_str(p->out, bracket);
	p->depth++;
	p->first = true;
}

static void close_bracket(struct print *p, const char *bracket)
{
	p->depth--;
	if (!p->first)
		wm_buf_printf(p->out, "\n%*s", (int)(2 * p->depth), "");
	wm_buf_add_str(p->out, bracket);
	p->first = false;
}

/* ---- values ---- */

/* A member of a list or map, which is kept as text whatever it is. */
static void add_item(struct print *p, const struct wm_conf_option *o, const char *item)
{
	if ((o->attrs & WM_CONF_SECRET) != 0)
		add_text(p->out, HIDDEN);
	else if (o->of == WM_CONF_INT || o->of == WM_CONF_PORT || o->of == WM_CONF_BOOL)
		wm_buf_add_str(p->out, item);
	else
		add_text(p->out, item);
}

static void add_list(struct print *p, const struct wm_conf_option *o, const struct wm_conf_list *l)
{
	open_bracket(p, "[");
	for (size_t i = 0; i < l->n; i++) {
		next_line(p);
		add_item(p, o, l->items[i]);
	}
	close_bracket(p, "]");
}

static int by_key(const void *a, const void *b)
{
	const struct wm_conf_pair *x = a, *y = b;
	return strcmp(x->key, y->key);
}

static void add_map(struct print *p, const struct wm_conf_option *o, const struct wm_conf_map *m)
{
	struct wm_conf_pair *pairs = wm_calloc(m->n, sizeof(*pairs));
	memcpy(pairs, m->items, m->n * sizeof(*pairs));
	qsort(pairs, m->n, sizeof(*pairs), by_key);
	open_bracket(p, "{");
	for (size_t i = 0; i < m->n; i++) {
		next_line(p);
		add_text(p->out, pairs[i].key);
		wm_buf_add_str(p->out, ": ");
		add_item(p, o, pairs[i].value);
	}
	close_bracket(p, "}");
	wm_free(pairs);
}

static void add_scalar(struct print *p, const struct wm_conf_option *o, const void *at)
{
	struct wm_buf text = {0};
	wm_conf_value_format(o, at, &text);
	bool bare = o->kind == WM_CONF_BOOL || o->kind == WM_CONF_INT || o->kind == WM_CONF_PORT;
	if ((o->attrs & WM_CONF_SECRET) != 0)
		add_text(p->out, HIDDEN);
	else if (o->kind == WM_CONF_DURATION)
		wm_buf_printf(p->out, "%" PRId64, *(const int64_t *)at);
	else if (bare)
		wm_buf_add_str(p->out, wm_buf_str(&text));
	else
		add_text(p->out, wm_buf_str(&text));
	if (text.data != NULL)
		wm_wipe(text.data, text.cap);
	wm_buf_fini(&text);
}

static void add_value(struct print *p, const struct wm_conf_option *o, const void *at)
{
	if (o->kind == WM_CONF_LIST)
		add_list(p, o, at);
	else if (o->kind == WM_CONF_MAP)
		add_map(p, o, at);
	else
		add_scalar(p, o, at);
}

/* ---- rows ---- */

static const char *key_of(const struct wm_conf_option *o)
{
	return o->file_key != NULL ? o->file_key : o->name;
}

/* False for what is zero, what no file can say, and what would be refused if it were set. */
static bool is_printed(const struct wm_conf *c, const struct wm_conf_option *o)
{
	const void *at = wm_conf_value_at(c, o);
	bool later = (o->attrs & WM_CONF_LATER) != 0 &&
		     wm_conf_origin_of(c, o)->source == WM_CONF_BY_DEFAULT;
	if ((o->attrs & (WM_CONF_NO_FILE | WM_CONF_FAMILY)) != 0 || later ||
	    !wm_conf_option_is_in(o, c->scope))
		return false;
	switch (o->kind) {
	case WM_CONF_BOOL: return *(const bool *)at;
	case WM_CONF_INT:
	case WM_CONF_SIZE:
	case WM_CONF_DURATION: return *(const int64_t *)at != 0;
	case WM_CONF_PORT: return *(const uint16_t *)at != 0;
	case WM_CONF_STRING:
	case WM_CONF_WORD:
	case WM_CONF_HOST_PORT: return **(char *const *)at != '\0';
	case WM_CONF_LIST: return ((const struct wm_conf_list *)at)->n > 0;
	case WM_CONF_MAP: return ((const struct wm_conf_map *)at)->n > 0;
	case WM_CONF_PREFIX: return wm_prefix_is_valid(at);
	case WM_CONF_ENDPOINT: return wm_addr_is_valid(&((const struct wm_endpoint *)at)->addr);
	case WM_CONF_IP: return wm_addr_is_valid(at);
	}
	return false;
}

/* Letter by letter, where a dot comes before all others, so that sections stay together. */
static int by_path(const void *a, const void *b)
{
	const char *x = key_of(*(const struct wm_conf_option *const *)a);
	const char *y = key_of(*(const struct wm_conf_option *const *)b);
	while (*x != '\0' && *x == *y) {
		x++;
		y++;
	}
	int u = *x == '.' ? 1 : (unsigned char)*x, v = *y == '.' ? 1 : (unsigned char)*y;
	return u - v;
}

/* How many sections two keys have in common. */
static unsigned common_sections(const char *a, const char *b)
{
	unsigned n = 0;
	for (; *a != '\0' && *a == *b; a++, b++)
		n += *a == '.';
	return n;
}

static void add_row(struct print *p, const struct wm_conf *c, const struct wm_conf_option *o)
{
	const char *word = key_of(o);
	unsigned common = common_sections(p->path, word);
	while (p->depth > common + 1)
		close_bracket(p, "}");
	p->path = word;
	for (unsigned i = 0; i < common; i++)
		word = strchr(word, '.') + 1;
	for (const char *dot; (dot = strchr(word, '.')) != NULL; word = dot + 1) {
		next_line(p);
		wm_buf_printf(p->out, "\"%.*s\": ", (int)(dot - word), word);
		open_bracket(p, "{");
	}
	next_line(p);
	wm_buf_printf(p->out, "\"%s\": ", word);
	add_value(p, o, wm_conf_value_at(c, o));
}

void wm_conf_print(const struct wm_conf *c, struct wm_buf *out)
{
	const struct wm_conf_option **rows = wm_calloc(c->table->n_rows, sizeof(const void *));
	struct print p = {.out = out, .path = ""};
	size_t n = 0;
	for (size_t i = 0; i < c->table->n_rows; i++) {
		if (is_printed(c, &c->table->rows[i]))
			rows[n++] = &c->table->rows[i];
	}
	qsort(rows, n, sizeof(const void *), by_path);
	open_bracket(&p, "{");
	for (size_t i = 0; i < n; i++)
		add_row(&p, c, rows[i]);
	while (p.depth > 0)
		close_bracket(&p, "}");
	wm_buf_add_str(out, "\n");
	wm_free(rows);
}
