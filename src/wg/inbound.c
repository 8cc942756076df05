/*
 * A packet in. What comes from the network may be trains; their datagrams are taken in groups and
 * go through three passes. First every data packet is opened where it stands. Then the authentic
 * ones are checked against their session's window, whose lock is taken once for a run of packets.
 * Then they are delivered: the sender's address is noted, the inner source checked, the
 * packet judged by the policy, and what is left goes to TUN, neighbours of one flow joined where
 * they stand (wg/coalesce.h). Handshake messages are copied to the handshake thread.
 */
#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "wg/demux.h"
#include "wg/ecn.h"
#include "wg/handshakes.h"
#include "wg/inner.h"
#include "wg/mss.h"
#include "wg/seal.h"
#include "wg/way.h"
#include "wg/worker.h"

/* The session whose window is locked and what came in on it. */
struct run {
	struct wm_wg_session *session;
	uint64_t bytes;
};

/* What was found out about the last packet delivered, which mostly holds for the next. */
struct trail {
	struct wm_wg_judge *judge; /* for the whole batch; NULL: all may pass */
	const struct wm_wg_session *session;
	const struct wm_udp_packet *train;
	const uint8_t *source; /* of the inner packet: belongs to the session's peer */
	uint8_t version;
};

static enum wm_drop open_packet(struct wm_wg_worker *w, struct wm_wg_arrival *a)
{
	const struct wm_wg_data *header = (const struct wm_wg_data *)a->data;
	struct wm_wg_session *s =
		wm_wg_index_find(&w->core->index, wm_wg_get_le32(header->receiver));
	if (s == NULL)
		return WM_DROP_INDEX;
	a->counter = wm_wg_get_le64(header->counter);
	if (!wm_wg_session_can_receive(s, a->counter, w->now))
		return WM_DROP_EXPIRED;
	if (!wm_wg_open(&w->ciphers, s, a->data, a->len))
		return WM_DROP_AUTH;
	a->session = s;
	return WM_DROP_NONE;
}

static enum wm_drop sort_packet(struct wm_wg_worker *w, struct wm_wg_arrival *a)
{
	switch (wm_wg_demux_parse(a->data, a->len)) {
	case WM_WG_KIND_DATA: return open_packet(w, a);
	case WM_WG_KIND_INITIATION:
	case WM_WG_KIND_RESPONSE:
	case WM_WG_KIND_COOKIE:
		return wm_wg_handshakes_offer_at(w->core->handshakes, &a->train->peer,
						 &a->train->local, a->data, a->len, w->now);
	case WM_WG_KIND_STUN:
	case WM_WG_KIND_FOREIGN:
		return wm_wg_core_pass_foreign(w->core, &w->foreign, &a->train->peer, a->data,
					       a->len, w->now);
	case WM_WG_KIND_MALFORMED: break;
	}
	return WM_DROP_SHORT;
}

/* ---- the replay windows ---- */

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
static void check_windows(struct wm_wg_worker *w)
{
	struct run run = {.session = NULL};
	for (unsigned i = 0; i < w->n_arrivals; i++) {
		struct wm_wg_arrival *a = &w->arrivals[i];
		if (a->session == NULL)
			continue;
		enter_run(&run, a->session);
		if (wm_wg_replay_accept(&run.session->window, a->counter)) {
			run.bytes += a->len;
			continue;
		}
		a->session = NULL;
		wm_wg_drop(&w->drops, WM_DROP_REPLAY);
	}
	enter_run(&run, NULL);
}

/* ---- delivery ---- */

/* An authentic packet: where the peer is now, that it has the keys, and that it lives. */
static void note_packet(struct wm_wg_worker *w, const struct wm_wg_arrival *a, bool is_data)
{
	struct wm_wg_session *s = a->session;
	struct wm_wg_peer *peer = s->peer;
	unsigned news = 0;
	if (wm_wg_place_learn(&peer->place, wm_wg_era(w->core), &a->train->peer, &a->train->local))
		news |= WM_WG_NEWS_WAY;
	wm_wg_door_know(&w->core->handshakes->door, &a->train->peer.addr);
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

/* Once for a run of packets with data; keepalives are rare. */
static void follow(struct wm_wg_worker *w, struct trail *t, const struct wm_wg_arrival *a,
		   bool is_data)
{
	if (is_data && t->session == a->session && t->train == a->train)
		return;
	note_packet(w, a, is_data);
	*t = (struct trail){
		.judge = t->judge, .session = is_data ? a->session : NULL, .train = a->train};
}

static bool owns_source(struct wm_wg_worker *w, struct trail *t, const struct wm_wg_peer *peer,
			const struct wm_wg_inner *inner)
{
	size_t len = inner->version == 4 ? 4 : 16;
	if (t->source != NULL && t->version == inner->version &&
	    memcmp(t->source, inner->source, len) == 0)
		return true;
	t->source =
		&peer->owner == (inner->version == 4
					 ? wm_wg_allowedips_find4(&w->core->allowed, inner->source)
					 : wm_wg_allowedips_find6(&w->core->allowed, inner->source))
			? inner->source
			: NULL;
	t->version = inner->version;
	return t->source != NULL;
}

/* What to turn off when the interface has not understood a packet of this kind. */
static void refuse(struct wm_wg_worker *w, uint8_t kind)
{
	bool is_udp = kind == WM_OFFLOAD_UDP;
	if (kind != WM_OFFLOAD_NONE &&
	    wm_tun_refuse(w->core->tun, is_udp ? WM_TUN_UDP : WM_TUN_TCP))
		wm_wg_core_note(w->core, is_udp ? WM_WG_NOTE_TUN_UDP : WM_WG_NOTE_TUN_TCP);
}

static void begin_writing(struct wm_wg_worker *w)
{
	unsigned offloads = wm_tun_offloads(w->core->tun);
	wm_wg_coalesce_begin(&w->coalesce, offloads & WM_TUN_TCP, offloads & WM_TUN_UDP);
}

static void end_writing(struct wm_wg_worker *w)
{
	const struct wm_wg_chain *chains;
	unsigned n = wm_wg_coalesce_end(&w->coalesce, &chains);
	for (unsigned i = 0; i < n; i++) {
		const struct wm_wg_chain *c = &chains[i];
		int rc = wm_tun_write(w->core->tun, w->number, c->spans, c->n_spans, &c->offload);
		if (rc == 0)
			continue;
		wm_wg_drop_many(&w->drops, WM_DROP_TUN, c->n_spans);
		if (rc == -EINVAL)
			refuse(w, c->offload.kind);
	}
}

static void clamp(struct wm_wg_worker *w, const struct wm_wg_peer *peer, uint8_t *packet,
		  size_t len)
{
	uint32_t mtu = atomic_load_explicit(&w->core->mtu, memory_order_relaxed);
	(void)wm_wg_mss_clamp(packet, len, wm_wg_narrow_mtu(&peer->narrow, mtu), true);
}

static enum wm_drop deliver(struct wm_wg_worker *w, struct trail *t, const struct wm_wg_arrival *a)
{
	struct wm_wg_inner inner;
	uint8_t *packet = a->data + sizeof(struct wm_wg_data);
	size_t len = a->len - WM_WG_DATA_MIN;
	follow(w, t, a, len > 0);
	if (len == 0)
		return WM_DROP_NONE; /* a keepalive */
	if (!wm_wg_inner_parse(packet, len, &inner))
		return WM_DROP_INNER;
	if (!owns_source(w, t, a->session->peer, &inner))
		return WM_DROP_SOURCE;
	if (wm_wg_inner_is_mapped(&inner))
		return WM_DROP_MAPPED;
	enum wm_drop why = t->judge != NULL
				   ? wm_wg_judge_packet(t->judge, w->number, packet, inner.len)
				   : WM_DROP_NONE;
	if (why != WM_DROP_NONE)
		return why;
	if (!wm_wg_ecn_receive(packet, a->train->tos))
		return WM_DROP_ECN;
	if (wm_wg_mss_is_due(packet, inner.len))
		clamp(w, a->session->peer, packet, inner.len);
	if (!wm_wg_coalesce_add(&w->coalesce, packet, inner.len)) {
		end_writing(w);
		begin_writing(w);
		(void)wm_wg_coalesce_add(&w->coalesce, packet, inner.len);
	}
	return WM_DROP_NONE;
}

static void deliver_all(struct wm_wg_worker *w)
{
	struct trail trail = {.judge = atomic_load_explicit(&w->core->judge, memory_order_acquire)};
	enum wm_drop why;
	check_windows(w);
	begin_writing(w);
	for (unsigned i = 0; i < w->n_arrivals; i++) {
		if (w->arrivals[i].session == NULL)
			continue;
		why = deliver(w, &trail, &w->arrivals[i]);
		if (why != WM_DROP_NONE)
			wm_wg_drop(&w->drops, why);
	}
	end_writing(w);
	w->n_arrivals = 0;
}

/* ---- arrival ---- */

static void take_datagram(struct wm_wg_worker *w, const struct wm_udp_packet *p, size_t at,
			  size_t len)
{
	struct wm_wg_arrival *a = &w->arrivals[w->n_arrivals++];
	*a = (struct wm_wg_arrival){.data = p->data + at, .len = (uint32_t)len, .train = p};
	enum wm_drop why = sort_packet(w, a);
	if (why != WM_DROP_NONE)
		wm_wg_drop(&w->drops, why);
	if (a->session == NULL)
		w->n_arrivals--; /* done with */
	else if (w->n_arrivals == WM_WG_ARRIVALS)
		deliver_all(w);
}

static void take_packet(struct wm_wg_worker *w, const struct wm_udp_packet *p)
{
	unsigned count = wm_udp_count(p);
	if (count >= WM_WG_BULK)
		wm_wg_ciphers_speed_up(&w->ciphers);
	if (p->is_cut || p->peer.port == 0) {
		wm_wg_drop_many(&w->drops, WM_DROP_SHORT, count);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		size_t at = (size_t)i * p->segment;
		take_datagram(w, p, at, i + 1 < count ? p->segment : p->len - at);
	}
}

bool wm_wg_inbound(struct wm_wg_worker *w, struct wm_udp_socket *in)
{
	int got = wm_udp_recv(in, w->from_net, WM_WG_RECVS);
	for (int i = 0; i < got; i++)
		take_packet(w, &w->from_net[i]);
	if (w->n_arrivals > 0)
		deliver_all(w);
	return got == WM_WG_RECVS;
}
