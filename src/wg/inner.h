#pragma once
/* The IP header of a packet inside the tunnel: just enough to know its length and its two ends. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wm_wg_inner {
	uint8_t version; /* 4 or 6 */
	size_t len;      /* of the packet, as its header says; never more than what is there */
	const uint8_t *source; /* 4 or 16 bytes inside the packet */
	const uint8_t *target;
};

/* False when @data is not a whole IP packet; bytes behind the packet are padding and ignored. */
bool wm_wg_inner_parse(const uint8_t *data, size_t len, struct wm_wg_inner *out);
/*
 * True when an end is an IPv4-mapped IPv6 address (::ffff:0:0/96). These are a host's own way to
 * speak of IPv4 and have no business in a packet: who accepted one as source would take its sender
 * for somebody on IPv4.
 */
bool wm_wg_inner_is_mapped(const struct wm_wg_inner *inner);
