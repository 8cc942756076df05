#pragma once
/*
 * A session: the pair of keys that one handshake gave, its counters and its window. Made and
 * retired by the handshake thread, used by the workers inside an epoch. Packets of one peer usually
 * come in on one worker; when they do not, the window's lock orders them.
 */
#include "base/epoch.h"
#include "wg/noise.h"
#include "wg/replay.h"
#include <pthread.h>
#include <stdatomic.h>

#define WM_WG_REKEY_MESSAGES  (1ULL << 60)
#define WM_WG_REJECT_MESSAGES (UINT64_MAX - WM_WG_WINDOW_BITS)

struct wm_wg_peer;

struct wm_wg_session {
	struct wm_wg_peer *peer; /* lives longer than its sessions */
	struct wm_wg_keys keys;
	uint64_t id; /* never used twice in a process; names the keys in wg/ciphers.h */
	int64_t born;
	bool is_initiator;
	atomic_bool is_used; /* a packet of it has come in: the peer has the keys too */
	struct wm_epoch_item item;
	_Alignas(64) _Atomic uint64_t next_counter;
	/* Guards the window. Taken once for a run of packets, not for each; a message to another
	 * thread would cost more than the lock, which nobody else wants as a rule. */
	_Alignas(64) pthread_mutex_t window_lock;
	struct wm_wg_replay window;
};

/* Takes over and wipes @keys. Freed through the epoch by wm_wg_session_retire. */
struct wm_wg_session *wm_wg_session_new(struct wm_wg_peer *peer, struct wm_wg_keys *keys,
					bool is_initiator, int64_t now);
/* Nobody may find it any more; wiped and freed when no worker can hold it. NULL is allowed. */
void wm_wg_session_retire(struct wm_wg_session *s, struct wm_epoch *epoch);

/* Takes @n counters that nobody else gets, from @*first on; false when they are used up. */
bool wm_wg_session_take(struct wm_wg_session *s, unsigned n, uint64_t *first);

/* Young enough and counter low enough. */
bool wm_wg_session_can_send(const struct wm_wg_session *s, int64_t now);
bool wm_wg_session_can_receive(const struct wm_wg_session *s, uint64_t counter, int64_t now);
/* True when whoever sends on it should begin the next handshake. */
bool wm_wg_session_wants_rekey(const struct wm_wg_session *s, int64_t now);
/* The same for whoever receives: late enough that otherwise it would end under the traffic. */
bool wm_wg_session_ends_soon(const struct wm_wg_session *s, int64_t now);
