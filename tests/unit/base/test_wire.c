#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "base/wire.h"

static void test_numbers_there_and_back(void **state)
{
	uint8_t bytes[40];
	struct wm_wire w;

	wm_wire_init_write(&w, bytes, sizeof(bytes));
	wm_wire_put_u8(&w, 0x01);
	wm_wire_put_be16(&w, 0x0203);
	wm_wire_put_be32(&w, 0x04050607);
	wm_wire_put_be64(&w, 0x08090a0b0c0d0e0f);
	wm_wire_put_le16(&w, 0x1110);
	wm_wire_put_le32(&w, 0x15141312);
	wm_wire_put_le64(&w, 0x1d1c1b1a19181716);
	wm_wire_put(&w, "\x1e\x1f", 2);
	assert_true(wm_wire_ok(&w));
	assert_int_equal(wm_wire_left(&w), sizeof(bytes) - 31);
	for (int i = 0; i < 31; i++)
		assert_int_equal(bytes[i], i + 1);

	wm_wire_init_read(&w, bytes, 31);
	assert_int_equal(wm_wire_get_u8(&w), 0x01);
	assert_int_equal(wm_wire_get_be16(&w), 0x0203);
	assert_int_equal(wm_wire_get_be32(&w), 0x04050607);
	assert_true(wm_wire_get_be64(&w) == 0x08090a0b0c0d0e0f);
	assert_int_equal(wm_wire_get_le16(&w), 0x1110);
	assert_int_equal(wm_wire_get_le32(&w), 0x15141312);
	assert_true(wm_wire_get_le64(&w) == 0x1d1c1b1a19181716);
	uint8_t two[2];
	wm_wire_get(&w, two, 2);
	assert_memory_equal(two, "\x1e\x1f", 2);
	assert_true(wm_wire_ok(&w));
	assert_int_equal(wm_wire_left(&w), 0);
}

static void test_reading_too_far_sticks(void **state)
{
	struct wm_wire w;
	uint8_t out[4];

	wm_wire_init_read(&w, "\x01\x02\x03", 3);
	assert_int_equal(wm_wire_get_be32(&w), 0);
	assert_false(wm_wire_ok(&w));
	assert_int_equal(wm_wire_get_u8(&w), 0); /* although a byte is there */
	assert_int_equal(wm_wire_left(&w), 0);
	assert_null(wm_wire_skip(&w, 1));
	assert_null(wm_wire_skip(&w, 0));
	memset(out, 9, sizeof(out));
	wm_wire_get(&w, out, sizeof(out));
	assert_int_equal(out[0] | out[1] | out[2] | out[3], 0);
	assert_int_equal(wm_wire_get_varint(&w), 0);
}

static void test_writing_too_far_writes_nothing(void **state)
{
	uint8_t bytes[3] = {9, 9, 9};
	struct wm_wire w;

	wm_wire_init_write(&w, bytes, sizeof(bytes));
	wm_wire_put_be32(&w, 1);
	assert_false(wm_wire_ok(&w));
	wm_wire_put_u8(&w, 1);
	wm_wire_put(&w, "x", 1);
	wm_wire_put_varint(&w, 1);
	wm_wire_put_le16(&w, 1);
	assert_memory_equal(bytes, "\x09\x09\x09", 3);
}

static void test_nothing_at_all(void **state)
{
	struct wm_wire w;

	wm_wire_init_read(&w, NULL, 0);
	wm_wire_get(&w, NULL, 0);
	assert_true(wm_wire_ok(&w));
	assert_int_equal(wm_wire_left(&w), 0);
	wm_wire_get_u8(&w);
	assert_false(wm_wire_ok(&w));
}

static void test_fail_is_sticky(void **state)
{
	struct wm_wire w;

	wm_wire_init_read(&w, "abc", 3);
	wm_wire_fail(&w);
	assert_false(wm_wire_ok(&w));
	assert_int_equal(wm_wire_get_u8(&w), 0);
}

static void test_skip_borrows_in_place(void **state)
{
	static const char text[] = "abcdef";
	struct wm_wire w;

	wm_wire_init_read(&w, text, 6);
	assert_ptr_equal(wm_wire_skip(&w, 2), text);
	assert_ptr_equal(wm_wire_skip(&w, 4), text + 2);
	assert_true(wm_wire_ok(&w));
	assert_null(wm_wire_skip(&w, SIZE_MAX));
	assert_false(wm_wire_ok(&w));
}

static void test_varints(void **state)
{
	static const struct {
		uint64_t v;
		size_t n;
	} rows[] = {{0, 1},          {127, 1},       {128, 2},
		    {300, 2},        {16383, 2},     {16384, 3},
		    {UINT32_MAX, 5}, {INT64_MAX, 9}, {(uint64_t)INT64_MAX + 1, 10},
		    {UINT64_MAX, 10}};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		uint8_t bytes[10];
		struct wm_wire w;

		wm_wire_init_write(&w, bytes, sizeof(bytes));
		wm_wire_put_varint(&w, rows[i].v);
		assert_int_equal(sizeof(bytes) - wm_wire_left(&w), rows[i].n);
		wm_wire_init_read(&w, bytes, rows[i].n);
		assert_true(wm_wire_get_varint(&w) == rows[i].v);
		assert_true(wm_wire_ok(&w));
		wm_wire_init_read(&w, bytes, rows[i].n - 1);
		assert_true(wm_wire_get_varint(&w) == 0);
		assert_false(wm_wire_ok(&w));
		if (rows[i].n > 1) { /* a varint is written whole or not at all */
			memset(bytes, 0, sizeof(bytes));
			wm_wire_init_write(&w, bytes, rows[i].n - 1);
			wm_wire_put_varint(&w, rows[i].v);
			assert_false(wm_wire_ok(&w));
			assert_int_equal(bytes[0], 0);
		}
	}
}

static void test_varints_that_are_too_long(void **state)
{
	static const char *const bad[] = {
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", /* 65 bits */
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x01",
		"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		struct wm_wire w;

		wm_wire_init_read(&w, bad[i], strlen(bad[i]));
		assert_true(wm_wire_get_varint(&w) == 0);
		assert_false(wm_wire_ok(&w));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_there_and_back),
		cmocka_unit_test(test_reading_too_far_sticks),
		cmocka_unit_test(test_writing_too_far_writes_nothing),
		cmocka_unit_test(test_nothing_at_all),
		cmocka_unit_test(test_fail_is_sticky),
		cmocka_unit_test(test_skip_borrows_in_place),
		cmocka_unit_test(test_varints),
		cmocka_unit_test(test_varints_that_are_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
