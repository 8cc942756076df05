#include "crypto/base58.h"
#include <string.h>

/*
 * Both directions are long division and multiplication in place: a big-endian number in one base is
 * carried digit by digit into the other. Leading zero bytes stand outside the number; each is a
 * '1' in the text.
 */
static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/* Multiplies the @n digits (least significant first) by @factor and adds @carry; returns the new n.
 */
static size_t multiply_add(uint8_t *digits, size_t n, unsigned base, unsigned factor,
			   unsigned carry)
{
	for (size_t i = 0; i < n; i++) {
		carry += digits[i] * factor;
		digits[i] = (uint8_t)(carry % base);
		carry /= base;
	}
	for (; carry > 0; carry /= base)
		digits[n++] = (uint8_t)(carry % base);
	return n;
}

bool wm_base58_format(const void *p, size_t n, char *out, size_t size)
{
	uint8_t digits[WM_BASE58_TEXT];
	const uint8_t *bytes = p;
	size_t zeros = 0, len = 0;

	if (n > WM_BASE58_MAX)
		return false;
	while (zeros < n && bytes[zeros] == 0)
		zeros++;
	for (size_t i = zeros; i < n; i++)
		len = multiply_add(digits, len, 58, 256, bytes[i]);
	if (zeros + len + 1 > size)
		return false;
	memset(out, alphabet[0], zeros);
	for (size_t i = 0; i < len; i++)
		out[zeros + i] = alphabet[digits[len - 1 - i]];
	out[zeros + len] = '\0';
	return true;
}

bool wm_base58_parse(const char *s, size_t slen, void *out, size_t cap, size_t *len)
{
	uint8_t bytes[WM_BASE58_TEXT];
	uint8_t *to = out;
	size_t zeros = 0, n = 0;

	if (slen >= WM_BASE58_TEXT)
		return false;
	while (zeros < slen && s[zeros] == alphabet[0])
		zeros++;
	for (size_t i = zeros; i < slen; i++) {
		const char *at = s[i] == '\0' ? NULL : strchr(alphabet, s[i]);

		if (at == NULL)
			return false;
		n = multiply_add(bytes, n, 256, 58, (unsigned)(at - alphabet));
	}
	if (zeros + n > cap || zeros + n > WM_BASE58_MAX)
		return false;
	if (zeros > 0)
		memset(to, 0, zeros);
	for (size_t i = 0; i < n; i++)
		to[zeros + i] = bytes[n - 1 - i];
	*len = zeros + n;
	return true;
}
