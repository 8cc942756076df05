#include "conf/toml_scalar.h"
#include "base/str.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_SIZE 128

bool wm_conf_toml_take_newline(struct wm_conf_scan *s)
{
	bool found = wm_conf_scan_take(s, "\n") || wm_conf_scan_take(s, "\r\n");
	s->line += found;
	return found;
}

bool wm_conf_toml_is_control(int c)
{
	return (c < ' ' && c != '\t') || c == 0x7f;
}

/* ---- strings ---- */

/* Behind a backslash at a line's end: all blank up to the next character is no part of the text. */
static bool skip_folded(struct wm_conf_scan *s)
{
	const char *begin = s->at;
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t'))
		s->at++;
	if (!wm_conf_toml_take_newline(s)) {
		s->at = begin;
		return false;
	}
	while (s->at < s->end && memchr(" \t\r\n", *s->at, 4) != NULL)
		wm_conf_scan_step(s);
	return true;
}

/* Behind a backslash. */
static int parse_escape(struct wm_conf_scan *s, bool lines)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	int c = wm_conf_scan_peek(s);
	const char *p = c > 0 ? strchr(from, c) : NULL;
	uint32_t code;
	if (lines && skip_folded(s))
		return 0;
	if (c == 'u' || c == 'U') {
		s->at++;
		int rc = wm_conf_scan_hex(s, c == 'u' ? 4 : 8, &code);
		return rc != 0 ? rc : wm_conf_scan_add_char(s, code);
	}
	if (p == NULL)
		return wm_conf_scan_fail_here(s, "an escape");
	s->at++;
	wm_buf_add(&s->text, &to[p - from], 1);
	return 0;
}

/* One character of a string, which may be written as an escape. */
static int parse_char(struct wm_conf_scan *s, bool basic, bool lines)
{
	if (lines && wm_conf_toml_take_newline(s)) {
		wm_buf_add(&s->text, "\n", 1);
		return 0;
	}
	if (wm_conf_toml_is_control(wm_conf_scan_peek(s)))
		return wm_conf_scan_fail_here(s, "the quote at the end of text");
	if (basic && wm_conf_scan_take(s, "\\"))
		return parse_escape(s, lines);
	wm_buf_add(&s->text, s->at++, 1);
	return 0;
}

/* Passes up to five quotes in a row, as the text may end in two of its own; true at the end. */
static bool take_quotes(struct wm_conf_scan *s, char quote)
{
	size_t n = 0;
	while (n < 5 && s->at + n < s->end && s->at[n] == quote)
		n++;
	for (size_t own = n >= 3 ? n - 3 : n; own > 0; own--)
		wm_buf_add(&s->text, &quote, 1);
	s->at += n;
	return n >= 3;
}

static int parse_lines(struct wm_conf_scan *s, char quote)
{
	(void)wm_conf_toml_take_newline(s);
	while (!take_quotes(s, quote)) {
		int rc = parse_char(s, quote == '"', true);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int parse_line(struct wm_conf_scan *s, char quote)
{
	s->at++;
	while (wm_conf_scan_peek(s) != quote) {
		int rc = parse_char(s, quote == '"', false);
		if (rc != 0)
			return rc;
	}
	s->at++;
	return 0;
}

int wm_conf_toml_string(struct wm_conf_scan *s, bool lines, const char **out)
{
	char quote = *s->at;
	bool three = wm_conf_scan_take(s, quote == '"' ? "\"\"\"" : "'''");
	if (three && !lines)
		return wm_conf_scan_fail(s, "a key of several lines");
	int rc = three ? parse_lines(s, quote) : parse_line(s, quote);
	if (rc != 0)
		return rc;
	*out = wm_conf_scan_take_text(s);
	return 0;
}

/* ---- numbers ---- */

/* Takes the underscores out of @word, each of which has to stand between digits. */
static bool drop_underscores(char *word, int (*is_digit)(int))
{
	char *to = word;
	for (const char *p = word; *p != '\0'; p++) {
		if (*p != '_')
			*to++ = *p;
		else if (p == word || !is_digit((unsigned char)p[-1]) ||
			 !is_digit((unsigned char)p[1]))
			return false;
	}
	*to = '\0';
	return true;
}

static const char *skip_digits(const char *p)
{
	return p + strspn(p, "0123456789");
}

/* True for a decimal number; *@is_float says which kind. */
static bool is_decimal(const char *p, bool *is_float)
{
	*is_float = false;
	p += *p == '+' || *p == '-';
	const char *end = *p == '0' ? p + 1 : skip_digits(p);
	if (end == p)
		return false;
	if (*end == '.') {
		*is_float = true;
		p = end + 1;
		if ((end = skip_digits(p)) == p)
			return false;
	}
	if (*end == 'e' || *end == 'E') {
		*is_float = true;
		p = end + 1;
		p += *p == '+' || *p == '-';
		if ((end = skip_digits(p)) == p)
			return false;
	}
	return *end == '\0';
}

static int take_int(struct wm_conf_scan *s, const char *digits, int base, const char **out)
{
	errno = 0;
	long long v = strtoll(digits, NULL, base);
	if (errno != 0)
		return wm_conf_scan_fail(s, "a number beyond 64 bits");
	*out = wm_arena_printf(s->arena, "%lld", v);
	return 0;
}

/* Behind "0x", "0o" or "0b". */
static int parse_based(struct wm_conf_scan *s, char *word, const char **out)
{
	int base = word[1] == 'x' ? 16 : word[1] == 'o' ? 8 : 2;
	const char *allowed = base == 16 ? "0123456789abcdefABCDEF" : base == 8 ? "01234567" : "01";
	char *digits = word + 2;
	if (!drop_underscores(digits, isxdigit) || *digits == '\0' ||
	    digits[strspn(digits, allowed)] != '\0')
		return wm_conf_scan_fail(s, "a number that is none");
	return take_int(s, digits, base, out);
}

static int parse_number(struct wm_conf_scan *s, char *word, enum wm_conf_node_type *type,
			const char **out)
{
	bool is_float;
	if (word[0] == '0' && word[1] != '\0' && strchr("xob", word[1]) != NULL)
		return parse_based(s, word, out);
	if (!drop_underscores(word, isdigit) || !is_decimal(word, &is_float))
		return wm_conf_scan_fail(s, "a value that is neither text in quotes nor a number, "
					    "true or false");
	if (!is_float)
		return take_int(s, word, 10, out);
	*type = WM_CONF_NODE_FLOAT;
	*out = wm_arena_strdup(s->arena, word);
	return 0;
}

/* ---- words ---- */

/* "1979-05-27...", "07:32...": only the beginning, since it is refused anyway. */
static bool is_date(const char *w)
{
	size_t n = strspn(w, "0123456789");
	return (n == 4 && w[4] == '-') || (n == 2 && w[2] == ':');
}

int wm_conf_toml_word(struct wm_conf_scan *s, enum wm_conf_node_type *type, const char **out)
{
	char word[WORD_SIZE];
	size_t n = 0;
	while (n < sizeof(word) - 1 && s->at < s->end &&
	       (isalnum((unsigned char)*s->at) || memchr("+-_.:", *s->at, 5) != NULL))
		word[n++] = *s->at++;
	word[n] = '\0';
	if (n == 0)
		return wm_conf_scan_fail_here(s, "a value");
	if (is_date(word))
		return wm_conf_scan_refuse(s, "dates and times are not accepted");
	*out = wm_arena_strdup(s->arena, word);
	*type = WM_CONF_NODE_BOOL;
	if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
		return 0;
	*type = WM_CONF_NODE_FLOAT;
	const char *bare = word + (*word == '+' || *word == '-');
	if (strcmp(bare, "inf") == 0 || strcmp(bare, "nan") == 0)
		return 0;
	*type = WM_CONF_NODE_INT;
	return parse_number(s, word, type, out);
}
