#pragma once
/*
 * The largest segment that a TCP connection through the tunnel may use. Both ends announce one in
 * their first segments, from the MTU of their own link, and hosts behind a router know nothing of
 * the tunnel's; where ICMP is filtered they would never learn. So what they announce is lowered to
 * what fits. Pure; any thread.
 */
#include "wg/packet.h"
#include <stdbool.h>
#include <stddef.h>

/* Whether it is worth to look closer: for most packets a glance is enough. The IP header is whole.
 */
static inline bool wm_wg_mss_is_due(const uint8_t *packet, size_t len)
{
	bool is_v4 = packet[0] >> 4 == 4;
	size_t at = is_v4 ? (size_t)(packet[0] & 0x0f) * 4 : WM_IP6_HEADER;
	uint8_t protocol = packet[is_v4 ? WM_IP4_PROTOCOL : WM_IP6_NEXT];
	if (protocol == WM_PROTOCOL_TCP)
		return len > at + WM_TCP_FLAGS && packet[at + WM_TCP_FLAGS] & WM_TCP_SYN;
	return !is_v4 && protocol != WM_PROTOCOL_UDP; /* perhaps an extension header */
}

/*
 * Lowers the maximum segment size of a SYN in a whole IP packet of @len bytes to what a packet of
 * @mtu bytes holds; any other packet stays as it is. @is_summed: its TCP checksum is complete and
 * is kept right; otherwise somebody computes it later, and it is left alone. True when something
 * was changed.
 */
bool wm_wg_mss_clamp(uint8_t *packet, size_t len, uint32_t mtu, bool is_summed);
