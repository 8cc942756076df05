/*
 * A packet out: its target address names a peer, the peer's current session seals it where it
 * stands, and the batch leaves in one system call. Packets that follow each other mostly go to one
 * peer, so what was looked up for the last packet is kept for the next.
 */
#include "wg/handshakes.h"
#include "wg/inner.h"
#include "wg/seal.h"
#include "wg/worker.h"
#include "base/mem.h"

/* The peer of the packets at hand. */
struct lane {
	struct wm_wg_peer *peer;
	struct wm_wg_session *session; /* NULL: packets are staged */
	struct wm_endpoint to;
	uint64_t bytes; /* sealed since the lane was opened */
};

static void close_lane(struct wm_wg_worker *w, struct lane *lane)
{
	if (lane->session != NULL && wm_wg_session_wants_rekey(lane->session, w->now))
		wm_wg_handshakes_ask(w->core->handshakes, lane->peer);
	if (lane->bytes > 0)
		atomic_fetch_add_explicit(&lane->peer->tx_bytes, lane->bytes, memory_order_relaxed);
	*lane = (struct lane){.peer = NULL};
}

static enum wm_drop open_lane(struct wm_wg_worker *w, struct lane *lane, struct wm_wg_peer *peer)
{
	if (lane->peer == peer)
		return WM_DROP_NONE;
	close_lane(w, lane);
	if (!wm_wg_place_get(&peer->place, &lane->to))
		return WM_DROP_NO_ENDPOINT;
	lane->peer = peer;
	lane->session = atomic_load_explicit(&peer->current, memory_order_acquire);
	if (lane->session != NULL && !wm_wg_session_can_send(lane->session, w->now))
		lane->session = NULL;
	return WM_DROP_NONE;
}

static struct wm_wg_peer *find_peer(struct wm_wg_worker *w, const struct wm_wg_inner *inner)
{
	struct wm_wg_owner *o = inner->version == 4
					? wm_wg_allowedips_find4(&w->core->allowed, inner->target)
					: wm_wg_allowedips_find6(&w->core->allowed, inner->target);
	return o != NULL ? wm_container_of(o, struct wm_wg_peer, owner) : NULL;
}

static enum wm_drop stage_packet(struct wm_wg_worker *w, struct lane *lane,
				 const struct wm_tun_packet *p)
{
	bool had_room = wm_wg_stage_put(&lane->peer->stage, p->data, p->len);
	wm_wg_handshakes_ask(w->core->handshakes, lane->peer);
	return had_room ? WM_DROP_NONE : WM_DROP_STAGED;
}

/* Adds one packet to the batch of @n that will leave; a drop may also be that of an older packet.
 */
static enum wm_drop send_packet(struct wm_wg_worker *w, struct lane *lane, struct wm_tun_packet *p,
				unsigned *n)
{
	struct wm_wg_inner inner;
	if (!wm_wg_inner_parse(p->data, p->len, &inner))
		return WM_DROP_INNER;
	struct wm_wg_peer *peer = find_peer(w, &inner);
	if (peer == NULL)
		return WM_DROP_NO_PEER;
	enum wm_drop why = open_lane(w, lane, peer);
	if (why != WM_DROP_NONE)
		return why;
	if (lane->session == NULL)
		return stage_packet(w, lane, p);
	struct wm_wg_data *header = (struct wm_wg_data *)(p->data - sizeof(struct wm_wg_data));
	size_t len = wm_wg_seal(&w->ciphers, lane->session, header, p->len, w->core->mtu);
	if (len == 0)
		return WM_DROP_EXPIRED;
	w->to_net[*n] = (struct wm_udp_packet){
		.peer = lane->to, .data = (uint8_t *)header, .len = (uint32_t)len};
	++*n;
	lane->bytes += len;
	if (wm_wg_traffic_sent(&peer->traffic, true, w->now))
		wm_wg_handshakes_tell(w->core->handshakes, peer, WM_WG_NEWS_DEBT);
	return WM_DROP_NONE;
}

static void break_device(struct wm_wg_worker *w, int sys)
{
	int well = 0;
	w->is_tun_dead = true;
	if (atomic_compare_exchange_strong(&w->core->broken, &well, sys))
		w->core->wake_loop(w->core->wake_arg);
}

bool wm_wg_outbound(struct wm_wg_worker *w, const struct wm_udp_socket *out)
{
	struct lane lane = {.peer = NULL};
	unsigned n = 0;
	int got = wm_tun_read(w->core->tun, w->number, w->from_tun, WM_WG_BATCH);
	if (got < 0)
		break_device(w, -got);
	for (int i = 0; i < got; i++) {
		enum wm_drop why = out != NULL ? send_packet(w, &lane, &w->from_tun[i], &n)
					       : WM_DROP_NO_ENDPOINT;
		if (why != WM_DROP_NONE)
			wm_wg_drop(&w->drops, why);
	}
	close_lane(w, &lane);
	if (n > 0)
		wm_wg_drop_many(&w->drops, WM_DROP_SEND, wm_udp_send(out, w->to_net, n));
	return got == WM_WG_BATCH;
}
