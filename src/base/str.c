#include "base/str.h"

#include <string.h>

bool wm_streq(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

bool wm_str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool wm_str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s);
	size_t m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

bool wm_str_is_empty(const char *s)
{
	return s == NULL || s[0] == '\0';
}

/* isspace asks the locale; texts on the wire and in files do not change with it. */
static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

char *wm_str_trim(char *s)
{
	size_t n;

	while (is_space(*s))
		s++;
	n = strlen(s);
	while (n > 0 && is_space(s[n - 1]))
		n--;
	s[n] = '\0';
	return s;
}

char *wm_str_cut(char **rest, char sep)
{
	char *piece = *rest;
	char *end;

	if (piece == NULL)
		return NULL;
	end = strchr(piece, sep);
	if (end == NULL || sep == '\0') {
		*rest = NULL;
	} else {
		*end = '\0';
		*rest = end + 1;
	}
	return piece;
}

bool wm_str_copy(char *dst, size_t size, const char *src)
{
	size_t n = strlen(src);
	bool fits = n < size;

	if (size == 0)
		return false;
	if (!fits)
		n = size - 1;
	memcpy(dst, src, n);
	dst[n] = '\0';
	return fits;
}

/* Only the second byte has a range that depends on the first (RFC 3629, section 4). */
size_t wm_utf8_sequence(const void *text, size_t n)
{
	const uint8_t *s = text;
	uint8_t low = 0x80, high = 0xbf;
	size_t len;

	if (n == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (len > n)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

bool wm_utf8_is_valid(const void *s, size_t n)
{
	const uint8_t *p = s;
	size_t at = 0;

	while (at < n) {
		size_t len = wm_utf8_sequence(p + at, n - at);

		if (len == 0)
			return false;
		at += len;
	}
	return true;
}
