#include "wg/toobig.h"
#include <string.h>
#include "base/addr.h"
#include "base/checksum.h"
#include "wg/flow.h"
#include "wg/packet.h"

enum {
	ICMP_HEADER = 8,
	ICMP4 = 1,
	ICMP4_UNREACHABLE = 3,
	ICMP4_TOO_BIG = 4, /* the code */
	ICMP6 = 58,
	ICMP6_TOO_BIG = 2,
	ICMP6_QUERIES = 128, /* types from here on are no errors */
	TTL = 64,
	CLASS = 0xc0, /* internetwork control, as routers mark what they say themselves */
};

#define BYTES4 576 /* RFC 1812, 4.3.2.3: as much of the packet as fits in so many */

bool wm_wg_toobig_is_wanted(const uint8_t *packet)
{
	return packet[0] >> 4 == 6 ||
	       wm_wg_get_be16(packet + WM_IP4_FRAGMENT) & WM_IP4_DONT_FRAGMENT;
}

static struct wm_addr address(uint8_t family, const uint8_t *bytes)
{
	struct wm_addr a = {.family = family};
	memcpy(a.bytes, bytes, family == WM_IPV4 ? 4 : 16);
	return a;
}

/* One host, as far as its address shows: not all, many or none. */
static bool is_one(const struct wm_addr *a)
{
	return !wm_addr_is_unspecified(a) && !wm_addr_is_multicast(a) && !wm_addr_is_loopback(a) &&
	       (a->family == WM_IPV6 || (a->bytes[0] != 0 && a->bytes[0] < 240));
}

static bool is_error(const struct wm_wg_flow *flow, const uint8_t *transport, size_t len)
{
	if (flow->version == 6)
		return flow->protocol == ICMP6 && (len == 0 || transport[0] < ICMP6_QUERIES);
	if (flow->protocol != ICMP4)
		return false;
	/* Unreachable, source quench, redirect, time exceeded, parameter problem. */
	return len == 0 || transport[0] == 3 || transport[0] == 4 || transport[0] == 5 ||
	       transport[0] == 11 || transport[0] == 12;
}

static bool may_be_told(const uint8_t *packet, size_t len)
{
	struct wm_wg_flow flow;
	size_t at;
	if (wm_wg_flow_read(packet, len, &flow, &at) != WM_DROP_NONE ||
	    flow.kind == WM_WG_FLOW_LATER || is_error(&flow, packet + at, len - at))
		return false;
	struct wm_addr source = address(flow.version, flow.source);
	struct wm_addr target = address(flow.version, flow.target);
	return is_one(&source) && is_one(&target);
}

static size_t write4(const uint8_t *packet, size_t len, uint32_t mtu, uint8_t *out)
{
	size_t quoted = len < BYTES4 - WM_IP4_HEADER - ICMP_HEADER
				? len
				: BYTES4 - WM_IP4_HEADER - ICMP_HEADER;
	size_t total = WM_IP4_HEADER + ICMP_HEADER + quoted;
	uint8_t *icmp = out + WM_IP4_HEADER;
	memset(out, 0, WM_IP4_HEADER + ICMP_HEADER);
	out[0] = 0x45;
	out[1] = CLASS;
	wm_wg_put_be16(out + WM_IP4_LENGTH, (uint16_t)total);
	out[WM_IP4_PROTOCOL - 1] = TTL;
	out[WM_IP4_PROTOCOL] = ICMP4;
	memcpy(out + WM_IP4_ADDRESSES, packet + WM_IP4_ADDRESSES + 4, 4);
	memcpy(out + WM_IP4_ADDRESSES + 4, packet + WM_IP4_ADDRESSES, 4);
	wm_wg_put_checksum(out + WM_IP4_CHECKSUM,
			   (uint16_t)~wm_checksum_fold(wm_checksum_add(0, out, WM_IP4_HEADER)));
	icmp[0] = ICMP4_UNREACHABLE;
	icmp[1] = ICMP4_TOO_BIG;
	wm_wg_put_be16(icmp + 6, (uint16_t)(mtu < UINT16_MAX ? mtu : UINT16_MAX));
	memcpy(icmp + ICMP_HEADER, packet, quoted);
	wm_wg_put_checksum(icmp + 2, (uint16_t)~wm_checksum_fold(
					     wm_checksum_add(0, icmp, ICMP_HEADER + quoted)));
	return total;
}

static size_t write6(const uint8_t *packet, size_t len, uint32_t mtu, uint8_t *out)
{
	size_t room = WM_WG_TOOBIG_BYTES - WM_IP6_HEADER - ICMP_HEADER;
	size_t quoted = len < room ? len : room;
	size_t payload = ICMP_HEADER + quoted;
	uint8_t *icmp = out + WM_IP6_HEADER;
	memset(out, 0, WM_IP6_HEADER + ICMP_HEADER);
	out[0] = 0x60 | CLASS >> 4;
	wm_wg_put_be16(out + WM_IP6_LENGTH, (uint16_t)payload);
	out[WM_IP6_NEXT] = ICMP6;
	out[WM_IP6_NEXT + 1] = TTL;
	memcpy(out + WM_IP6_ADDRESSES, packet + WM_IP6_ADDRESSES + 16, 16);
	memcpy(out + WM_IP6_ADDRESSES + 16, packet + WM_IP6_ADDRESSES, 16);
	icmp[0] = ICMP6_TOO_BIG;
	wm_wg_put_be32(icmp + 4, mtu);
	memcpy(icmp + ICMP_HEADER, packet, quoted);
	uint64_t sum = wm_checksum_pseudo6(out + WM_IP6_ADDRESSES, ICMP6, (uint32_t)payload);
	wm_wg_put_checksum(icmp + 2,
			   (uint16_t)~wm_checksum_fold(wm_checksum_add(sum, icmp, payload)));
	return WM_IP6_HEADER + payload;
}

size_t wm_wg_toobig_write(const uint8_t *packet, size_t len, uint32_t mtu,
			  uint8_t out[WM_WG_TOOBIG_BYTES])
{
	if (!may_be_told(packet, len))
		return 0;
	return packet[0] >> 4 == 4
		       ? write4(packet, len, mtu < WM_WG_LEAST4 ? WM_WG_LEAST4 : mtu, out)
		       : write6(packet, len, mtu < WM_WG_LEAST6 ? WM_WG_LEAST6 : mtu, out);
}
