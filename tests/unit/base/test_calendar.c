#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/calendar.h"
#include "base/mem.h"

static void test_known_days(void **state)
{
	static const struct {
		struct wm_date date;
		int64_t days;
	} rows[] = {
		{{1970, 1, 1}, 0},       {{1969, 12, 31}, -1},    {{2000, 2, 29}, 11016},
		{{2000, 3, 1}, 11017},   {{1900, 2, 28}, -25509}, {{1900, 3, 1}, -25508},
		{{2026, 11, 22}, 20779}, {{1, 1, 1}, -719162},    {{9999, 12, 31}, 2932896},
		{{0, 2, 29}, -719469},   {{0, 3, 1}, -719468},    {{-1, 12, 31}, -719529},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_date back = wm_date_from_days(rows[i].days);

		assert_int_equal(wm_date_to_days(&rows[i].date), rows[i].days);
		assert_int_equal(back.year, rows[i].date.year);
		assert_int_equal(back.month, rows[i].date.month);
		assert_int_equal(back.day, rows[i].date.day);
	}
}

/* Every day of 900 years follows the one before it, by the lengths of the months. */
static void test_days_follow_each_other(void **state)
{
	struct wm_date d = {1600, 1, 1};
	int64_t days = wm_date_to_days(&d);

	while (d.year < 2500) {
		struct wm_date back = wm_date_from_days(days);

		assert_int_equal(wm_date_to_days(&d), days);
		assert_true(back.year == d.year && back.month == d.month && back.day == d.day);
		days++;
		if (++d.day <= wm_month_days(d.year, d.month))
			continue;
		d.day = 1;
		if (++d.month <= 12)
			continue;
		d.month = 1;
		d.year++;
	}
	assert_int_equal(days, 193579);
}

static void test_month_days(void **state)
{
	assert_int_equal(wm_month_days(2026, 1), 31);
	assert_int_equal(wm_month_days(2026, 4), 30);
	assert_int_equal(wm_month_days(2026, 2), 28);
	assert_int_equal(wm_month_days(2024, 2), 29);
	assert_int_equal(wm_month_days(1900, 2), 28);
	assert_int_equal(wm_month_days(2000, 2), 29);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_days),
		cmocka_unit_test(test_days_follow_each_other),
		cmocka_unit_test(test_month_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
