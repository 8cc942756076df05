#pragma once
/*
 * All timers of a peer as a state machine: events and the time go in, intents come out; it reads no
 * clock and sends nothing. Two parts. struct wm_wg_traffic is what the packet path notes: a few
 * atomics, any thread, written only when something changes. struct wm_wg_timers belongs to the
 * handshake thread, which runs it when wm_wg_timers_due says so; an idle peer is never due.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define WM_WG_S                 1000000000LL
#define WM_WG_REKEY_AFTER       (120 * WM_WG_S)
#define WM_WG_REJECT_AFTER      (180 * WM_WG_S)
#define WM_WG_REKEY_ATTEMPT     (90 * WM_WG_S)
#define WM_WG_REKEY_TIMEOUT     (5 * WM_WG_S)
#define WM_WG_KEEPALIVE_TIMEOUT (10 * WM_WG_S)
#define WM_WG_JITTER_MAX        (WM_WG_S / 3)
#define WM_WG_NEVER             INT64_MAX

enum wm_wg_intent {
	WM_WG_INITIATE = 1, /* create and send an initiation, then say so */
	WM_WG_KEEPALIVE =
		2,         /* send an empty packet, or start a handshake when there is no session */
	WM_WG_GIVE_UP = 4, /* nobody answered for 90 s: drop what waits */
	WM_WG_FORGET = 8,  /* sessions and ephemeral keys are to be wiped */
};

/* A debt: the first moment since which something is owed, and whether somebody watches it. */
struct wm_wg_debt {
	_Atomic int64_t since; /* 0 = nothing owed */
	atomic_bool is_watched;
};

struct wm_wg_traffic {
	struct wm_wg_debt keepalive; /* we received packets and have sent nothing since */
	struct wm_wg_debt answer;    /* we sent packets and have received nothing since */
	_Atomic int64_t last; /* authenticated packet, either way, to a quarter of a second */
};

struct wm_wg_timers {
	struct wm_wg_traffic *traffic; /* borrowed */
	int64_t interval;              /* persistent keepalive, 0 = off */
	int64_t attempt_since;         /* first initiation of this attempt, 0 = none under way */
	int64_t last_initiation;       /* 0 = none yet */
	unsigned tries;                /* initiations of this attempt */
	int64_t retry_at, keepalive_at, answer_at, persist_at, forget_at; /* 0 = not set */
	bool is_stopped; /* nothing is owed, wanted or due */
};

/*
 * A packet of the peer was sent or received (@is_data: one with content). True when the handshake
 * thread must be told, that is when a debt began that nobody watches.
 */
bool wm_wg_traffic_sent(struct wm_wg_traffic *t, bool is_data, int64_t now);
bool wm_wg_traffic_received(struct wm_wg_traffic *t, bool is_data, int64_t now);

/* Borrows @traffic; both zeroed before. */
void wm_wg_timers_init(struct wm_wg_timers *t, struct wm_wg_traffic *traffic);
/* Switches the persistent keepalive; turning it on asks for a first one. */
unsigned wm_wg_timers_set_interval(struct wm_wg_timers *t, int64_t interval, int64_t now);
/* Everything that runs is off, and nothing begins until start; the interval is kept. */
void wm_wg_timers_stop(struct wm_wg_timers *t);
/* As at the beginning: a persistent keepalive asks for a first one. */
unsigned wm_wg_timers_start(struct wm_wg_timers *t, int64_t now);
/* After traffic_* said true: looks at the debts. */
void wm_wg_timers_watch(struct wm_wg_timers *t);
/* A handshake is wanted: INITIATE, unless one is under way or too young. */
unsigned wm_wg_timers_want(struct wm_wg_timers *t, int64_t now);
/* As want, but an attempt under way is sent again at once: the peer has moved. */
unsigned wm_wg_timers_want_now(struct wm_wg_timers *t, int64_t now);
/* The host's network has changed: an attempt under way is sent again now, or a second after the
 * last time. */
unsigned wm_wg_timers_hurry(struct wm_wg_timers *t, int64_t now);
/*
 * An initiation left; @jitter is random below WM_WG_JITTER_MAX, and taken off the time until the
 * next: WireGuard adds it, but then five seconds after a path has come back may be too few.
 */
void wm_wg_timers_initiation_sent(struct wm_wg_timers *t, int64_t jitter, int64_t now);
/* The attempt cannot go on (no address, no key): it is forgotten. */
void wm_wg_timers_abandon(struct wm_wg_timers *t);
/* A session has been made or confirmed, by either role; @can_send when it may be used at once,
 * which ends our own attempt. */
void wm_wg_timers_session_made(struct wm_wg_timers *t, bool can_send, int64_t now);
/* When run has something to do; WM_WG_NEVER when idle. */
int64_t wm_wg_timers_due(const struct wm_wg_timers *t);
/* Fires what is due at @now; returns the intents, one or several. */
unsigned wm_wg_timers_run(struct wm_wg_timers *t, int64_t now);
/* True while initiations are being sent and none was answered. */
bool wm_wg_timers_is_trying(const struct wm_wg_timers *t);
