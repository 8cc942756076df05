#include "wg/exchange.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "crypto/x25519.h"
#include "wg/demux.h"
#include "wg/dispatch.h"
#include "wg/ecn.h"
#include "wg/keyring.h"
#include "wg/seal.h"
#include "wg/tai64n.h"
#include "wg/way.h"
#include <string.h>

/* Two initiations of one peer closer than this are a flood. */
#define INITIATION_GAP (WM_WG_S / 50)

/* ---- sending ---- */

static void note_received(struct wm_wg_handshakes *h, struct wm_wg_peer *p, size_t len)
{
	atomic_fetch_add_explicit(&p->rx_bytes, len, memory_order_relaxed);
	wm_wg_traffic_received(&p->traffic, false, h->now);
}

/* Sends packets that are staged, as many as fit into a batch; returns the rest of the list. */
static struct wm_wg_staged *send_staged(struct wm_wg_handshakes *h, struct wm_wg_peer *p,
					struct wm_wg_session *s, const struct wm_wg_path *path,
					struct wm_wg_staged *list)
{
	struct wm_udp_packet batch[WM_UDP_BATCH] = {{.len = 0}};
	struct wm_wg_staged *rest = list;
	unsigned n = 0;
	for (; rest != NULL && n < WM_UDP_BATCH; rest = rest->next) {
		uint8_t ecn = wm_wg_ecn_of(rest->packet);
		size_t len = wm_wg_seal(&h->ciphers, s, &rest->header, rest->len, h->core->mtu);
		if (len == 0) {
			wm_wg_drop(&h->drops, WM_DROP_EXPIRED);
			continue;
		}
		batch[n++] = (struct wm_udp_packet){.peer = path->to,
						    .local = path->local,
						    .tos = ecn,
						    .refused = &p->place.is_refused,
						    .data = (uint8_t *)&rest->header,
						    .len = (uint32_t)len};
		wm_wg_note_sent(h, p, len, true);
	}
	wm_wg_dispatch_packets(h, batch, n);
	while (list != rest)
		list = wm_wg_staged_free(list);
	return rest;
}

/* Sends all that waits; true when there was something. */
static bool flush_staged(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
{
	struct wm_wg_path path;
	struct wm_wg_session *s = wm_wg_keyring_usable(p, h->now);
	if (s == NULL || !wm_wg_place_path(&p->place, wm_wg_era(h->core), &path))
		return false;
	struct wm_wg_staged *list = wm_wg_stage_take(&p->stage);
	bool had_some = list != NULL;
	while (list != NULL)
		list = send_staged(h, p, s, &path, list);
	return had_some;
}

void wm_wg_exchange_drop_staged(struct wm_wg_handshakes *h, struct wm_wg_peer *p, enum wm_drop why)
{
	for (struct wm_wg_staged *s = wm_wg_stage_take(&p->stage); s != NULL;
	     s = wm_wg_staged_free(s))
		wm_wg_drop(&h->drops, why);
}

/* ---- our own initiation ---- */

/* No handshake will come of it: who asks next starts afresh. */
static void abandon(struct wm_wg_handshakes *h, struct wm_wg_peer *p, enum wm_drop why)
{
	wm_wg_timers_abandon(&p->timers);
	wm_wg_race_end(&p->race);
	atomic_store(&p->is_asked, false);
	wm_wg_exchange_drop_staged(h, p, why);
}

static bool create_initiation(struct wm_wg_handshakes *h, struct wm_wg_peer *p,
			      struct wm_wg_initiation *msg)
{
	uint8_t ephemeral[WM_WG_KEY];
	wm_wg_keyring_end_initiation(h->core, p);
	uint32_t index = wm_wg_index_take(&h->core->index, p);
	wm_x25519_generate(ephemeral);
	wm_wg_timestamp_next(p->last_sent_timestamp, wm_clock_wall());
	bool ok = wm_wg_initiation_create(&p->initiator, &h->identity, &p->remote, index, ephemeral,
					  p->last_sent_timestamp, msg);
	wm_wipe(ephemeral, sizeof(ephemeral));
	if (!ok)
		wm_wg_index_drop(&h->core->index, index);
	else
		wm_wg_jar_stamp(&p->jar, msg, sizeof(*msg), h->now);
	return ok;
}

static void initiate(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
{
	struct wm_wg_initiation msg;
	struct wm_wg_path path;
	/* Nobody has answered: perhaps because of where it left. */
	if (p->timers.tries > 0)
		wm_wg_place_let_go(&p->place);
	if (atomic_load(&h->core->sockets) == NULL ||
	    !wm_wg_place_path(&p->place, wm_wg_era(h->core), &path))
		return abandon(h, p, WM_DROP_NO_ENDPOINT);
	if (!create_initiation(h, p, &msg))
		return abandon(h, p, WM_DROP_HANDSHAKE);
	p->initiated_to = path.to;
	wm_wg_race_begin(&p->race, &msg, h->now);
	wm_wg_timers_initiation_sent(&p->timers, wm_rand_below(WM_WG_JITTER_MAX), h->now);
	if (wm_wg_dispatch(h, &path, WM_WG_TOS_HANDSHAKE, &msg, sizeof(msg)))
		wm_wg_note_sent(h, p, sizeof(msg), false);
}

static void send_keepalive(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
{
	struct {
		struct wm_wg_data header;
		uint8_t tail[WM_WG_SEAL_TAIL];
	} msg;
	struct wm_wg_path path;
	struct wm_wg_session *s = wm_wg_keyring_usable(p, h->now);
	if (!wm_wg_place_path(&p->place, wm_wg_era(h->core), &path))
		return;
	if (s == NULL)
		return wm_wg_exchange_act(h, p, wm_wg_timers_want(&p->timers, h->now));
	size_t len = wm_wg_seal(&h->ciphers, s, &msg.header, 0, h->core->mtu);
	if (len > 0 && wm_wg_dispatch(h, &path, 0, &msg, len))
		wm_wg_note_sent(h, p, len, false);
}

/* ---- sessions ---- */

static void tell_loop(struct wm_wg_handshakes *h, struct wm_wg_peer *p, bool is_ours)
{
	struct wm_wg_core *c = h->core;
	atomic_store(&p->last_handshake_wall, wm_clock_wall());
	wm_wg_bell_ring(&c->events, &p->events,
			WM_WG_NEWS_HANDSHAKE | (is_ours ? 0U : (unsigned)WM_WG_NEWS_BY_PEER));
	c->wake_loop(c->wake_arg);
}

/* There is a session to send with. Asking is allowed again before what waits is taken, so that a
 * packet staged in between is either taken or asked for. */
static void begin_session(struct wm_wg_handshakes *h, struct wm_wg_peer *p, bool is_ours)
{
	wm_wg_timers_session_made(&p->timers, true, h->now);
	atomic_store(&p->is_asked, false);
	/* The peer may send only after it has heard from us. */
	if (!flush_staged(h, p) && is_ours)
		send_keepalive(h, p);
	tell_loop(h, p, is_ours);
}

static enum wm_drop read_response(struct wm_wg_handshakes *h, const struct wm_wg_letter *l,
				  struct wm_wg_peer **touched)
{
	const struct wm_wg_response *msg = (const struct wm_wg_response *)l->data;
	struct wm_wg_keys keys;
	struct wm_wg_peer *p = wm_wg_index_peer(&h->core->index, wm_wg_get_le32(msg->receiver));
	if (p == NULL)
		return WM_DROP_INDEX;
	enum wm_drop why =
		wm_wg_response_consume(&p->initiator, &h->identity, &p->remote, msg, &keys);
	if (why != WM_DROP_NONE)
		return why;
	wm_wg_way_learn(h, p, l);
	note_received(h, p, l->len);
	wm_wg_initiator_fini(&p->initiator); /* its index is the session's now */
	wm_wg_keyring_put_initiated(h->core, p, wm_wg_session_new(p, &keys, true, h->now));
	*touched = p;
	begin_session(h, p, true);
	return WM_DROP_NONE;
}

/* ---- the peer's initiation ---- */

/* Newer than the last, and not too soon after it. */
static enum wm_drop check_fresh(struct wm_wg_handshakes *h, struct wm_wg_peer *p,
				const uint8_t timestamp[WM_WG_TIMESTAMP])
{
	if (memcmp(timestamp, p->last_seen_timestamp, WM_WG_TIMESTAMP) <= 0)
		return WM_DROP_STALE;
	if (p->last_seen_at != 0 && h->now - p->last_seen_at < INITIATION_GAP)
		return WM_DROP_FLOOD;
	memcpy(p->last_seen_timestamp, timestamp, WM_WG_TIMESTAMP);
	p->last_seen_at = h->now;
	return WM_DROP_NONE;
}

static enum wm_drop answer(struct wm_wg_handshakes *h, struct wm_wg_peer *p,
			   struct wm_wg_responder *st, const struct wm_wg_letter *l)
{
	struct wm_wg_response msg;
	struct wm_wg_keys keys;
	struct wm_wg_path path;
	uint8_t ephemeral[WM_WG_KEY];
	uint32_t index = wm_wg_index_take(&h->core->index, p);
	wm_x25519_generate(ephemeral);
	enum wm_drop why = wm_wg_response_create(st, &p->remote, index, ephemeral, &msg, &keys);
	wm_wipe(ephemeral, sizeof(ephemeral));
	if (why != WM_DROP_NONE) {
		wm_wg_index_drop(&h->core->index, index);
		return why;
	}
	wm_wg_way_learn(h, p, l);
	note_received(h, p, l->len);
	wm_wg_keyring_put_answered(h->core, p, wm_wg_session_new(p, &keys, false, h->now));
	wm_wg_timers_session_made(&p->timers, false, h->now);
	wm_wg_jar_stamp(&p->jar, &msg, sizeof(msg), h->now);
	if (wm_wg_place_path(&p->place, wm_wg_era(h->core), &path) &&
	    wm_wg_dispatch(h, &path, WM_WG_TOS_HANDSHAKE, &msg, sizeof(msg)))
		wm_wg_note_sent(h, p, sizeof(msg), false);
	return WM_DROP_NONE;
}

static enum wm_drop read_initiation(struct wm_wg_handshakes *h, const struct wm_wg_letter *l,
				    struct wm_wg_peer **touched)
{
	const struct wm_wg_initiation *msg = (const struct wm_wg_initiation *)l->data;
	uint8_t timestamp[WM_WG_TIMESTAMP];
	struct wm_wg_responder st;
	struct wm_wg_peer *p = NULL;
	enum wm_drop why = wm_wg_initiation_open(&st, &h->identity, msg);
	if (why == WM_DROP_NONE) {
		p = wm_map_find_n(&h->peers, st.remote_static, WM_WG_KEY);
		why = p == NULL ? WM_DROP_UNKNOWN_PEER
				: wm_wg_initiation_verify(&st, &p->remote, msg, timestamp);
	}
	if (why == WM_DROP_NONE)
		why = check_fresh(h, p, timestamp);
	if (why == WM_DROP_NONE)
		why = answer(h, p, &st, l);
	wm_wg_responder_fini(&st);
	*touched = p;
	return why;
}

/* ---- any message ---- */

static enum wm_drop read_cookie(struct wm_wg_handshakes *h, const struct wm_wg_letter *l)
{
	const struct wm_wg_cookie_reply *msg = (const struct wm_wg_cookie_reply *)l->data;
	struct wm_wg_peer *p = wm_wg_index_peer(&h->core->index, wm_wg_get_le32(msg->receiver));
	if (p == NULL)
		return WM_DROP_INDEX;
	return wm_wg_cookie_consume(&p->jar, msg, h->now) ? WM_DROP_NONE : WM_DROP_HANDSHAKE;
}

static enum wm_drop demand_cookie(struct wm_wg_handshakes *h, const struct wm_wg_letter *l)
{
	struct wm_wg_cookie_reply msg;
	uint8_t nonce[24];
	if (wm_wg_checker_is_due(&h->checker, h->now)) {
		uint8_t secret[32];
		wm_rand_bytes(secret, sizeof(secret));
		wm_wg_checker_set_secret(&h->checker, secret, h->now);
		wm_wipe(secret, sizeof(secret));
	}
	wm_rand_bytes(nonce, sizeof(nonce));
	wm_wg_cookie_create(&h->checker, l->data, l->len, &l->from, nonce, &msg);
	/* The sender has proved nothing, so nobody is asked: the address it knows, by any way. */
	struct wm_wg_path path = {.to = l->from, .local.addr = l->local.addr};
	wm_wg_dispatch(h, &path, WM_WG_TOS_HANDSHAKE, &msg, sizeof(msg));
	return WM_DROP_COOKIE;
}

/* The MACs, and under load the cookie and the sender's share. */
static enum wm_drop admit(struct wm_wg_handshakes *h, const struct wm_wg_letter *l, bool is_loaded)
{
	enum wm_wg_mac_state state = wm_wg_checker_check(&h->checker, l->data, l->len, &l->from);
	if (state == WM_WG_MAC_BAD || !h->identity.is_set)
		return WM_DROP_MAC1;
	if (!is_loaded)
		return WM_DROP_NONE;
	if (state != WM_WG_MAC_COOKIE || wm_wg_checker_is_due(&h->checker, h->now))
		return demand_cookie(h, l);
	return wm_wg_ratelimit_allow(&h->rates, &l->from.addr, h->now) ? WM_DROP_NONE
								       : WM_DROP_FLOOD;
}

enum wm_drop wm_wg_exchange_read(struct wm_wg_handshakes *h, const struct wm_wg_letter *l,
				 bool is_loaded, struct wm_wg_peer **touched)
{
	*touched = NULL;
	enum wm_wg_kind kind = wm_wg_demux_parse(l->data, l->len);
	if (kind == WM_WG_KIND_COOKIE)
		return read_cookie(h, l);
	if (kind != WM_WG_KIND_INITIATION && kind != WM_WG_KIND_RESPONSE)
		return WM_DROP_SHORT;
	enum wm_drop why = admit(h, l, is_loaded);
	if (why != WM_DROP_NONE)
		return why;
	return kind == WM_WG_KIND_INITIATION ? read_initiation(h, l, touched)
					     : read_response(h, l, touched);
}

/* ---- intents and news ---- */

void wm_wg_exchange_act(struct wm_wg_handshakes *h, struct wm_wg_peer *p, unsigned intents)
{
	if (intents & WM_WG_FORGET)
		wm_wg_keyring_forget(h->core, p);
	if (intents & WM_WG_GIVE_UP)
		abandon(h, p, WM_DROP_STAGED);
	if (intents & WM_WG_INITIATE)
		initiate(h, p);
	if (intents & WM_WG_KEEPALIVE)
		send_keepalive(h, p);
}

/* Packets wait, or somebody wants a fresh session: start one unless there is one. */
static void seek_session(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
{
	struct wm_wg_session *s = wm_wg_keyring_usable(p, h->now);
	if (s != NULL)
		flush_staged(h, p);
	if (s == NULL || wm_wg_session_wants_rekey(s, h->now))
		return wm_wg_exchange_act(h, p, wm_wg_timers_want(&p->timers, h->now));
	atomic_store(&p->is_asked, false);
	flush_staged(h, p);
}

/* The initiation that is out has gone to an old address: send one to the new, at once. */
static void try_new_place(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
{
	struct wm_endpoint to;
	if (wm_wg_place_get(&p->place, &to) && !wm_endpoint_equal(&to, &p->initiated_to))
		wm_wg_exchange_act(h, p, wm_wg_timers_want_now(&p->timers, h->now));
}

void wm_wg_exchange_hear(struct wm_wg_handshakes *h, struct wm_wg_peer *p, unsigned news)
{
	if ((news & WM_WG_NEWS_USED) && wm_wg_keyring_confirm(h->core, p))
		begin_session(h, p, false);
	if (news & WM_WG_NEWS_WAY)
		wm_wg_way_prove(h, p);
	if (news & WM_WG_NEWS_PROBE)
		wm_wg_way_probed(h, p);
	if (news & WM_WG_NEWS_DEBT)
		wm_wg_timers_watch(&p->timers);
	if (news & WM_WG_NEWS_MOVED)
		wm_wg_narrow_forget(&p->narrow);
	if ((news & WM_WG_NEWS_MOVED) && wm_wg_timers_is_trying(&p->timers))
		try_new_place(h, p);
	if (news & (WM_WG_NEWS_WANT | WM_WG_NEWS_GREET))
		seek_session(h, p);
}

void wm_wg_exchange_stir(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
{
	if (h->is_resting)
		return;
	if (wm_wg_timers_is_trying(&p->timers))
		wm_wg_exchange_act(h, p, wm_wg_timers_hurry(&p->timers, h->now));
	else if (wm_wg_keyring_usable(p, h->now) != NULL && wm_wg_way_has_moved(h, p))
		send_keepalive(h, p);
}
