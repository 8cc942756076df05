#pragma once
/*
 * Sealed datagrams on their way to the network: one buffer in which they follow each other, so that
 * neighbours of one length to one peer are a train (platform/udp.h) and leave as one. The worker's
 * thread.
 */
#include "platform/udp.h"
#include <stddef.h>

#define WM_WG_OUTBOX_BYTES ((size_t)2 * WM_UDP_ROOM)

struct wm_wg_outbox {
	uint8_t *bytes; /* WM_WG_OUTBOX_BYTES, the holder's */
	size_t used;
	unsigned n; /* of trains */
	struct wm_udp_packet trains[WM_UDP_BATCH];
};

/* Room for a datagram of up to @len bytes (at most WM_UDP_ROOM); NULL: it has to be flushed first.
 */
uint8_t *wm_wg_outbox_room(struct wm_wg_outbox *o, size_t len);
/* The @len bytes written into the room are a datagram that goes as @how says: peer, local, tos,
 * is_probe, refused. */
void wm_wg_outbox_add(struct wm_wg_outbox *o, const struct wm_udp_packet *how, size_t len);
/* Sends everything; returns how many datagrams the kernel refused. */
unsigned wm_wg_outbox_flush(struct wm_wg_outbox *o, struct wm_udp_socket *s);
