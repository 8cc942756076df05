#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static void test_comparing(void **state)
{
	assert_true(wm_streq("a", "a"));
	assert_false(wm_streq("a", "b"));
	assert_true(wm_streq(NULL, NULL));
	assert_false(wm_streq(NULL, ""));
	assert_false(wm_streq("", NULL));
	assert_true(wm_str_starts("abc", ""));
	assert_true(wm_str_starts("abc", "abc"));
	assert_false(wm_str_starts("ab", "abc"));
	assert_true(wm_str_ends("abc", "bc"));
	assert_true(wm_str_ends("abc", ""));
	assert_false(wm_str_ends("bc", "abc"));
	assert_false(wm_str_ends("abc", "ab"));
	assert_true(wm_str_is_empty(NULL));
	assert_true(wm_str_is_empty(""));
	assert_false(wm_str_is_empty(" "));
}

static void test_trim(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"", ""},     {" \t\r\n\v\f ", ""},    {"a", "a"}, {"  a b  ", "a b"}, {"a\n", "a"},
		{"\ta", "a"}, {"\xc2\xa0", "\xc2\xa0"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char s[32];

		strcpy(s, rows[i].in);
		assert_string_equal(wm_str_trim(s), rows[i].out);
	}
}

static void test_cut(void **state)
{
	char s[] = "a,,b,";
	char *rest = s;

	assert_string_equal(wm_str_cut(&rest, ','), "a");
	assert_string_equal(wm_str_cut(&rest, ','), "");
	assert_string_equal(wm_str_cut(&rest, ','), "b");
	assert_string_equal(wm_str_cut(&rest, ','), "");
	assert_null(rest);
	assert_null(wm_str_cut(&rest, ','));

	char one[] = "whole";
	rest = one;
	assert_string_equal(wm_str_cut(&rest, '\0'), "whole");
	assert_null(rest);
}

static void test_copy(void **state)
{
	char d[4] = "xyz";

	assert_true(wm_str_copy(d, sizeof(d), "abc"));
	assert_string_equal(d, "abc");
	assert_false(wm_str_copy(d, sizeof(d), "defg"));
	assert_string_equal(d, "def");
	assert_false(wm_str_copy(d, 1, "q"));
	assert_string_equal(d, "");
	d[0] = 'k';
	assert_false(wm_str_copy(d, 0, ""));
	assert_int_equal(d[0], 'k');
}

#define UTF8(s) wm_utf8_is_valid(s, sizeof(s) - 1)

static void test_utf8_that_is_valid(void **state)
{
	assert_true(wm_utf8_is_valid(NULL, 0));
	assert_true(UTF8("plain\0with nul"));
	assert_true(UTF8("\xc2\x80 \xdf\xbf"));
	assert_true(UTF8("\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf"));
	assert_true(UTF8("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"));
}

static void test_utf8_that_is_not(void **state)
{
	assert_false(UTF8("\x80"));
	assert_false(UTF8("\xbf"));
	assert_false(UTF8("\xc0\x80"));         /* overlong */
	assert_false(UTF8("\xc1\xbf"));         /* overlong */
	assert_false(UTF8("\xe0\x9f\xbf"));     /* overlong */
	assert_false(UTF8("\xf0\x8f\xbf\xbf")); /* overlong */
	assert_false(UTF8("\xed\xa0\x80"));     /* surrogate */
	assert_false(UTF8("\xed\xbf\xbf"));     /* surrogate */
	assert_false(UTF8("\xf4\x90\x80\x80")); /* beyond U+10FFFF */
	assert_false(UTF8("\xf5\x80\x80\x80"));
	assert_false(UTF8("\xff"));
	assert_false(UTF8("a\xc3"));        /* cut */
	assert_false(UTF8("\xe2\x82"));     /* cut */
	assert_false(UTF8("\xf0\x9f\x98")); /* cut */
	assert_false(UTF8("\xe2\x28\xa1")); /* no continuation */
	assert_false(UTF8("\xe2\x82\x28"));
	assert_false(UTF8("\xf0\x90\x80\x28"));
}

static void test_utf8_sequences(void **state)
{
	assert_int_equal(wm_utf8_sequence("", 0), 0);
	assert_int_equal(wm_utf8_sequence("ab", 2), 1);
	assert_int_equal(wm_utf8_sequence("\xc3\xa9x", 3), 2);
	assert_int_equal(wm_utf8_sequence("\xe2\x82\xac", 3), 3);
	assert_int_equal(wm_utf8_sequence("\xe2\x82\xac", 2), 0);
	assert_int_equal(wm_utf8_sequence("\xf0\x9f\x98\x80", 4), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comparing),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_utf8_that_is_valid),
		cmocka_unit_test(test_utf8_that_is_not),
		cmocka_unit_test(test_utf8_sequences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
