#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/backoff.h"

#define MS 1000000LL

static void assert_near(int64_t pause, int64_t middle)
{
	assert_in_range(pause, middle / 100 * (100 - WM_BACKOFF_JITTER),
			middle / 100 * (100 + WM_BACKOFF_JITTER));
}

static void test_grows_to_the_limit(void **state)
{
	struct wm_backoff b = {.first_ns = 1000 * MS, .max_ns = 5000 * MS, .growth_percent = 160};
	static const int64_t expected[] = {1000, 1600, 2560, 4096, 5000, 5000};
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_near(wm_backoff_next(&b), expected[i] * MS);
	wm_backoff_reset(&b);
	assert_near(wm_backoff_next(&b), 1000 * MS);
	assert_near(wm_backoff_next(&b), 1600 * MS);
}

/* Two who fail together do not come back together: pauses are spread over the whole width. */
static void test_is_spread(void **state)
{
	struct wm_backoff b = {.first_ns = 1000 * MS, .max_ns = 1000 * MS, .growth_percent = 100};
	unsigned low = 0, high = 0;
	for (int i = 0; i < 1000; i++) {
		int64_t pause = wm_backoff_next(&b);
		assert_near(pause, 1000 * MS);
		low += pause < 900 * MS;
		high += pause > 1100 * MS;
	}
	assert_in_range(low, 100, 500);
	assert_in_range(high, 100, 500);
}

static void test_extremes(void **state)
{
	struct wm_backoff none = {0};
	struct wm_backoff short_ = {.first_ns = 7, .max_ns = 50, .growth_percent = 200};
	struct wm_backoff long_ = {
		.first_ns = INT64_MAX / 2, .max_ns = INT64_MAX / 2, .growth_percent = 1000};
	struct wm_backoff limited = {.first_ns = 100, .max_ns = 10, .growth_percent = 200};
	assert_int_equal(wm_backoff_next(&none), 0);
	assert_int_equal(wm_backoff_next(&none), 0);
	assert_in_range(wm_backoff_next(&short_), 5, 8);
	assert_in_range(wm_backoff_next(&short_), 11, 17);
	assert_near(wm_backoff_next(&long_), INT64_MAX / 2);
	assert_near(wm_backoff_next(&long_), INT64_MAX / 2);
	assert_in_range(wm_backoff_next(&limited), 8, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows_to_the_limit),
		cmocka_unit_test(test_is_spread),
		cmocka_unit_test(test_extremes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
