#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"

/* The definition: big-endian words, one by one, the carry at once. */
static uint16_t reference(const uint8_t *p, size_t len)
{
	unsigned sum = 0;
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (unsigned)p[i] << 8 : p[i];
		sum = sum > 0xffff ? sum - 0xffff : sum;
	}
	return (uint16_t)sum;
}

/* A folded sum as a number. */
static uint16_t value(uint64_t sum)
{
	uint16_t folded = wm_checksum_fold(sum);
	uint8_t bytes[2];
	memcpy(bytes, &folded, sizeof(bytes));
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void check(const uint8_t *p, size_t len)
{
	uint16_t right = reference(p, len);
	assert_int_equal(value(wm_checksum_add(0, p, len)), right);
	assert_int_equal(value(wm_checksum_add_portable(0, p, len)), right);
	/* Cut at an even offset, and so that the halves are aligned differently. */
	size_t cut = len / 3 & ~(size_t)1;
	assert_int_equal(value(wm_checksum_add(wm_checksum_add(0, p + cut, len - cut), p, cut)),
			 right);
}

static void test_every_length_and_alignment(void **state)
{
	for (size_t len = 0; len <= 600; len++) {
		for (size_t shift = 0; shift < 9; shift++) {
			/* An exact allocation, so that the sanitizer sees a byte read too far. */
			uint8_t *p = malloc(len + shift > 0 ? len + shift : 1);
			for (size_t i = 0; i < len + shift; i++)
				p[i] = (uint8_t)rand();
			check(p + shift, len);
			free(p);
		}
	}
}

static void test_carries(void **state)
{
	uint8_t p[2000];
	for (int fill = 0; fill < 3; fill++) {
		memset(p, fill == 0 ? 0xff : fill == 1 ? 0x00 : 0x80, sizeof(p));
		for (size_t len = 0; len <= sizeof(p); len += 1 + len / 8)
			check(p, len);
	}
	memset(p, 0xff, sizeof(p));
	assert_int_equal(wm_checksum_fold(wm_checksum_add(0, p, sizeof(p))), 0xffff);
	uint64_t sum = 0;
	uint8_t *large = malloc(1 << 20);
	memset(large, 0xff, 1 << 20);
	for (int i = 0; i < 64; i++)
		sum = wm_checksum_add(sum, large, 1 << 20);
	assert_int_equal(wm_checksum_fold(sum), 0xffff);
	large[0] = 0xfe;
	assert_int_equal(value(wm_checksum_add(sum, large, 1 << 20)), 0xfeff);
	free(large);
}

static void test_folds_of_any_number(void **state)
{
	assert_int_equal(wm_checksum_fold(0), 0);
	assert_int_equal(wm_checksum_fold(UINT64_MAX), 0xffff);
	assert_int_equal(wm_checksum_fold(0xffff), 0xffff);
	assert_int_equal(wm_checksum_fold(0x10000), 1);
	assert_int_equal(wm_checksum_fold(0xfffffffeffffffff), 0xffff - 1 + 1 - 0x0001);
	assert_int_equal(wm_checksum_fold(0x00010001ffff0002), 0x0004);
}

/* The header in the example of RFC 1071's successors: a datagram whose checksum is b861. */
static void test_a_known_header(void **state)
{
	uint8_t header[20] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
			      0x00, 0x00, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
	uint64_t sum = wm_checksum_add(0, header, sizeof(header));
	assert_int_equal((uint16_t)~value(sum), 0xb861);
	uint16_t checksum = (uint16_t)~wm_checksum_fold(sum);
	memcpy(header + 10, &checksum, 2);
	assert_int_equal(header[10], 0xb8);
	assert_int_equal(wm_checksum_fold(wm_checksum_add(0, header, sizeof(header))), 0xffff);
}

static void test_fields_in_and_out(void **state)
{
	static const uint8_t bytes[6] = {0x12, 0x34, 0xff, 0xfe, 0x80, 0x01};
	uint64_t sum = wm_checksum_be16(0x1234) + wm_checksum_be32(0xfffe8001);
	assert_int_equal(value(sum), reference(bytes, 6));
	sum += wm_checksum_without_be16(0x1234) + wm_checksum_be16(0x0001);
	static const uint8_t changed[6] = {0x00, 0x01, 0xff, 0xfe, 0x80, 0x01};
	assert_int_equal(value(sum), reference(changed, 6));
}

static void test_pseudo_headers(void **state)
{
	uint8_t v4[12], v6[40];
	for (size_t i = 0; i < 8; i++)
		v4[i] = (uint8_t)rand();
	memcpy(v4 + 8, (uint8_t[]){0, 17, 0xab, 0xcd}, 4);
	assert_int_equal(value(wm_checksum_pseudo4(v4, 17, 0xabcd)), reference(v4, 12));
	for (size_t i = 0; i < 32; i++)
		v6[i] = (uint8_t)rand();
	memcpy(v6 + 32, (uint8_t[]){0, 1, 0xab, 0xcd, 0, 0, 0, 6}, 8);
	assert_int_equal(value(wm_checksum_pseudo6(v6, 6, 0x1abcd)), reference(v6, 40));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_length_and_alignment),
		cmocka_unit_test(test_carries),
		cmocka_unit_test(test_folds_of_any_number),
		cmocka_unit_test(test_a_known_header),
		cmocka_unit_test(test_fields_in_and_out),
		cmocka_unit_test(test_pseudo_headers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
