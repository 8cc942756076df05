#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"

static void test_bytes_fill_any_length(void **state)
{
	static const size_t sizes[] = {1, 255, 256, 257, 1000};

	wm_rand_bytes(NULL, 0);
	for (size_t s = 0; s < WM_ARRAY_LEN(sizes); s++) {
		uint8_t *p = wm_alloc(sizes[s]);
		bool last_changed = false;

		/* Some byte of each place differs from zero, sooner or later. */
		for (int i = 0; i < 100 && !last_changed; i++) {
			wm_rand_bytes(p, sizes[s]);
			last_changed = p[sizes[s] - 1] != 0;
		}
		assert_true(last_changed);
		wm_free(p);
	}
}

static void test_two_draws_differ(void **state)
{
	uint8_t a[32], b[32];

	wm_rand_bytes(a, sizeof(a));
	wm_rand_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_true(wm_rand_u64() != wm_rand_u64());
	assert_true((wm_rand_u32() | wm_rand_u32() | wm_rand_u32() | wm_rand_u32()) != 0);
}

static void test_below_stays_below_and_reaches_all(void **state)
{
	unsigned seen[7] = {0};

	for (int i = 0; i < 7000; i++) {
		uint32_t v = wm_rand_below(7);

		assert_true(v < 7);
		seen[v]++;
	}
	for (int i = 0; i < 7; i++)
		assert_in_range(seen[i], 700, 1300); /* ten standard deviations around 1000 */
	for (int i = 0; i < 100; i++) {
		assert_int_equal(wm_rand_below(1), 0);
		assert_true(wm_rand_below(UINT32_MAX) < UINT32_MAX);
		assert_true(wm_rand_below(0x80000001) <= 0x80000000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_fill_any_length),
		cmocka_unit_test(test_two_draws_differ),
		cmocka_unit_test(test_below_stays_below_and_reaches_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
