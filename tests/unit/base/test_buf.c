#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

static void test_an_empty_buffer(void **state)
{
	struct wm_buf b = {0};

	assert_string_equal(wm_buf_str(&b), "");
	wm_buf_clear(&b);
	wm_buf_consume(&b, 0);
	wm_buf_commit(&b, 0);
	wm_buf_fini(&b);
	wm_buf_fini(&b);
	char *s = wm_buf_take(&b);
	assert_string_equal(s, "");
	wm_free(s);
}

static void test_adding(void **state)
{
	struct wm_buf b = {0};

	wm_buf_add(&b, NULL, 0);
	assert_string_equal(wm_buf_str(&b), "");
	wm_buf_add_str(&b, "hello");
	wm_buf_add(&b, "\0x", 2);
	assert_int_equal(b.len, 7);
	assert_memory_equal(b.data, "hello\0x", 8);
	wm_buf_clear(&b);
	assert_int_equal(b.len, 0);
	assert_string_equal(wm_buf_str(&b), "");
	wm_buf_printf(&b, "%d-%s", 5, "x");
	wm_buf_printf(&b, "%s", "");
	assert_string_equal(wm_buf_str(&b), "5-x");
	wm_buf_fini(&b);
	assert_null(b.data);
}

static void test_growing_keeps_everything(void **state)
{
	struct wm_buf b = {0};

	for (int i = 0; i < 20000; i++) {
		uint8_t byte = (uint8_t)i;

		wm_buf_add(&b, &byte, 1);
		assert_int_equal(b.data[b.len], 0);
	}
	assert_int_equal(b.len, 20000);
	for (int i = 0; i < 20000; i++)
		assert_int_equal(b.data[i], (uint8_t)i);
	assert_true(b.cap < 65536);
	wm_buf_fini(&b);
}

static void test_reserve_and_commit(void **state)
{
	struct wm_buf b = {0};
	uint8_t *at = wm_buf_reserve(&b, 5000);

	assert_int_equal(b.len, 0);
	assert_int_equal(b.data[0], 0);
	memset(at, 'z', 5000);
	wm_buf_commit(&b, 3);
	assert_string_equal(wm_buf_str(&b), "zzz");
	wm_buf_fini(&b);
}

static void test_printf_longer_than_the_room(void **state)
{
	struct wm_buf b = {0};
	char longer[3000];

	memset(longer, 'y', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	wm_buf_printf(&b, "<%s>", longer);
	assert_int_equal(b.len, sizeof(longer) + 1);
	assert_int_equal(b.data[0], '<');
	assert_string_equal(wm_buf_str(&b) + b.len - 2, "y>");
	wm_buf_fini(&b);
}

static void test_consume(void **state)
{
	struct wm_buf b = {0};

	wm_buf_add_str(&b, "abcdef");
	wm_buf_consume(&b, 2);
	assert_string_equal(wm_buf_str(&b), "cdef");
	wm_buf_consume(&b, 4);
	assert_string_equal(wm_buf_str(&b), "");
	assert_int_equal(b.len, 0);
	wm_buf_fini(&b);
}

static void test_take(void **state)
{
	struct wm_buf b = {0};
	char *s;

	wm_buf_add_str(&b, "mine");
	s = wm_buf_take(&b);
	assert_string_equal(s, "mine");
	assert_null(b.data);
	assert_int_equal(b.len + b.cap, 0);
	wm_buf_add_str(&b, "new");
	assert_string_equal(wm_buf_str(&b), "new");
	wm_buf_fini(&b);
	wm_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_buffer),
		cmocka_unit_test(test_adding),
		cmocka_unit_test(test_growing_keeps_everything),
		cmocka_unit_test(test_reserve_and_commit),
		cmocka_unit_test(test_printf_longer_than_the_room),
		cmocka_unit_test(test_consume),
		cmocka_unit_test(test_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
