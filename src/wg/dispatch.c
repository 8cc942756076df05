#include "wg/dispatch.h"

bool wm_wg_dispatch_packets(struct wm_wg_handshakes *h, const struct wm_udp_packet *p, unsigned n)
{
	struct wm_wg_sockets *socks = atomic_load(&h->core->sockets);
	unsigned refused = socks != NULL ? wm_udp_send(&socks->socks[0], p, n) : n;
	if (refused > 0)
		wm_wg_drop_many(&h->drops, WM_DROP_SEND, refused);
	return refused == 0;
}

bool wm_wg_dispatch(struct wm_wg_handshakes *h, const struct wm_wg_path *path, uint8_t tos,
		    void *msg, size_t len)
{
	struct wm_udp_packet p = {.peer = path->to,
				  .local = path->local,
				  .tos = tos,
				  .data = msg,
				  .len = (uint32_t)len};
	return wm_wg_dispatch_packets(h, &p, 1);
}

void wm_wg_note_sent(struct wm_wg_handshakes *h, struct wm_wg_peer *p, size_t len, bool is_data)
{
	atomic_fetch_add_explicit(&p->tx_bytes, len, memory_order_relaxed);
	if (wm_wg_traffic_sent(&p->traffic, is_data, h->now))
		wm_wg_timers_watch(&p->timers);
}
