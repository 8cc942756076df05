#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

static void test_the_clock_does_not_go_back(void **state)
{
	int64_t last = wm_clock_now();

	for (int i = 0; i < 10000; i++) {
		int64_t now = wm_clock_now();

		assert_true(now >= last);
		last = now;
	}
	assert_true(last > 0);
}

static void test_wall_and_cpu(void **state)
{
	int64_t cpu = wm_clock_cpu();
	volatile unsigned x = 0;

	assert_true(wm_clock_wall() > 1700000000 * WM_NS_PER_S);
	while (wm_clock_cpu() - cpu < WM_NS_PER_MS)
		x++;
	assert_true(wm_clock_cpu() > cpu);
}

static void test_time_format(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00Z"},
		{1, "1970-01-01T00:00:00.000000001Z"},
		{-1, "1969-12-31T23:59:59.999999999Z"},
		{-1000000000, "1969-12-31T23:59:59Z"},
		{1795325361430000000, "2026-11-22T05:29:21.43Z"},
		{951782400 * WM_NS_PER_S, "2000-02-29T00:00:00Z"},
		{INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
		{INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
	};
	char out[WM_TIME_TEXT];

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++)
		assert_string_equal(wm_time_format(rows[i].ns, out), rows[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_clock_does_not_go_back),
		cmocka_unit_test(test_wall_and_cpu),
		cmocka_unit_test(test_time_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
