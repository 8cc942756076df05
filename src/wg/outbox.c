#include "wg/outbox.h"

uint8_t *wm_wg_outbox_room(struct wm_wg_outbox *o, size_t len)
{
	bool is_full = o->n == WM_UDP_BATCH || WM_WG_OUTBOX_BYTES - o->used < len;
	return is_full ? NULL : o->bytes + o->used;
}

/* The last train can take a datagram of @len bytes that goes as @how; a shorter one is its last. */
static bool can_join(const struct wm_udp_packet *t, const struct wm_udp_packet *how, size_t len)
{
	return len <= t->segment && t->len % t->segment == 0 &&
	       t->len + len <= WM_UDP_TRAIN_BYTES && t->len < t->segment * WM_UDP_TRAIN &&
	       wm_endpoint_equal(&t->peer, &how->peer) && t->tos == how->tos &&
	       wm_udp_local_equal(&t->local, &how->local) && !t->is_probe && !how->is_probe;
}

void wm_wg_outbox_add(struct wm_wg_outbox *o, const struct wm_udp_packet *how, size_t len)
{
	struct wm_udp_packet *last = o->n > 0 ? &o->trains[o->n - 1] : NULL;
	if (last != NULL && can_join(last, how, len)) {
		last->len += (uint32_t)len;
	} else {
		last = &o->trains[o->n++];
		*last = *how;
		last->data = o->bytes + o->used;
		last->len = last->segment = (uint32_t)len;
	}
	o->used += len;
}

unsigned wm_wg_outbox_flush(struct wm_wg_outbox *o, struct wm_udp_socket *s)
{
	unsigned refused = o->n > 0 ? wm_udp_send(s, o->trains, o->n) : 0;
	o->n = 0;
	o->used = 0;
	return refused;
}
