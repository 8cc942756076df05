#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "packets.h"
#include "wg/coalesce.h"

#define ROOM 2048 /* for each packet */

static struct wm_wg_coalesce c;
static uint8_t store[WM_WG_COALESCE_PACKETS + 1][ROOM], was[WM_WG_COALESCE_PACKETS + 1][ROOM];
static size_t lens[WM_WG_COALESCE_PACKETS + 1];
static unsigned n_stored;
static uint8_t payload[ROOM], whole[PACKET_MAX], segment[PACKET_MAX];

static int fill_payload(void **state)
{
	seed_random(2);
	any_bytes(payload, sizeof(payload));
	return 0;
}

static void begin(bool tcp, bool udp)
{
	wm_wg_coalesce_begin(&c, tcp, udp);
	n_stored = 0;
}

static void add_bytes(const uint8_t *data, size_t len)
{
	memcpy(store[n_stored], data, len);
	memcpy(was[n_stored], data, len);
	lens[n_stored] = len;
	assert_true(wm_wg_coalesce_add(&c, store[n_stored], len));
	n_stored++;
}

static void add(const struct packet *p)
{
	static uint8_t bytes[PACKET_MAX];
	add_bytes(bytes, packet_write(p, bytes));
}

static struct packet tcp4(unsigned number)
{
	return (struct packet){
		.version = 4,
		.tos = 0x2a,
		.id = (uint16_t)(0xffff + number),
		.fragment = 0x4000,
		.ttl = 63,
		.protocol = TCP,
		.addresses = {10, 0, 0, 1, 10, 0, 0, 2},
		.ports = {40000, 5201},
		.seq = 0xfffffff0 + 1000 * number,
		.ack = 0x12345678,
		.flags = ACK,
		.window = 502,
		.tcp_options = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8},
		.tcp_options_len = 12,
		.payload = payload + number,
		.payload_len = 1000,
	};
}

static struct packet tcp6(unsigned number)
{
	struct packet p = tcp4(number);
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

static struct packet of_kind(unsigned kind, unsigned number)
{
	struct packet p = kind & 1 ? tcp6(number) : tcp4(number);
	return kind & 2 ? as_udp(p) : p;
}

/* Puts the chain together; its segments are the packets from number @first on, bit for bit. */
static void check_chain(const struct wm_wg_chain *chain, unsigned first)
{
	size_t len = 0;
	for (unsigned i = 0; i < chain->n_spans; i++) {
		memcpy(whole + len, chain->spans[i].data, chain->spans[i].len);
		len += chain->spans[i].len;
	}
	assert_int_equal(len, chain->len);
	if (chain->n_spans == 1) {
		static const struct wm_offload none = {.kind = WM_OFFLOAD_NONE};
		assert_memory_equal(&chain->offload, &none, sizeof(none));
		assert_int_equal(len, lens[first]);
		assert_memory_equal(whole, was[first], len);
		return;
	}
	assert_int_equal(packet_count(whole, len, &chain->offload), chain->n_spans);
	assert_true(chain->offload.needs_checksum && !chain->offload.has_ecn);
	for (unsigned i = 0; i < chain->n_spans; i++) {
		assert_int_equal(packet_segment(whole, len, &chain->offload, i, segment),
				 lens[first + i]);
		assert_memory_equal(segment, was[first + i], lens[first + i]);
	}
}

/* Ends the batch, whose packets are of one flow: how many were joined into each chain. */
static void expect(unsigned n, const unsigned *joined)
{
	const struct wm_wg_chain *chains = NULL;
	unsigned first = 0;
	assert_int_equal(wm_wg_coalesce_end(&c, &chains), n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(chains[i].n_spans, joined[i]);
		check_chain(&chains[i], first);
		first += joined[i];
	}
	assert_int_equal(first, n_stored);
}

#define EXPECT(...)                                                    \
	do {                                                           \
		const unsigned joined_[] = {__VA_ARGS__};              \
		expect(sizeof(joined_) / sizeof(joined_[0]), joined_); \
	} while (0)

static void test_nothing(void **state)
{
	begin(true, true);
	expect(0, NULL);
	begin(true, true);
	add_bytes((const uint8_t *)"", 0);
	add_bytes((const uint8_t *)"\x45", 1);
	add_bytes((const uint8_t *)"\x60", 1);
	EXPECT(1, 1, 1);
}

static void test_whole_flows_are_joined(void **state)
{
	for (unsigned kind = 0; kind < 4; kind++) {
		for (unsigned n = 2; n < 40; n += 9) {
			begin(true, true);
			for (unsigned i = 0; i < n; i++) {
				struct packet p = of_kind(kind, i);
				add(&p);
			}
			EXPECT(n);
		}
	}
}

/* The headers of a joined packet, by hand: what the kernel goes by. */
static void test_the_joined_header(void **state)
{
	const struct wm_wg_chain *chain = NULL;
	struct packet got, p = tcp4(0), q = tcp4(1);
	begin(true, true);
	q.flags = ACK | PSH;
	q.payload_len = 300;
	add(&p);
	add(&q);
	assert_int_equal(wm_wg_coalesce_end(&c, &chain), 1);
	assert_int_equal(chain->n_spans, 2);
	assert_int_equal(chain->len, 1352);
	assert_ptr_equal(chain->spans[0].data, store[0]);
	assert_ptr_equal(chain->spans[1].data, store[1] + 52);
	assert_int_equal(chain->spans[1].len, 300);
	assert_int_equal(chain->offload.kind, WM_OFFLOAD_TCP4);
	assert_int_equal(chain->offload.header_len, 52);
	assert_int_equal(chain->offload.segment, 1000);
	assert_int_equal(chain->offload.checksum_start, 20);
	assert_int_equal(chain->offload.checksum_offset, 16);
	p.payload_len = 1300;
	p.flags = ACK | PSH;
	p.is_partial = true;
	size_t len = packet_write(&p, segment);
	assert_int_equal(len, 1352);
	assert_memory_equal(store[0], segment, 52);
	assert_int_equal(packet_sum(store[0], 20), 0xffff);
	memcpy(whole, chain->spans[0].data, 1052);
	memcpy(whole + 1052, chain->spans[1].data, 300);
	assert_true(packet_read(whole, 1352, &got));
}

static void test_only_what_the_interface_takes(void **state)
{
	for (unsigned takes = 0; takes < 4; takes++) {
		for (unsigned kind = 0; kind < 4; kind++) {
			bool is_taken = kind & 2 ? takes & 2 : takes & 1;
			begin(takes & 1, takes & 2);
			for (unsigned i = 0; i < 2; i++) {
				struct packet p = of_kind(kind, i);
				add(&p);
			}
			if (is_taken)
				EXPECT(2);
			else
				EXPECT(1, 1);
		}
	}
}

/* Three packets of which the middle one is other: it and the third begin anew. */
static void check_apart(unsigned kind, void (*change)(struct packet *))
{
	begin(true, true);
	for (unsigned i = 0; i < 5; i++) {
		struct packet p = of_kind(kind, i);
		if (i == 2)
			change(&p);
		add(&p);
	}
	EXPECT(2, 1, 2);
}

static void change_tos(struct packet *p)
{
	p->tos ^= 0x04;
}
static void change_ecn(struct packet *p)
{
	p->tos ^= 0x01;
}
static void change_ttl(struct packet *p)
{
	p->ttl--;
}
static void change_flow(struct packet *p)
{
	p->flow ^= 1;
}
static void change_id(struct packet *p)
{
	p->id = (uint16_t)(p->id + 7);
}
static void change_df(struct packet *p)
{
	p->fragment = 0;
}
static void change_evil(struct packet *p)
{
	p->fragment |= 0x8000;
}
static void add_ip_options(struct packet *p)
{
	p->options = (const uint8_t *)"\1\1\1\0";
	p->options_len = 4;
}
static void add_extension(struct packet *p)
{
	p->options =
		(const uint8_t *)(p->protocol == TCP ? "\6\0\1\4\0\0\0\0" : "\21\0\1\4\0\0\0\0");
	p->options_len = 8;
	p->next = 60;
}
static void change_seq(struct packet *p)
{
	p->seq++;
}
static void change_ack(struct packet *p)
{
	p->ack++;
}
static void change_window(struct packet *p)
{
	p->window++;
}
static void change_urgent(struct packet *p)
{
	p->urgent++;
}
static void change_timestamp(struct packet *p)
{
	p->tcp_options[11]++;
}
static void drop_options(struct packet *p)
{
	p->tcp_options_len = 0;
}
static void set_reserved(struct packet *p)
{
	p->reserved = 1;
}
static void leave_payload_out(struct packet *p)
{
	p->payload_len = 0;
}
static void leave_checksum_out(struct packet *p)
{
	p->is_unsummed = true;
}
static void leave_checksum_partial(struct packet *p)
{
	p->is_partial = true;
}

static void test_ip_fields_that_differ(void **state)
{
	for (unsigned kind = 0; kind < 4; kind++) {
		bool is_v6 = kind & 1;
		check_apart(kind, change_tos);
		check_apart(kind, change_ecn);
		check_apart(kind, change_ttl);
		check_apart(kind, is_v6 ? change_flow : change_id);
		check_apart(kind, is_v6 ? change_flow : change_df);
		check_apart(kind, is_v6 ? change_flow : change_evil);
		check_apart(kind, is_v6 ? add_extension : add_ip_options);
	}
}

static void test_tcp_fields_that_differ(void **state)
{
	for (unsigned kind = 0; kind < 2; kind++) {
		check_apart(kind, change_seq);
		check_apart(kind, change_ack);
		check_apart(kind, change_window);
		check_apart(kind, change_urgent);
		check_apart(kind, change_timestamp);
		check_apart(kind, drop_options);
		check_apart(kind, set_reserved);
	}
}

static void test_payloads_and_checksums_that_differ(void **state)
{
	for (unsigned kind = 0; kind < 4; kind++) {
		check_apart(kind, leave_payload_out);
		check_apart(kind, leave_checksum_partial);
	}
	check_apart(2, leave_checksum_out);
	check_apart(3, leave_checksum_out);
}

static void test_flags(void **state)
{
	for (unsigned flags = 0; flags < 256; flags++) {
		begin(true, true);
		for (unsigned i = 0; i < 5; i++) {
			struct packet p = tcp4(i);
			if (i == 2)
				p.flags = (uint8_t)flags;
			add(&p);
		}
		if (flags == ACK)
			EXPECT(5);
		else if ((flags & ~(unsigned)(PSH | FIN)) == ACK)
			EXPECT(3, 2);
		else
			EXPECT(2, 1, 2);
	}
}

static void test_a_shorter_packet_is_the_last(void **state)
{
	for (unsigned kind = 0; kind < 4; kind++) {
		begin(true, true);
		for (unsigned i = 0; i < 5; i++) {
			struct packet p = of_kind(kind, i);
			if (i == 2)
				p.payload_len = 1;
			else if (i > 2)
				p.seq -= 999;
			add(&p);
		}
		EXPECT(3, 2);
	}
}

/* A larger one begins anew, and what was the rule before is now the shorter last. */
static void test_a_larger_packet(void **state)
{
	for (unsigned kind = 0; kind < 4; kind++) {
		begin(true, true);
		for (unsigned i = 0; i < 5; i++) {
			struct packet p = of_kind(kind, i);
			p.payload_len += i == 2;
			p.seq += i > 2;
			add(&p);
		}
		EXPECT(2, 2, 1);
	}
}

static void test_ids(void **state)
{
	static const struct {
		uint16_t fragment;
		uint16_t ids[4];
		unsigned n;
		unsigned joined[4];
	} rows[] = {
		{0x4000, {7, 8, 9, 10}, 1, {4}},         {0x0000, {7, 8, 9, 10}, 1, {4}},
		{0x4000, {0, 0, 0, 0}, 1, {4}},          {0x0000, {0, 0, 0, 0}, 4, {1, 1, 1, 1}},
		{0x4000, {7, 7, 8, 8}, 2, {2, 2}},       {0x4000, {7, 8, 8, 9}, 2, {2, 2}},
		{0x0000, {7, 8, 8, 9}, 2, {2, 2}},       {0x4000, {0xffff, 0, 1, 2}, 1, {4}},
		{0x4000, {9, 8, 7, 6}, 4, {1, 1, 1, 1}},
	};
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		const struct wm_wg_chain *chains = NULL;
		begin(true, true);
		for (unsigned i = 0; i < 4; i++) {
			struct packet p = tcp4(i);
			p.fragment = rows[r].fragment;
			p.id = rows[r].ids[i];
			add(&p);
		}
		assert_int_equal(wm_wg_coalesce_end(&c, &chains), rows[r].n);
		for (unsigned i = 0; i < rows[r].n; i++)
			assert_int_equal(chains[i].n_spans, rows[r].joined[i]);
	}
}

/* A bit that is wrong anywhere: the kernel, and not we, is to find it. */
static void test_damaged_packets_stay_alone(void **state)
{
	static uint8_t bytes[PACKET_MAX];
	for (unsigned kind = 0; kind < 4; kind++) {
		struct packet p = of_kind(kind, 1);
		size_t len = packet_write(&p, bytes);
		for (size_t at = 0; at < len; at += at < 80 ? 1 : 97) {
			const struct wm_wg_chain *chains = NULL;
			begin(true, true);
			p = of_kind(kind, 0);
			add(&p);
			bytes[at] ^= 0x10;
			add_bytes(bytes, len);
			bytes[at] ^= 0x10;
			/* Not even with a twin that is damaged alike. */
			p = of_kind(kind, 2);
			size_t twin = packet_write(&p, whole);
			whole[at] ^= 0x10;
			add_bytes(whole, twin);
			/* No sum covers the class, the flow label and the hop limit of IPv6. */
			bool is_covered = !(kind & 1) || at == 0 || (at > 3 && at != 7);
			assert_int_equal(wm_wg_coalesce_end(&c, &chains), is_covered ? 3 : 2);
		}
	}
}

/* Writes the packet with two bytes of payload such that its checksum comes out as zero. */
static size_t write_with_zero_sum(struct packet *p, uint8_t *bytes)
{
	static uint8_t load[1000];
	memset(load, 0, sizeof(load));
	p->payload = load;
	packet_write(p, bytes);
	memcpy(load, bytes + packet_transport(p) + (p->protocol == UDP ? 6 : 16), 2);
	return packet_write(p, bytes);
}

/* Two packets, the second with @sum as its checksum; whether they are joined. */
static bool joins_with_sum(unsigned kind, const char *sum)
{
	static uint8_t bytes[PACKET_MAX];
	const struct wm_wg_chain *chains = NULL;
	begin(true, true);
	for (unsigned i = 0; i < 2; i++) {
		struct packet p = of_kind(kind, i);
		size_t len = write_with_zero_sum(&p, bytes);
		uint8_t *field = bytes + packet_transport(&p) + (kind & 2 ? 6 : 16);
		assert_memory_equal(field, kind & 2 ? "\xff\xff" : "\0\0", 2);
		if (i == 1)
			memcpy(field, sum, 2);
		add_bytes(bytes, len);
	}
	return wm_wg_coalesce_end(&c, &chains) == 1;
}

/*
 * All ones are as right as zero, but segmentation would not write them; in a datagram it would, and
 * there zero means that there is no checksum.
 */
static void test_checksums_of_all_ones(void **state)
{
	for (unsigned kind = 0; kind < 4; kind++) {
		assert_true(joins_with_sum(kind, "\xff\xff") == (kind >= 2));
		assert_true(joins_with_sum(kind, "\0\0") == (kind < 2));
	}
}

static void test_a_header_sum_of_all_ones(void **state)
{
	static uint8_t bytes[PACKET_MAX];
	for (unsigned ones = 0; ones < 2; ones++) {
		begin(true, true);
		for (unsigned i = 0; i < 2; i++) {
			struct packet p = tcp4(i);
			p.id = 0;
			packet_write(&p, bytes);
			p.id = (uint16_t)(bytes[10] << 8 | bytes[11]);
			size_t len = packet_write(&p, bytes);
			assert_memory_equal(bytes + 10, "\0\0", 2);
			memset(bytes + 10, ones && i == 1 ? 0xff : 0, 2);
			add_bytes(bytes, len);
		}
		const struct wm_wg_chain *chains = NULL;
		assert_int_equal(wm_wg_coalesce_end(&c, &chains), 1 + ones);
	}
}

static void test_datagrams_shorter_than_their_packet(void **state)
{
	static uint8_t bytes[PACKET_MAX];
	begin(true, true);
	for (unsigned i = 0; i < 2; i++) {
		struct packet p = as_udp(tcp4(i));
		size_t len = packet_write(&p, bytes);
		/* One byte less, and the checksum right again. */
		bytes[25]--;
		bytes[27]++;
		add_bytes(bytes, len);
	}
	EXPECT(1, 1);
}

static void test_no_more_than_fits(void **state)
{
	begin(true, true);
	for (unsigned i = 0; i < 100; i++) {
		struct packet p = tcp4(i);
		p.payload_len = 1400;
		p.seq = 1400 * i;
		add(&p);
	}
	EXPECT(46, 46, 8);
	begin(true, true);
	for (unsigned i = 0; i < 100; i++) {
		struct packet p = as_udp(tcp6(i));
		p.payload_len = 100;
		add(&p);
	}
	EXPECT(64, 36);
}

static void test_a_full_batch(void **state)
{
	begin(true, true);
	for (unsigned i = 0; i < WM_WG_COALESCE_PACKETS; i++) {
		struct packet p = tcp4(i);
		p.payload_len = 10;
		p.seq = 10 * i;
		add(&p);
	}
	assert_false(wm_wg_coalesce_add(&c, store[WM_WG_COALESCE_PACKETS], 60));
	EXPECT(WM_WG_COALESCE_PACKETS);
	/* And once more with none that fit together. */
	begin(true, true);
	const struct wm_wg_chain *chains = NULL;
	for (unsigned i = 0; i < WM_WG_COALESCE_PACKETS; i++) {
		struct packet p = tcp4(i);
		p.ports[0] = (uint16_t)i;
		add(&p);
	}
	assert_false(wm_wg_coalesce_add(&c, store[WM_WG_COALESCE_PACKETS], 60));
	assert_int_equal(wm_wg_coalesce_end(&c, &chains), WM_WG_COALESCE_PACKETS);
}

/* @flows flows by turns, five rounds: how many chains that makes. */
static unsigned chains_of_mixed_flows(unsigned flows)
{
	const struct wm_wg_chain *chains = NULL;
	begin(true, true);
	for (unsigned i = 0; i < 5; i++) {
		for (unsigned f = 0; f < flows; f++) {
			struct packet p = of_kind(f, i);
			p.ports[1] = (uint16_t)(f >> 2);
			add(&p);
		}
	}
	unsigned n = wm_wg_coalesce_end(&c, &chains);
	for (unsigned i = 0; i < n && n == flows; i++) {
		assert_int_equal(chains[i].n_spans, 5);
		assert_ptr_equal(chains[i].spans[0].data, store[i]);
	}
	return n;
}

static void test_mixed_flows(void **state)
{
	assert_int_equal(chains_of_mixed_flows(2), 2);
	assert_int_equal(chains_of_mixed_flows(8), 8);
	assert_int_equal(chains_of_mixed_flows(9), 45);
}

/* The other factor of which the product with @odd is 1, modulo 2^64. */
static uint64_t inverse(uint64_t odd)
{
	uint64_t x = odd;
	for (unsigned bits = 3; bits < 64; bits *= 2)
		x *= 2 - odd * x;
	return x;
}

/* Hosts and ports chosen so that two flows have the same mark (mark_flow in wg/coalesce.c). */
static void test_marks_that_collide(void **state)
{
	static const uint64_t factor = 0x9e3779b97f4a7c15;
	const struct wm_wg_chain *chains = NULL;
	struct packet p = tcp4(0), q = tcp4(1);
	uint64_t hosts;
	uint32_t p_ports, q_ports;
	uint8_t bytes[2][4] = {{0x9c, 0x40, 0x14, 0x51}, {1, 2, 3, 4}};
	p.ports[0] = 0x9c40;
	p.ports[1] = 0x1451;
	q.ports[0] = 0x0102;
	q.ports[1] = 0x0304;
	memcpy(&p_ports, bytes[0], 4);
	memcpy(&q_ports, bytes[1], 4);
	memcpy(&hosts, p.addresses, 8);
	hosts = inverse(factor) * (hosts * factor ^ (uint64_t)(p_ports ^ q_ports) << 8);
	memcpy(q.addresses, &hosts, 8);
	begin(true, true);
	add(&p);
	add(&q);
	assert_int_equal(c.growing[0].mark, c.growing[1].mark);
	assert_int_equal(wm_wg_coalesce_end(&c, &chains), 2);
}

/* What may be of a flow, but hides it, closes all flows between its two hosts and no others. */
static void check_hidden(unsigned kind, void (*change)(struct packet *), unsigned cut, bool closes)
{
	static uint8_t bytes[PACKET_MAX];
	const struct wm_wg_chain *chains = NULL;
	begin(true, true);
	for (unsigned i = 0; i < 2; i++) {
		struct packet p = of_kind(kind, i), other = of_kind(kind, i);
		other.addresses[0]++;
		add(&p);
		add(&other);
		p.ports[0]++; /* another flow of the same hosts */
		change(&p);
		if (i == 0)
			add_bytes(bytes, packet_write(&p, bytes) - cut);
	}
	assert_int_equal(wm_wg_coalesce_end(&c, &chains), closes ? 4 : 3);
	assert_ptr_equal(chains[0].spans[0].data, store[0]);
	assert_int_equal(chains[0].n_spans, closes ? 1 : 2);
	assert_int_equal(chains[1].n_spans, 2);
	assert_ptr_equal(chains[2].spans[0].data, store[2]);
}

static void make_fragment(struct packet *p)
{
	p->fragment = 0x0010;
}
static void make_icmp(struct packet *p)
{
	p->payload = (const uint8_t *)"";
	p->payload_len = 0;
	p->next = 58;
	p->options = (const uint8_t *)"\200\0\0\0\0\0\0\0";
	p->options_len = 8;
}

static void test_packets_that_hide_their_flow(void **state)
{
	for (unsigned kind = 0; kind < 4; kind += 2) {
		check_hidden(kind, make_fragment, 0, true);
		check_hidden(kind, add_ip_options, 0, true);
		check_hidden(kind, change_ack, 1, true); /* shorter than it says */
		check_hidden(kind + 1, add_extension, 0, true);
		check_hidden(kind + 1, change_ack, 1, true);
		check_hidden(kind + 1, make_icmp, 0, true);
	}
	check_hidden(0, change_ack, 0, false);
	check_hidden(3, change_window, 0, false);
}

static void test_a_transport_header_cut_short(void **state)
{
	static uint8_t bytes[PACKET_MAX];
	struct packet p = tcp4(0), q = tcp4(1), cut = as_udp(tcp4(0));
	begin(true, true);
	add(&p);
	cut.payload_len = 11;
	size_t len = packet_write(&cut, bytes);
	bytes[9] = TCP;
	add_bytes(bytes, len);
	add(&q);
	EXPECT(1, 1, 1);
}

/* Of a protocol that is not joined: nothing to keep in order with. */
static void test_other_protocols_close_nothing(void **state)
{
	const struct wm_wg_chain *chains = NULL;
	static uint8_t bytes[PACKET_MAX];
	for (unsigned kind = 0; kind < 2; kind++) {
		begin(true, false);
		for (unsigned i = 0; i < 3; i++) {
			struct packet p = of_kind(kind, i), u = of_kind(kind + 2, i);
			add(&p);
			add(&u);
			size_t len = packet_write(&u, bytes);
			if (kind == 0)
				bytes[9] = 1;
			add_bytes(bytes, len);
		}
		assert_int_equal(wm_wg_coalesce_end(&c, &chains), 7);
		assert_int_equal(chains[0].n_spans, 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_whole_flows_are_joined),
		cmocka_unit_test(test_the_joined_header),
		cmocka_unit_test(test_only_what_the_interface_takes),
		cmocka_unit_test(test_ip_fields_that_differ),
		cmocka_unit_test(test_tcp_fields_that_differ),
		cmocka_unit_test(test_payloads_and_checksums_that_differ),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_a_shorter_packet_is_the_last),
		cmocka_unit_test(test_a_larger_packet),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_damaged_packets_stay_alone),
		cmocka_unit_test(test_checksums_of_all_ones),
		cmocka_unit_test(test_a_header_sum_of_all_ones),
		cmocka_unit_test(test_datagrams_shorter_than_their_packet),
		cmocka_unit_test(test_no_more_than_fits),
		cmocka_unit_test(test_a_full_batch),
		cmocka_unit_test(test_mixed_flows),
		cmocka_unit_test(test_marks_that_collide),
		cmocka_unit_test(test_packets_that_hide_their_flow),
		cmocka_unit_test(test_a_transport_header_cut_short),
		cmocka_unit_test(test_other_protocols_close_nothing),
	};
	return cmocka_run_group_tests(tests, fill_payload, NULL);
}
