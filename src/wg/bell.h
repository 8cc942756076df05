#pragma once
/*
 * How threads tell another one that something is up with a peer, without pointers that travel and
 * without a queue that can overflow: the peer carries bits that say what, and stands in the bell's
 * list while any is set. The peer's thread of birth takes it out before the peer dies.
 */
#include "base/list.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Embedded, one per bell. Zeroed. */
struct wm_wg_ring {
	struct wm_list node;
	atomic_uint bits;
	bool is_dead; /* guarded by the bell */
};

struct wm_wg_bell {
	pthread_mutex_t
		lock; /* guards the list; held for a few instructions, never on the fast path */
	struct wm_list rung;
};

void wm_wg_bell_init(struct wm_wg_bell *b);
void wm_wg_bell_fini(struct wm_wg_bell *b);
/* Any thread: true when the listener is to be woken. */
bool wm_wg_bell_ring(struct wm_wg_bell *b, struct wm_wg_ring *r, unsigned bits);
/* The listener: the next one and its bits, or NULL. */
struct wm_wg_ring *wm_wg_bell_take(struct wm_wg_bell *b, unsigned *bits);
/* From here on nobody gets it from the bell any more. */
void wm_wg_bell_retire(struct wm_wg_bell *b, struct wm_wg_ring *r);
