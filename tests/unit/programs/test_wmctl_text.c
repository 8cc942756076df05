/* What wmctl prints for people, and YAML from JSON. */
#include "base/clock.h"
#include "programs/wmctl/output.h"
#include "programs/wmctl/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void test_age(void **state)
{
	char s[WM_CTL_SHORT];
	assert_string_equal(wm_ctl_age(-5, s), "0s");
	assert_string_equal(wm_ctl_age(59 * WM_NS_PER_S + 999, s), "59s");
	assert_string_equal(wm_ctl_age(60 * WM_NS_PER_S, s), "1m0s");
	assert_string_equal(wm_ctl_age(3599 * WM_NS_PER_S, s), "59m59s");
	assert_string_equal(wm_ctl_age(3600 * WM_NS_PER_S, s), "1h0m");
	assert_string_equal(wm_ctl_age(86399 * WM_NS_PER_S, s), "23h59m");
	assert_string_equal(wm_ctl_age(86400 * 9 * WM_NS_PER_S, s), "9d0h");
	assert_string_equal(wm_ctl_age(INT64_MAX, s), "106751d23h");
}

static void test_bytes(void **state)
{
	char s[WM_CTL_SHORT];
	assert_string_equal(wm_ctl_bytes(0, s), "0 B");
	assert_string_equal(wm_ctl_bytes(1023, s), "1023 B");
	assert_string_equal(wm_ctl_bytes(1024, s), "1.0 KiB");
	assert_string_equal(wm_ctl_bytes(1048575, s), "1.0 MiB");
	assert_string_equal(wm_ctl_bytes(1536ull << 20, s), "1.5 GiB");
	assert_string_equal(wm_ctl_bytes(UINT64_MAX, s), "16.0 EiB");
}

static void test_time(void **state)
{
	int64_t t = 7;
	assert_true(wm_ctl_time_parse("2026-11-22T05:29:23Z", &t));
	assert_int_equal(t / WM_NS_PER_S, 1795325363);
	assert_true(wm_ctl_time_parse("2026-11-22T05:29:23.5999Z", &t));
	assert_int_equal(t / WM_NS_PER_S, 1795325363);
	assert_false(wm_ctl_time_parse("", &t));
	assert_false(wm_ctl_time_parse("2026-11-22T05:29:23", &t));
	assert_false(wm_ctl_time_parse("2026-11-22T05:29:23+01:00", &t));
	assert_false(wm_ctl_time_parse("2026-13-22T05:29:23Z", &t));
	assert_false(wm_ctl_time_parse("1969-12-31T23:59:59Z", &t));
	assert_false(wm_ctl_time_parse("9999-12-31T23:59:59Z", &t));
}

static void test_table(void **state)
{
	static const char *const head[] = {"NAME", "X", NULL};
	struct wm_ctl_table t = {0};
	struct wm_buf b = {0};
	wm_ctl_table_begin(&t, head);
	wm_ctl_table_add(&t, "ünïcödé");
	wm_ctl_table_add(&t, "1");
	wm_ctl_table_add(&t, "a\x1b[m");
	wm_ctl_table_add(&t, "");
	wm_ctl_table_add(&t, "short");
	wm_ctl_table_format(&t, " ", &b);
	assert_string_equal(wm_buf_str(&b), " NAME     X\n ünïcödé  1\n a?[m     -\n short    -\n");
	wm_ctl_table_fini(&t);
	wm_buf_fini(&b);
}

static void test_field(void **state)
{
	struct wm_buf b = {0};
	wm_ctl_field(&b, "  ", "ID", "x\ny");
	wm_ctl_field(&b, "", "Empty", "");
	wm_ctl_field(&b, "", "A very long label", "z");
	assert_string_equal(wm_buf_str(&b), "  ID:         x?y\nA very long label: z\n");
	wm_buf_fini(&b);
}

static void yaml(const char *json, const char *expected)
{
	struct wm_buf b = {0};
	struct wm_err err;
	assert_int_equal(wm_ctl_yaml_from_json(json, strlen(json), &b, &err), 0);
	assert_string_equal(wm_buf_str(&b), expected);
	wm_buf_fini(&b);
}

static void test_yaml(void **state)
{
	struct wm_buf b = {0};
	struct wm_err err;
	yaml("{}", "{}\n");
	yaml("[]", "[]\n");
	yaml("{\"b\": 1, \"a\": {\"x\": [], \"y\": {}}}", "b: 1\na:\n  x: []\n  \"y\": {}\n");
	yaml("[{\"a\": 1, \"b\": [true, \"x\"]}, \"no\", null]",
	     "- "
	     "a: 1\n  b:\n  - true\n  - x\n- \"no\"\n- null\n");
	yaml("{\"a\": \"1\", \"b\": \"a: b\", \"c\": \"\", \"d\": \"l1\\nl2\"}",
	     "a: \"1\"\nb: \"a: b\"\nc: \"\"\nd: \"l1\\x0al2\"\n");
	yaml("{\"a\": \"\\u2028\\ufeff\\u0085\\uffff\"}", "a: \"\\u2028\\ufeff\\x85\\uffff\"\n");
	yaml("[[1, 2], [3]]", "-\n  - 1\n  - 2\n-\n  - 3\n");
	assert_int_equal(wm_ctl_yaml_from_json("{", 1, &b, &err), WM_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_age),   cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_time),  cmocka_unit_test(test_table),
		cmocka_unit_test(test_field), cmocka_unit_test(test_yaml),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
