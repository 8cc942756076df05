/*
 * Segmentation and joining on random packets, held against their definitions in packets.c and
 * against each other. WM_RANDOM_PACKETS says how many. A batch that fails is named by its seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "packets.h"
#include "wg/coalesce.h"
#include "wg/segment.h"

#define BATCH WM_WG_COALESCE_PACKETS
#define ROOM  2048

/* A packet of a batch, and how the definition sees it. */
struct item {
	uint8_t *bytes; /* the coalescer's copy */
	uint8_t was[ROOM];
	size_t len;
	struct packet p; /* of @was */
	enum { NO_FLOW, HIDDEN, FLOW } standing;
	bool is_fit;
};

static struct wm_wg_coalesce coalesce;
static struct item items[BATCH];
static unsigned n_items;
static uint8_t store[BATCH][ROOM], random_payload[PACKET_MAX + 1000];
static uint8_t whole[PACKET_MAX], whole_copy[PACKET_MAX], one[PACKET_MAX];
static uint64_t seed;

static unsigned wanted(void)
{
	const char *text = getenv("WM_RANDOM_PACKETS");
	return text != NULL ? (unsigned)strtoul(text, NULL, 10) : 1000000;
}

static int fill_payload(void **state)
{
	seed_random(3);
	any_bytes(random_payload, sizeof(random_payload));
	return 0;
}

#define MUST(holds)                                                               \
	do {                                                                      \
		if (!(holds))                                                     \
			fail_msg("batch %u: not so: %s", (unsigned)seed, #holds); \
	} while (0)

/* ---- what joining is ---- */

static size_t addresses_len(unsigned version)
{
	return version == 4 ? 8 : 32;
}

static const uint8_t *addresses_of(const struct item *i)
{
	return i->was + (i->was[0] >> 4 == 4 ? 12 : 8);
}

static bool is_between_same_hosts(const struct item *a, const struct item *b)
{
	unsigned version = a->was[0] >> 4;
	return version == b->was[0] >> 4u &&
	       memcmp(addresses_of(a), addresses_of(b), addresses_len(version)) == 0;
}

static uint8_t protocol_of(const struct item *i)
{
	return i->was[i->was[0] >> 4 == 4 ? 9 : 6];
}

static size_t ip_header(const struct item *i)
{
	return i->was[0] >> 4 == 4 ? 20 : 40;
}

static bool is_of_same_flow(const struct item *a, const struct item *b)
{
	return is_between_same_hosts(a, b) && protocol_of(a) == protocol_of(b) &&
	       memcmp(a->was + ip_header(a), b->was + ip_header(b), 4) == 0;
}

static void stand(struct item *i, bool tcp, bool udp)
{
	unsigned version = i->len > 0 ? i->was[0] >> 4 : 0;
	i->standing = NO_FLOW;
	if ((version != 4 && version != 6) || i->len < ip_header(i))
		return;
	bool is_tcp = protocol_of(i) == TCP, is_udp = protocol_of(i) == UDP;
	if (is_tcp ? !tcp : is_udp ? !udp : version == 4)
		return;
	const uint8_t *p = i->was;
	bool is_plain = version == 4 ? p[0] == 0x45 && (p[6] & 0xbf) == 0 && p[7] == 0 &&
					       p[2] * 256u + p[3] == i->len
				     : p[4] * 256u + p[5] + 40 == i->len;
	bool is_whole = i->len >= ip_header(i) + (is_tcp ? 20 : 8);
	i->standing = is_plain && is_whole && (is_tcp || is_udp) ? FLOW : HIDDEN;
}

/* Reading it and writing it again gives the same, so its checksums are those that we would write.
 */
static bool is_as_written(const struct item *i)
{
	return packet_write(&i->p, one) == i->len && memcmp(one, i->was, i->len) == 0;
}

static void judge(struct item *i, bool tcp, bool udp)
{
	stand(i, tcp, udp);
	i->is_fit =
		packet_read(i->was, i->len, &i->p) && i->standing == FLOW && i->p.payload_len > 0 &&
		(i->p.protocol == UDP ? !i->p.is_unsummed
				      : (i->p.flags & ~(PSH | FIN)) == ACK && i->p.reserved == 0) &&
		is_as_written(i);
}

/* Whether @b is what segmentation would make of the two in one, after @a. */
static bool follows(const struct item *a, const struct item *b, unsigned step)
{
	static uint8_t joined[PACKET_MAX], load[2 * ROOM];
	struct packet p = a->p, second = b->p;
	size_t len;
	memcpy(load, a->p.payload, a->p.payload_len);
	memcpy(load + a->p.payload_len, b->p.payload, b->p.payload_len);
	p.payload = load;
	p.payload_len += b->p.payload_len;
	p.flags = second.flags;
	p.is_partial = true;
	struct wm_offload o = packet_offload(&p, (uint16_t)a->p.payload_len);
	size_t n = packet_write(&p, joined);
	if (packet_count(joined, n, &o) != 2)
		return false;
	if (packet_segment(joined, n, &o, 0, one) != a->len || memcmp(one, a->was, a->len) != 0)
		return false;
	if (step == 0) /* identifiers that do not matter */
		second.id = (uint16_t)(a->p.id + 1);
	len = packet_segment(joined, n, &o, 1, one);
	return packet_write(&second, joined) == len && memcmp(one, joined, len) == 0;
}

struct group {
	unsigned members[BATCH];
	unsigned n;
	size_t len;
	unsigned step; /* of the identifiers, from the second member on */
	bool is_open;
};

static struct group groups[BATCH];
static unsigned n_groups;

static bool joins(const struct group *g, const struct item *i)
{
	const struct item *last = &items[g->members[g->n - 1]];
	unsigned step = i->p.id != last->p.id || i->p.version == 6;
	if (step == 0 && i->p.fragment != 0x4000)
		return false;
	if (g->n > 1 && i->p.version == 4 && step != g->step)
		return false;
	if (g->len + i->p.payload_len > 65535 || (i->p.protocol == UDP && g->n == 64))
		return false;
	return follows(last, i, step);
}

static void put_into_group(unsigned number)
{
	struct item *i = &items[number];
	struct group *g = NULL, *oldest = NULL;
	unsigned n_open = 0;
	for (unsigned k = 0; k < n_groups; k++) {
		const struct item *first = &items[groups[k].members[0]];
		if (groups[k].is_open && i->standing == HIDDEN && is_between_same_hosts(first, i))
			groups[k].is_open = false;
		if (groups[k].is_open && i->standing == FLOW && is_of_same_flow(first, i))
			g = &groups[k];
	}
	if (g != NULL && !(i->is_fit && joins(g, i))) {
		g->is_open = false;
		g = NULL;
	}
	bool is_more = g != NULL;
	if (g == NULL) {
		g = &groups[n_groups++];
		g->n = 0;
		g->len = i->len - i->p.payload_len;
	}
	if (is_more)
		g->step = i->p.id != items[g->members[g->n - 1]].p.id;
	g->members[g->n++] = number;
	g->len += i->p.payload_len;
	g->is_open = i->is_fit && !(i->p.protocol == TCP && i->p.flags & (PSH | FIN)) &&
		     i->p.payload_len == items[g->members[0]].p.payload_len;
	for (unsigned k = n_groups; k-- > 0;) {
		n_open += groups[k].is_open;
		oldest = groups[k].is_open ? &groups[k] : oldest;
	}
	if (n_open > WM_WG_COALESCE_FLOWS)
		oldest->is_open = false;
}

/* ---- a batch through the coalescer ---- */

static void begin_batch(void)
{
	n_items = 0;
}

static void add_item(const uint8_t *bytes, size_t len)
{
	struct item *i = &items[n_items];
	i->bytes = store[n_items++];
	i->len = len;
	memcpy(i->was, bytes, len);
	memcpy(i->bytes, bytes, len);
}

static bool is_equal_but_for_id(const struct item *i, const uint8_t *bytes, size_t len)
{
	struct packet p = i->p, q;
	if (len != i->len || !packet_read(bytes, len, &q) || !is_as_written(i))
		return false;
	p.id = q.id;
	return packet_write(&p, one) == len && memcmp(one, bytes, len) == 0;
}

static bool is_equal(const struct group *g, const struct item *i, const uint8_t *bytes, size_t len)
{
	if (g->n > 1 && i->p.version == 4 && g->step == 0)
		return is_equal_but_for_id(i, bytes, len);
	return len == i->len && memcmp(bytes, i->was, len) == 0;
}

/* Both ways to take the joined packet in @whole apart give back what was joined. */
static void check_parts(const struct group *g, const struct wm_wg_chain *chain)
{
	static uint8_t part[PACKET_MAX];
	struct wm_wg_segments s;
	uint8_t *out = NULL;
	MUST(packet_sum(whole, items[g->members[0]].p.version == 4 ? 20 : 0) ==
	     (items[g->members[0]].p.version == 4 ? 0xffff : 0));
	MUST(packet_count(whole, chain->len, &chain->offload) == g->n);
	memcpy(whole_copy, whole, chain->len);
	MUST(wm_wg_segments_begin(&s, whole, chain->len, &chain->offload) == WM_DROP_NONE);
	for (unsigned n = 0; n < g->n; n++) {
		const struct item *i = &items[g->members[n]];
		size_t len = packet_segment(whole_copy, chain->len, &chain->offload, n, part);
		MUST(is_equal(g, i, part, len));
		MUST(wm_wg_segments_next(&s, &out) == len);
		MUST(memcmp(out, part, len) == 0);
	}
	MUST(wm_wg_segments_next(&s, &out) == 0);
}

static void check_chain(const struct group *g, const struct wm_wg_chain *chain)
{
	size_t len = 0;
	MUST(chain->n_spans == g->n);
	for (unsigned n = 0; n < g->n; n++) {
		const struct wm_span *span = &chain->spans[n];
		const struct item *i = &items[g->members[n]];
		MUST(span->data == i->bytes + (n > 0 ? i->len - i->p.payload_len : 0));
		memcpy(whole + len, span->data, span->len);
		len += span->len;
	}
	MUST(len == chain->len);
	if (g->n > 1)
		check_parts(g, chain);
	else
		MUST(chain->offload.kind == WM_OFFLOAD_NONE &&
		     memcmp(whole, items[g->members[0]].was, len) == 0);
}

/* No packet overtakes another of its flow, nor one that may be of it. */
static void check_order(const struct wm_wg_chain *chains, unsigned n)
{
	unsigned place[BATCH], next = 0;
	for (unsigned k = 0; k < n; k++) {
		for (unsigned m = 0; m < chains[k].n_spans; m++)
			place[(size_t)(chains[k].spans[m].data - store[0]) / ROOM] = next++;
	}
	MUST(next == n_items);
	for (unsigned j = 0; j < n_items; j++) {
		for (unsigned i = 0; i < j; i++) {
			const struct item *a = &items[i], *b = &items[j];
			if (a->standing == NO_FLOW || b->standing == NO_FLOW)
				continue;
			bool is_hidden = a->standing == HIDDEN || b->standing == HIDDEN;
			if (is_hidden ? is_between_same_hosts(a, b) : is_of_same_flow(a, b))
				MUST(place[i] < place[j]);
		}
	}
}

static unsigned run_batch(bool tcp, bool udp, const struct wm_wg_chain **chains)
{
	n_groups = 0;
	wm_wg_coalesce_begin(&coalesce, tcp, udp);
	for (unsigned i = 0; i < n_items; i++) {
		judge(&items[i], tcp, udp);
		put_into_group(i);
		MUST(wm_wg_coalesce_add(&coalesce, items[i].bytes, items[i].len));
	}
	unsigned n = wm_wg_coalesce_end(&coalesce, chains);
	if (n_items <= 80) /* for it compares each with each */
		check_order(*chains, n);
	MUST(n == n_groups);
	for (unsigned k = 0; k < n; k++)
		check_chain(&groups[k], &(*chains)[k]);
	return n;
}

/* ---- random packets ---- */

static struct packet any_packet(size_t len)
{
	struct packet p = {
		.version = one_in(2) ? 4 : 6,
		.tos = one_in(4) ? (uint8_t)any_below(256) : 0,
		.flow = any_below(1u << 20),
		.id = (uint16_t)any_below(65536),
		.fragment = one_in(3) ? 0 : 0x4000,
		.ttl = (uint8_t)any_below(256),
		.protocol = one_in(3) ? UDP : TCP,
		.ports = {(uint16_t)any_below(65536), (uint16_t)any_below(3)},
		.seq = one_in(3) ? 0xffffff00 + any_below(256) : any_below(UINT32_MAX),
		.ack = any_below(UINT32_MAX),
		.flags = ACK,
		.window = (uint16_t)any_below(65536),
		.tcp_options_len = one_in(2) ? 12 : 4 * (size_t)any_below(11),
		.payload = random_payload + any_below(1000),
		.payload_len = len,
	};
	any_bytes(p.addresses, sizeof(p.addresses));
	any_bytes(p.tcp_options, p.tcp_options_len);
	if (p.protocol == UDP)
		p.tcp_options_len = 0;
	return p;
}

static size_t any_size(void)
{
	return one_in(8) ? 1 + any_below(1400) : 1 + any_below(one_in(3) ? 4 : 100);
}

static void change_field(struct packet *p)
{
	switch (any_below(18)) {
	case 0: p->tos ^= (uint8_t)(1 << any_below(8)); break;
	case 1: p->flow ^= 1u << any_below(20); break;
	case 2: p->id = (uint16_t)(p->id + any_below(4)); break;
	case 3: p->fragment ^= 0x4000; break;
	case 4: p->fragment |= (uint16_t)(1 << any_below(16)); break;
	case 5: p->ttl--; break;
	case 6: p->addresses[any_below(32)] ^= 1; break;
	case 7: p->ports[any_below(2)] ^= 1; break;
	case 8: p->seq += any_below(3) - 1; break;
	case 9: p->ack++; break;
	case 10: p->reserved ^= (uint8_t)any_below(16); break;
	case 11: p->flags ^= (uint8_t)(1 << any_below(8)); break;
	case 12: p->window++; break;
	case 13: p->urgent ^= 1; break;
	case 14: p->tcp_options[any_below(40)] ^= 1; break;
	case 15: p->payload_len = one_in(3) ? 0 : any_size(); break;
	case 16: p->is_partial = true; break;
	default: p->is_unsummed = p->protocol == UDP; break;
	}
}

/* Behind the IP header: options, or two extension headers with nothing in them. */
static void add_options(struct packet *p)
{
	static uint8_t bytes[40];
	memset(bytes, 0, sizeof(bytes));
	p->options = bytes;
	p->options_len = p->version == 4 ? 4 + 4 * (size_t)any_below(10) : 32;
	if (p->version == 6) {
		p->next = one_in(2) ? 0 : 43;
		bytes[0] = 60;
		bytes[1] = 1;
		bytes[16] = p->protocol;
		bytes[17] = 1;
	}
}

static void damage(uint8_t *bytes, size_t *len)
{
	if (one_in(4))
		*len -= any_below((uint32_t)*len);
	else
		bytes[any_below(*len < 60 || one_in(8) ? (uint32_t)*len : 60)] ^=
			(uint8_t)(1 << any_below(8));
}

/* The next packet of a flow, and now and then something that does not belong. */
static void add_next_of(struct packet *flow, bool is_calm)
{
	static uint8_t bytes[PACKET_MAX];
	struct packet p = *flow;
	bool is_odd = !is_calm && one_in(12);
	if (!is_calm && one_in(10))
		p.flags |= one_in(3) ? FIN : PSH;
	if (is_odd && one_in(4))
		change_field(flow);
	if (is_odd && one_in(2))
		change_field(&p);
	if (is_odd && one_in(10))
		add_options(&p);
	if (!is_calm && one_in(20))
		p.payload_len = any_size();
	size_t len = packet_write(&p, bytes);
	if (is_odd && one_in(4))
		damage(bytes, &len);
	add_item(bytes, len);
	flow->seq = p.seq + (uint32_t)p.payload_len;
	flow->payload = random_payload + any_below(1000);
}

static void test_joining_random_flows(void **state)
{
	unsigned total = wanted() / 2, joined = 0, done = 0;
	for (seed = 1; done < total; seed++) {
		struct packet flows[12];
		const struct wm_wg_chain *chains = NULL;
		seed_random(seed);
		unsigned n = 1 + any_below(one_in(3) ? 12 : 3), at = 0;
		bool is_calm = one_in(30); /* so that chains grow until they are full */
		unsigned size = is_calm || one_in(8) ? BATCH : 8 + any_below(60);
		for (unsigned f = 0; f < n; f++) {
			flows[f] = f > 0 && one_in(3) ? flows[f - 1] : any_packet(any_size());
			flows[f].ports[1] = (uint16_t)f;
		}
		begin_batch();
		while (n_items < size) {
			at = one_in(3) ? any_below(n) : at;
			flows[at].id = (uint16_t)(flows[at].id + (is_calm || !one_in(20)));
			add_next_of(&flows[at], is_calm);
		}
		unsigned n_chains = run_batch(!one_in(8), !one_in(8), &chains);
		joined += n_items - n_chains;
		done += n_items;
	}
	/* Or this test would show nothing. */
	assert_true(joined > total / 4 && joined < total * 3 / 4);
}

static struct packet any_large_packet(void)
{
	struct packet p = any_packet(one_in(20) ? any_below(65000) : any_below(4000));
	p.is_partial = true;
	if (one_in(4))
		p.flags |= (uint8_t)(FIN | PSH);
	if (one_in(10))
		p.flags ^= (uint8_t)(1 << any_below(8));
	if (one_in(8))
		add_options(&p);
	if (one_in(8))
		p.urgent = (uint16_t)any_below(65536);
	return p;
}

static void distort(struct wm_offload *o, uint8_t *bytes, size_t *len)
{
	switch (any_below(8)) {
	case 0: o->kind = (uint8_t)any_below(6); break;
	case 1: o->segment = (uint16_t)any_below(3); break;
	case 2: o->checksum_start ^= (uint16_t)(1 << any_below(16)); break;
	case 3: o->checksum_offset ^= (uint16_t)(1 << any_below(16)); break;
	case 4: o->has_ecn = !o->has_ecn; break;
	case 5: o->needs_checksum = false; break;
	default: damage(bytes, len); break;
	}
}

/* What was taken apart goes together again to what it was. */
static void check_joins_again(const uint8_t *bytes, size_t len, unsigned count)
{
	struct packet p;
	const struct wm_wg_chain *chains = NULL;
	packet_read(bytes, len, &p);
	bool is_joinable =
		p.options_len == 0 && count > 1 && count <= 64 &&
		(p.protocol == UDP || ((p.flags & ~(PSH | FIN)) == ACK && p.reserved == 0)) &&
		(p.fragment & 0xbfff) == 0;
	unsigned n = run_batch(true, true, &chains);
	if (!is_joinable)
		return;
	MUST(n == 1 && chains->len == len);
	p.is_partial = true;
	packet_write(&p, one);
	MUST(memcmp(chains->spans[0].data, one, chains->spans[0].len) == 0);
}

static unsigned split(uint8_t *bytes, size_t len, const struct wm_offload *o, unsigned count)
{
	struct wm_wg_segments s;
	uint8_t *out = NULL;
	memcpy(whole_copy, bytes, len);
	MUST(wm_wg_segments_begin(&s, bytes, len, o) == WM_DROP_NONE);
	MUST(s.count == count);
	begin_batch();
	for (unsigned i = 0; i < count; i++) {
		size_t n = packet_segment(whole_copy, len, o, i, one);
		MUST(wm_wg_segments_next(&s, &out) == n);
		MUST(memcmp(out, one, n) == 0);
		if (i < BATCH && n <= ROOM)
			add_item(one, n);
	}
	MUST(wm_wg_segments_next(&s, &out) == 0);
	if (count <= BATCH && n_items == count)
		check_joins_again(whole_copy, len, count);
	return count;
}

static void test_splitting_random_packets(void **state)
{
	static uint8_t bytes[PACKET_MAX];
	unsigned total = wanted() / 2, done = 0, refused = 0;
	for (seed = 1; done < total; seed++) {
		seed_random(seed);
		struct packet p = any_large_packet();
		struct wm_offload o =
			packet_offload(&p, (uint16_t)(50 + any_below(one_in(4) ? 1400 : 200)));
		size_t len = packet_write(&p, bytes);
		struct wm_wg_segments s;
		if (one_in(3))
			distort(&o, bytes, &len);
		if (o.kind == WM_OFFLOAD_NONE)
			continue;
		unsigned count = packet_count(bytes, len, &o);
		if (count == 0)
			MUST(wm_wg_segments_begin(&s, bytes, len, &o) == WM_DROP_OFFLOAD);
		else
			done += split(bytes, len, &o, count);
		refused += count == 0;
	}
	assert_true(refused > seed / 10 && refused < seed / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joining_random_flows),
		cmocka_unit_test(test_splitting_random_packets),
	};
	return cmocka_run_group_tests(tests, fill_payload, NULL);
}
