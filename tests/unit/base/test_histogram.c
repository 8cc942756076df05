/* Which bucket a duration falls into. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/histogram.h"

static void test_bounds(void **state)
{
	struct wm_histogram h = {.sum_ns = 0};
	for (unsigned i = 0; i < WM_HISTOGRAM_BOUNDS; i++) {
		if (i > 0)
			assert_true(wm_histogram_bounds[i] > wm_histogram_bounds[i - 1]);
		wm_histogram_add(&h, wm_histogram_bounds[i]);     /* the bound belongs to it */
		wm_histogram_add(&h, wm_histogram_bounds[i] + 1); /* and this to the next */
	}
	wm_histogram_add(&h, 0);
	wm_histogram_add(&h, INT64_C(3600000000000));
	for (unsigned i = 0; i <= WM_HISTOGRAM_BOUNDS; i++)
		assert_int_equal(h.n[i], 2);
}

static void test_sum(void **state)
{
	struct wm_histogram h = {.sum_ns = 0};
	wm_histogram_add(&h, 7);
	wm_histogram_add(&h, INT64_C(20000000000));
	assert_int_equal(h.sum_ns, INT64_C(20000000007));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_bounds),
					   cmocka_unit_test(test_sum)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
