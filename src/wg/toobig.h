#pragma once
/*
 * What a router tells the sender of a packet that does not fit (RFC 792 and 1191, RFC 4443 and
 * 8201): an ICMP error with the size that does, in the name of the packet's target, because an
 * answer from there belongs on this interface by every rule of the host. Pure; any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_WG_TOOBIG_BYTES 1280 /* of the longest error */
/* Every link carries these (RFC 791; RFC 8200), and hosts believe nothing smaller. */
#define WM_WG_LEAST4 576
#define WM_WG_LEAST6 1280

/* Whether its sender wants to be told, rather than have it fragmented. The IP header is whole. */
bool wm_wg_toobig_is_wanted(const uint8_t *packet);
/*
 * Writes the error about a whole IP packet of @len bytes that asks for @mtu (at least what every
 * link carries); returns its length, or 0 for a packet about which none may be sent: an ICMP error,
 * a later fragment, a packet to many or from nobody, one whose headers make no sense.
 */
size_t wm_wg_toobig_write(const uint8_t *packet, size_t len, uint32_t mtu,
			  uint8_t out[WM_WG_TOOBIG_BYTES]);
