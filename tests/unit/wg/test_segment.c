#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "packets.h"
#include "wg/segment.h"

static uint8_t data[PACKET_MAX], payload[PACKET_MAX], right[PACKET_MAX];

static struct packet tcp4(size_t len)
{
	return (struct packet){
		.version = 4,
		.tos = 0x2a,
		.id = 0xfffe,
		.fragment = 0x4000,
		.ttl = 63,
		.protocol = TCP,
		.addresses = {10, 0, 0, 1, 10, 0, 0, 2},
		.ports = {40000, 5201},
		.seq = 0xfffffff0,
		.ack = 0x12345678,
		.flags = ACK | PSH,
		.window = 502,
		.tcp_options = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8},
		.tcp_options_len = 12,
		.payload = payload,
		.payload_len = len,
		.is_partial = true,
	};
}

static struct packet tcp6(size_t len)
{
	struct packet p = tcp4(len);
	p.version = 6;
	p.flow = 0xabcde;
	memcpy(p.addresses, "\xfd\x01\2\3\4\5\6\7\10\11\12\13\14\15\16\17", 16);
	memcpy(p.addresses + 16, "\xfd\x02\2\3\4\5\6\7\10\11\12\13\14\15\16\17", 16);
	return p;
}

static struct packet as_udp(struct packet p)
{
	p.protocol = UDP;
	p.tcp_options_len = 0;
	return p;
}

static int fill_payload(void **state)
{
	seed_random(1);
	any_bytes(payload, sizeof(payload));
	return 0;
}

/* What the caller may do: use 16 bytes behind a segment and put them back. */
static void scribble_behind(uint8_t *end)
{
	uint8_t kept[16];
	size_t room = (size_t)(data + sizeof(data) - end);
	size_t n = room < sizeof(kept) ? room : sizeof(kept);
	memcpy(kept, end, n);
	memset(end, 0xee, n);
	memcpy(end, kept, n);
}

/* Takes the packet apart and compares each segment with that of the definition; how many. */
static unsigned split_as(const struct packet *p, const struct wm_offload *o)
{
	static uint8_t original[PACKET_MAX];
	struct wm_wg_segments s;
	size_t len = packet_write(p, data), got;
	uint8_t *out = NULL;
	unsigned n = 0;
	memcpy(original, data, len);
	assert_int_equal(wm_wg_segments_begin(&s, data, len, o), WM_DROP_NONE);
	assert_memory_equal(data, original, len);
	while ((got = wm_wg_segments_next(&s, &out)) > 0) {
		assert_int_equal(got, packet_segment(original, len, o, n, right));
		assert_memory_equal(out, right, got);
		scribble_behind(out + got);
		n++;
	}
	assert_int_equal(n, s.count);
	assert_int_equal(n, packet_count(original, len, o));
	assert_int_equal(wm_wg_segments_next(&s, &out), 0);
	return n;
}

static unsigned split(const struct packet *p, uint16_t segment)
{
	struct wm_offload o = packet_offload(p, segment);
	return split_as(p, &o);
}

/* The packet as it is with @o; whether it is refused. */
static bool is_refused(const struct packet *p, const struct wm_offload *o)
{
	struct wm_wg_segments s;
	size_t len = packet_write(p, data);
	return wm_wg_segments_begin(&s, data, len, o) == WM_DROP_OFFLOAD;
}

static void test_counts(void **state)
{
	static const struct {
		size_t len;
		uint16_t segment;
		unsigned count;
	} rows[] = {{2800, 1400, 2}, {2801, 1400, 3}, {1400, 1400, 1},
		    {1399, 1400, 1}, {0, 1400, 1},    {1, 1, 1},
		    {2, 1, 2},       {300, 1, 300},   {65000, 1368, 48}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct packet p = tcp4(rows[i].len), p6 = tcp6(rows[i].len);
		struct packet u = as_udp(p), u6 = as_udp(p6);
		assert_int_equal(split(&p, rows[i].segment), rows[i].count);
		assert_int_equal(split(&p6, rows[i].segment), rows[i].count);
		assert_int_equal(split(&u, rows[i].segment), rows[i].count);
		assert_int_equal(split(&u6, rows[i].segment), rows[i].count);
	}
}

/* By hand, so that the definition that the other tests compare with is held to something. */
static void test_fields_of_three_segments(void **state)
{
	struct packet p = tcp4(2500);
	struct wm_offload o = packet_offload(&p, 1000);
	struct wm_wg_segments s;
	uint8_t *out;
	p.flags = ACK | PSH | FIN | CWR;
	o.has_ecn = true;
	size_t len = packet_write(&p, data);
	assert_int_equal(wm_wg_segments_begin(&s, data, len, &o), WM_DROP_NONE);
	assert_int_equal(s.count, 3);
	static const uint16_t ids[] = {0xfffe, 0xffff, 0x0000}, lens[] = {1052, 1052, 552};
	static const uint32_t seqs[] = {0xfffffff0, 0x3d8, 0x7c0};
	static const uint8_t flags[] = {ACK | CWR, ACK, ACK | PSH | FIN};
	for (unsigned i = 0; i < 3; i++) {
		struct packet got;
		assert_int_equal(wm_wg_segments_next(&s, &out), lens[i]);
		assert_true(packet_read(out, lens[i], &got));
		assert_int_equal(packet_sum(out, 20), 0xffff);
		assert_int_equal(got.id, ids[i]);
		assert_int_equal(got.seq, seqs[i]);
		assert_int_equal(got.flags, flags[i]);
		assert_int_equal(got.ack, 0x12345678);
		assert_int_equal(got.tos, 0x2a);
		assert_int_equal(got.window, 502);
		assert_memory_equal(got.tcp_options, p.tcp_options, 12);
		assert_memory_equal(got.payload, payload + 1000 * i, got.payload_len);
		assert_ptr_equal(got.payload, data + 52 + 1000 * i);
	}
}

static void test_flags(void **state)
{
	for (unsigned flags = 0; flags < 256; flags++) {
		struct packet p = tcp6(3000);
		struct wm_offload o = packet_offload(&p, 1000);
		p.flags = (uint8_t)flags;
		p.reserved = flags & 15;
		p.urgent = (uint16_t)flags;
		if (flags & (SYN | RST | URG))
			assert_true(is_refused(&p, &o));
		else
			assert_int_equal(split_as(&p, &o), 3);
		/* As a single packet they are nothing special. */
		p.payload_len = 1000;
		assert_int_equal(split_as(&p, &o), 1);
	}
}

static void test_all_lengths_of_options(void **state)
{
	for (size_t ip = 0; ip <= 40; ip += 4) {
		for (size_t tcp = 0; tcp <= 40; tcp += 4) {
			struct packet p = tcp4(900);
			p.options = payload + 1000;
			p.options_len = ip;
			p.tcp_options_len = tcp;
			any_bytes(p.tcp_options, tcp);
			/* Also with segments that are smaller than their headers. */
			assert_int_equal(split(&p, 300), 3);
			assert_int_equal(split(&p, 7), 129);
		}
	}
}

static const uint8_t extensions[] = {
	60,  0,  1,  4,  0,  0,  0,  0,                          /* hop by hop */
	43,  1,  1,  12, 0,  0,  0,  0,  0, 0, 0, 0, 0, 0, 0, 0, /* destination */
	TCP, 2,  4,  0,  0,  0,  0,  0,  1, 2, 3, 4, 5, 6, 7, 8,
	9,   10, 11, 12, 13, 14, 15, 16, /* routing */
};

static struct packet extended(uint8_t protocol)
{
	static uint8_t bytes[sizeof(extensions)];
	struct packet p = protocol == TCP ? tcp6(3500) : as_udp(tcp6(3500));
	memcpy(bytes, extensions, sizeof(bytes));
	bytes[24] = protocol;
	p.options = bytes;
	p.options_len = sizeof(bytes);
	p.next = 0;
	return p;
}

static void test_extension_headers(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct packet p = extended(i == 0 ? TCP : UDP);
		assert_int_equal(split(&p, 1000), 4);
	}
}

/* A packet on its way through a router: the checksum is of its final target. */
static void test_a_routing_header(void **state)
{
	struct packet p = extended(TCP);
	struct wm_offload o = packet_offload(&p, 1000);
	struct wm_wg_segments s;
	uint8_t *out;
	p.is_routed = true;
	memset(p.through, 0x77, sizeof(p.through));
	assert_int_equal(split_as(&p, &o), 4);

	size_t len = packet_write(&p, data);
	assert_int_equal(wm_wg_segments_begin(&s, data, len, &o), WM_DROP_NONE);
	size_t got = wm_wg_segments_next(&s, &out);
	p.payload_len = 1000;
	p.flags = ACK;
	p.is_partial = false;
	assert_int_equal(packet_write(&p, right), got);
	assert_memory_equal(out, right, got);
}

static void test_extension_headers_that_end_nowhere(void **state)
{
	struct packet p = extended(TCP);
	struct wm_offload o = packet_offload(&p, 1000);
	uint8_t bytes[sizeof(extensions)];
	static const uint8_t alien[] = {44, 50, 51, 59, 58, 135, UDP};
	p.options = bytes;
	for (size_t i = 0; i < sizeof(alien); i++) {
		memcpy(bytes, extensions, sizeof(bytes));
		bytes[24] = alien[i];
		assert_true(is_refused(&p, &o));
	}
}

/* In an exact allocation, so that the sanitizer sees a byte read too far. */
static bool is_refused_there(const uint8_t *bytes, size_t len, const struct wm_offload *o)
{
	struct wm_wg_segments s;
	uint8_t *exact = malloc(len);
	memcpy(exact, bytes, len);
	bool is_refused = wm_wg_segments_begin(&s, exact, len, o) == WM_DROP_OFFLOAD;
	free(exact);
	return is_refused;
}

static void test_extension_headers_cut_anywhere(void **state)
{
	static const uint8_t kinds[] = {0, 43, 60, TCP};
	for (size_t k = 0; k < sizeof(kinds); k++) {
		for (uint8_t words = 0; words < 4; words++) {
			for (uint8_t len = 0; len < 60; len++) {
				uint8_t bytes[100] = {0x60, 0, 0, 0, 0, len, kinds[k]};
				size_t at = k < 3 ? 40u + (words + 1u) * 8 : 40;
				struct wm_offload o = {.kind = WM_OFFLOAD_TCP6,
						       .needs_checksum = true,
						       .segment = 9,
						       .checksum_start = (uint16_t)at,
						       .checksum_offset = 16};
				bytes[40] = TCP;
				bytes[41] = words;
				bytes[at + 12] = 0x50;
				assert_true(is_refused_there(bytes, 40u + len, &o) ==
					    (40u + len < at + 20));
				bytes[41] = 255;
				assert_true(is_refused_there(bytes, 40u + len, &o) ||
					    kinds[k] == TCP);
			}
		}
	}
}

/* Whatever the length of an IPv4 header says, what would be a transport header is there. */
static void test_short_ip_headers(void **state)
{
	for (uint8_t words = 0; words < 16; words++) {
		uint8_t bytes[100] = {(uint8_t)(0x40 | words), 0, 0, 100, 0, 0, 0, 0, 64, TCP};
		struct wm_offload o = {.kind = WM_OFFLOAD_TCP4, .segment = 9};
		bytes[words * 4 + 12] = 0x50;
		assert_true(is_refused_there(bytes, 100, &o) == (words < 5));
	}
}

/* Zero as the sum of a datagram means that there is none, so it is sent as 0xffff. */
static void test_a_udp_checksum_of_zero(void **state)
{
	uint8_t zero[2] = {0};
	struct packet p = as_udp(tcp4(2));
	p.payload = zero;
	p.is_partial = false;
	size_t len = packet_write(&p, data);
	zero[0] = data[26];
	zero[1] = data[27];
	packet_write(&p, data);
	assert_memory_equal(data + 26, "\xff\xff", 2);

	p.is_partial = true;
	assert_int_equal(split(&p, 2), 1);
	assert_memory_equal(data + 26, "\xff\xff", 2);
	struct wm_offload o = packet_offload(&p, 0);
	struct wm_wg_segments s;
	uint8_t *out;
	o.kind = WM_OFFLOAD_NONE;
	packet_write(&p, data);
	assert_int_equal(wm_wg_segments_begin(&s, data, len, &o), WM_DROP_NONE);
	assert_int_equal(wm_wg_segments_next(&s, &out), len);
	assert_memory_equal(data + 26, "\xff\xff", 2);
}

static void check_lone(struct packet p)
{
	struct wm_wg_segments s;
	struct wm_offload o = packet_offload(&p, 0);
	uint8_t *out;
	o.kind = WM_OFFLOAD_NONE;
	size_t len = packet_write(&p, data);
	assert_int_equal(wm_wg_segments_begin(&s, data, len, &o), WM_DROP_NONE);
	assert_int_equal(s.count, 1);
	assert_int_equal(wm_wg_segments_next(&s, &out), len);
	assert_ptr_equal(out, data);
	p.is_partial = false;
	packet_write(&p, right);
	assert_memory_equal(data, right, len);
	assert_int_equal(wm_wg_segments_next(&s, &out), 0);
}

static void test_lone_packets_get_their_checksum(void **state)
{
	for (size_t len = 0; len < 1500; len += 99) {
		check_lone(tcp4(len));
		check_lone(tcp6(len));
		check_lone(as_udp(tcp4(len)));
		check_lone(as_udp(tcp6(len)));
	}
	check_lone(extended(TCP));
	struct packet p = tcp4(1000);
	p.flags = SYN | URG;
	p.fragment = 0x2000; /* the sum is the kernel's business even so */
	check_lone(p);
}

static void test_other_packets_pass_as_they_are(void **state)
{
	static const struct wm_offload none = {.kind = WM_OFFLOAD_NONE, .checksum_offset = 7};
	static const size_t lens[] = {0, 1, 19, 20, 1420};
	uint8_t bytes[1420], copy[1420], *out;
	any_bytes(bytes, sizeof(bytes));
	memcpy(copy, bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct wm_wg_segments s;
		assert_int_equal(wm_wg_segments_begin(&s, bytes, lens[i], &none), WM_DROP_NONE);
		assert_int_equal(s.count, 1);
		assert_int_equal(wm_wg_segments_next(&s, &out), lens[i]);
		assert_int_equal(wm_wg_segments_next(&s, &out), 0);
		assert_memory_equal(bytes, copy, sizeof(bytes));
	}
}

static void test_lone_checksums_outside_the_packet(void **state)
{
	struct packet p = tcp4(100);
	size_t len = packet_write(&p, data);
	struct wm_wg_segments s;
	static const struct {
		uint16_t start, offset;
		bool fits;
	} rows[] = {{20, 16, true},  {20, 130, true},    {20, 132, false},  {21, 130, false},
		    {150, 0, true},  {152, 0, false},    {19, 16, false},   {0, 10, false},
		    {20, 15, false}, {20, 65534, false}, {65535, 2, false}, {30, 2, true}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wm_offload o = {.needs_checksum = true,
				       .checksum_start = rows[i].start,
				       .checksum_offset = rows[i].offset};
		assert_int_equal(wm_wg_segments_begin(&s, data, len, &o),
				 rows[i].fits ? WM_DROP_NONE : WM_DROP_OFFLOAD);
	}
	struct wm_offload o = {.needs_checksum = true, .checksum_start = 39};
	data[0] = 0x60;
	assert_int_equal(wm_wg_segments_begin(&s, data, len, &o), WM_DROP_OFFLOAD);
	o.checksum_start = 40;
	assert_int_equal(wm_wg_segments_begin(&s, data, len, &o), WM_DROP_NONE);
	assert_int_equal(wm_wg_segments_begin(&s, data, 0, &o), WM_DROP_OFFLOAD);
	data[0] = 0x44;
	assert_int_equal(wm_wg_segments_begin(&s, data, len, &o), WM_DROP_OFFLOAD);
}

static void test_offloads_that_contradict_the_packet(void **state)
{
	struct packet p = tcp4(3000), p6 = tcp6(3000), u = as_udp(p);
	const struct wm_offload good = packet_offload(&p, 1000);
	struct wm_offload o = good;
	assert_false(is_refused(&p, &o));
	assert_true(is_refused(&p6, &o));
	assert_true(is_refused(&u, &o));
	o.segment = 0;
	assert_true(is_refused(&p, &o));
	for (unsigned kind = 2; kind < 256; kind++) {
		o = good;
		o.kind = (uint8_t)kind;
		assert_true(is_refused(&p, &o));
	}
	for (int wrong = -2; wrong <= 2; wrong++) {
		o = good;
		o.checksum_start = (uint16_t)(o.checksum_start + wrong);
		assert_true(is_refused(&p, &o) == (wrong != 0));
		o.checksum_offset = (uint16_t)(o.checksum_offset - wrong);
		assert_true(is_refused(&p, &o) == (wrong != 0));
		o.checksum_start = good.checksum_start;
		assert_true(is_refused(&p, &o) == (wrong != 0));
	}
	o = packet_offload(&u, 1000);
	assert_false(is_refused(&u, &o));
	o.has_ecn = true;
	assert_true(is_refused(&u, &o));
}

/* The length of headers is a hint; a checksum that was verified already need not be incomplete. */
static void test_what_does_not_matter(void **state)
{
	struct packet p = tcp4(3000), x = extended(TCP);
	struct wm_offload o = packet_offload(&p, 1000);
	o.header_len = 9999;
	assert_int_equal(split_as(&p, &o), 3);
	o.needs_checksum = false;
	o.checksum_start = o.checksum_offset = 0;
	assert_int_equal(split_as(&p, &o), 3);
	/* With extension headers nobody else knows the pseudo header. */
	o = packet_offload(&x, 1000);
	o.needs_checksum = false;
	assert_true(is_refused(&x, &o));
}

static bool is_refused_with(size_t at, uint8_t byte, struct packet p)
{
	struct wm_offload o = packet_offload(&p, 1000);
	struct wm_wg_segments s;
	size_t len = packet_write(&p, data);
	data[at] = byte;
	return wm_wg_segments_begin(&s, data, len, &o) == WM_DROP_OFFLOAD;
}

static void test_headers_that_lie(void **state)
{
	assert_true(is_refused_with(0, 0x44, tcp4(3000)));
	assert_true(is_refused_with(0, 0x4f, tcp4(3000)));
	assert_true(is_refused_with(0, 0x55, tcp4(3000)));
	assert_true(is_refused_with(0, 0x65, tcp4(3000)));
	assert_true(is_refused_with(3, 0, tcp4(3000)));
	assert_true(is_refused_with(6, 0x20, tcp4(3000)));
	assert_true(is_refused_with(7, 0x01, tcp4(3000)));
	assert_true(is_refused_with(9, UDP, tcp4(3000)));
	assert_true(is_refused_with(9, 1, tcp4(3000)));
	assert_true(is_refused_with(32, 0x40, tcp4(3000)));
	assert_true(is_refused_with(32, 0xf0, tcp4(0)));
	assert_true(is_refused_with(5, 0, tcp6(3000)));
	assert_true(is_refused_with(6, 0, tcp6(3000)));
	assert_true(is_refused_with(25, 0, as_udp(tcp4(3000))));
	assert_true(is_refused_with(45, 0, as_udp(tcp6(3000))));
	assert_false(is_refused_with(6, 0x80, tcp4(3000)));
}

static void test_packets_cut_anywhere(void **state)
{
	struct packet many[] = {tcp4(100), tcp6(100), as_udp(tcp4(100)), as_udp(tcp6(100)),
				extended(TCP)};
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++) {
		struct wm_offload o = packet_offload(&many[i], 10);
		struct wm_wg_segments s;
		size_t len = packet_write(&many[i], data);
		for (size_t cut = 0; cut < len; cut++) {
			/* At the end of memory, so that the sanitizer sees a byte read too far. */
			uint8_t *end = data + sizeof(data) - cut;
			memmove(end, data, cut);
			assert_int_equal(wm_wg_segments_begin(&s, end, cut, &o), WM_DROP_OFFLOAD);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_fields_of_three_segments),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_all_lengths_of_options),
		cmocka_unit_test(test_extension_headers),
		cmocka_unit_test(test_a_routing_header),
		cmocka_unit_test(test_extension_headers_that_end_nowhere),
		cmocka_unit_test(test_extension_headers_cut_anywhere),
		cmocka_unit_test(test_short_ip_headers),
		cmocka_unit_test(test_a_udp_checksum_of_zero),
		cmocka_unit_test(test_lone_packets_get_their_checksum),
		cmocka_unit_test(test_other_packets_pass_as_they_are),
		cmocka_unit_test(test_lone_checksums_outside_the_packet),
		cmocka_unit_test(test_offloads_that_contradict_the_packet),
		cmocka_unit_test(test_what_does_not_matter),
		cmocka_unit_test(test_headers_that_lie),
		cmocka_unit_test(test_packets_cut_anywhere),
	};
	return cmocka_run_group_tests(tests, fill_payload, NULL);
}
