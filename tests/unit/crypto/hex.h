#pragma once
/* Test vectors as hex: bytes out of text, and assertions against text. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "base/str.h"

/* The number of bytes that @text names, written to @out. */
static inline size_t bytes_of(const char *text, void *out)
{
	size_t n = strlen(text) / 2;

	assert_true(wm_hex_parse(text, out, n));
	return n;
}

static inline void assert_hex(const void *p, size_t n, const char *text)
{
	char got[2 * 512 + 1];

	assert_true(n <= 512);
	wm_hex_format(p, n, got);
	assert_string_equal(got, text);
}
