#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static void test_u64(void **state)
{
	uint64_t v = 42;

	assert_true(wm_parse_u64("0", 0, UINT64_MAX, &v) && v == 0);
	assert_true(wm_parse_u64("18446744073709551615", 0, UINT64_MAX, &v) && v == UINT64_MAX);
	assert_true(wm_parse_u64("007", 0, 10, &v) && v == 7);
	assert_true(wm_parse_u64("10", 10, 10, &v) && v == 10);
}

static void test_u64_refuses(void **state)
{
	static const char *const bad[] = {"",
					  " 1",
					  "1 ",
					  "+1",
					  "-1",
					  "0x10",
					  "1e3",
					  "1.0",
					  "a",
					  "1a",
					  "18446744073709551616",
					  "99999999999999999999999"};
	uint64_t v = 42;

	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_false(wm_parse_u64(bad[i], 0, UINT64_MAX, &v));
	assert_false(wm_parse_u64(NULL, 0, UINT64_MAX, &v));
	assert_false(wm_parse_u64("9", 10, 20, &v));
	assert_false(wm_parse_u64("21", 10, 20, &v));
	assert_int_equal(v, 42);
}

static void test_i64(void **state)
{
	int64_t v = 42;

	assert_true(wm_parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &v));
	assert_true(v == INT64_MIN);
	assert_true(wm_parse_i64("9223372036854775807", INT64_MIN, INT64_MAX, &v));
	assert_true(v == INT64_MAX);
	assert_true(wm_parse_i64("-0", INT64_MIN, INT64_MAX, &v) && v == 0);
	v = 42;
	assert_false(wm_parse_i64("9223372036854775808", INT64_MIN, INT64_MAX, &v));
	assert_false(wm_parse_i64("-9223372036854775809", INT64_MIN, INT64_MAX, &v));
	assert_false(wm_parse_i64("--1", INT64_MIN, INT64_MAX, &v));
	assert_false(wm_parse_i64("-", INT64_MIN, INT64_MAX, &v));
	assert_false(wm_parse_i64("", INT64_MIN, INT64_MAX, &v));
	assert_false(wm_parse_i64(NULL, INT64_MIN, INT64_MAX, &v));
	assert_false(wm_parse_i64("-6", -5, 5, &v));
	assert_false(wm_parse_i64("6", -5, 5, &v));
	assert_int_equal(v, 42);
}

static void test_bool(void **state)
{
	static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True"};
	static const char *const no[] = {"false", "0", "f", "F", "FALSE", "False"};
	static const char *const bad[] = {"", "yes", "tRUE", "true ", "2", "on", NULL};
	bool v;

	for (size_t i = 0; i < 6; i++) {
		v = false;
		assert_true(wm_parse_bool(yes[i], &v) && v);
		assert_true(wm_parse_bool(no[i], &v) && !v);
	}
	v = true;
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_false(wm_parse_bool(bad[i], &v));
	assert_true(v);
}

#define S 1000000000LL

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} rows[] = {
		{"0", 0},
		{"-0", 0},
		{"+0", 0},
		{"5s", 5 * S},
		{"30s", 30 * S},
		{"1478s", 1478 * S},
		{"-5s", -5 * S},
		{"+5s", 5 * S},
		{"5.0s", 5 * S},
		{"5.6s", 5600000000},
		{"5.s", 5 * S},
		{".5s", S / 2},
		{"1.004s", 1004000000},
		{"1.00400000000000000000000s", 1004000000},
		{"100.00100s", 100001000000},
		{"10ns", 10},
		{"11us", 11000},
		{"12\xc2\xb5s", 12000},
		{"12\xce\xbcs", 12000},
		{"13ms", 13000000},
		{"14s", 14 * S},
		{"15m", 900 * S},
		{"16h", 57600 * S},
		{"3h30m", 12600 * S},
		{"10.5s4m", 250500000000},
		{"-2m3.4s", -123400000000},
		{"1h2m3s4ms5us6ns", 3723 * S + 4005006},
		{"39h9m14.425s", 140954425000000},
		{"52763797000ns", 52763797000},
		{"0.3333333333333333333h", 1200 * S},
		{"9007199254740993ns", 9007199254740993},
		{"9223372036854775807ns", INT64_MAX},
		{"9223372036854775.807us", INT64_MAX},
		{"9223372036s854ms775us807ns", INT64_MAX},
		{"-9223372036854775808ns", INT64_MIN},
		{"-9223372036854775.808us", INT64_MIN},
		{"0.100000000000000000000h", 360 * S},
		{"0.830103483285477580700h", 2988372539827},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		int64_t ns = 42;

		if (!wm_parse_duration(rows[i].text, &ns) || ns != rows[i].ns)
			fail_msg("%s is %lld", rows[i].text, (long long)ns);
	}
}

static void test_durations_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"3",
		"-",
		"+",
		"s",
		".",
		"-.",
		".s",
		"+.s",
		"1d",
		"5",
		"1s ",
		" 1s",
		"1 s",
		"--1s",
		"1s-1s",
		"\x85\x85",
		"1\xffs",
		"hello",
		"1S",
		"0s0",
		"00",
		"1..5s",
		"1.5.s",
		"9223372036854775808ns",
		"9223372036854775.808us",
		"9223372036854ms775us808ns",
		"9223372037s",
		"3000000h",
		"-9223372036854775809ns",
		"99999999999999999999s",
		"1e3s",
		"0x1s",
		NULL,
	};
	int64_t ns = 42;

	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		if (wm_parse_duration(bad[i], &ns))
			fail_msg("%s was taken for a duration", bad[i]);
	}
	assert_int_equal(ns, 42);
}

static void test_decimal_digits(void **state)
{
	static const struct {
		uint64_t v;
		const char *text;
	} rows[] = {{0, "0"},     {9, "9"},         {10, "10"},
		    {255, "255"}, {65535, "65535"}, {UINT64_MAX, "18446744073709551615"}};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		size_t len = strlen(rows[i].text);
		char *out = wm_alloc(len); /* AddressSanitizer watches its end */

		assert_ptr_equal(wm_put_u64(out, rows[i].v), out + len);
		assert_memory_equal(out, rows[i].text, len);
		wm_free(out);
	}
}

static void test_durations_formatted(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		{0, "0s"},
		{1, "1ns"},
		{1100, "1.1\xc2\xb5s"},
		{2200000, "2.2ms"},
		{3300000000, "3.3s"},
		{245 * S, "4m5s"},
		{245001000000, "4m5.001s"},
		{3723 * S, "1h2m3s"},
		{18367001000000, "5h6m7.001s"},
		{3600 * S, "1h0m0s"},
		{60 * S, "1m0s"},
		{480000000001, "8m0.000000001s"},
		{500000000, "500ms"},
		{-1500000000, "-1.5s"},
		{-1, "-1ns"},
		{INT64_MAX, "2562047h47m16.854775807s"},
		{INT64_MIN, "-2562047h47m16.854775808s"},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		char out[40];
		int64_t back;

		assert_string_equal(wm_format_duration(rows[i].ns, out, sizeof(out)), rows[i].text);
		assert_true(wm_parse_duration(out, &back));
		assert_true(back == rows[i].ns);
	}
}

static void test_durations_cut_to_any_size(void **state)
{
	for (size_t size = 0; size < 30; size++) {
		char *out = wm_alloc(size); /* AddressSanitizer watches its end */

		wm_format_duration(INT64_MIN, out, size);
		if (size > 0)
			assert_true(strlen(out) < size);
		wm_format_duration(3600 * S, out, size);
		if (size > 0)
			assert_true(strlen(out) < size);
		wm_free(out);
	}
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes;
		const char *back;
	} rows[] = {
		{"0", 0, "0"},
		{"1", 1, "1"},
		{"1023", 1023, "1023"},
		{"512B", 512, "512"},
		{"1024", 1024, "1KiB"},
		{"64KiB", 65536, "64KiB"},
		{"4MiB", 4 << 20, "4MiB"},
		{"1536KiB", 1536 << 10, "1536KiB"},
		{"2GiB", INT64_C(2) << 30, "2GiB"},
		{"1TiB", INT64_C(1) << 40, "1TiB"},
		{"4kB", 4000, "4000"},
		{"1MB", 1000000, "1000000"},
		{"1GB", 1000000000, "1000000000"},
		{"1TB", INT64_C(1000000000000), "976562500KiB"},
		{"9223372036854775807", INT64_MAX, "9223372036854775807"},
		{"8388607TiB", INT64_C(8388607) << 40, "8388607TiB"},
	};
	char out[32];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t bytes = -1;
		assert_true(wm_parse_size(rows[i].text, &bytes));
		assert_true(bytes == rows[i].bytes);
		assert_string_equal(wm_format_size(bytes, out, sizeof(out)), rows[i].back);
		assert_true(wm_parse_size(out, &bytes) && bytes == rows[i].bytes);
	}
}

static void test_sizes_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"MiB",
		"-1",
		"+1",
		"1.5MiB",
		"4 MiB",
		"4mib",
		"4M",
		"4MiB ",
		"4MiBB",
		"0x10",
		"1e3",
		"9223372036854775808",
		"8388608TiB",
		"99999999999999999999999999999999",
	};
	int64_t bytes;
	assert_false(wm_parse_size(NULL, &bytes));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (wm_parse_size(bad[i], &bytes))
			fail_msg("%s was taken for a size", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_u64_refuses),
		cmocka_unit_test(test_i64),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_durations_refused),
		cmocka_unit_test(test_decimal_digits),
		cmocka_unit_test(test_durations_formatted),
		cmocka_unit_test(test_durations_cut_to_any_size),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_sizes_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
