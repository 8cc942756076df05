/*
 * A packet is looked at in three steps, cheap ones first. Where does it stand: is it of a flow that
 * can be joined, perhaps of one though its headers hide which (a fragment, options, extension
 * headers), or of none. Is it fit: could it be a segment as segmentation makes them, and are its
 * checksums right. Does it continue what its flow has gathered: then it becomes one more span.
 *
 * Otherwise it begins a chain of its own, and its flow's old one grows no further. As chains leave
 * in the order in which they began, no packet overtakes another of its flow.
 */
#include "wg/coalesce.h"
#include "base/checksum.h"
#include "wg/packet.h"

#define ID_OPEN    2 /* of id_step: there is but one packet */
#define TOTAL_MAX  65535
#define ENDS_CHAIN (WM_TCP_PSH | WM_TCP_FIN)

enum standing { OF_NO_FLOW, OF_HIDDEN_FLOW, OF_FLOW };

/* A packet as it is being looked at; what stands below @transport is known of OF_FLOW only. */
struct view {
	uint8_t *packet;
	size_t len;
	uint8_t version;
	uint8_t protocol;
	size_t transport; /* offset of the transport header */
	size_t headers;   /* length of all */
	uint64_t mark;
	bool is_last; /* nothing can be joined behind it */
};

static size_t addresses_at(uint8_t version)
{
	return version == 4 ? WM_IP4_ADDRESSES : WM_IP6_ADDRESSES;
}

static size_t addresses_len(uint8_t version)
{
	return version == 4 ? 8 : 32;
}

static bool takes(const struct wm_wg_coalesce *c, uint8_t protocol)
{
	return protocol == WM_PROTOCOL_TCP ? c->tcp : protocol == WM_PROTOCOL_UDP && c->udp;
}

static enum standing look_at_ip4(const struct wm_wg_coalesce *c, struct view *v)
{
	const uint8_t *p = v->packet;
	if (v->len < WM_IP4_HEADER)
		return OF_NO_FLOW;
	v->protocol = p[WM_IP4_PROTOCOL];
	if (!takes(c, v->protocol))
		return OF_NO_FLOW;
	v->transport = WM_IP4_HEADER;
	bool is_plain = p[0] == 0x45 && wm_wg_get_be16(p + WM_IP4_LENGTH) == v->len &&
			(wm_wg_get_be16(p + WM_IP4_FRAGMENT) & ~WM_IP4_DONT_FRAGMENT) == 0;
	return is_plain ? OF_FLOW : OF_HIDDEN_FLOW;
}

static enum standing look_at_ip6(const struct wm_wg_coalesce *c, struct view *v)
{
	const uint8_t *p = v->packet;
	if (v->len < WM_IP6_HEADER)
		return OF_NO_FLOW;
	v->protocol = p[WM_IP6_NEXT];
	if (v->protocol != WM_PROTOCOL_TCP && v->protocol != WM_PROTOCOL_UDP)
		return OF_HIDDEN_FLOW; /* perhaps an extension header */
	if (!takes(c, v->protocol))
		return OF_NO_FLOW;
	v->transport = WM_IP6_HEADER;
	bool is_plain = wm_wg_get_be16(p + WM_IP6_LENGTH) == v->len - WM_IP6_HEADER;
	return is_plain ? OF_FLOW : OF_HIDDEN_FLOW;
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* A hash of the addresses; ports and protocol stand in it as they are. */
static uint64_t mark_flow(const struct view *v)
{
	uint64_t mark = 0;
	uint32_t ports;
	memcpy(&ports, v->packet + v->transport, sizeof(ports));
	for (size_t i = 0; i < addresses_len(v->version); i += 8)
		mark = (mark ^ load64(v->packet + addresses_at(v->version) + i)) *
		       0x9e3779b97f4a7c15;
	return mark ^ (uint64_t)ports << 8 ^ v->protocol;
}

/* The standing of the packet; of one OF_FLOW also where its headers end, if they are whole. */
static enum standing look(const struct wm_wg_coalesce *c, struct view *v)
{
	v->version = v->len > 0 ? v->packet[0] >> 4 : 0;
	if (v->version != 4 && v->version != 6)
		return OF_NO_FLOW;
	enum standing s = v->version == 4 ? look_at_ip4(c, v) : look_at_ip6(c, v);
	if (s != OF_FLOW)
		return s;
	bool is_tcp = v->protocol == WM_PROTOCOL_TCP;
	if (v->len - v->transport < (is_tcp ? WM_TCP_HEADER : WM_UDP_HEADER))
		return OF_HIDDEN_FLOW;
	const uint8_t *t = v->packet + v->transport;
	v->headers = v->transport + (is_tcp ? (size_t)(t[WM_TCP_OFFSET] >> 4) * 4 : WM_UDP_HEADER);
	v->is_last = is_tcp && t[WM_TCP_FLAGS] & ENDS_CHAIN;
	v->mark = mark_flow(v);
	return OF_FLOW;
}

/* Whether segmentation could have made it: data, and nothing that concerns one packet only. */
static bool has_fit_headers(const struct view *v)
{
	const uint8_t *t = v->packet + v->transport;
	if (v->headers >= v->len)
		return false;
	if (v->protocol == WM_PROTOCOL_UDP)
		return wm_wg_get_be16(t + WM_UDP_LENGTH) == v->len - v->transport &&
		       wm_wg_get_be16(t + WM_UDP_CHECKSUM) != 0;
	return v->headers - v->transport >= WM_TCP_HEADER && (t[WM_TCP_OFFSET] & 0x0f) == 0 &&
	       (t[WM_TCP_FLAGS] & ~ENDS_CHAIN) == WM_TCP_ACKS;
}

static uint64_t sum_pseudo(const uint8_t *p, uint8_t version, uint8_t protocol, size_t len)
{
	return version == 4 ? wm_checksum_pseudo4(p + WM_IP4_ADDRESSES, protocol, (uint16_t)len)
			    : wm_checksum_pseudo6(p + WM_IP6_ADDRESSES, protocol, (uint32_t)len);
}

/*
 * Whether the checksums are right, and written as segmentation writes them: 0xffff, which is as
 * right as zero, can stand in UDP only.
 */
static bool is_sound(const struct view *v)
{
	const uint8_t *p = v->packet;
	const uint8_t *t = p + v->transport;
	if (v->version == 4 && (wm_checksum_fold(wm_checksum_add(0, p, WM_IP4_HEADER)) != 0xffff ||
				wm_wg_get_be16(p + WM_IP4_CHECKSUM) == 0xffff))
		return false;
	if (v->protocol == WM_PROTOCOL_TCP && wm_wg_get_be16(t + WM_TCP_CHECKSUM) == 0xffff)
		return false;
	size_t len = v->len - v->transport;
	uint64_t sum = sum_pseudo(p, v->version, v->protocol, len);
	return wm_checksum_fold(wm_checksum_add(sum, t, len)) == 0xffff;
}

static bool has_addresses_of(const struct view *v, const uint8_t *first)
{
	size_t at = addresses_at(v->version);
	return first[0] >> 4 == v->version &&
	       memcmp(first + at, v->packet + at, addresses_len(v->version)) == 0;
}

static uint8_t protocol_of(const uint8_t *p)
{
	return p[p[0] >> 4 == 4 ? WM_IP4_PROTOCOL : WM_IP6_NEXT];
}

/* Between the same hosts, marks are equal only where ports and protocol are. */
static struct wm_wg_growth *find_growth(struct wm_wg_coalesce *c, const struct view *v)
{
	for (unsigned i = 0; i < c->n_growing; i++) {
		struct wm_wg_growth *g = &c->growing[i];
		if (g->mark == v->mark && has_addresses_of(v, g->first))
			return g;
	}
	return NULL;
}

/* Writes into the first packet's headers what they are to say for all. */
static void write_headers(struct wm_wg_coalesce *c, const struct wm_wg_growth *g)
{
	struct wm_wg_chain *chain = &c->chains[g->chain];
	uint8_t *p = c->joints[c->heads[g->chain]].data;
	uint8_t *t = p + g->transport;
	uint8_t version = p[0] >> 4, protocol = protocol_of(p);
	size_t len = chain->len - g->transport;
	uint16_t pseudo = wm_checksum_fold(sum_pseudo(p, version, protocol, len));
	if (version == 4) {
		/* RFC 1624: the old sum, for it was found right, with the other length. */
		uint64_t sum = wm_checksum_without_be16(wm_wg_get_be16(p + WM_IP4_CHECKSUM)) +
			       wm_checksum_without_be16(wm_wg_get_be16(p + WM_IP4_LENGTH)) +
			       wm_checksum_be16((uint16_t)chain->len);
		wm_wg_put_be16(p + WM_IP4_LENGTH, (uint16_t)chain->len);
		wm_wg_put_checksum(p + WM_IP4_CHECKSUM, (uint16_t)~wm_checksum_fold(sum));
	} else {
		wm_wg_put_be16(p + WM_IP6_LENGTH, (uint16_t)len);
	}
	if (protocol == WM_PROTOCOL_TCP) {
		t[WM_TCP_FLAGS] = c->joints[g->last].data[g->transport + WM_TCP_FLAGS];
		wm_wg_put_checksum(t + WM_TCP_CHECKSUM, pseudo);
	} else {
		wm_wg_put_be16(t + WM_UDP_LENGTH, (uint16_t)len);
		wm_wg_put_checksum(t + WM_UDP_CHECKSUM, pseudo);
	}
}

static struct wm_offload describe(const struct wm_wg_growth *g)
{
	bool is_tcp = protocol_of(g->first) == WM_PROTOCOL_TCP;
	uint8_t tcp = g->first[0] >> 4 == 4 ? WM_OFFLOAD_TCP4 : WM_OFFLOAD_TCP6;
	return (struct wm_offload){
		.kind = is_tcp ? tcp : WM_OFFLOAD_UDP,
		.needs_checksum = true,
		.header_len = g->headers,
		.segment = g->segment,
		.checksum_start = g->transport,
		.checksum_offset = is_tcp ? WM_TCP_CHECKSUM : WM_UDP_CHECKSUM,
	};
}

/* The chain is complete; its place goes to the last of those that grow. */
static void close_growth(struct wm_wg_coalesce *c, struct wm_wg_growth *g)
{
	struct wm_wg_chain *chain = &c->chains[g->chain];
	if (chain->n_spans > 1) {
		write_headers(c, g);
		chain->offload = describe(g);
	}
	*g = c->growing[--c->n_growing];
}

/* It may be of any flow between the two hosts, so it closes them all. */
static void close_between(struct wm_wg_coalesce *c, const struct view *v)
{
	for (unsigned i = c->n_growing; i-- > 0;) {
		if (has_addresses_of(v, c->growing[i].first))
			close_growth(c, &c->growing[i]);
	}
}

static void close_oldest(struct wm_wg_coalesce *c)
{
	struct wm_wg_growth *oldest = c->growing;
	for (unsigned i = 1; i < c->n_growing; i++) {
		if (c->growing[i].chain < oldest->chain)
			oldest = &c->growing[i];
	}
	close_growth(c, oldest);
}

/* Whether the IP header repeats that of the packet before; the addresses do. */
static bool continues_ip(const struct wm_wg_growth *g, const struct view *v)
{
	const uint8_t *a = g->first, *b = v->packet;
	if (v->version == 6) /* class and flow label; next header and hop limit */
		return memcmp(a, b, 4) == 0 && memcmp(a + WM_IP6_NEXT, b + WM_IP6_NEXT, 2) == 0;
	uint16_t step = (uint16_t)(wm_wg_get_be16(b + WM_IP4_ID) - g->id);
	/* Type of service; whether it may be fragmented, time to live, protocol. */
	return memcmp(a, b, 2) == 0 && memcmp(a + WM_IP4_FRAGMENT, b + WM_IP4_FRAGMENT, 4) == 0 &&
	       (step == 1 || (step == 0 && b[WM_IP4_FRAGMENT] != 0)) &&
	       (g->id_step == ID_OPEN || g->id_step == step);
}

static bool continues_tcp(const struct wm_wg_growth *g, const struct view *v)
{
	const uint8_t *a = g->first + g->transport, *b = v->packet + v->transport;
	return wm_wg_get_be32(b + WM_TCP_SEQ) == g->seq &&
	       memcmp(a + WM_TCP_ACK, b + WM_TCP_ACK, 4) == 0 &&
	       memcmp(a + WM_TCP_WINDOW, b + WM_TCP_WINDOW, 2) == 0 &&
	       memcmp(a + WM_TCP_URGENT, b + WM_TCP_URGENT,
		      v->headers - v->transport - WM_TCP_URGENT) == 0;
}

static bool continues(const struct wm_wg_coalesce *c, const struct wm_wg_growth *g,
		      const struct view *v)
{
	const struct wm_wg_chain *chain = &c->chains[g->chain];
	size_t payload = v->len - v->headers;
	if (v->headers != g->headers || payload > g->segment || chain->len + payload > TOTAL_MAX ||
	    !continues_ip(g, v))
		return false;
	return v->protocol == WM_PROTOCOL_TCP ? continues_tcp(g, v)
					      : chain->n_spans < WM_WG_COALESCE_UDP;
}

static uint16_t add_joint(struct wm_wg_coalesce *c, const struct view *v)
{
	c->joints[c->n_joints] = (struct wm_wg_joint){
		.data = v->packet, .len = (uint32_t)v->len, .skip = (uint16_t)v->headers};
	return (uint16_t)c->n_joints++;
}

static void extend_chain(struct wm_wg_coalesce *c, struct wm_wg_growth *g, const struct view *v)
{
	struct wm_wg_chain *chain = &c->chains[g->chain];
	size_t payload = v->len - v->headers;
	uint16_t joint = add_joint(c, v);
	c->joints[g->last].next = joint;
	g->last = joint;
	chain->n_spans++;
	chain->len += payload;
	if (v->version == 4) {
		uint16_t id = wm_wg_get_be16(v->packet + WM_IP4_ID);
		g->id_step = (uint16_t)(id - g->id);
		g->id = id;
	}
	g->seq += (uint32_t)payload;
	if (v->is_last || payload < g->segment)
		close_growth(c, g);
}

static uint16_t start_chain(struct wm_wg_coalesce *c, const struct view *v)
{
	c->heads[c->n_chains] = add_joint(c, v);
	c->chains[c->n_chains] = (struct wm_wg_chain){.n_spans = 1, .len = v->len};
	return (uint16_t)c->n_chains++;
}

static void start_growth(struct wm_wg_coalesce *c, const struct view *v, uint16_t chain)
{
	const uint8_t *p = v->packet;
	if (c->n_growing == WM_WG_COALESCE_FLOWS)
		close_oldest(c);
	size_t payload = v->len - v->headers;
	c->growing[c->n_growing++] = (struct wm_wg_growth){
		.mark = v->mark,
		.first = p,
		/* Of UDP these are length and checksum, which nobody asks for. */
		.seq = wm_wg_get_be32(p + v->transport + WM_TCP_SEQ) + (uint32_t)payload,
		.chain = chain,
		.last = c->heads[chain],
		.transport = (uint16_t)v->transport,
		.headers = (uint16_t)v->headers,
		.segment = (uint16_t)payload,
		.id = wm_wg_get_be16(p + WM_IP4_ID), /* of IPv6 its length, likewise */
		.id_step = ID_OPEN,
	};
}

void wm_wg_coalesce_begin(struct wm_wg_coalesce *c, bool tcp, bool udp)
{
	c->tcp = tcp;
	c->udp = udp;
	c->n_joints = c->n_chains = c->n_growing = 0;
}

bool wm_wg_coalesce_add(struct wm_wg_coalesce *c, uint8_t *packet, size_t len)
{
	struct view v = {.packet = packet, .len = len};
	struct wm_wg_growth *g = NULL;
	if (c->n_joints == WM_WG_COALESCE_PACKETS)
		return false;
	enum standing standing = look(c, &v);
	if (standing == OF_HIDDEN_FLOW)
		close_between(c, &v);
	if (standing == OF_FLOW)
		g = find_growth(c, &v);
	bool is_fit = standing == OF_FLOW && has_fit_headers(&v) && is_sound(&v);
	if (is_fit && g != NULL && continues(c, g, &v)) {
		extend_chain(c, g, &v);
		return true;
	}
	if (g != NULL)
		close_growth(c, g);
	uint16_t chain = start_chain(c, &v);
	if (is_fit && !v.is_last)
		start_growth(c, &v, chain);
	return true;
}

unsigned wm_wg_coalesce_end(struct wm_wg_coalesce *c, const struct wm_wg_chain **out)
{
	struct wm_span *span = c->spans;
	while (c->n_growing > 0)
		close_growth(c, &c->growing[c->n_growing - 1]);
	for (unsigned i = 0; i < c->n_chains; i++) {
		const struct wm_wg_joint *joint = &c->joints[c->heads[i]];
		c->chains[i].spans = span;
		*span++ = (struct wm_span){.data = joint->data, .len = joint->len};
		for (unsigned n = 1; n < c->chains[i].n_spans; n++) {
			joint = &c->joints[joint->next];
			*span++ = (struct wm_span){.data = joint->data + joint->skip,
						   .len = joint->len - joint->skip};
		}
	}
	*out = c->chains;
	return c->n_chains;
}
