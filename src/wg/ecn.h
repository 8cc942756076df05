#pragma once
/*
 * Congestion marks through the tunnel (RFC 6040, normal mode): the mark of the inner packet stands
 * on the outer one, so that routers between can change it, and what they changed goes back to the
 * inner one. DSCP does not pass: the outer one of data is zero, which tells nobody what is inside.
 * Pure; any thread.
 */
#include <stdbool.h>
#include <stdint.h>
#include "base/checksum.h"
#include "wg/packet.h"

enum wm_wg_ecn { WM_ECN_NONE = 0, WM_ECN_ECT1 = 1, WM_ECN_ECT0 = 2, WM_ECN_CE = 3 };

#define WM_WG_TOS_HANDSHAKE 0x88 /* AF41, as the kernel's WireGuard */

/* The mark of an IP packet whose header is whole. */
static inline uint8_t wm_wg_ecn_of(const uint8_t *packet)
{
	return packet[0] >> 4 == 4 ? packet[1] & 3 : packet[1] >> 4 & 3;
}

/* Section 4.2, figure 4: the mark to deliver, or -1 when the packet is to be dropped. */
static inline int wm_wg_ecn_join(uint8_t inner, uint8_t outer)
{
	if (inner == WM_ECN_NONE)
		return outer == WM_ECN_CE ? -1 : WM_ECN_NONE;
	if (inner == WM_ECN_CE || outer == WM_ECN_CE)
		return WM_ECN_CE;
	return outer == WM_ECN_ECT1 ? WM_ECN_ECT1 : inner;
}

static inline void wm_wg_ecn_set(uint8_t *packet, uint8_t ecn)
{
	if (packet[0] >> 4 == 6) {
		packet[1] = (uint8_t)((packet[1] & ~0x30) | ecn << 4);
		return;
	}
	/* RFC 1624, equation 3. */
	uint16_t sum = wm_wg_get_be16(packet + WM_IP4_CHECKSUM);
	uint64_t rest =
		wm_checksum_without_be16(sum) + wm_checksum_without_be16(wm_wg_get_be16(packet));
	packet[1] = (uint8_t)((packet[1] & ~3) | ecn);
	rest += wm_checksum_be16(wm_wg_get_be16(packet));
	wm_wg_put_checksum(packet + WM_IP4_CHECKSUM, (uint16_t)~wm_checksum_fold(rest));
}

/* Changes the packet to what its journey in one with @outer_tos made of it; false: drop it. */
static inline bool wm_wg_ecn_receive(uint8_t *packet, uint8_t outer_tos)
{
	/* No other marks than these two change anything. */
	uint8_t outer = outer_tos & 3, inner = wm_wg_ecn_of(packet);
	if (outer != WM_ECN_CE && outer != WM_ECN_ECT1)
		return true;
	int joined = wm_wg_ecn_join(inner, outer);
	if (joined >= 0 && joined != inner)
		wm_wg_ecn_set(packet, (uint8_t)joined);
	return joined >= 0;
}
