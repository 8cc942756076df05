/* Congestion marks of every combination, against RFC 6040 written down once more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "packets.h"
#include "wg/ecn.h"

#define DROP (-1)

/* Figure 4 of the RFC, by inner (row) and outer (column): Not-ECT, ECT(1), ECT(0), CE. */
static const int delivered[4][4] = {
	{0, 0, 0, DROP},
	{1, 1, 1, 3},
	{2, 1, 2, 3},
	{3, 3, 3, 3},
};

static size_t write_packet(uint8_t version, uint8_t class, uint8_t *out)
{
	static const uint8_t payload[] = {1, 2, 3, 4, 5};
	struct packet p = {.version = version,
			   .ttl = 64,
			   .tos = class,
			   .protocol = UDP,
			   .ports = {7, 9},
			   .payload = payload,
			   .payload_len = sizeof(payload)};
	for (unsigned i = 0; i < sizeof(p.addresses); i++)
		p.addresses[i] = (uint8_t)(i * 37 + 1);
	return packet_write(&p, out);
}

/* Also the class around the mark, which must not matter, and the other bytes, which must not
 * change: the packet is compared with one that was written with the right mark. */
static void test_what_is_delivered(void **state)
{
	uint8_t got[200], want[200];
	for (unsigned i = 0; i < 2 * 64 * 4 * 4; i++) {
		uint8_t version = i % 2 == 0 ? 4 : 6, dscp = (uint8_t)(i / 2 % 64 * 4);
		uint8_t inner = i / 128 % 4, outer = i / 512 % 4;
		size_t len = write_packet(version, dscp | inner, got);
		int mark = delivered[inner][outer];
		assert_int_equal(wm_wg_ecn_of(got), inner);
		assert_int_equal(wm_wg_ecn_join(inner, outer), mark);
		/* The outer DSCP is nobody's business. */
		assert_int_equal(wm_wg_ecn_receive(got, (uint8_t)(0xb8 | outer)), mark != DROP);
		write_packet(version, (uint8_t)(dscp | (mark == DROP ? inner : mark)), want);
		assert_memory_equal(got, want, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_delivered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
