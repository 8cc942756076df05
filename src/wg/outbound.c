/*
 * A packet out: its target address names a peer, the peer's current session seals it into the
 * outbox, and the batch leaves in one system call. What TUN hands over may stand for many packets;
 * it is cut on the way, each segment made just before it is sealed, while it is in the cache.
 * Packets that follow each other mostly go to one peer, so what was looked up for the last packet
 * is kept for the next.
 */
#include <errno.h>
#include "base/mem.h"
#include "wg/ecn.h"
#include "wg/handshakes.h"
#include "wg/inner.h"
#include "wg/mss.h"
#include "wg/seal.h"
#include "wg/segment.h"
#include "wg/toobig.h"
#include "wg/way.h"
#include "wg/worker.h"

/* Sent before more is read: what was sealed first should not wait for the last. */
#define FLUSH_BYTES 60000u

/* The peer of the packets at hand. */
struct lane {
	struct wm_udp_socket *out; /* NULL: there is no port */
	struct wm_wg_judge *judge; /* NULL: all may pass */
	struct wm_wg_peer *peer;
	struct wm_wg_session *session; /* NULL: packets are staged */
	struct wm_udp_packet how;      /* its datagrams go */
	uint32_t mtu;                  /* of packets to it */
	uint64_t bytes;                /* sealed since the lane was opened */
	unsigned sealed;               /* packets in this batch, whoever they are for */
};

static void close_lane(struct wm_wg_worker *w, struct lane *lane)
{
	if (lane->session != NULL && wm_wg_session_wants_rekey(lane->session, w->now))
		wm_wg_handshakes_ask(w->core->handshakes, lane->peer);
	if (lane->bytes > 0)
		atomic_fetch_add_explicit(&lane->peer->tx_bytes, lane->bytes, memory_order_relaxed);
	*lane = (struct lane){.out = lane->out, .judge = lane->judge, .sealed = lane->sealed};
}

static enum wm_drop open_lane(struct wm_wg_worker *w, struct lane *lane, struct wm_wg_peer *peer)
{
	struct wm_wg_path path;
	if (lane->peer == peer)
		return WM_DROP_NONE;
	close_lane(w, lane);
	if (lane->out == NULL || !wm_wg_place_path(&peer->place, wm_wg_era(w->core), &path))
		return WM_DROP_NO_ENDPOINT;
	lane->how = (struct wm_udp_packet){
		.peer = path.to, .local = path.local, .refused = &peer->place.is_refused};
	lane->peer = peer;
	lane->mtu = wm_wg_narrow_mtu(&peer->narrow,
				     atomic_load_explicit(&w->core->mtu, memory_order_relaxed));
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

static void flush(struct wm_wg_worker *w, const struct lane *lane)
{
	struct wm_udp_socket *s = lane->out;
	if (w->outbox.n == 0)
		return;
	unsigned refused = wm_wg_outbox_flush(&w->outbox, s);
	if (refused > 0)
		wm_wg_drop_many(&w->drops, WM_DROP_SEND, refused);
	if (!atomic_load_explicit(&s->has_trains, memory_order_relaxed))
		wm_wg_core_note(w->core, WM_WG_NOTE_TRAINS);
}

/* It waits for a handshake; drops, of this packet or of older ones, are counted. */
static void stage(struct wm_wg_worker *w, struct lane *lane, struct wm_wg_segments *s)
{
	uint8_t *packet;
	for (size_t len; (len = wm_wg_segments_next(s, &packet)) > 0;) {
		if (!wm_wg_stage_put(&lane->peer->stage, packet, len))
			wm_wg_drop(&w->drops, WM_DROP_STAGED);
	}
	wm_wg_handshakes_ask(w->core->handshakes, lane->peer);
}

/* Whether the datagram of @sealed bytes is to find out how wide the path is. */
static void note_probe(struct wm_wg_worker *w, struct lane *lane, size_t sealed)
{
	lane->how.is_probe = wm_wg_narrow_probes(&lane->peer->narrow, sealed, w->now);
	if (lane->how.is_probe)
		wm_wg_handshakes_tell(w->core->handshakes, lane->peer, WM_WG_NEWS_PROBE);
}

static enum wm_drop seal(struct wm_wg_worker *w, struct lane *lane, struct wm_wg_segments *s)
{
	uint64_t counter;
	uint8_t *packet, *room;
	if (!wm_wg_session_take(lane->session, s->count, &counter))
		return WM_DROP_EXPIRED;
	for (size_t len; (len = wm_wg_segments_next(s, &packet)) > 0;) {
		size_t most = sizeof(struct wm_wg_data) + len + WM_WG_SEAL_TAIL;
		if ((room = wm_wg_outbox_room(&w->outbox, most)) == NULL) {
			flush(w, lane);
			room = wm_wg_outbox_room(&w->outbox, most);
		}
		size_t sealed = wm_wg_seal_into(&w->ciphers, lane->session, counter++, packet, len,
						lane->mtu, room);
		note_probe(w, lane, sealed);
		wm_wg_outbox_add(&w->outbox, &lane->how, sealed);
		lane->bytes += sealed;
		lane->sealed++;
	}
	return WM_DROP_NONE;
}

/* Tells the sender of packets that are too long for the path, which are carried all the same. */
static void tell_if_too_big(struct wm_wg_worker *w, const struct lane *lane,
			    const struct wm_wg_segments *s, const struct wm_tun_packet *p)
{
	static const struct wm_offload none;
	uint8_t error[WM_WG_TOOBIG_BYTES];
	size_t longest = s->segment > 0 ? s->header_len + s->segment : p->len;
	uint32_t least = p->data[0] >> 4 == 4 ? WM_WG_LEAST4 : WM_WG_LEAST6;
	if (longest <= lane->mtu || longest <= least || !wm_wg_toobig_is_wanted(p->data) ||
	    !wm_wg_bucket_take(&w->toobig, w->now))
		return;
	size_t len = wm_wg_toobig_write(p->data, p->len, lane->mtu, error);
	struct wm_span span = {.data = error, .len = len};
	if (len > 0 && wm_tun_write(w->core->tun, w->number, &span, 1, &none) != 0)
		wm_wg_drop(&w->drops, WM_DROP_TUN);
}

/* All that concerns the path, before the packet is cut. */
static enum wm_drop prepare(struct wm_wg_worker *w, struct lane *lane, struct wm_tun_packet *p,
			    struct wm_wg_segments *s)
{
	if (p->offload.kind == WM_OFFLOAD_NONE && wm_wg_mss_is_due(p->data, p->len))
		(void)wm_wg_mss_clamp(p->data, p->len, lane->mtu, !p->offload.needs_checksum);
	enum wm_drop why = wm_wg_segments_begin(s, p->data, p->len, &p->offload);
	if (why != WM_DROP_NONE)
		return why;
	lane->how.tos = wm_wg_ecn_of(p->data);
	tell_if_too_big(w, lane, s, p);
	return WM_DROP_NONE;
}

static enum wm_drop carry(struct wm_wg_worker *w, struct lane *lane, struct wm_tun_packet *p)
{
	struct wm_wg_segments segments;
	struct wm_wg_inner inner;
	if (!wm_wg_inner_parse(p->data, p->len, &inner))
		return WM_DROP_INNER;
	struct wm_wg_peer *peer = find_peer(w, &inner);
	if (peer == NULL)
		return WM_DROP_NO_PEER;
	if (wm_wg_inner_is_mapped(&inner))
		return WM_DROP_MAPPED;
	if (lane->judge != NULL &&
	    wm_wg_judge_packet(lane->judge, w->number, p->data, inner.len) != WM_DROP_NONE)
		return WM_DROP_POLICY_OUT;
	enum wm_drop why = open_lane(w, lane, peer);
	if (why == WM_DROP_NONE)
		why = prepare(w, lane, p, &segments);
	if (why != WM_DROP_NONE)
		return why;
	if (lane->session == NULL) {
		stage(w, lane, &segments);
		return WM_DROP_NONE;
	}
	why = seal(w, lane, &segments);
	if (why == WM_DROP_NONE && wm_wg_traffic_sent(&peer->traffic, true, w->now))
		wm_wg_handshakes_tell(w->core->handshakes, peer, WM_WG_NEWS_DEBT);
	return why;
}

static void break_device(struct wm_wg_worker *w, int sys)
{
	int well = 0;
	w->is_tun_dead = true;
	if (atomic_compare_exchange_strong(&w->core->broken, &well, sys))
		w->core->wake_loop(w->core->wake_arg);
}

/* One packet from TUN; false when none waits. */
static bool read_packet(struct wm_wg_worker *w, struct lane *lane)
{
	enum wm_drop why;
	int got = wm_tun_read(w->core->tun, w->number, &w->from_tun);
	switch (got) {
	case 1: why = carry(w, lane, &w->from_tun); break;
	case 0: return false;
	case -EMSGSIZE: why = WM_DROP_INNER; break;
	case -EINVAL: why = WM_DROP_OFFLOAD; break;
	default: break_device(w, -got); return false;
	}
	if (why != WM_DROP_NONE)
		wm_wg_drop(&w->drops, why);
	return true;
}

bool wm_wg_outbound(struct wm_wg_worker *w, struct wm_udp_socket *out)
{
	struct lane lane = {.out = out,
			    .judge = atomic_load_explicit(&w->core->judge, memory_order_acquire)};
	bool is_more = true;
	for (unsigned i = 0; is_more && i < WM_WG_READS && w->outbox.used < FLUSH_BYTES; i++)
		is_more = read_packet(w, &lane);
	if (lane.sealed >= WM_WG_BULK)
		wm_wg_ciphers_speed_up(&w->ciphers);
	close_lane(w, &lane);
	flush(w, &lane);
	return is_more;
}
