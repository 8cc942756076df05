#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"

static void test_memory_is_zeroed_and_aligned(void **state)
{
	struct wm_arena a;

	wm_arena_init(&a, 0);
	for (size_t size = 0; size < 300; size += 7) {
		uint8_t *p = wm_arena_alloc(&a, size);

		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
	}
	wm_arena_fini(&a);
	wm_arena_fini(&a);
}

static void test_objects_do_not_overlap(void **state)
{
	uint32_t *numbers[3000];
	struct wm_arena a;

	wm_arena_init(&a, 0);
	for (uint32_t i = 0; i < 3000; i++) {
		numbers[i] = wm_arena_alloc(&a, (i % 50 + 1) * sizeof(uint32_t));
		*numbers[i] = i;
	}
	for (uint32_t i = 0; i < 3000; i++)
		assert_int_equal(*numbers[i], i);
	assert_ptr_not_equal(wm_arena_alloc(&a, 0), wm_arena_alloc(&a, 0));
	wm_arena_fini(&a);
}

static void test_large_objects(void **state)
{
	struct wm_arena a;

	wm_arena_init(&a, 0);
	memset(wm_arena_alloc(&a, 10), 1, 10);
	memset(wm_arena_alloc(&a, 1000000), 2, 1000000);
	memset(wm_arena_alloc(&a, 10), 3, 10);
	assert_true(a.used >= 1000020);
	wm_arena_fini(&a);
}

static void test_the_limit_holds(void **state)
{
	struct wm_arena a;
	size_t got = 0;

	wm_arena_init(&a, 1000);
	assert_null(wm_arena_try(&a, 1001));
	assert_null(wm_arena_try(&a, SIZE_MAX));
	assert_null(wm_arena_try(&a, SIZE_MAX - 3));
	assert_int_equal(a.used, 0);
	while (wm_arena_try(&a, 10) != NULL)
		got++;
	assert_in_range(got, 50, 100); /* each counts what it takes with its alignment */
	assert_true(a.used <= 1000);
	/* What we need ourselves is not held back by a peer's limit. */
	assert_non_null(wm_arena_alloc(&a, 2000));
	assert_null(wm_arena_try(&a, 1));
	wm_arena_reset(&a);
	assert_non_null(wm_arena_try(&a, 900));
	wm_arena_fini(&a);
}

static void test_nothing_counts_against_the_limit_too(void **state)
{
	struct wm_arena a;
	size_t got = 0;

	wm_arena_init(&a, 160);
	while (got < 1000 && wm_arena_try(&a, 0) != NULL)
		got++;
	assert_in_range(got, 1, 160);
	wm_arena_fini(&a);
}

static void test_reset_keeps_one_block_and_zeroes_anew(void **state)
{
	struct wm_arena a;
	uint8_t *first, *again;

	wm_arena_init(&a, 0);
	wm_arena_reset(&a);
	first = wm_arena_alloc(&a, 100);
	memset(first, 0xff, 100);
	wm_arena_alloc(&a, 100000);
	wm_arena_reset(&a);
	assert_int_equal(a.used, 0);
	again = wm_arena_alloc(&a, 100);
	assert_ptr_equal(first, again);
	for (int i = 0; i < 100; i++)
		assert_int_equal(again[i], 0);
	wm_arena_fini(&a);
}

static void test_try_survives_a_lack_of_memory(void **state)
{
	struct wm_arena a;

	wm_arena_init(&a, 0);
	wm_try_alloc_fail_at(1);
	assert_null(wm_arena_try(&a, 10));
	assert_non_null(wm_arena_try(&a, 10));
	wm_try_alloc_fail_at(1);
	assert_non_null(wm_arena_try(&a, 10)); /* the block has room */
	assert_null(wm_arena_try(&a, 100000));
	wm_arena_fini(&a);
}

static void test_texts(void **state)
{
	struct wm_arena a;
	char *s;

	wm_arena_init(&a, 0);
	assert_string_equal(wm_arena_strdup(&a, "hello"), "hello");
	assert_string_equal(wm_arena_strdup(&a, ""), "");
	assert_string_equal(wm_arena_strndup(&a, "hello", 2), "he");
	assert_string_equal(wm_arena_strndup(&a, "hi", 20), "hi");
	assert_memory_equal(wm_arena_memdup(&a, "a\0b", 3), "a\0b", 3);
	assert_non_null(wm_arena_memdup(&a, NULL, 0));
	assert_string_equal(wm_arena_printf(&a, "%s-%d", "x", 5), "x-5");
	s = wm_arena_printf(&a, "%2000d", 1);
	assert_int_equal(strlen(s), 2000);
	wm_arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_is_zeroed_and_aligned),
		cmocka_unit_test(test_objects_do_not_overlap),
		cmocka_unit_test(test_large_objects),
		cmocka_unit_test(test_the_limit_holds),
		cmocka_unit_test(test_nothing_counts_against_the_limit_too),
		cmocka_unit_test(test_reset_keeps_one_block_and_zeroes_anew),
		cmocka_unit_test(test_try_survives_a_lack_of_memory),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
