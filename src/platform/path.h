#pragma once
/*
 * What the host knows of the way to an address, besides that it can be tried. Answers hold for the
 * moment: who builds on one asks again when the host's network has changed (platform/monitor.h).
 *
 * A port whose system cannot be asked answers false and 0: then nothing leaves by a chosen
 * interface, and no path is known to be narrow.
 */
#include "platform/udp.h"

struct wm_net;

/*
 * Whether the host would send to @to, with @fwmark, from @local and through its interface: its
 * address is ours and some route leads there by that interface. False when in doubt. The thread of
 * @net.
 */
bool wm_path_holds(struct wm_net *net, const struct wm_udp_local *local,
		   const struct wm_endpoint *to, uint32_t fwmark);
/* From which of its addresses the host would send to @to by itself; false when there is no way. As
 * wm_path_mtu. */
bool wm_path_source(const struct wm_endpoint *to, uint32_t fwmark, struct wm_addr *out);
/*
 * The longest IP packet that gets to @to in one piece, as far as the host knows, in bytes; 0 = it
 * does not know a way. Only the address of @local counts, and may be none. Any thread; it costs a
 * socket.
 */
uint32_t wm_path_mtu(const struct wm_udp_local *local, const struct wm_endpoint *to,
		     uint32_t fwmark);
