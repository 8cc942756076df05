/*
 * The hex and base64 halves of base/str.h. Keys pass through both, so no table is indexed by a
 * secret and no branch depends on one: characters are classified by arithmetic on all ranges.
 */
#include "base/str.h"

#include <string.h>

/* All ones when @low <= @c <= @high, else 0. */
static int in_range(int c, int low, int high)
{
	return ~(((c - low) | (high - c)) >> 31);
}

static char hex_digit(int v)
{
	return (char)('0' + v + (in_range(v, 10, 15) & ('a' - '9' - 1)));
}

/* 0..15, or -1. */
static int hex_value(int c)
{
	int v = -1;

	v += in_range(c, '0', '9') & (c - '0' + 1);
	v += in_range(c, 'a', 'f') & (c - 'a' + 11);
	v += in_range(c, 'A', 'F') & (c - 'A' + 11);
	return v;
}

void wm_hex_format(const void *p, size_t n, char *out)
{
	const uint8_t *bytes = p;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = hex_digit(bytes[i] >> 4);
		out[2 * i + 1] = hex_digit(bytes[i] & 15);
	}
	out[2 * n] = '\0';
}

bool wm_hex_parse(const char *s, void *out, size_t n)
{
	uint8_t *bytes = out;
	int bad = 0;

	if (s == NULL || strnlen(s, 2 * n + 1) != 2 * n)
		return false;
	for (size_t i = 0; i < 2 * n; i++)
		bad |= hex_value((unsigned char)s[i]);
	if (bad < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = hex_value((unsigned char)s[2 * i]);
		int low = hex_value((unsigned char)s[2 * i + 1]);

		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static char b64_digit(int v)
{
	int c = 'A' + v;

	c += in_range(v, 26, 51) & ('a' - 'Z' - 1);
	c += in_range(v, 52, 61) & ('0' - 'A' - 52);
	c += in_range(v, 62, 62) & ('+' - 'A' - 62);
	c += in_range(v, 63, 63) & ('/' - 'A' - 63);
	return (char)c;
}

/* 0..63, or -1. */
static int b64_value(int c)
{
	int v = -1;

	v += in_range(c, 'A', 'Z') & (c - 'A' + 1);
	v += in_range(c, 'a', 'z') & (c - 'a' + 27);
	v += in_range(c, '0', '9') & (c - '0' + 53);
	v += in_range(c, '+', '+') & 63;
	v += in_range(c, '/', '/') & 64;
	return v;
}

size_t wm_b64_size(size_t n)
{
	return (n + 2) / 3 * 4 + 1;
}

void wm_b64_format(const void *p, size_t n, char *out)
{
	const uint8_t *bytes = p;
	size_t at = 0;

	for (; n - at >= 3; at += 3) {
		*out++ = b64_digit(bytes[at] >> 2);
		*out++ = b64_digit((bytes[at] & 3) << 4 | bytes[at + 1] >> 4);
		*out++ = b64_digit((bytes[at + 1] & 15) << 2 | bytes[at + 2] >> 6);
		*out++ = b64_digit(bytes[at + 2] & 63);
	}
	if (at < n) {
		int second = n - at == 2 ? bytes[at + 1] : 0;

		*out++ = b64_digit(bytes[at] >> 2);
		*out++ = b64_digit((bytes[at] & 3) << 4 | second >> 4);
		*out++ = n - at == 2 ? b64_digit((second & 15) << 2) : '=';
		*out++ = '=';
	}
	*out = '\0';
}

static size_t b64_padding(const char *s, size_t slen)
{
	if (slen == 0 || s[slen - 1] != '=')
		return 0;
	return s[slen - 2] == '=' ? 2 : 1;
}

bool wm_b64_parse(const char *s, size_t slen, void *out, size_t cap, size_t *len)
{
	size_t padding, digits, n;
	uint8_t *bytes = out;
	uint32_t bits = 0;
	int bad = 0;

	if (s == NULL || slen % 4 != 0)
		return false;
	padding = b64_padding(s, slen);
	digits = slen - padding;
	n = slen / 4 * 3 - padding;
	if (n > cap)
		return false;
	for (size_t i = 0; i < digits; i++)
		bad |= b64_value((unsigned char)s[i]);
	if (padding != 0) {
		int last = b64_value((unsigned char)s[digits - 1]);

		bad |= -(last & (padding == 1 ? 3 : 15)); /* spare bits */
	}
	if (bad < 0)
		return false;
	for (size_t i = 0, at = 0; i < digits; i++) {
		bits = bits << 6 | (uint32_t)b64_value((unsigned char)s[i]);
		if (i % 4 != 0)
			bytes[at++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	*len = n;
	return true;
}
