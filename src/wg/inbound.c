/*
 * A packet in, in two passes over the batch. First every data packet is opened where it stands.
 * Then the authentic ones are checked against their session's window, whose lock is taken once for
 * a run of packets, and delivered: the sender's address is noted, the inner source checked, and
 * what is left goes to TUN in one batch. Handshake messages are copied to the handshake thread.
 */
#include "wg/demux.h"
#include "wg/handshakes.h"
#include "wg/inner.h"
#include "wg/seal.h"
#include "wg/worker.h"
#include "base/mem.h"

#define FOREIGN_PER_S 500

/* What became of the datagrams of a batch after the first pass. */
struct opened {
	struct wm_wg_session *session[WM_WG_BATCH]; /* NULL: done with */
	uint64_t counter[WM_WG_BATCH];
};

/* The session whose window is locked and what came in on it. */
struct run {
	struct wm_wg_session *session;
	uint64_t bytes;
};

static enum wm_drop open_packet(struct wm_wg_worker *w, struct wm_udp_packet *p,
				struct wm_wg_session **session, uint64_t *counter)
{
	const struct wm_wg_data *header = (const struct wm_wg_data *)p->data;
	struct wm_wg_session *s =
		wm_wg_index_find(&w->core->index, wm_wg_get_le32(header->receiver));
	if (s == NULL)
		return WM_DROP_INDEX;
	*counter = wm_wg_get_le64(header->counter);
	if (!wm_wg_session_can_receive(s, *counter, w->now))
		return WM_DROP_EXPIRED;
	if (!wm_wg_open(&w->ciphers, s, p->data, p->len))
		return WM_DROP_AUTH;
	*session = s;
	return WM_DROP_NONE;
}

static enum wm_drop pass_foreign(struct wm_wg_worker *w, const struct wm_udp_packet *p)
{
	if (!w->core->wants_foreign)
		return WM_DROP_TYPE;
	if (w->now - w->foreign_since >= WM_WG_S) {
		w->foreign_since = w->now;
		w->n_foreign = 0;
	}
	if (++w->n_foreign > FOREIGN_PER_S ||
	    !wm_wg_core_offer_foreign(w->core, &p->peer, p->data, p->len))
		return WM_DROP_FOREIGN;
	return WM_DROP_NONE;
}

static enum wm_drop sort_packet(struct wm_wg_worker *w, struct wm_udp_packet *p,
				struct wm_wg_session **session, uint64_t *counter)
{
	if (p->is_cut || p->peer.port == 0)
		return WM_DROP_SHORT;
	switch (wm_wg_demux_parse(p->data, p->len)) {
	case WM_WG_KIND_DATA: return open_packet(w, p, session, counter);
	case WM_WG_KIND_INITIATION:
	case WM_WG_KIND_RESPONSE:
	case WM_WG_KIND_COOKIE:
		return wm_wg_handshakes_offer(w->core->handshakes, &p->peer, p->data, p->len)
			       ? WM_DROP_NONE
			       : WM_DROP_BUSY;
	case WM_WG_KIND_STUN:
	case WM_WG_KIND_FOREIGN: return pass_foreign(w, p);
	case WM_WG_KIND_MALFORMED: break;
	}
	return WM_DROP_SHORT;
}

/* An authentic packet: where the peer is now, that it has the keys, and that it lives. */
static void note_packet(struct wm_wg_worker *w, struct wm_wg_session *s,
			const struct wm_udp_packet *p, bool is_data)
{
	struct wm_wg_peer *peer = s->peer;
	unsigned news = 0;
	wm_wg_place_set(&peer->place, &p->peer);
	if (!atomic_load_explicit(&s->is_used, memory_order_relaxed) &&
	    !atomic_exchange(&s->is_used, true) && !s->is_initiator)
		news |= WM_WG_NEWS_USED;
	if (wm_wg_traffic_received(&peer->traffic, is_data, w->now))
		news |= WM_WG_NEWS_DEBT;
	if (news != 0)
		wm_wg_handshakes_tell(w->core->handshakes, peer, news);
	if (wm_wg_session_ends_soon(s, w->now))
		wm_wg_handshakes_ask(w->core->handshakes, peer);
}

static bool owns_source(struct wm_wg_worker *w, const struct wm_wg_peer *peer,
			const struct wm_wg_inner *inner)
{
	return &peer->owner == (inner->version == 4
					? wm_wg_allowedips_find4(&w->core->allowed, inner->source)
					: wm_wg_allowedips_find6(&w->core->allowed, inner->source));
}

static enum wm_drop deliver(struct wm_wg_worker *w, struct wm_wg_session *s,
			    const struct wm_udp_packet *p, unsigned *n)
{
	struct wm_wg_inner inner;
	uint8_t *packet = p->data + sizeof(struct wm_wg_data);
	size_t len = p->len - WM_WG_DATA_MIN;
	note_packet(w, s, p, len > 0);
	if (len == 0)
		return WM_DROP_NONE; /* a keepalive */
	if (!wm_wg_inner_parse(packet, len, &inner))
		return WM_DROP_INNER;
	if (!owns_source(w, s->peer, &inner))
		return WM_DROP_SOURCE;
	w->to_tun[*n] = (struct wm_tun_packet){.data = packet, .len = (uint32_t)inner.len};
	++*n;
	return WM_DROP_NONE;
}

static void enter_run(struct run *run, struct wm_wg_session *s)
{
	if (run->session == s)
		return;
	if (run->session != NULL) {
		pthread_mutex_unlock(&run->session->window_lock);
		atomic_fetch_add_explicit(&run->session->peer->rx_bytes, run->bytes,
					  memory_order_relaxed);
	}
	if (s != NULL)
		pthread_mutex_lock(&s->window_lock);
	*run = (struct run){.session = s};
}

/* Sets the sessions of replayed packets to NULL. */
static void check_windows(struct wm_wg_worker *w, struct opened *o, int count)
{
	struct run run = {.session = NULL};
	for (int i = 0; i < count; i++) {
		if (o->session[i] == NULL)
			continue;
		enter_run(&run, o->session[i]);
		if (wm_wg_replay_accept(&run.session->window, o->counter[i])) {
			run.bytes += w->from_net[i].len;
			continue;
		}
		o->session[i] = NULL;
		wm_wg_drop(&w->drops, WM_DROP_REPLAY);
	}
	enter_run(&run, NULL);
}

bool wm_wg_inbound(struct wm_wg_worker *w, const struct wm_udp_socket *in)
{
	struct opened o = {.session = {NULL}};
	enum wm_drop why;
	unsigned n = 0;
	int got = wm_udp_recv(in, w->from_net, WM_WG_BATCH);
	for (int i = 0; i < got; i++) {
		why = sort_packet(w, &w->from_net[i], &o.session[i], &o.counter[i]);
		if (why != WM_DROP_NONE)
			wm_wg_drop(&w->drops, why);
	}
	check_windows(w, &o, got);
	for (int i = 0; i < got; i++) {
		why = o.session[i] == NULL ? WM_DROP_NONE
					   : deliver(w, o.session[i], &w->from_net[i], &n);
		if (why != WM_DROP_NONE)
			wm_wg_drop(&w->drops, why);
	}
	if (n > 0)
		wm_wg_drop_many(&w->drops, WM_DROP_TUN,
				wm_tun_write(w->core->tun, w->number, w->to_tun, n));
	return got == WM_WG_BATCH;
}
