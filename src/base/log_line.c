#include "base/log_line.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* Kept free for what closes a line that was cut: dots, quote, brace, newline. */
#define TAIL 16

/* Adds @n bytes whole or not at all. */
static void add(struct wm_log_line *l, const char *s, size_t n)
{
	if (l->cut || n > sizeof(l->data) - TAIL - l->len) {
		l->cut = true;
		return;
	}
	memcpy(l->data + l->len, s, n);
	l->len += n;
}

void wm_log_line_add(struct wm_log_line *l, const char *s)
{
	add(l, s, strlen(s));
}

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

void wm_log_line_add_text(struct wm_log_line *l, const char *pairs)
{
	size_t room = sizeof(l->data) - TAIL - l->len;
	size_t n = strlen(pairs), start = l->len;
	bool fits = n <= room;

	if (!fits) {
		n = room;
		while (n > 0 && ((unsigned char)pairs[n] & 0xc0) == 0x80)
			n--; /* not in the middle of a character */
	}
	add(l, pairs, n);
	l->cut = l->cut || !fits;
	for (size_t i = start; i < l->len; i++) {
		if (is_control(l->data[i]))
			l->data[i] = '?';
	}
}

/* Adds the character at @s as JSON wants it inside quotes; returns how many bytes it took. */
static size_t add_json_char(struct wm_log_line *l, const char *s)
{
	size_t n = wm_utf8_sequence(s, strnlen(s, 4));
	char escape[8];

	if (n == 0) {
		add(l, "\xef\xbf\xbd", 3); /* U+FFFD for a byte that is no text */
		return 1;
	}
	if (*s == '"' || *s == '\\') {
		escape[0] = '\\';
		escape[1] = *s;
		add(l, escape, 2);
	} else if (is_control(*s)) {
		snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)*s);
		add(l, escape, 6);
	} else {
		add(l, s, n);
	}
	return n;
}

static void open_pair(struct wm_log_line *l, const char *key, size_t n)
{
	char name[64];
	size_t at = 0;

	if (n >= sizeof(name))
		n = sizeof(name) - 1;
	memcpy(name, key, n);
	name[n] = '\0';
	/* A name that only just does not fit leaves no half pair: it goes in with its frame. */
	if (l->len + 6 * n + 8 > sizeof(l->data) - TAIL)
		l->cut = true;
	add(l, ",\"", 2);
	while (at < n)
		at += add_json_char(l, name + at);
	add(l, "\":\"", 3);
}

/* Ends a value; one that was cut ends in dots, in the room kept for that. */
static void close_value(struct wm_log_line *l, bool was_cut)
{
	if (!l->cut) {
		add(l, "\"", 1);
		if (!l->cut)
			return;
	}
	if (was_cut)
		return; /* its pair was never opened */
	memcpy(l->data + l->len, "...\"", 4);
	l->len += 4;
}

void wm_log_line_add_json_pair(struct wm_log_line *l, const char *key, const char *value)
{
	bool was_cut;

	open_pair(l, key, strlen(key));
	was_cut = l->cut;
	while (*value != '\0')
		value += add_json_char(l, value);
	close_value(l, was_cut);
}

/* The next character of a quoted value; @s stands behind the backslash. Returns what follows. */
static const char *add_unescaped(struct wm_log_line *l, const char *s)
{
	switch (*s) {
	case '\0': return s;
	case 'n': add(l, "\\n", 2); return s + 1;
	case 'r': add(l, "\\r", 2); return s + 1;
	case 't': add(l, "\\t", 2); return s + 1;
	case '"': add(l, "\\\"", 2); return s + 1;
	case '\\': add(l, "\\\\", 2); return s + 1;
	default: add(l, "\\\\", 2); return s; /* "\x1b" stays readable as it is */
	}
}

/* Adds the quoted value behind the opening quote; returns what follows the closing one. */
static const char *add_quoted(struct wm_log_line *l, const char *s)
{
	while (*s != '\0' && *s != '"') {
		if (*s == '\\')
			s = add_unescaped(l, s + 1);
		else
			s += add_json_char(l, s);
	}
	return *s == '"' ? s + 1 : s;
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " ");
}

/* True when a "key=" begins here. */
static bool is_key(const char *s)
{
	size_t n = strcspn(s, " =\"");

	return n > 0 && s[n] == '=';
}

static const char *add_value(struct wm_log_line *l, const char *s)
{
	if (*s == '"')
		s = add_quoted(l, s + 1);
	for (;;) {
		const char *next;

		while (*s != '\0' && *s != ' ')
			s += add_json_char(l, s);
		next = skip_blanks(s);
		if (*next == '\0' || is_key(next))
			return next;
		add(l, " ", 1);
		s = next;
	}
}

void wm_log_line_add_json(struct wm_log_line *l, const char *pairs)
{
	const char *s = skip_blanks(pairs);

	while (*s != '\0' && !l->cut) {
		size_t n = is_key(s) ? strcspn(s, "=") : 0;
		bool was_cut;

		open_pair(l, n != 0 ? s : "message", n != 0 ? n : strlen("message"));
		was_cut = l->cut;
		s = add_value(l, n != 0 ? s + n + 1 : s);
		close_value(l, was_cut);
	}
}

void wm_log_line_end(struct wm_log_line *l, const char *tail)
{
	size_t n = strlen(tail);

	if (l->cut && n == 0) {
		memcpy(l->data + l->len, "...", 3);
		l->len += 3;
	}
	memcpy(l->data + l->len, tail, n);
	l->len += n;
	l->data[l->len++] = '\n';
}
