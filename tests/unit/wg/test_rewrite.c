/* What is changed in packets that pass (segment sizes) and what is said about those that are too
 * long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "packets.h"
#include "wg/mss.h"
#include "wg/narrow.h"
#include "wg/toobig.h"

#define ROOM 3000

static struct packet packet_of(uint8_t version, uint8_t protocol)
{
	static const uint8_t payload[2000] = {1, 2, 3};
	struct packet p = {.version = version,
			   .ttl = 64,
			   .fragment = version == 4 ? 0x4000 : 0,
			   .protocol = protocol,
			   .ports = {1000, 80},
			   .seq = 0x01020304,
			   .flags = protocol == TCP ? SYN : 0,
			   .payload = payload};
	static const uint8_t ends4[] = {192, 0, 2, 1, 198, 51, 100, 7};
	if (version == 4)
		memcpy(p.addresses, ends4, sizeof(ends4));
	for (unsigned i = 0; version == 6 && i < 32; i++)
		p.addresses[i] = (uint8_t)(i % 16 == 0 ? 0x20 : i);
	return p;
}

static void set_options(struct packet *p, const uint8_t *options, size_t len)
{
	memset(p->tcp_options, 1, sizeof(p->tcp_options));
	memcpy(p->tcp_options, options, len);
	p->tcp_options_len = (len + 3) / 4 * 4;
}

/* ---- segment sizes ---- */

/* The packet with the options, clamped, is the packet with the other options. */
static void check_clamp(struct packet p, uint32_t mtu, const uint8_t *before, const uint8_t *after,
			size_t len)
{
	uint8_t got[ROOM], want[ROOM];
	set_options(&p, before, len);
	size_t size = packet_write(&p, got);
	set_options(&p, after, len);
	packet_write(&p, want);
	bool differs = memcmp(before, after, len) != 0;
	assert_true(!differs || wm_wg_mss_is_due(got, size));
	assert_int_equal(wm_wg_mss_clamp(got, size, mtu, true), differs);
	assert_memory_equal(got, want, size);
}

static void test_what_is_announced_is_lowered(void **state)
{
	static const uint8_t big[] = {2, 4, 0x05, 0xb4}; /* 1460 */
	static const uint8_t v4[] = {2, 4, 0x05, 0x64};  /* 1380 */
	static const uint8_t v6[] = {2, 4, 0x05, 0x50};  /* 1360 */
	static const uint8_t small[] = {2, 4, 0x02, 0x18};
	for (unsigned flags = 0; flags < 256; flags++) {
		struct packet p4 = packet_of(4, TCP), p6 = packet_of(6, TCP);
		p4.flags = p6.flags = (uint8_t)flags;
		check_clamp(p4, 1420, big, flags & SYN ? v4 : big, 4);
		check_clamp(p6, 1420, big, flags & SYN ? v6 : big, 4);
		check_clamp(p4, 1420, small, small, 4);
		check_clamp(p4, 1420, v4, v4, 4);
		check_clamp(p6, 1420, v6, v6, 4);
	}
}

static void test_wherever_it_stands(void **state)
{
	/* Behind others, at an even and at an odd offset, twice. */
	static const uint8_t rows[][2][12] = {
		{{1, 1, 2, 4, 0xff, 0xff, 4, 2}, {1, 1, 2, 4, 0x05, 0x64, 4, 2}},
		{{1, 2, 4, 0x23, 0x28, 3, 3, 7}, {1, 2, 4, 0x05, 0x64, 3, 3, 7}},
		{{3, 3, 7, 2, 4, 0x05, 0xb4, 0}, {3, 3, 7, 2, 4, 0x05, 0x64, 0}},
		{{2, 4, 9, 9, 2, 4, 0x05, 0x65}, {2, 4, 0x05, 0x64, 2, 4, 0x05, 0x64}},
		/* Not an MSS: of another length, behind the end, inside of another, cut off. */
		{{2, 3, 0xff, 1, 2, 6, 0xff, 0xff, 0xff, 0xff},
		 {2, 3, 0xff, 1, 2, 6, 0xff, 0xff, 0xff, 0xff}},
		{{0, 2, 4, 0xff, 0xff}, {0, 2, 4, 0xff, 0xff}},
		{{8, 10, 2, 4, 0xff, 0xff, 0, 0, 0, 0}, {8, 10, 2, 4, 0xff, 0xff, 0, 0, 0, 0}},
		{{8, 0, 2, 4, 0xff, 0xff}, {8, 0, 2, 4, 0xff, 0xff}},
		{{8, 1, 2, 4, 0xff, 0xff}, {8, 1, 2, 4, 0xff, 0xff}},
		{{8, 99, 2, 4, 0xff, 0xff}, {8, 99, 2, 4, 0xff, 0xff}},
		{{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4}},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct packet p = packet_of(4, TCP);
		for (p.payload_len = 0; p.payload_len < 3; p.payload_len++)
			check_clamp(p, 1420, rows[i][0], rows[i][1], 12);
	}
}

static void test_behind_headers_in_between(void **state)
{
	static const uint8_t big[] = {2, 4, 0x05, 0xb4}, v4[] = {2, 4, 0x05, 0x64},
			     v6[] = {2, 4, 0x05, 0x50};
	static const uint8_t options4[] = {148, 4, 0, 0}; /* router alert */
	static const uint8_t options6[] = {TCP, 0, 1, 4, 0, 0, 0, 0};
	struct packet p4 = packet_of(4, TCP), p6 = packet_of(6, TCP);
	p4.options = options4;
	p4.options_len = sizeof(options4);
	p6.options = options6;
	p6.options_len = sizeof(options6);
	p6.next = 60;
	check_clamp(p4, 1420, big, v4, 4);
	check_clamp(p6, 1420, big, v6, 4);
}

static void test_what_is_no_syn_stays(void **state)
{
	static const uint8_t big[] = {2, 4, 0x05, 0xb4};
	uint8_t got[ROOM], want[ROOM];
	struct packet fragment = packet_of(4, TCP);
	fragment.fragment = 100;
	check_clamp(fragment, 1420, big, big, 4);
	struct packet udp = packet_of(4, UDP);
	udp.payload_len = 100;
	size_t len = packet_write(&udp, got);
	memset(got + 28, 2, 100);
	memcpy(want, got, len);
	assert_false(wm_wg_mss_is_due(got, len));
	assert_false(wm_wg_mss_clamp(got, len, 1420, true));
	assert_memory_equal(got, want, len);
	/* An MTU that leaves nothing, and one that asks for more than the option can say. */
	check_clamp(packet_of(4, TCP), 40, big, big, 4);
	check_clamp(packet_of(4, TCP), 70000, big, big, 4);
}

static void test_a_checksum_that_comes_later(void **state)
{
	static const uint8_t big[] = {2, 4, 0x05, 0xb4};
	uint8_t got[ROOM], want[ROOM];
	struct packet p = packet_of(4, TCP);
	set_options(&p, big, sizeof(big));
	p.is_partial = true;
	size_t len = packet_write(&p, got);
	memcpy(want, got, len);
	want[20 + 20 + 3] = 0x64;
	assert_true(wm_wg_mss_clamp(got, len, 1420, false));
	assert_memory_equal(got, want, len);
}

/* Every length of a packet that is cut off: nothing outside of it is looked at. */
static void test_packets_that_are_cut_off(void **state)
{
	static const uint8_t big[] = {2, 4, 0x05, 0xb4};
	uint8_t whole[ROOM];
	for (unsigned version = 4; version <= 6; version += 2) {
		struct packet p = packet_of((uint8_t)version, TCP);
		set_options(&p, big, sizeof(big));
		size_t len = packet_write(&p, whole);
		for (size_t cut = version == 4 ? 20 : 40; cut < len; cut++) {
			uint8_t *part = test_malloc(cut);
			memcpy(part, whole, cut);
			(void)wm_wg_mss_is_due(part, cut);
			assert_false(wm_wg_mss_clamp(part, cut, 1420, true));
			test_free(part);
		}
	}
}

/* ---- too long ---- */

static void test_the_error_over_ipv4(void **state)
{
	uint8_t packet[ROOM], error[WM_WG_TOOBIG_BYTES];
	struct packet p = packet_of(4, UDP);
	for (p.payload_len = 0; p.payload_len < 2000; p.payload_len += 13) {
		size_t len = packet_write(&p, packet);
		size_t quoted = len < 548 ? len : 548;
		assert_int_equal(wm_wg_toobig_write(packet, len, 1300, error), 28 + quoted);
		assert_int_equal(error[0], 0x45);
		assert_int_equal(error[2] << 8 | error[3], 28 + quoted);
		assert_int_equal(error[9], 1);
		assert_memory_equal(error + 12, packet + 16, 4); /* from the target */
		assert_memory_equal(error + 16, packet + 12, 4); /* to the source */
		assert_int_equal(packet_sum(error, 20), 0xffff);
		assert_int_equal(error[20], 3);
		assert_int_equal(error[21], 4);
		assert_int_equal(error[24] << 8 | error[25], 0);
		assert_int_equal(error[26] << 8 | error[27], 1300);
		assert_int_equal(packet_sum(error + 20, 8 + quoted), 0xffff);
		assert_memory_equal(error + 28, packet, quoted);
	}
}

static void test_the_error_over_ipv6(void **state)
{
	uint8_t packet[ROOM], error[WM_WG_TOOBIG_BYTES], sum[32 + 8 + WM_WG_TOOBIG_BYTES];
	struct packet p = packet_of(6, UDP);
	for (p.payload_len = 0; p.payload_len < 2000; p.payload_len += 13) {
		size_t len = packet_write(&p, packet);
		size_t quoted = len < 1232 ? len : 1232, payload = 8 + quoted;
		assert_int_equal(wm_wg_toobig_write(packet, len, 1300, error), 40 + payload);
		assert_int_equal(error[0] >> 4, 6);
		assert_int_equal(error[4] << 8 | error[5], payload);
		assert_int_equal(error[6], 58);
		assert_memory_equal(error + 8, packet + 24, 16);
		assert_memory_equal(error + 24, packet + 8, 16);
		assert_int_equal(error[40], 2);
		assert_int_equal(error[41], 0);
		assert_int_equal(error[46] << 8 | error[47], 1300);
		assert_memory_equal(error + 48, packet, quoted);
		/* RFC 8200, 8.1: addresses, length, three zeros, protocol. */
		memcpy(sum, error + 8, 32);
		memset(sum + 32, 0, 8);
		sum[34] = (uint8_t)(payload >> 8);
		sum[35] = (uint8_t)payload;
		sum[39] = 58;
		memcpy(sum + 40, error + 40, payload);
		assert_int_equal(packet_sum(sum, 40 + payload), 0xffff);
	}
}

static void test_no_link_is_said_to_be_narrower_than_any_is(void **state)
{
	uint8_t packet[ROOM], error[WM_WG_TOOBIG_BYTES];
	struct packet p4 = packet_of(4, UDP), p6 = packet_of(6, UDP);
	p4.payload_len = p6.payload_len = 1400;
	assert_int_not_equal(wm_wg_toobig_write(packet, packet_write(&p4, packet), 100, error), 0);
	assert_int_equal(error[26] << 8 | error[27], 576);
	assert_int_not_equal(wm_wg_toobig_write(packet, packet_write(&p6, packet), 100, error), 0);
	assert_int_equal(error[46] << 8 | error[47], 1280);
}

static void test_who_wants_to_be_told(void **state)
{
	uint8_t packet[ROOM];
	struct packet p4 = packet_of(4, UDP), p6 = packet_of(6, UDP);
	packet_write(&p4, packet);
	assert_true(wm_wg_toobig_is_wanted(packet));
	p4.fragment = 0;
	packet_write(&p4, packet);
	assert_false(wm_wg_toobig_is_wanted(packet));
	packet_write(&p6, packet);
	assert_true(wm_wg_toobig_is_wanted(packet));
}

static size_t error_about(uint8_t *packet, size_t len)
{
	uint8_t error[WM_WG_TOOBIG_BYTES];
	return wm_wg_toobig_write(packet, len, 1300, error);
}

static void expect_no_error_with(unsigned version, size_t at, uint8_t value)
{
	uint8_t packet[ROOM];
	struct packet p = packet_of((uint8_t)version, UDP);
	p.payload_len = 1400;
	size_t len = packet_write(&p, packet);
	assert_int_not_equal(error_about(packet, len), 0);
	packet[at] = value;
	assert_int_equal(error_about(packet, len), 0);
}

static void test_about_whom_nothing_is_said(void **state)
{
	static const uint8_t nobody4[] = {0, 127, 224, 239, 240, 255};
	for (unsigned i = 0; i < sizeof(nobody4); i++) {
		expect_no_error_with(4, 12, nobody4[i]);
		expect_no_error_with(4, 16, nobody4[i]);
	}
	expect_no_error_with(6, 8, 0xff);
	expect_no_error_with(6, 24, 0xff);
	expect_no_error_with(4, 7, 1); /* a later fragment */
	expect_no_error_with(4, 0, 0x44);
	uint8_t packet[ROOM];
	struct packet p = packet_of(6, UDP);
	p.payload_len = 1400;
	size_t len = packet_write(&p, packet);
	memset(packet + 8, 0, 16); /* from nobody */
	assert_int_equal(error_about(packet, len), 0);
}

static void test_no_error_about_an_error(void **state)
{
	static const uint8_t errors4[] = {3, 4, 5, 11, 12};
	uint8_t packet[ROOM];
	for (unsigned type = 0; type < 256; type++) {
		struct packet p = packet_of(4, UDP);
		p.payload_len = 1400;
		size_t len = packet_write(&p, packet);
		packet[9] = 1;
		packet[20] = (uint8_t)type;
		bool is_error = memchr(errors4, (int)type, sizeof(errors4)) != NULL;
		assert_int_equal(error_about(packet, len) == 0, is_error);
		p = packet_of(6, UDP);
		p.payload_len = 1400;
		len = packet_write(&p, packet);
		packet[6] = 58;
		packet[40] = (uint8_t)type;
		assert_int_equal(error_about(packet, len) == 0, type < 128);
	}
}

/* ---- narrow paths ---- */

static void test_what_a_path_leaves(void **state)
{
	assert_int_equal(wm_wg_narrow_inner(1500, false), 1440);
	assert_int_equal(wm_wg_narrow_inner(1500, true), 1420);
	assert_int_equal(wm_wg_narrow_inner(1280, true), 1200);
	assert_int_equal(wm_wg_narrow_inner(500, false), 576);
	assert_int_equal(wm_wg_narrow_inner(0, true), 576);
	struct wm_wg_narrow n = {.mtu = 0};
	assert_int_equal(wm_wg_narrow_mtu(&n, 1420), 1420);
	atomic_store(&n.mtu, 1300);
	assert_int_equal(wm_wg_narrow_mtu(&n, 1420), 1300);
	assert_int_equal(wm_wg_narrow_mtu(&n, 1280), 1280);
	wm_wg_narrow_forget(&n);
	assert_int_equal(wm_wg_narrow_mtu(&n, 1420), 1420);
}

static void test_when_there_is_a_probe(void **state)
{
	struct wm_wg_narrow n = {.mtu = 0};
	int64_t now = 5000000000LL;
	assert_false(wm_wg_narrow_probes(&n, WM_WG_PROBE_LEAST - 1, now));
	assert_true(wm_wg_narrow_probes(&n, 1300, now));
	assert_false(wm_wg_narrow_probes(&n, 1300, now));
	assert_true(wm_wg_narrow_probes(&n, 1301, now));
	assert_false(wm_wg_narrow_probes(&n, 1250, now + WM_WG_PROBE_EVERY - 1));
	assert_true(wm_wg_narrow_probes(&n, 1250, now + WM_WG_PROBE_EVERY));
	assert_true(wm_wg_narrow_probes(&n, 1301, now + WM_WG_PROBE_EVERY));
	wm_wg_narrow_forget(&n);
	assert_true(wm_wg_narrow_probes(&n, 1250, now + WM_WG_PROBE_EVERY));
}

static void test_errors_are_few(void **state)
{
	struct wm_wg_bucket b = {.since = 0};
	int64_t now = 7000000000LL;
	unsigned told = 0;
	for (unsigned i = 0; i < 1000; i++)
		told += wm_wg_bucket_take(&b, now + i);
	assert_int_equal(told, 50);
	assert_true(wm_wg_bucket_take(&b, now + 1000000000LL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_announced_is_lowered),
		cmocka_unit_test(test_wherever_it_stands),
		cmocka_unit_test(test_behind_headers_in_between),
		cmocka_unit_test(test_what_is_no_syn_stays),
		cmocka_unit_test(test_a_checksum_that_comes_later),
		cmocka_unit_test(test_packets_that_are_cut_off),
		cmocka_unit_test(test_the_error_over_ipv4),
		cmocka_unit_test(test_the_error_over_ipv6),
		cmocka_unit_test(test_no_link_is_said_to_be_narrower_than_any_is),
		cmocka_unit_test(test_who_wants_to_be_told),
		cmocka_unit_test(test_about_whom_nothing_is_said),
		cmocka_unit_test(test_no_error_about_an_error),
		cmocka_unit_test(test_what_a_path_leaves),
		cmocka_unit_test(test_when_there_is_a_probe),
		cmocka_unit_test(test_errors_are_few),
	};
	return cmocka_run_group_tests_name("wg/rewrite", tests, NULL, NULL);
}
