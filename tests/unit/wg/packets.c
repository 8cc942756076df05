#include "packets.h"
#include <string.h>

static uint64_t random_state;

void seed_random(uint64_t seed)
{
	random_state = seed * 2 + 1;
}

static uint32_t any(void)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 32);
}

uint32_t any_below(uint32_t n)
{
	return (uint32_t)((uint64_t)any() * n >> 32);
}

bool one_in(uint32_t n)
{
	return any_below(n) == 0;
}

void any_bytes(uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)any();
}

/* A cursor that writes big-endian numbers. */
static void put(uint8_t **at, uint32_t v, unsigned bytes)
{
	while (bytes-- > 0)
		*(*at)++ = (uint8_t)(v >> (8 * bytes));
}

static void put_bytes(uint8_t **at, const uint8_t *p, size_t n)
{
	if (n > 0)
		memcpy(*at, p, n);
	*at += n;
}

static uint32_t get(const uint8_t **at, unsigned bytes)
{
	uint32_t v = 0;
	while (bytes-- > 0)
		v = v << 8 | *(*at)++;
	return v;
}

static void get_bytes(const uint8_t **at, uint8_t *out, size_t n)
{
	memcpy(out, *at, n);
	*at += n;
}

static uint16_t sum_on(uint64_t sum, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint16_t packet_sum(const uint8_t *data, size_t len)
{
	return sum_on(0, data, len);
}

size_t packet_transport(const struct packet *p)
{
	return (p->version == 4 ? 20 : 40) + p->options_len;
}

size_t packet_headers(const struct packet *p)
{
	return packet_transport(p) + (p->protocol == TCP ? 20 + p->tcp_options_len : 8);
}

static uint16_t pseudo_sum(const struct packet *p, size_t len)
{
	uint8_t pseudo[40] = {0}, *at = pseudo;
	size_t half = p->version == 4 ? 4 : 16;
	put_bytes(&at, p->addresses, half);
	put_bytes(&at, p->is_routed ? p->through : p->addresses + half, half);
	put(&at, (uint32_t)len, 4);
	put(&at, p->protocol, 4);
	return packet_sum(pseudo, (size_t)(at - pseudo));
}

static void put_ip4(const struct packet *p, uint8_t **at, size_t len)
{
	uint8_t *begin = *at;
	put(at, 4 << 4 | (uint32_t)(5 + p->options_len / 4), 1);
	put(at, p->tos, 1);
	put(at, (uint32_t)len, 2);
	put(at, p->id, 2);
	put(at, p->fragment, 2);
	put(at, p->ttl, 1);
	put(at, p->protocol, 1);
	put(at, 0, 2);
	put_bytes(at, p->addresses, 8);
	put_bytes(at, p->options, p->options_len);
	uint8_t *field = begin + 10;
	put(&field, 0xffffu ^ packet_sum(begin, (size_t)(*at - begin)), 2);
}

static void put_ip6(const struct packet *p, uint8_t **at, size_t len)
{
	put(at, 6u << 28 | (uint32_t)p->tos << 20 | p->flow, 4);
	put(at, (uint32_t)(len - 40), 2);
	put(at, p->options_len > 0 ? p->next : p->protocol, 1);
	put(at, p->ttl, 1);
	put_bytes(at, p->addresses, 32);
	put_bytes(at, p->options, p->options_len);
}

static void put_tcp(const struct packet *p, uint8_t **at)
{
	put(at, p->seq, 4);
	put(at, p->ack, 4);
	put(at, (uint32_t)(5 + p->tcp_options_len / 4) << 4 | p->reserved, 1);
	put(at, p->flags, 1);
	put(at, p->window, 2);
	put(at, 0, 2);
	put(at, p->urgent, 2);
	put_bytes(at, p->tcp_options, p->tcp_options_len);
}

static uint16_t transport_checksum(const struct packet *p, const uint8_t *t, size_t len)
{
	if (p->is_unsummed)
		return 0;
	uint16_t sum = pseudo_sum(p, len);
	if (p->is_partial)
		return sum;
	sum = 0xffffu ^ sum_on(sum, t, len);
	return p->protocol == UDP && sum == 0 ? 0xffff : sum;
}

size_t packet_write(const struct packet *p, uint8_t *out)
{
	uint8_t *at = out;
	size_t len = packet_headers(p) + p->payload_len;
	if (p->version == 4)
		put_ip4(p, &at, len);
	else
		put_ip6(p, &at, len);
	uint8_t *t = at;
	put(&at, p->ports[0], 2);
	put(&at, p->ports[1], 2);
	if (p->protocol == TCP) {
		put_tcp(p, &at);
	} else {
		put(&at, (uint32_t)(8 + p->payload_len), 2);
		put(&at, 0, 2);
	}
	put_bytes(&at, p->payload, p->payload_len);
	uint8_t *field = t + (p->protocol == TCP ? 16 : 6);
	put(&field, transport_checksum(p, t, (size_t)(at - t)), 2);
	return len;
}

static bool read_ip4(const uint8_t **at, size_t len, struct packet *p)
{
	if (len < 20)
		return false;
	uint32_t words = get(at, 1) & 15;
	p->tos = (uint8_t)get(at, 1);
	bool is_whole = get(at, 2) == len;
	p->id = (uint16_t)get(at, 2);
	p->fragment = (uint16_t)get(at, 2);
	p->ttl = (uint8_t)get(at, 1);
	p->protocol = (uint8_t)get(at, 1);
	get(at, 2);
	get_bytes(at, p->addresses, 8);
	if (words < 5 || words * 4 > len || !is_whole || (p->fragment & 0x3fff) != 0)
		return false;
	p->options_len = words * 4 - 20;
	p->options = *at;
	*at += p->options_len;
	return true;
}

static bool read_ip6(const uint8_t **at, size_t len, struct packet *p)
{
	const uint8_t *end = *at + len;
	if (len < 40)
		return false;
	uint32_t first = get(at, 4);
	p->tos = (uint8_t)(first >> 20);
	p->flow = first & 0xfffff;
	bool is_whole = get(at, 2) + 40 == len;
	p->protocol = p->next = (uint8_t)get(at, 1);
	p->ttl = (uint8_t)get(at, 1);
	get_bytes(at, p->addresses, 32);
	p->options = *at;
	while (p->protocol == 0 || p->protocol == 43 || p->protocol == 60) {
		if (*at + 2 > end || *at + (*at)[1] * 8 + 8 > end)
			return false;
		p->protocol = (*at)[0];
		*at += (*at)[1] * 8 + 8;
	}
	p->options_len = (size_t)(*at - p->options);
	return is_whole;
}

static bool read_tcp(const uint8_t **at, size_t len, struct packet *p)
{
	p->seq = get(at, 4);
	p->ack = get(at, 4);
	uint32_t offset = get(at, 1);
	p->reserved = offset & 15;
	p->flags = (uint8_t)get(at, 1);
	p->window = (uint16_t)get(at, 2);
	get(at, 2);
	p->urgent = (uint16_t)get(at, 2);
	if (offset >> 4 < 5 || (offset >> 4) * 4 > len)
		return false;
	p->tcp_options_len = (offset >> 4) * 4 - 20;
	get_bytes(at, p->tcp_options, p->tcp_options_len);
	return true;
}

bool packet_read(const uint8_t *data, size_t len, struct packet *p)
{
	const uint8_t *at = data, *end = data + len;
	memset(p, 0, sizeof(*p));
	p->version = len > 0 ? data[0] >> 4 : 0;
	if (p->version == 4 ? !read_ip4(&at, len, p) : p->version != 6 || !read_ip6(&at, len, p))
		return false;
	if ((p->protocol != TCP && p->protocol != UDP) || at + (p->protocol == TCP ? 20 : 8) > end)
		return false;
	size_t left = (size_t)(end - at);
	p->ports[0] = (uint16_t)get(&at, 2);
	p->ports[1] = (uint16_t)get(&at, 2);
	if (p->protocol == TCP) {
		if (!read_tcp(&at, left, p))
			return false;
	} else {
		if (get(&at, 2) != left)
			return false;
		p->is_unsummed = get(&at, 2) == 0;
	}
	p->payload = at;
	p->payload_len = (size_t)(end - at);
	return true;
}

struct wm_offload packet_offload(const struct packet *p, uint16_t segment)
{
	struct wm_offload o = {.needs_checksum = true, .segment = segment};
	o.kind = p->protocol == UDP ? WM_OFFLOAD_UDP
		 : p->version == 4  ? WM_OFFLOAD_TCP4
				    : WM_OFFLOAD_TCP6;
	o.has_ecn = p->protocol == TCP && p->flags & CWR;
	o.header_len = (uint16_t)packet_headers(p);
	o.checksum_start = (uint16_t)packet_transport(p);
	o.checksum_offset = p->protocol == TCP ? 16 : 6;
	return o;
}

unsigned packet_count(const uint8_t *data, size_t len, const struct wm_offload *o)
{
	struct packet p;
	if (!packet_read(data, len, &p) || o->segment == 0)
		return 0;
	struct wm_offload right = packet_offload(&p, o->segment);
	if (o->kind != right.kind || (o->has_ecn && p.protocol == UDP))
		return 0;
	if (o->needs_checksum ? o->checksum_start != right.checksum_start ||
					o->checksum_offset != right.checksum_offset
			      : p.version == 6 && p.options_len > 0)
		return 0;
	if (p.payload_len <= o->segment)
		return 1;
	if (p.protocol == TCP && p.flags & (SYN | RST | URG))
		return 0;
	return (unsigned)((p.payload_len - 1) / o->segment) + 1;
}

/* With extension headers the addresses of the pseudo header are unknown; its sum is in the field.
 */
static void correct_checksum(const uint8_t *data, const struct packet *whole, struct packet *part,
			     uint8_t *out)
{
	size_t at = packet_transport(whole), offset = whole->protocol == TCP ? 16 : 6;
	const uint8_t *was = data + at + offset;
	size_t now_len = packet_headers(part) - at + part->payload_len;
	size_t was_len = packet_headers(whole) - at + whole->payload_len;
	uint8_t *field = out + at + offset;
	memcpy(field, "\0\0", 2);
	uint32_t sum = get(&was, 2) + 0xffffu - (uint32_t)was_len + (uint32_t)now_len;
	sum = 0xffffu ^ sum_on(sum, out + at, now_len);
	put(&field, sum == 0 && whole->protocol == UDP ? 0xffff : sum, 2);
}

size_t packet_segment(const uint8_t *data, size_t len, const struct wm_offload *o, unsigned i,
		      uint8_t *out)
{
	struct packet whole, part;
	unsigned count = packet_count(data, len, o);
	packet_read(data, len, &whole);
	part = whole;
	part.is_unsummed = false;
	part.payload += (size_t)i * o->segment;
	part.payload_len -= (size_t)i * o->segment;
	if (part.payload_len > o->segment)
		part.payload_len = o->segment;
	part.id = (uint16_t)(part.id + i);
	part.seq += i * o->segment;
	if (i > 0)
		part.flags &= 0xff ^ CWR;
	if (i != count - 1)
		part.flags &= 0xff ^ (FIN | PSH);
	size_t n = packet_write(&part, out);
	if (part.version == 6 && part.options_len > 0)
		correct_checksum(data, &whole, &part, out);
	return n;
}
