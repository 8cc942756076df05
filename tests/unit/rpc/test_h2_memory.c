/* Blocks of every size, across the border between heap and page mappings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "rpc/h2_impl.h"

static const size_t sizes[] = {0, 1, 4096, 16383, 16384, 16394, 65536, 1 << 20};

static void test_blocks_are_aligned_and_their_own(void **state)
{
	nghttp2_mem *m = wm_h2_memory();
	uint8_t *blocks[WM_ARRAY_LEN(sizes)];
	for (size_t i = 0; i < WM_ARRAY_LEN(sizes); i++) {
		blocks[i] = m->malloc(sizes[i], NULL);
		assert_non_null(blocks[i]);
		assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
		memset(blocks[i], (int)i, sizes[i]);
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(sizes); i++) {
		for (size_t at = 0; at < sizes[i]; at++)
			assert_int_equal(blocks[i][at], i);
		m->free(blocks[i], NULL);
	}
	m->free(NULL, NULL);
}

static void test_a_resized_block_keeps_its_content(void **state)
{
	nghttp2_mem *m = wm_h2_memory();
	for (size_t i = 0; i < WM_ARRAY_LEN(sizes); i++) {
		for (size_t j = 0; j < WM_ARRAY_LEN(sizes); j++) {
			size_t kept = sizes[i] < sizes[j] ? sizes[i] : sizes[j];
			uint8_t *p = m->realloc(NULL, sizes[i], NULL);
			memset(p, 0xa5, sizes[i]);
			p = m->realloc(p, sizes[j], NULL);
			assert_non_null(p);
			for (size_t at = 0; at < kept; at++)
				assert_int_equal(p[at], 0xa5);
			memset(p, 0x5a, sizes[j]);
			m->free(p, NULL);
		}
	}
}

static void test_calloc_zeroes_and_refuses_what_cannot_be(void **state)
{
	nghttp2_mem *m = wm_h2_memory();
	for (size_t i = 0; i < WM_ARRAY_LEN(sizes); i++) {
		uint8_t *p = m->calloc(sizes[i], 3, NULL);
		for (size_t at = 0; at < 3 * sizes[i]; at++)
			assert_int_equal(p[at], 0);
		m->free(p, NULL);
	}
	assert_null(m->calloc(SIZE_MAX / 2, 3, NULL));
	assert_null(m->malloc(SIZE_MAX - 8, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_are_aligned_and_their_own),
		cmocka_unit_test(test_a_resized_block_keeps_its_content),
		cmocka_unit_test(test_calloc_zeroes_and_refuses_what_cannot_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
