/*
 * The headers of the packet are checked once and summed up once, without the fields that differ
 * from segment to segment. A segment then costs a copy of its headers, those fields, and the sum of
 * its payload. The checksum of the whole that the kernel left incomplete is not needed for that:
 * pseudo headers are computed from the addresses. Only with IPv6 extension headers these may be
 * others than the IP header's (routing, home address), and the kernel's sum is the one that knows.
 */
#include "wg/segment.h"
#include "base/checksum.h"
#include "wg/packet.h"

enum { HOP_BY_HOP = 0, ROUTING = 43, DESTINATION = 60 };

/* What no segmented packet can bear: each of these is about one place in the stream. */
#define SINGULAR (WM_TCP_SYN | WM_TCP_RST | WM_TCP_URG)

static size_t skip_ip4(const uint8_t *p, size_t len)
{
	if (len < WM_IP4_HEADER || wm_wg_get_be16(p + WM_IP4_LENGTH) != len ||
	    wm_wg_get_be16(p + WM_IP4_FRAGMENT) & WM_IP4_IS_FRAGMENT)
		return 0;
	size_t header = (size_t)(p[0] & 0x0f) * 4;
	return header >= WM_IP4_HEADER && header <= len ? header : 0;
}

/* Over the extension headers that every segment can repeat; what is signed or a fragment cannot. */
static size_t skip_ip6(const uint8_t *p, size_t len, uint8_t *protocol)
{
	if (len < WM_IP6_HEADER || wm_wg_get_be16(p + WM_IP6_LENGTH) != len - WM_IP6_HEADER)
		return 0;
	size_t at = WM_IP6_HEADER;
	uint8_t next = p[WM_IP6_NEXT];
	while (next == HOP_BY_HOP || next == ROUTING || next == DESTINATION) {
		if (len - at < 8 || len - at < ((size_t)p[at + 1] + 1) * 8)
			return 0;
		next = p[at];
		at += ((size_t)p[at + 1] + 1) * 8;
	}
	*protocol = next;
	return at;
}

/* Length of the transport header, 0 when there is none that is whole. */
static size_t measure_transport(uint8_t protocol, const uint8_t *t, size_t len)
{
	if (protocol == WM_PROTOCOL_UDP)
		return len >= WM_UDP_HEADER && wm_wg_get_be16(t + WM_UDP_LENGTH) == len
			       ? WM_UDP_HEADER
			       : 0;
	if (protocol != WM_PROTOCOL_TCP || len < WM_TCP_HEADER)
		return 0;
	size_t header = (size_t)(t[WM_TCP_OFFSET] >> 4) * 4;
	return header >= WM_TCP_HEADER && header <= len ? header : 0;
}

static bool is_of_kind(const struct wm_wg_segments *s, uint8_t kind)
{
	switch ((enum wm_offload_kind)kind) {
	case WM_OFFLOAD_TCP4: return s->version == 4 && s->protocol == WM_PROTOCOL_TCP;
	case WM_OFFLOAD_TCP6: return s->version == 6 && s->protocol == WM_PROTOCOL_TCP;
	case WM_OFFLOAD_UDP: return s->protocol == WM_PROTOCOL_UDP;
	case WM_OFFLOAD_NONE: break;
	}
	return false;
}

/* Whether the headers are whole and of the kind that is said. */
static bool measure(struct wm_wg_segments *s, const uint8_t *p, size_t len, uint8_t kind)
{
	s->version = len > 0 ? p[0] >> 4 : 0;
	if (s->version == 4) {
		s->transport = skip_ip4(p, len);
		s->protocol = s->transport > 0 ? p[WM_IP4_PROTOCOL] : 0;
	} else if (s->version == 6) {
		s->transport = skip_ip6(p, len, &s->protocol);
	}
	if (s->transport == 0)
		return false;
	size_t header = measure_transport(s->protocol, p + s->transport, len - s->transport);
	s->header_len = s->transport + header;
	s->checksum = (uint32_t)s->transport +
		      (s->protocol == WM_PROTOCOL_TCP ? WM_TCP_CHECKSUM : WM_UDP_CHECKSUM);
	return header > 0 && is_of_kind(s, kind);
}

static bool has_extensions(const struct wm_wg_segments *s)
{
	return s->version == 6 && s->transport > WM_IP6_HEADER;
}

/* Whether what is said of the packet fits what it is. */
static bool agrees(const struct wm_wg_segments *s, const struct wm_offload *o)
{
	if (o->segment == 0 || (o->has_ecn && s->protocol != WM_PROTOCOL_TCP))
		return false;
	if (s->count > 1 && s->flags & SINGULAR)
		return false;
	if (!o->needs_checksum)
		return !has_extensions(s);
	return o->checksum_start == s->transport &&
	       (uint32_t)o->checksum_start + o->checksum_offset == s->checksum;
}

/* The sum of the pseudo header without the length. */
static uint64_t sum_pseudo(const struct wm_wg_segments *s, const uint8_t *p)
{
	if (s->version == 4)
		return wm_checksum_pseudo4(p + WM_IP4_ADDRESSES, s->protocol, 0);
	if (!has_extensions(s))
		return wm_checksum_pseudo6(p + WM_IP6_ADDRESSES, s->protocol, 0);
	return wm_checksum_be16(wm_wg_get_be16(p + s->checksum)) +
	       wm_checksum_without_be16((uint16_t)(s->end - p - (ptrdiff_t)s->transport));
}

static uint64_t sum_ip4(const uint8_t *p, size_t len)
{
	return wm_checksum_add(0, p, len) +
	       wm_checksum_without_be16(wm_wg_get_be16(p + WM_IP4_LENGTH)) +
	       wm_checksum_without_be16(wm_wg_get_be16(p + WM_IP4_ID)) +
	       wm_checksum_without_be16(wm_wg_get_be16(p + WM_IP4_CHECKSUM));
}

/* Ports, acknowledgement, window, urgent pointer and options; of UDP the ports. */
static uint64_t sum_transport(const struct wm_wg_segments *s, const uint8_t *t)
{
	uint64_t sum = wm_checksum_add(0, t, 4);
	if (s->protocol == WM_PROTOCOL_UDP)
		return sum;
	sum = wm_checksum_add(sum, t + WM_TCP_ACK, 4);
	sum = wm_checksum_add(sum, t + WM_TCP_WINDOW, 2);
	return wm_checksum_add(sum, t + WM_TCP_URGENT,
			       s->header_len - s->transport - WM_TCP_URGENT);
}

static void sum_up(struct wm_wg_segments *s, const uint8_t *p)
{
	s->transport_sum = sum_pseudo(s, p) + sum_transport(s, p + s->transport);
	if (s->version == 4) {
		s->ip_sum = sum_ip4(p, s->transport);
		s->id = wm_wg_get_be16(p + WM_IP4_ID);
	}
	if (s->protocol == WM_PROTOCOL_TCP)
		s->seq = wm_wg_get_be32(p + s->transport + WM_TCP_SEQ);
}

static enum wm_drop begin_many(struct wm_wg_segments *s, uint8_t *p, size_t len,
			       const struct wm_offload *o)
{
	if (!measure(s, p, len, o->kind))
		return WM_DROP_OFFLOAD;
	s->payload = p + s->header_len;
	s->segment = o->segment;
	if (s->segment > 0 && s->payload < s->end)
		s->count = ((unsigned)(s->end - s->payload) + s->segment - 1) / s->segment;
	if (s->protocol == WM_PROTOCOL_TCP)
		s->flags = p[s->transport + WM_TCP_FLAGS];
	if (!agrees(s, o))
		return WM_DROP_OFFLOAD;
	sum_up(s, p);
	return WM_DROP_NONE;
}

/* The checksum may be that of anything inside, but its field stands behind the IP header. */
static enum wm_drop begin_lone(struct wm_wg_segments *s, const uint8_t *p, size_t len,
			       const struct wm_offload *o)
{
	if (!o->needs_checksum)
		return WM_DROP_NONE;
	size_t ip = len > 0 && p[0] >> 4 == 4 ? (size_t)(p[0] & 0x0f) * 4 : WM_IP6_HEADER;
	if (ip < WM_IP4_HEADER || o->checksum_start < ip || o->checksum_offset % 2 != 0 ||
	    (size_t)o->checksum_start + o->checksum_offset + 2 > len)
		return WM_DROP_OFFLOAD;
	s->checksum_from = o->checksum_start;
	s->checksum = (uint32_t)o->checksum_start + o->checksum_offset;
	return WM_DROP_NONE;
}

enum wm_drop wm_wg_segments_begin(struct wm_wg_segments *s, uint8_t *packet, size_t len,
				  const struct wm_offload *o)
{
	*s = (struct wm_wg_segments){.count = 1, .headers = packet, .end = packet + len};
	return o->kind == WM_OFFLOAD_NONE ? begin_lone(s, packet, len, o)
					  : begin_many(s, packet, len, o);
}

static size_t take_lone(struct wm_wg_segments *s, uint8_t **out)
{
	uint8_t *p = *out = s->headers;
	size_t len = (size_t)(s->end - p);
	if (s->checksum_from > 0) {
		uint16_t sum = wm_checksum_fold(
			wm_checksum_add(0, p + s->checksum_from, len - s->checksum_from));
		/* A UDP checksum of zero would mean that there is none. */
		if (sum == 0xffff && s->checksum - s->checksum_from == WM_UDP_CHECKSUM)
			sum = 0;
		wm_wg_put_checksum(p + s->checksum, (uint16_t)~sum);
	}
	return len;
}

static void write_ip(struct wm_wg_segments *s, uint8_t *p, size_t len)
{
	if (s->version == 6) {
		wm_wg_put_be16(p + WM_IP6_LENGTH, (uint16_t)(len - WM_IP6_HEADER));
		return;
	}
	uint64_t sum = s->ip_sum + wm_checksum_be16((uint16_t)len) + wm_checksum_be16(s->id);
	wm_wg_put_be16(p + WM_IP4_LENGTH, (uint16_t)len);
	wm_wg_put_be16(p + WM_IP4_ID, s->id++);
	wm_wg_put_checksum(p + WM_IP4_CHECKSUM, (uint16_t)~wm_checksum_fold(sum));
}

/* The flags of the segment to come: the begin of a cut in the window, the end of data. */
static uint8_t flags_of(const struct wm_wg_segments *s)
{
	uint8_t flags = s->flags;
	if (s->done > 0)
		flags &= (uint8_t)~WM_TCP_CWR;
	if (s->done + 1 < s->count)
		flags &= (uint8_t)~(WM_TCP_FIN | WM_TCP_PSH);
	return flags;
}

static void write_tcp(struct wm_wg_segments *s, uint8_t *t, size_t payload)
{
	size_t len = s->header_len - s->transport + payload;
	t[WM_TCP_FLAGS] = flags_of(s);
	wm_wg_put_be32(t + WM_TCP_SEQ, s->seq);
	uint64_t sum = s->transport_sum + wm_checksum_be16((uint16_t)len) +
		       wm_checksum_be32(s->seq) +
		       wm_checksum_be16(wm_wg_get_be16(t + WM_TCP_OFFSET));
	sum = wm_checksum_add(sum, s->payload, payload);
	wm_wg_put_checksum(t + WM_TCP_CHECKSUM, (uint16_t)~wm_checksum_fold(sum));
	s->seq += (uint32_t)payload;
}

static void write_udp(const struct wm_wg_segments *s, uint8_t *t, size_t payload)
{
	uint16_t len = (uint16_t)(WM_UDP_HEADER + payload);
	/* Twice: in the pseudo header and in the datagram's. */
	uint64_t sum = s->transport_sum + 2 * wm_checksum_be16(len);
	uint16_t folded = wm_checksum_fold(wm_checksum_add(sum, s->payload, payload));
	wm_wg_put_be16(t + WM_UDP_LENGTH, len);
	wm_wg_put_checksum(t + WM_UDP_CHECKSUM, folded == 0xffff ? folded : (uint16_t)~folded);
}

size_t wm_wg_segments_next(struct wm_wg_segments *s, uint8_t **out)
{
	if (s->done == s->count)
		return 0;
	if (s->segment == 0) {
		s->done++;
		return take_lone(s, out);
	}
	size_t payload = (size_t)(s->end - s->payload);
	payload = payload < s->segment ? payload : s->segment;
	uint8_t *headers = s->payload - s->header_len;
	/* From the segment before; they overlap where segments are smaller than headers. */
	memmove(headers, s->headers, s->header_len);
	write_ip(s, headers, s->header_len + payload);
	if (s->protocol == WM_PROTOCOL_TCP)
		write_tcp(s, headers + s->transport, payload);
	else
		write_udp(s, headers + s->transport, payload);
	s->headers = *out = headers;
	s->payload += payload;
	s->done++;
	return s->header_len + payload;
}
