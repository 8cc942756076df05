#pragma once
/* Base58 in Bitcoin's alphabet, for peer IDs: short inputs only, since the time is quadratic. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_BASE58_MAX  128                 /* most bytes either function takes or gives */
#define WM_BASE58_TEXT (WM_BASE58_MAX * 2) /* room that always suffices for the text */

/* Writes the text and a NUL to @out; false when @n is above WM_BASE58_MAX or @size too small. */
bool wm_base58_format(const void *p, size_t n, char *out, size_t size);
/* Strict: only letters of the alphabet. Writes at most @cap bytes and their number to *@len. */
bool wm_base58_parse(const char *s, size_t slen, void *out, size_t cap, size_t *len);
