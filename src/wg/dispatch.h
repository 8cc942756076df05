#pragma once
/* What the handshake thread sends, and keeps in mind about it. Inside an epoch. */
#include "wg/handshakes.h"

/* False when the host refused any of them, or there is no port; counted. */
bool wm_wg_dispatch_packets(struct wm_wg_handshakes *h, const struct wm_udp_packet *p, unsigned n);
/* The same for one message of @len bytes. */
bool wm_wg_dispatch(struct wm_wg_handshakes *h, const struct wm_wg_path *path, uint8_t tos,
		    void *msg, size_t len);
/* @len bytes went to the peer. @is_data: a packet with content. */
void wm_wg_note_sent(struct wm_wg_handshakes *h, struct wm_wg_peer *p, size_t len, bool is_data);
