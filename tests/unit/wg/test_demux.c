#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "wg/demux.h"
#include "wg/inner.h"
#include "wg/message.h"

static enum wm_wg_kind kind_of(uint32_t type, size_t len)
{
	uint8_t data[256] = {0};
	wm_wg_put_le32(data, type);
	return wm_wg_demux_parse(data, len);
}

static void test_each_type_has_its_length(void **state)
{
	for (size_t len = 4; len < 256; len++) {
		assert_int_equal(kind_of(1, len),
				 len == 148 ? WM_WG_KIND_INITIATION : WM_WG_KIND_MALFORMED);
		assert_int_equal(kind_of(2, len),
				 len == 92 ? WM_WG_KIND_RESPONSE : WM_WG_KIND_MALFORMED);
		assert_int_equal(kind_of(3, len),
				 len == 64 ? WM_WG_KIND_COOKIE : WM_WG_KIND_MALFORMED);
		assert_int_equal(kind_of(4, len),
				 len >= 32 ? WM_WG_KIND_DATA : WM_WG_KIND_MALFORMED);
		assert_int_equal(kind_of(5, len), WM_WG_KIND_FOREIGN);
		assert_int_equal(kind_of(0x01000001, len), WM_WG_KIND_FOREIGN);
	}
	for (size_t len = 0; len < 4; len++)
		assert_int_equal(kind_of(1, len), WM_WG_KIND_FOREIGN);
}

static void test_stun(void **state)
{
	/* A binding request with one attribute of eight bytes. */
	uint8_t stun[28] = {0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42};
	assert_int_equal(wm_wg_demux_parse(stun, 28), WM_WG_KIND_STUN);
	assert_int_equal(wm_wg_demux_parse(stun, 27), WM_WG_KIND_FOREIGN);
	assert_int_equal(wm_wg_demux_parse(stun, 20), WM_WG_KIND_FOREIGN);
	stun[4] = 0;
	assert_int_equal(wm_wg_demux_parse(stun, 28), WM_WG_KIND_FOREIGN);
	/* A binding response: its first byte is WireGuard's type 1, its length is not. */
	uint8_t response[20] = {1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
	assert_int_equal(wm_wg_demux_parse(response, 20), WM_WG_KIND_STUN);
	/* Method and class that make the type word look like an initiation's. */
	uint8_t odd[20] = {1, 0, 0, 0, 0x21, 0x12, 0xa4, 0x42};
	assert_int_equal(wm_wg_demux_parse(odd, 20), WM_WG_KIND_STUN);
}

static void test_a_receiver_index_that_looks_like_stun(void **state)
{
	uint8_t data[92] = {2, 0, 0, 0, 0x21, 0x12, 0xa4, 0x42};
	assert_int_equal(wm_wg_demux_parse(data, 92), WM_WG_KIND_RESPONSE);
}

static void test_ipv4_inside(void **state)
{
	uint8_t p[64] = {0x45, 0, 0, 40};
	struct wm_wg_inner inner;
	assert_true(wm_wg_inner_parse(p, 64, &inner));
	assert_int_equal(inner.version, 4);
	assert_int_equal(inner.len, 40); /* the rest is padding */
	assert_ptr_equal(inner.source, p + 12);
	assert_ptr_equal(inner.target, p + 16);
	assert_true(wm_wg_inner_parse(p, 40, &inner));
	for (size_t len = 0; len < 40; len++)
		assert_false(wm_wg_inner_parse(p, len, &inner));
	p[0] = 0x44; /* a header shorter than a header */
	assert_false(wm_wg_inner_parse(p, 64, &inner));
	p[0] = 0x4f; /* a header longer than the packet */
	assert_false(wm_wg_inner_parse(p, 64, &inner));
	p[3] = 60;
	assert_true(wm_wg_inner_parse(p, 64, &inner));
}

static void test_ipv6_inside(void **state)
{
	uint8_t p[64] = {0x60, 0, 0, 0, 0, 8};
	struct wm_wg_inner inner;
	assert_true(wm_wg_inner_parse(p, 64, &inner));
	assert_int_equal(inner.version, 6);
	assert_int_equal(inner.len, 48);
	assert_ptr_equal(inner.source, p + 8);
	assert_ptr_equal(inner.target, p + 24);
	for (size_t len = 0; len < 48; len++)
		assert_false(wm_wg_inner_parse(p, len, &inner));
	p[0] = 0x50;
	assert_false(wm_wg_inner_parse(p, 64, &inner));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_type_has_its_length),
		cmocka_unit_test(test_stun),
		cmocka_unit_test(test_a_receiver_index_that_looks_like_stun),
		cmocka_unit_test(test_ipv4_inside),
		cmocka_unit_test(test_ipv6_inside),
	};
	return cmocka_run_group_tests_name("wg/demux", tests, NULL, NULL);
}
