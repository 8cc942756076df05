#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static void test_hex_of_every_byte(void **state)
{
	uint8_t all[256], back[256];
	char text[513];

	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	wm_hex_format(all, 256, text);
	assert_true(strncmp(text, "000102030405060708090a0b", 24) == 0);
	assert_int_equal(strlen(text), 512);
	assert_true(wm_hex_parse(text, back, 256));
	assert_memory_equal(all, back, 256);
	for (char *p = text; *p != '\0'; p++)
		*p = (char)(*p >= 'a' ? *p - 32 : *p);
	memset(back, 0, sizeof(back));
	assert_true(wm_hex_parse(text, back, 256));
	assert_memory_equal(all, back, 256);
	wm_hex_format(NULL, 0, text);
	assert_string_equal(text, "");
}

static void test_hex_refused(void **state)
{
	uint8_t out[2] = {7, 7};

	assert_true(wm_hex_parse("", out, 0));
	assert_false(wm_hex_parse("abc", out, 2));
	assert_false(wm_hex_parse("abcde", out, 2));
	assert_false(wm_hex_parse("", out, 2));
	assert_false(wm_hex_parse(NULL, out, 2));
	assert_int_equal(out[0] + out[1], 14);
	for (int c = 1; c < 256; c++) {
		char s[5] = "00x0";
		bool is_digit = strchr("0123456789abcdefABCDEF", c) != NULL;

		s[2] = (char)c;
		out[0] = 7;
		assert_int_equal(wm_hex_parse(s, out, 2), is_digit);
		assert_int_equal(out[0], is_digit ? 0 : 7);
	}
}

static void test_base64_vectors(void **state) /* RFC 4648, section 10 */
{
	static const char *const rows[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		size_t n = strlen(rows[i][0]), len = 99;
		char text[16], back[16];

		assert_int_equal(wm_b64_size(n), strlen(rows[i][1]) + 1);
		wm_b64_format(rows[i][0], n, text);
		assert_string_equal(text, rows[i][1]);
		assert_true(wm_b64_parse(text, strlen(text), back, n, &len));
		assert_int_equal(len, n);
		assert_memory_equal(back, rows[i][0], n);
	}
}

static void test_base64_of_every_length_and_byte(void **state)
{
	for (size_t n = 0; n < 300; n++) {
		uint8_t *in = wm_alloc(n), *out = wm_alloc(n);
		char *text = wm_alloc(wm_b64_size(n));
		size_t len;

		for (size_t i = 0; i < n; i++)
			in[i] = (uint8_t)(i * 37 + n);
		wm_b64_format(in, n, text);
		assert_int_equal(strlen(text) + 1, wm_b64_size(n));
		assert_true(wm_b64_parse(text, strlen(text), out, n, &len));
		assert_int_equal(len, n);
		assert_memory_equal(in, out, n);
		if (n > 0) {
			assert_false(wm_b64_parse(text, strlen(text), out, n - 1, &len));
		}
		wm_free(in);
		wm_free(out);
		wm_free(text);
	}
}

static void test_base64_alphabet(void **state)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (int c = 0; c < 256; c++) {
		const char *place = c != 0 ? strchr(digits, c) : NULL;
		char s[4] = {'A', 'A', 'A', (char)c};
		uint8_t out[3] = {9, 9, 9};
		size_t len = 99;

		if (c == '=')
			continue;
		assert_int_equal(wm_b64_parse(s, 4, out, 3, &len), place != NULL);
		if (place != NULL) {
			assert_int_equal(out[2], place - digits);
		} else {
			assert_int_equal(out[0], 9);
			assert_int_equal(len, 99);
		}
	}
}

static void test_base64_strictness(void **state)
{
	static const char *const bad[] = {
		"A",    "AA",       "AAA",      "AAAAA",    "====",     "A===", "=AAA",
		"AA=A", "A=AA",     "AAA=AAAA", "AA==AAAA", "AAAA====", "AAB=", "AB==",
		"AQ=",  "AA AA===", "AAAA\n",   "AA\n=",    "AA-_",     " AAA", "AA\0=",
	};
	uint8_t out[16];
	size_t len;

	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		if (wm_b64_parse(bad[i], strlen(bad[i]), out, sizeof(out), &len))
			fail_msg("%s was taken for base64", bad[i]);
	}
	assert_false(wm_b64_parse("AA\0=", 4, out, sizeof(out), &len));
	assert_false(wm_b64_parse(NULL, 0, out, sizeof(out), &len));
	/* Spare bits: exactly one of 16 and of 4 spellings is right. */
	for (int c = 'A'; c <= 'P'; c++) {
		char two[] = "AA==", three[] = "AAA=";

		two[1] = (char)c;
		three[2] = (char)c;
		assert_int_equal(wm_b64_parse(two, 4, out, 16, &len), c == 'A');
		assert_int_equal(wm_b64_parse(three, 4, out, 16, &len), (c - 'A') % 4 == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hex_of_every_byte),
		cmocka_unit_test(test_hex_refused),
		cmocka_unit_test(test_base64_vectors),
		cmocka_unit_test(test_base64_of_every_length_and_byte),
		cmocka_unit_test(test_base64_alphabet),
		cmocka_unit_test(test_base64_strictness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
