#include "pb/json_read.h"
#include "base/str.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void wm_json_read_init(struct wm_json_reader *r, struct wm_arena *a, const char *text, size_t len,
		       struct wm_err *err)
{
	*r = (struct wm_json_reader){
		.arena = a, .start = text, .pos = text, .end = text + len, .err = err};
}

int wm_json_read_fail(struct wm_json_reader *r, enum wm_code code, const char *fmt, ...)
{
	char text[256];
	unsigned line = 1, column = 1;
	va_list args;

	if (r->code != 0)
		return r->code;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (const char *p = r->start; p < r->pos; p++) {
		line += *p == '\n';
		column = *p == '\n' ? 1 : column + 1;
	}
	r->code = wm_fail(r->err, code, "line %u, column %u: %s%s%s%s%s", line, column,
			  r->place != NULL ? r->place : "", r->member != NULL ? "." : "",
			  r->member != NULL ? r->member : "", r->place != NULL ? ": " : "", text);
	return r->code;
}

static int fail_syntax(struct wm_json_reader *r, const char *expected)
{
	if (r->pos == r->end)
		return wm_json_read_fail(r, WM_INVALID_ARGUMENT, "%s expected, the text ends here",
					 expected);
	return wm_json_read_fail(r, WM_INVALID_ARGUMENT, "%s expected", expected);
}

static size_t left(const struct wm_json_reader *r)
{
	return (size_t)(r->end - r->pos);
}

static char skip_space(struct wm_json_reader *r)
{
	while (r->pos < r->end &&
	       (*r->pos == ' ' || *r->pos == '\t' || *r->pos == '\n' || *r->pos == '\r'))
		r->pos++;
	return r->pos < r->end ? *r->pos : '\0';
}

enum wm_json_kind wm_json_read_peek(struct wm_json_reader *r)
{
	char c = skip_space(r);

	if (r->pos == r->end)
		return WM_JSON_END;
	switch (c) {
	case '{': return WM_JSON_OBJECT;
	case '[': return WM_JSON_ARRAY;
	case '"': return WM_JSON_STRING;
	case 't': return WM_JSON_TRUE;
	case 'f': return WM_JSON_FALSE;
	case 'n': return WM_JSON_NULL;
	default: return c == '-' || (c >= '0' && c <= '9') ? WM_JSON_NUMBER : WM_JSON_BAD;
	}
}

static int take(struct wm_json_reader *r, char c, const char *expected)
{
	if (r->code != 0)
		return r->code;
	if (skip_space(r) != c || r->pos == r->end)
		return fail_syntax(r, expected);
	r->pos++;
	return 0;
}

int wm_json_read_open(struct wm_json_reader *r, enum wm_json_kind kind)
{
	return kind == WM_JSON_OBJECT ? take(r, '{', "an object") : take(r, '[', "an array");
}

static int next(struct wm_json_reader *r, bool *first, char close)
{
	if (r->code != 0)
		return r->code;
	bool was_first = *first;
	*first = false;
	if (skip_space(r) == close) {
		r->pos++;
		return 0;
	}
	if (!was_first && take(r, ',', close == '}' ? "',' or '}'" : "',' or ']'") != 0)
		return r->code;
	return 1;
}

int wm_json_read_member(struct wm_json_reader *r, bool *first, const char **key)
{
	int rc = next(r, first, '}');
	if (rc != 1)
		return rc;
	rc = wm_json_read_string(r, key);
	if (rc == 0)
		rc = take(r, ':', "':'");
	return rc == 0 ? 1 : rc;
}

int wm_json_read_item(struct wm_json_reader *r, bool *first)
{
	return next(r, first, ']');
}

static int hex4(const char *p, const char *end, uint32_t *out)
{
	uint32_t v = 0;
	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
				 : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
				 : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
							: 16;
		if (digit > 15)
			return -1;
		v = v << 4 | digit;
	}
	*out = v;
	return 0;
}

static char *put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xC0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3F));
	} else if (c < 0x10000) {
		*to++ = (char)(0xE0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3F));
		*to++ = (char)(0x80 | (c & 0x3F));
	} else {
		*to++ = (char)(0xF0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3F));
		*to++ = (char)(0x80 | (c >> 6 & 0x3F));
		*to++ = (char)(0x80 | (c & 0x3F));
	}
	return to;
}

/* Behind "\u": four digits, and for the first half of a pair the second too. */
static int read_unicode(struct wm_json_reader *r, char **to)
{
	uint32_t c, low;

	if (hex4(r->pos, r->end, &c) != 0)
		return fail_syntax(r, "four hex digits");
	r->pos += 4;
	if (c == 0)
		return wm_json_read_fail(r, WM_INVALID_ARGUMENT, "text holds a NUL character");
	if (c >= 0xD800 && c < 0xDC00) {
		if (left(r) < 6 || r->pos[0] != '\\' || r->pos[1] != 'u' ||
		    hex4(r->pos + 2, r->end, &low) != 0 || low < 0xDC00 || low > 0xDFFF)
			return fail_syntax(r, "the second half of a surrogate pair");
		r->pos += 6;
		c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
	} else if (c >= 0xDC00 && c < 0xE000) {
		return fail_syntax(r, "the first half of a surrogate pair");
	}
	*to = put_utf8(*to, c);
	return 0;
}

static int read_escape(struct wm_json_reader *r, char **to)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";

	char c = r->pos < r->end ? *r->pos : '\0';
	if (c == 'u') {
		r->pos++;
		return read_unicode(r, to);
	}
	const char *known = c != '\0' ? strchr(from, c) : NULL;
	if (known == NULL)
		return fail_syntax(r, "an escape sequence");
	r->pos++;
	*(*to)++ = into[known - from];
	return 0;
}

/* The place of the closing quote, or NULL. No text gets longer by decoding, so this bounds it. */
static const char *find_quote(const struct wm_json_reader *r)
{
	for (const char *p = r->pos; p < r->end; p++) {
		if (*p == '"')
			return p;
		if (*p == '\\')
			p++;
	}
	return NULL;
}

int wm_json_read_string(struct wm_json_reader *r, const char **out)
{
	if (take(r, '"', "text in quotes") != 0)
		return r->code;
	const char *quote = find_quote(r);
	if (quote == NULL)
		return wm_json_read_fail(r, WM_INVALID_ARGUMENT, "text without closing quote");
	if (!wm_utf8_is_valid(r->pos, (size_t)(quote - r->pos)))
		return wm_json_read_fail(r, WM_INVALID_ARGUMENT, "text is not UTF-8");
	char *text = wm_arena_try(r->arena, (size_t)(quote - r->pos) + 1);
	if (text == NULL)
		return wm_json_read_fail(r, WM_RESOURCE_EXHAUSTED, "larger than the limit");
	char *to = text;
	while (r->pos < quote) {
		unsigned char c = (unsigned char)*r->pos;
		if (c < 0x20)
			return wm_json_read_fail(r, WM_INVALID_ARGUMENT,
						 "text holds a control character");
		r->pos++;
		if (c != '\\')
			*to++ = (char)c;
		else if (read_escape(r, &to) != 0)
			return r->code;
	}
	*to = '\0';
	r->pos = quote + 1;
	*out = text;
	return 0;
}

static size_t digits(const char *s, size_t n)
{
	size_t i = 0;
	while (i < n && s[i] >= '0' && s[i] <= '9')
		i++;
	return i;
}

size_t wm_json_number_span(const char *s, size_t n)
{
	size_t i = n > 0 && s[0] == '-', count;

	count = digits(s + i, n - i);
	if (count == 0 || (count > 1 && s[i] == '0'))
		return 0;
	i += count;
	if (i < n && s[i] == '.') {
		count = digits(s + i + 1, n - i - 1);
		if (count == 0)
			return 0;
		i += 1 + count;
	}
	if (i < n && (s[i] == 'e' || s[i] == 'E')) {
		i++;
		i += i < n && (s[i] == '+' || s[i] == '-');
		count = digits(s + i, n - i);
		if (count == 0)
			return 0;
		i += count;
	}
	return i;
}

int wm_json_read_number(struct wm_json_reader *r, const char **out)
{
	if (r->code != 0)
		return r->code;
	skip_space(r);
	size_t n = wm_json_number_span(r->pos, left(r));
	if (n == 0)
		return fail_syntax(r, "a number");
	char *text = wm_arena_try(r->arena, n + 1);
	if (text == NULL)
		return wm_json_read_fail(r, WM_RESOURCE_EXHAUSTED, "larger than the limit");
	memcpy(text, r->pos, n);
	text[n] = '\0';
	r->pos += n;
	*out = text;
	return 0;
}

int wm_json_read_word(struct wm_json_reader *r, enum wm_json_kind kind)
{
	const char *word = kind == WM_JSON_TRUE ? "true" : kind == WM_JSON_FALSE ? "false" : "null";
	size_t n = strlen(word);

	if (r->code != 0)
		return r->code;
	skip_space(r);
	if (left(r) < n || memcmp(r->pos, word, n) != 0)
		return fail_syntax(r, word);
	r->pos += n;
	return 0;
}

static int skip_list(struct wm_json_reader *r, enum wm_json_kind kind, unsigned depth)
{
	bool first = true;
	const char *key;
	int rc = wm_json_read_open(r, kind);

	if (depth == 0)
		return wm_json_read_fail(r, WM_INVALID_ARGUMENT, "nested too deeply");
	while (rc == 0) {
		rc = kind == WM_JSON_OBJECT ? wm_json_read_member(r, &first, &key)
					    : wm_json_read_item(r, &first);
		if (rc <= 0)
			break;
		rc = wm_json_read_skip(r, depth - 1);
	}
	return rc;
}

int wm_json_read_skip(struct wm_json_reader *r, unsigned depth)
{
	const char *text;
	enum wm_json_kind kind = wm_json_read_peek(r);

	switch (kind) {
	case WM_JSON_OBJECT:
	case WM_JSON_ARRAY: return skip_list(r, kind, depth);
	case WM_JSON_STRING: return wm_json_read_string(r, &text);
	case WM_JSON_NUMBER: return wm_json_read_number(r, &text);
	case WM_JSON_TRUE:
	case WM_JSON_FALSE:
	case WM_JSON_NULL: return wm_json_read_word(r, kind);
	case WM_JSON_END:
	case WM_JSON_BAD: break;
	}
	return fail_syntax(r, "a value");
}

int wm_json_read_end(struct wm_json_reader *r)
{
	if (r->code == 0 && wm_json_read_peek(r) != WM_JSON_END)
		return wm_json_read_fail(r, WM_INVALID_ARGUMENT, "the end of the text expected");
	return r->code;
}
