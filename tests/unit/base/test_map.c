#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

static void test_an_empty_map(void **state)
{
	struct wm_map m = {0};
	struct wm_map_entry *e;

	assert_null(wm_map_find(&m, "a"));
	assert_null(wm_map_drop(&m, "a"));
	wm_map_each (e, &m)
		fail();
	wm_map_fini(&m);
	wm_map_fini(&m);
}

static void test_put_find_drop(void **state)
{
	struct wm_map m = {0};
	int one = 1, two = 2;
	char key[] = "key";

	assert_null(wm_map_put(&m, key, &one));
	key[0] = 'X'; /* the map has a copy */
	assert_ptr_equal(wm_map_find(&m, "key"), &one);
	assert_null(wm_map_find(&m, "ke"));
	assert_null(wm_map_find(&m, "keys"));
	assert_ptr_equal(wm_map_put(&m, "key", &two), &one);
	assert_int_equal(m.count, 1);
	assert_ptr_equal(wm_map_drop(&m, "key"), &two);
	assert_null(wm_map_drop(&m, "key"));
	assert_int_equal(m.count, 0);
	wm_map_fini(&m);
}

static void test_keys_are_bytes(void **state)
{
	struct wm_map m = {0};
	int a, b, c;

	wm_map_put_n(&m, "x\0y", 3, &a);
	wm_map_put_n(&m, "x\0z", 3, &b);
	wm_map_put_n(&m, NULL, 0, &c);
	assert_ptr_equal(wm_map_find_n(&m, "x\0y", 3), &a);
	assert_ptr_equal(wm_map_find_n(&m, "x\0z", 3), &b);
	assert_ptr_equal(wm_map_find(&m, ""), &c);
	assert_null(wm_map_find(&m, "x"));
	assert_ptr_equal(wm_map_drop_n(&m, "x\0y", 3), &a);
	assert_ptr_equal(wm_map_find_n(&m, "x\0z", 3), &b);
	wm_map_fini(&m);
}

static void test_order_is_that_of_insertion(void **state)
{
	struct wm_map m = {0};
	struct wm_map_entry *e;
	uintptr_t expected = 1;
	char key[16];

	for (uintptr_t i = 1; i <= 500; i++) {
		snprintf(key, sizeof(key), "k%u", (unsigned)i);
		wm_map_put(&m, key, (void *)i);
	}
	wm_map_each (e, &m) {
		snprintf(key, sizeof(key), "k%u", (unsigned)expected);
		assert_string_equal(e->key, key);
		assert_int_equal(e->key_len, strlen(key));
		assert_int_equal((uintptr_t)e->value, expected++);
	}
	assert_int_equal(expected, 501);
	wm_map_fini(&m);
}

static void test_removing_while_walking(void **state)
{
	struct wm_map m = {0};
	struct wm_map_entry *e;
	unsigned seen = 0;
	char key[16];

	for (uintptr_t i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "k%u", (unsigned)i);
		wm_map_put(&m, key, (void *)(i + 1));
	}
	wm_map_each (e, &m) {
		seen++;
		if (((uintptr_t)e->value & 3) != 0)
			wm_map_drop_n(&m, e->key, e->key_len); /* the map's own key */
	}
	assert_int_equal(seen, 200);
	assert_int_equal(m.count, 50);
	wm_map_each (e, &m)
		assert_int_equal((uintptr_t)e->value & 3, 0);
	wm_map_each (e, &m)
		wm_map_drop(&m, e->key);
	assert_int_equal(m.count, 0);
	wm_map_fini(&m);
}

/* A long random history against a plain array as the model. */
static void test_against_a_model(void **state)
{
	static void *model[512];
	struct wm_map m = {0};
	uint32_t x = 1, count = 0;

	memset(model, 0, sizeof(model));
	for (uint32_t step = 1; step < 60000; step++) {
		char key[16];
		uint32_t k;
		void *before;

		x = x * 1664525 + 1013904223;
		k = (x >> 8) % 512;
		before = model[k];
		snprintf(key, sizeof(key), "node-%u", k);
		assert_ptr_equal(wm_map_find(&m, key), before);
		if ((x >> 24) % 3 == 0) {
			assert_ptr_equal(wm_map_drop(&m, key), before);
			count -= before != NULL;
			model[k] = NULL;
		} else {
			assert_ptr_equal(wm_map_put(&m, key, (void *)(uintptr_t)step), before);
			count += before == NULL;
			model[k] = (void *)(uintptr_t)step;
		}
		assert_int_equal(m.count, count);
	}
	assert_true(m.cap_entries <= 2048); /* holes are used again */
	wm_map_fini(&m);
}

/* Few slots and many removals: probe sequences that wrap around and close their gaps. */
static void test_crowded_index(void **state)
{
	for (unsigned round = 0; round < 300; round++) {
		struct wm_map m = {0};
		char key[24];

		for (uintptr_t i = 0; i < 8; i++) {
			snprintf(key, sizeof(key), "%u-%u", round, (unsigned)i);
			wm_map_put(&m, key, (void *)(i + 1));
		}
		for (unsigned gone = 0; gone < 8; gone++) {
			snprintf(key, sizeof(key), "%u-%u", round, (gone * 5 + round) % 8);
			assert_non_null(wm_map_drop(&m, key));
			for (unsigned j = 0; j < 8; j++) {
				unsigned k = (j * 5 + round) % 8;

				snprintf(key, sizeof(key), "%u-%u", round, k);
				assert_ptr_equal(wm_map_find(&m, key),
						 j <= gone ? NULL : (void *)(uintptr_t)(k + 1));
			}
		}
		wm_map_fini(&m);
	}
}

static void test_null_values_count_as_members(void **state)
{
	struct wm_map m = {0};
	struct wm_map_entry *e;
	unsigned seen = 0;

	wm_map_put(&m, "a", NULL);
	wm_map_each (e, &m)
		seen++;
	assert_int_equal(seen, 1);
	assert_int_equal(m.count, 1);
	wm_map_fini(&m);
}

/* Appendix A of the SipHash paper, and some of the authors' vectors: input 00 01 02 .. */
static void test_hash_vectors(void **state)
{
	static const struct {
		size_t n;
		uint64_t hash;
	} rows[] = {
		{0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd},  {7, 0xab0200f58b01d137},
		{8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5},
	};
	const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	uint8_t input[16];

	for (uint8_t i = 0; i < sizeof(input); i++)
		input[i] = i;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++)
		assert_true(wm_map_hash(key, input, rows[i].n) == rows[i].hash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_map),
		cmocka_unit_test(test_put_find_drop),
		cmocka_unit_test(test_keys_are_bytes),
		cmocka_unit_test(test_order_is_that_of_insertion),
		cmocka_unit_test(test_removing_while_walking),
		cmocka_unit_test(test_against_a_model),
		cmocka_unit_test(test_crowded_index),
		cmocka_unit_test(test_null_values_count_as_members),
		cmocka_unit_test(test_hash_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
