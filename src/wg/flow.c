/*
 * Fragments (RFC 1858, 3128, 5722, 7112, 8200). Ports are the first four bytes behind the headers,
 * and offsets count eight bytes, so no later fragment can write over ports that were judged, as
 * long as nothing but the transport header follows the fragment header. So that is asked for. TCP's
 * flags lie in the second eight bytes: no fragment may begin there.
 */
#include "wg/flow.h"
#include <string.h>
#include "wg/packet.h"

#define QUOTE_AT     8 /* behind the ICMP header */
#define QUOTED_PORTS 4 /* of the transport header there is little in a quote */
#define OFFSET4      0x1fff
#define MORE4        0x2000

enum { IP6_HOPS = 0, IP6_ROUTING = 43, IP6_FRAGMENT = 44, IP6_OPTIONS = 60 };
enum { ICMP4 = 1, DCCP = 33, ICMP6 = 58, SCTP = 132, UDP_LITE = 136 };
enum { LOOSE_ROUTE = 131, STRICT_ROUTE = 137 };

struct view {
	const uint8_t *p;
	size_t len;
	bool is_quote;
	size_t at; /* behind the headers that were read */
	unsigned offset;
	bool has_more;
};

/* The least length of the transport header, 0 for a protocol without ports. */
static size_t header_with_ports(uint8_t protocol)
{
	switch (protocol) {
	case WM_PROTOCOL_TCP: return WM_TCP_HEADER;
	case WM_PROTOCOL_UDP:
	case UDP_LITE: return WM_UDP_HEADER;
	case DCCP:
	case SCTP: return 12;
	default: return 0;
	}
}

bool wm_wg_flow_has_ports(uint8_t protocol)
{
	return header_with_ports(protocol) > 0;
}

/* ---- IPv4 ---- */

/* Whether options can be read and do not lead the packet elsewhere. */
static bool has_good_options(const uint8_t *p, size_t len)
{
	for (size_t at = 0; at < len && p[at] != 0;) {
		size_t size = 1;
		if (p[at] != 1) {
			size = at + 1 < len ? p[at + 1] : 0;
			if (size < 2 || size > len - at || p[at] == LOOSE_ROUTE ||
			    p[at] == STRICT_ROUTE)
				return false;
		}
		at += size;
	}
	return true;
}

static enum wm_drop read_v4(struct view *v, struct wm_wg_flow *f)
{
	const uint8_t *p = v->p;
	if (v->len < WM_IP4_HEADER)
		return WM_DROP_HEADERS;
	v->at = (size_t)(p[0] & 0x0f) * 4;
	if (v->at < WM_IP4_HEADER || v->at > v->len)
		return WM_DROP_HEADERS;
	if (v->at > WM_IP4_HEADER && !has_good_options(p + WM_IP4_HEADER, v->at - WM_IP4_HEADER))
		return WM_DROP_HEADERS;
	memcpy(f->source, p + WM_IP4_ADDRESSES, 4);
	memcpy(f->target, p + WM_IP4_ADDRESSES + 4, 4);
	f->protocol = p[WM_IP4_PROTOCOL];
	v->offset = wm_wg_get_be16(p + WM_IP4_FRAGMENT) & OFFSET4;
	v->has_more = wm_wg_get_be16(p + WM_IP4_FRAGMENT) & MORE4;
	return WM_DROP_NONE;
}

/* ---- IPv6 ---- */

static bool is_extension(uint8_t next)
{
	return next == IP6_HOPS || next == IP6_ROUTING || next == IP6_FRAGMENT ||
	       next == IP6_OPTIONS;
}

static enum wm_drop read_fragment(struct view *v, uint8_t *next)
{
	const uint8_t *p = v->p + v->at;
	*next = p[0];
	v->offset = wm_wg_get_be16(p + 2) >> 3;
	v->has_more = p[3] & 1;
	v->at += 8;
	bool is_whole = v->offset == 0 && !v->has_more; /* RFC 6946 */
	return is_extension(*next) && !is_whole ? WM_DROP_FRAGMENT : WM_DROP_NONE;
}

static enum wm_drop read_extension(struct view *v, uint8_t *next)
{
	const uint8_t *p = v->p + v->at;
	if (v->len - v->at < 8)
		return WM_DROP_HEADERS;
	if (*next == IP6_FRAGMENT)
		return read_fragment(v, next);
	size_t size = ((size_t)p[1] + 1) * 8;
	bool is_routed = *next == IP6_ROUTING && p[3] != 0; /* segments left */
	if (size > v->len - v->at || is_routed)
		return WM_DROP_HEADERS;
	*next = p[0];
	v->at += size;
	return WM_DROP_NONE;
}

static enum wm_drop read_v6(struct view *v, struct wm_wg_flow *f)
{
	if (v->len < WM_IP6_HEADER)
		return WM_DROP_HEADERS;
	memcpy(f->source, v->p + WM_IP6_ADDRESSES, 16);
	memcpy(f->target, v->p + WM_IP6_ADDRESSES + 16, 16);
	uint8_t next = v->p[WM_IP6_NEXT];
	unsigned n = 0, fragments = 0;
	v->at = WM_IP6_HEADER;
	while (is_extension(next)) {
		fragments += next == IP6_FRAGMENT;
		if (++n > WM_WG_FLOW_HEADERS_MAX || fragments > 1)
			return WM_DROP_HEADERS;
		enum wm_drop why = read_extension(v, &next);
		if (why != WM_DROP_NONE)
			return why;
	}
	f->protocol = next;
	return WM_DROP_NONE;
}

/* ---- what follows ---- */

static enum wm_drop read_transport(const struct view *v, struct wm_wg_flow *f)
{
	size_t need = header_with_ports(f->protocol), there = v->len - v->at;
	const uint8_t *p = v->p + v->at;
	if (v->offset > 0) {
		f->kind = WM_WG_FLOW_LATER;
		bool hides_flags = f->protocol == WM_PROTOCOL_TCP && v->offset == 1;
		return hides_flags && !v->is_quote ? WM_DROP_FRAGMENT : WM_DROP_NONE;
	}
	if (there < (v->is_quote && need > 0 ? QUOTED_PORTS : need))
		return v->has_more ? WM_DROP_FRAGMENT : WM_DROP_HEADERS;
	if (need == 0)
		return WM_DROP_NONE;
	f->source_port = wm_wg_get_be16(p);
	f->target_port = wm_wg_get_be16(p + 2);
	/* Flags that a quote leaves out are taken for those of most segments. */
	if (f->protocol == WM_PROTOCOL_TCP &&
	    (there <= WM_TCP_FLAGS || p[WM_TCP_FLAGS] & (WM_TCP_ACKS | WM_TCP_RST)))
		f->kind = WM_WG_FLOW_ANSWERS;
	return WM_DROP_NONE;
}

static enum wm_drop read_view(struct view *v, struct wm_wg_flow *f)
{
	*f = (struct wm_wg_flow){.version = v->len > 0 ? v->p[0] >> 4 : 0};
	enum wm_drop why = f->version == 4   ? read_v4(v, f)
			   : f->version == 6 ? read_v6(v, f)
					     : WM_DROP_HEADERS;
	return why == WM_DROP_NONE ? read_transport(v, f) : why;
}

enum wm_drop wm_wg_flow_read(const uint8_t *packet, size_t len, struct wm_wg_flow *out,
			     size_t *payload)
{
	struct view v = {.p = packet, .len = len};
	enum wm_drop why = read_view(&v, out);
	*payload = v.at;
	return why;
}

/* Unreachable, too big, time exceeded, parameter problem: all that quotes and redirects nothing. */
static bool is_error(const struct wm_wg_flow *f, uint8_t type)
{
	if (f->protocol == ICMP4 && f->version == 4)
		return type == 3 || type == 11 || type == 12;
	return f->protocol == ICMP6 && f->version == 6 && type >= 1 && type <= 4;
}

bool wm_wg_flow_read_quote(const uint8_t *packet, size_t len, const struct wm_wg_flow *flow,
			   size_t payload, struct wm_wg_flow *out)
{
	if (flow->kind == WM_WG_FLOW_LATER || len - payload < QUOTE_AT ||
	    !is_error(flow, packet[payload]))
		return false;
	struct view v = {.p = packet + payload + QUOTE_AT,
			 .len = len - payload - QUOTE_AT,
			 .is_quote = true};
	return read_view(&v, out) == WM_DROP_NONE && out->version == flow->version &&
	       memcmp(out->source, flow->target, sizeof(out->source)) == 0;
}
