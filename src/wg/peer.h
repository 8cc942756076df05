#pragma once
/*
 * A peer. Born on the loop, dies through the epoch after the handshake thread has let go of it. Its
 * fields belong to three parties, in three groups; the shared ones are atomics or have a lock.
 */
#include "wg/allowedips.h"
#include "wg/bell.h"
#include "wg/cookie.h"
#include "wg/narrow.h"
#include "wg/noise.h"
#include "wg/place.h"
#include "wg/race.h"
#include "wg/schedule.h"
#include "wg/session.h"
#include "wg/stage.h"
#include "wg/timers.h"

/* What workers and loop tell the handshake thread about a peer (struct wm_wg_ring). */
enum wm_wg_news {
	WM_WG_NEWS_WANT = 1,      /* packets wait, or the session is old */
	WM_WG_NEWS_USED = 2,      /* the next session has carried its first packet */
	WM_WG_NEWS_DEBT = 4,      /* a timer is to be looked at */
	WM_WG_NEWS_MOVED = 8,     /* the loop gave it another endpoint */
	WM_WG_NEWS_GREET = 16,    /* the loop wants a session */
	WM_WG_NEWS_WAY = 32,      /* its packets come in another way */
	WM_WG_NEWS_PROBE = 64,    /* a probe of the path has left */
	WM_WG_NEWS_HANDSHAKE = 1, /* to the loop, on its own bell: a handshake has completed */
	WM_WG_NEWS_BY_PEER = 2,   /* with it: the peer had begun it */
};

struct wm_wg_peer {
	uint8_t public_key[WM_WG_KEY]; /* never changes */

	/* ---- shared ---- */
	_Atomic(struct wm_wg_session *) current; /* to send with */
	_Atomic(struct wm_wg_session *) next;    /* made by answering; current once it was used */
	struct wm_wg_place place;
	struct wm_wg_narrow narrow;
	struct wm_wg_traffic traffic;
	_Atomic uint64_t rx_bytes, tx_bytes;
	_Atomic int64_t last_handshake_wall; /* 0 = never */
	atomic_bool is_asked;                /* a handshake has been asked for and is not over */
	struct wm_wg_stage stage;
	struct wm_wg_ring news;   /* to the handshake thread */
	struct wm_wg_ring events; /* to the loop */

	/* ---- the loop's ---- */
	struct wm_list of_device;
	struct wm_wg_owner owner;
	uint8_t psk[WM_WG_KEY];
	uint16_t keepalive_s;

	/* ---- the handshake thread's ---- */
	struct wm_wg_session *previous; /* to receive late packets with */
	struct wm_wg_remote remote;
	struct wm_wg_initiator initiator;
	struct wm_endpoint initiated_to; /* where the initiation that is out was sent */
	struct wm_wg_jar jar;
	struct wm_wg_timers timers;
	struct wm_addr source; /* from which the host sends to it by itself; none = not asked yet */
	struct wm_wg_race race;
	int64_t look_at; /* when to ask the host about the path; 0 = not */
	unsigned looks;  /* since the last probe */
	struct wm_wg_alarm alarm;
	uint8_t last_sent_timestamp[WM_WG_TIMESTAMP];
	uint8_t last_seen_timestamp[WM_WG_TIMESTAMP];
	int64_t last_seen_at; /* when an initiation of it was accepted last; 0 = never */

	struct wm_epoch_item item;
};

/* @staged_bytes is the device's count (wg/stage.h), borrowed. */
struct wm_wg_peer *wm_wg_peer_new(const uint8_t public_key[WM_WG_KEY],
				  _Atomic size_t *staged_bytes);
/* Nobody else knows it any more; its sessions have been retired. */
void wm_wg_peer_free(struct wm_wg_peer *p);
void wm_wg_peer_retire(struct wm_wg_peer *p, struct wm_epoch *epoch);
