/* What the walker makes of headers: packets are built piece by piece, and each can be cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "packets.h"
#include "wg/flow.h"

enum { ICMP4 = 1, ICMP6 = 58, HOPS = 0, ROUTING = 43, FRAGMENT = 44, NONE = 59, OPTIONS = 60 };

static uint8_t packet[2000];
static size_t len;

/* ---- building ---- */

static void add(const void *bytes, size_t n)
{
	if (n > 0)
		memcpy(packet + len, bytes, n);
	len += n;
}

static void begin4(uint8_t protocol, uint16_t fragment, const void *options, size_t n)
{
	uint8_t h[20] = {(uint8_t)(0x45 + n / 4)};
	h[6] = (uint8_t)(fragment >> 8);
	h[7] = (uint8_t)fragment;
	h[9] = protocol;
	memcpy(h + 12, (const uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}, 8);
	len = 0;
	add(h, sizeof(h));
	add(options, n);
}

static void begin6(uint8_t next)
{
	uint8_t h[40] = {0x60, [6] = next, [7] = 64, [8] = 0xfd, [23] = 1, [24] = 0xfd, [39] = 2};
	len = 0;
	add(h, sizeof(h));
}

static void add_extension(uint8_t next, uint8_t units, uint8_t fourth)
{
	uint8_t h[256 * 8] = {next, units, 0, fourth};
	add(h, ((size_t)units + 1) * 8);
}

/* @offset in units of eight bytes. */
static void add_fragment(uint8_t next, unsigned offset, bool more)
{
	uint8_t h[8] = {next, 0, (uint8_t)(offset >> 5), (uint8_t)(offset << 3 | more), 1, 2, 3, 4};
	add(h, sizeof(h));
}

static void add_ports(uint8_t protocol, uint8_t flags, size_t n)
{
	uint8_t h[20] = {0x9c, 0x40, 0x23, 0x28};
	h[13] = protocol == TCP ? flags : 0;
	add(h, n);
}

/* Reads from memory of exactly the length, for AddressSanitizer to see. */
static enum wm_drop read_cut(size_t cut, struct wm_wg_flow *f, size_t *payload)
{
	uint8_t *copy = malloc(cut + 1);
	memcpy(copy + 1, packet, cut);
	enum wm_drop why = wm_wg_flow_read(copy + 1, cut, f, payload);
	free(copy);
	return why;
}

static enum wm_drop reads(struct wm_wg_flow *f)
{
	size_t payload;
	return read_cut(len, f, &payload);
}

static void refuses(enum wm_drop why)
{
	struct wm_wg_flow f;
	assert_int_equal(reads(&f), why);
}

static void takes(uint8_t protocol, uint8_t kind, bool has_ports)
{
	struct wm_wg_flow f;
	assert_int_equal(reads(&f), WM_DROP_NONE);
	assert_int_equal(f.version, packet[0] >> 4);
	assert_int_equal(f.protocol, protocol);
	assert_int_equal(f.kind, kind);
	assert_int_equal(f.source_port, has_ports ? 40000 : 0);
	assert_int_equal(f.target_port, has_ports ? 9000 : 0);
	size_t n = f.version == 4 ? 4 : 16;
	assert_memory_equal(f.source, packet + (n == 4 ? 12 : 8), n);
	assert_memory_equal(f.target, packet + (n == 4 ? 16 : 24), n);
	for (; n < 16; n++)
		assert_int_equal(f.source[n] | f.target[n], 0);
	assert_int_equal(f.zero, 0);
}

/* ---- */

static void test_ports_of_each_protocol(void **state)
{
	static const struct {
		uint8_t protocol, least;
	} rows[] = {{TCP, 20}, {UDP, 8}, {136, 8}, {33, 12}, {132, 12}};
	for (unsigned i = 0; i < WM_ARRAY_LEN(rows); i++)
		for (unsigned six = 0; six < 2; six++)
			for (uint8_t n = 0; n <= 20; n++) {
				uint8_t protocol = rows[i].protocol;
				if (six)
					begin6(protocol);
				else
					begin4(protocol, 0x4000, NULL, 0);
				add_ports(protocol, SYN, n);
				if (n < rows[i].least)
					refuses(WM_DROP_HEADERS);
				else
					takes(protocol, WM_WG_FLOW_OPENS, true);
			}
}

static void test_what_begins_a_connection(void **state)
{
	for (unsigned flags = 0; flags < 256; flags++) {
		begin4(TCP, 0, NULL, 0);
		add_ports(TCP, (uint8_t)flags, 20);
		takes(TCP, flags & (ACK | RST) ? WM_WG_FLOW_ANSWERS : WM_WG_FLOW_OPENS, true);
	}
}

static void test_other_protocols_are_their_numbers(void **state)
{
	static const uint8_t no_ports[] = {1,  2,   41,  47,  50,  51,  58, 59,
					   89, 135, 139, 140, 200, 253, 255};
	for (unsigned i = 0; i < sizeof(no_ports); i++) {
		begin6(no_ports[i]);
		takes(no_ports[i], WM_WG_FLOW_OPENS, false);
		begin6(OPTIONS);
		add_extension(no_ports[i], 0, 0);
		takes(no_ports[i], WM_WG_FLOW_OPENS, false);
		begin4(no_ports[i], 0, NULL, 0);
		takes(no_ports[i], WM_WG_FLOW_OPENS, false);
	}
	/* To IPv4 these mean nothing. */
	begin4(OPTIONS, 0, NULL, 0);
	takes(OPTIONS, WM_WG_FLOW_OPENS, false);
}

static void test_extension_headers_up_to_the_bound(void **state)
{
	for (unsigned n = 0; n <= WM_WG_FLOW_HEADERS_MAX + 2; n++) {
		begin6(n > 0 ? OPTIONS : UDP);
		for (unsigned i = 1; i <= n; i++)
			add_extension(i < n ? OPTIONS : UDP, (uint8_t)(i % 3), 0);
		add_ports(UDP, 0, 8);
		if (n > WM_WG_FLOW_HEADERS_MAX)
			refuses(WM_DROP_HEADERS);
		else
			takes(UDP, WM_WG_FLOW_OPENS, true);
	}
}

/* Cut anywhere within its headers, a packet is refused, not misread. */
static void test_cut_at_each_byte(void **state)
{
	struct wm_wg_flow f;
	size_t payload;
	begin6(HOPS);
	add_extension(OPTIONS, 1, 0);
	add_extension(ROUTING, 0, 0);
	add_extension(FRAGMENT, 2, 0);
	add_fragment(TCP, 0, false);
	add_ports(TCP, ACK, 20);
	takes(TCP, WM_WG_FLOW_ANSWERS, true);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(read_cut(cut, &f, &payload), WM_DROP_HEADERS);
	begin4(UDP, 0, "\x94\x04\0\0\1\1\1", 8);
	add_ports(UDP, 0, 8);
	takes(UDP, WM_WG_FLOW_OPENS, true);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(read_cut(cut, &f, &payload), WM_DROP_HEADERS);
	packet[0] = 0x55;
	refuses(WM_DROP_HEADERS);
	packet[0] = 0x44; /* a header shorter than it can be */
	refuses(WM_DROP_HEADERS);
}

static void test_source_routes(void **state)
{
	begin6(ROUTING);
	add_extension(UDP, 2, 1);
	add_ports(UDP, 0, 8);
	refuses(WM_DROP_HEADERS);
	static const struct {
		const char *options;
		enum wm_drop why;
	} rows[] = {
		{"\x94\x04\0\0\0\0\0\0", WM_DROP_NONE}, /* router alert */
		{"\1\1\1\1\1\1\1\1", WM_DROP_NONE},
		{"\0\x83\3\4\0\0\0\0", WM_DROP_NONE}, /* behind the end */
		{"\x83\3\4\0\0\0\0\0", WM_DROP_HEADERS},
		{"\1\x89\7\4\1\2\3\4", WM_DROP_HEADERS},
		{"\x94\1\0\0\0\0\0\0", WM_DROP_HEADERS},
		{"\x94\x09\0\0\0\0\0\0", WM_DROP_HEADERS},
		{"\1\1\1\1\1\1\1\x94", WM_DROP_HEADERS},
	};
	for (unsigned i = 0; i < WM_ARRAY_LEN(rows); i++) {
		begin4(UDP, 0, rows[i].options, 8);
		add_ports(UDP, 0, 8);
		refuses(rows[i].why);
	}
}

static void test_fragments(void **state)
{
	for (unsigned six = 0; six < 2; six++)
		for (unsigned offset = 0; offset < 3; offset++)
			for (unsigned more = 0; more < 2; more++)
				for (uint8_t n = 0; n <= 20; n += 4) {
					if (six) {
						begin6(FRAGMENT);
						add_fragment(TCP, offset, more);
					} else {
						begin4(TCP, (uint16_t)(offset | more << 13), NULL,
						       0);
					}
					add_ports(TCP, ACK, n);
					if (offset == 2)
						takes(TCP, WM_WG_FLOW_LATER, false);
					else if (offset == 0 && n == 20)
						takes(TCP, WM_WG_FLOW_ANSWERS, true);
					else
						refuses(offset == 0 && !more ? WM_DROP_HEADERS
									     : WM_DROP_FRAGMENT);
				}
	/* Of UDP, ports are all that counts. */
	begin4(UDP, 1, NULL, 0);
	takes(UDP, WM_WG_FLOW_LATER, false);
	begin4(UDP, 0x2000, NULL, 0);
	add_ports(UDP, 0, 4);
	refuses(WM_DROP_FRAGMENT);
	begin4(UDP, 0x1fff, NULL, 0);
	takes(UDP, WM_WG_FLOW_LATER, false);
}

/* What else may stand behind a fragment header. */
static void test_chains_that_hide(void **state)
{
	for (unsigned offset = 0; offset < 3; offset += 2) {
		begin6(FRAGMENT);
		add_fragment(OPTIONS, offset, true);
		add_extension(TCP, 0, 0);
		add_ports(TCP, ACK, 20);
		refuses(WM_DROP_FRAGMENT);
	}
	begin6(FRAGMENT);
	add_fragment(OPTIONS, 0, false); /* a whole packet all the same */
	add_extension(TCP, 0, 0);
	add_ports(TCP, ACK, 20);
	takes(TCP, WM_WG_FLOW_ANSWERS, true);
	begin6(FRAGMENT);
	add_fragment(FRAGMENT, 0, false);
	add_fragment(TCP, 0, false);
	add_ports(TCP, ACK, 20);
	refuses(WM_DROP_HEADERS);
}

/* ---- what ICMP errors quote ---- */

/* An error of this type about a UDP packet from 10.0.0.2 (fd00::2) to elsewhere. */
static void build_error(bool six, uint8_t type, size_t quoted)
{
	uint8_t icmp[8] = {type}, inside[48];
	if (six)
		begin6(UDP);
	else
		begin4(UDP, 0, NULL, 0);
	size_t header = len;
	memcpy(packet + (six ? 8 : 12), packet + (six ? 24 : 16), six ? 16 : 4);
	packet[header - 1] = 9;
	add_ports(UDP, 0, 8);
	memcpy(inside, packet, len);
	if (six)
		begin6(ICMP6);
	else
		begin4(ICMP4, 0, NULL, 0);
	add(icmp, sizeof(icmp));
	add(inside, quoted);
}

static bool quotes(struct wm_wg_flow *quote)
{
	struct wm_wg_flow f;
	size_t payload;
	uint8_t *copy = malloc(len);
	memcpy(copy, packet, len);
	assert_int_equal(wm_wg_flow_read(copy, len, &f, &payload), WM_DROP_NONE);
	bool is_quote = wm_wg_flow_read_quote(copy, len, &f, payload, quote);
	free(copy);
	return is_quote;
}

static void test_quotes(void **state)
{
	struct wm_wg_flow q;
	for (unsigned six = 0; six < 2; six++)
		for (unsigned type = 0; type < 256; type++) {
			bool is_error = six ? type >= 1 && type <= 4
					    : type == 3 || type == 11 || type == 12;
			build_error(six, (uint8_t)type, six ? 44 : 24);
			assert_int_equal(quotes(&q), is_error);
			if (!is_error)
				continue;
			assert_int_equal(q.protocol, UDP);
			assert_int_equal(q.source_port, 40000);
			assert_int_equal(q.target_port, 9000);
			assert_int_equal(q.target[six ? 15 : 3], 9);
		}
	for (unsigned six = 0; six < 2; six++)
		for (size_t cut = 0; cut < (six ? 44 : 24); cut++) {
			build_error(six, 3, cut);
			assert_false(quotes(&q));
		}
}

static void test_quotes_that_answer_nothing(void **state)
{
	struct wm_wg_flow q;
	build_error(false, 3, 28);
	packet[28 + 15] ^= 1; /* sent by somebody else */
	assert_false(quotes(&q));
	build_error(false, 3, 28);
	packet[28] = 0x65; /* of the other family */
	assert_false(quotes(&q));
	build_error(false, 3, 28);
	packet[9] = ICMP6;
	assert_false(quotes(&q));
	build_error(false, 3, 28);
	packet[7] = 8; /* a later fragment */
	assert_false(quotes(&q));
	begin4(ICMP4, 0, NULL, 0);
	add("\3\0\0\0\0\0\0", 7);
	assert_false(quotes(&q));
	/* A quoted segment whose flags are cut off is taken for one that answers. */
	build_error(false, 3, 28);
	packet[28 + 9] = TCP;
	assert_true(quotes(&q));
	assert_int_equal(q.kind, WM_WG_FLOW_ANSWERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports_of_each_protocol),
		cmocka_unit_test(test_what_begins_a_connection),
		cmocka_unit_test(test_other_protocols_are_their_numbers),
		cmocka_unit_test(test_extension_headers_up_to_the_bound),
		cmocka_unit_test(test_cut_at_each_byte),
		cmocka_unit_test(test_source_routes),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_chains_that_hide),
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_quotes_that_answer_nothing),
	};
	return cmocka_run_group_tests_name("wg/flow", tests, NULL, NULL);
}
