#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"

static void test_alloc_is_zeroed_even_for_nothing(void **state)
{
	uint8_t *p = wm_alloc(100), *none = wm_alloc(0), *many = wm_calloc(10, 10);

	for (int i = 0; i < 100; i++)
		assert_int_equal(p[i] | many[i], 0);
	assert_non_null(none);
	wm_free(p);
	wm_free(none);
	wm_free(many);
	wm_free(wm_calloc(0, 8));
	wm_free(wm_calloc(SIZE_MAX, 0));
	wm_free(NULL);
}

static void test_realloc_keeps_the_content(void **state)
{
	char *p = wm_strdup("hello");

	p = wm_realloc(p, 1000);
	assert_string_equal(p, "hello");
	p = wm_realloc(p, 0);
	wm_free(p);
}

static void test_copies(void **state)
{
	char *a = wm_strndup("hello", 3), *b = wm_strndup("hi", 99), *c = wm_memdup("xyz", 3);

	assert_string_equal(a, "hel");
	assert_string_equal(b, "hi");
	assert_memory_equal(c, "xyz", 3);
	wm_free(a);
	wm_free(b);
	wm_free(c);
	wm_free(wm_memdup(NULL, 0));
}

static void test_try_alloc_fails_when_told(void **state)
{
	void *p;

	wm_try_alloc_fail_at(2);
	p = wm_try_alloc(8);
	assert_non_null(p);
	wm_free(p);
	assert_null(wm_try_alloc(8));
	p = wm_try_alloc(0);
	assert_non_null(p);
	wm_free(p);
	wm_try_alloc_fail_at(1);
	wm_try_alloc_fail_at(0);
	p = wm_try_alloc(8);
	assert_non_null(p);
	wm_free(p);
}

/* The sanitizers' allocators end the program over a size that malloc only refuses. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void test_try_alloc_of_too_much(void **state)
{
	assert_null(wm_try_alloc(SIZE_MAX / 4));
}

static char *made_in_a_scope(void)
{
	WM_AUTO(wm_autofree) char *given = wm_strdup("given"), *freed = wm_strdup("freed");

	freed[0] = 'F';
	return wm_steal(given);
}

static void test_auto_and_steal(void **state)
{
	char *s = made_in_a_scope(); /* LeakSanitizer sees whether the other was freed */

	assert_string_equal(s, "given");
	wm_free(s);
}

static void test_container_of(void **state)
{
	struct holder {
		int before;
		char member;
	} h = {5, 'x'};
	char *p = &h.member;

	assert_int_equal(wm_container_of(p, struct holder, member)->before, 5);
	assert_int_equal(WM_ARRAY_LEN(((int[7]){0})), 7);
}

static void test_aligned(void **state)
{
	for (size_t align = sizeof(void *); align <= 4096; align *= 2) {
		uint8_t *p = wm_alloc_aligned(align, align + 3);

		assert_int_equal((uintptr_t)p % align, 0);
		for (size_t i = 0; i < align + 3; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, align + 3);
		wm_free_aligned(p);
	}
	wm_free_aligned(NULL);
}

static void test_wipe_and_compare(void **state)
{
	uint8_t a[33], b[33];

	memset(a, 0xa5, sizeof(a));
	memset(b, 0xa5, sizeof(b));
	assert_true(wm_equal_secret(a, b, sizeof(a)));
	assert_true(wm_equal_secret(NULL, NULL, 0));
	for (size_t i = 0; i < sizeof(a); i++) {
		b[i] ^= 0x80;
		assert_false(wm_equal_secret(a, b, sizeof(a)));
		b[i] ^= 0x80;
	}
	wm_wipe(a, 32);
	for (int i = 0; i < 32; i++)
		assert_int_equal(a[i], 0);
	assert_int_equal(a[32], 0xa5);
	wm_wipe(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alloc_is_zeroed_even_for_nothing),
		cmocka_unit_test(test_realloc_keeps_the_content),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_try_alloc_fails_when_told),
		cmocka_unit_test(test_try_alloc_of_too_much),
		cmocka_unit_test(test_auto_and_steal),
		cmocka_unit_test(test_container_of),
		cmocka_unit_test(test_aligned),
		cmocka_unit_test(test_wipe_and_compare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
