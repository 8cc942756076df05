#pragma once
/*
 * What a policy judges of a packet: both ends, protocol, ports. The headers are walked to the
 * transport's, IPv6 extension headers within a bound. What hides any of these is refused, because
 * it would be judged as something other than what its receiver takes it for: a first fragment too
 * short for its ports, a fragment that reaches back into them, a source route. Pure; any thread.
 */
#include "wg/drop.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_WG_FLOW_HEADERS_MAX 8 /* extension headers in one packet */

enum wm_wg_flow_kind {
	WM_WG_FLOW_OPENS,   /* may begin something new */
	WM_WG_FLOW_ANSWERS, /* a TCP segment with ACK or RST: it begins no connection */
	WM_WG_FLOW_LATER,   /* a fragment that is not the first: its ports are not known */
};

/* Without padding, so that it can be compared and hashed as memory. */
struct wm_wg_flow {
	uint8_t source[16], target[16];    /* IPv4: the first four, the rest zero */
	uint16_t source_port, target_port; /* host order; 0 where there are none */
	uint8_t protocol;
	uint8_t version; /* 4 or 6 */
	uint8_t kind;    /* enum wm_wg_flow_kind */
	uint8_t zero;
};

/* True for the protocols whose packets begin with two ports. */
bool wm_wg_flow_has_ports(uint8_t protocol);
/*
 * Reads a whole IP packet of @len bytes; *@payload is where its transport header stands, or what a
 * later fragment carries. WM_DROP_HEADERS for headers that do not end within the packet or within
 * the bound, and for a route that leads elsewhere than the target; WM_DROP_FRAGMENT for a fragment
 * that hides what is to be judged.
 */
enum wm_drop wm_wg_flow_read(const uint8_t *packet, size_t len, struct wm_wg_flow *out,
			     size_t *payload);
/*
 * The packet that an ICMP error quotes, as far as it goes; @flow and @payload are what
 * wm_wg_flow_read gave of the error. False when it is no error, or the quote cannot be read, or
 * does not come from where the error goes: then it is no answer to anything.
 */
bool wm_wg_flow_read_quote(const uint8_t *packet, size_t len, const struct wm_wg_flow *flow,
			   size_t payload, struct wm_wg_flow *out);
