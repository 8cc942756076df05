#pragma once
/*
 * The way back to a peer: out of the address and the interface at which its packets come in, if the
 * host has a route that does that. Otherwise the host chooses, for a packet that leaves by an
 * interface without a route to its target is lost in silence. Handshake thread, inside an epoch.
 */
#include "wg/handshakes.h"

/* The host's network as it is now, for wm_wg_place_*. Any thread. */
static inline uint16_t wm_wg_era(const struct wm_wg_core *c)
{
	return (uint16_t)atomic_load_explicit(&c->era, memory_order_relaxed);
}

/* An authentic message of the peer came in as @l says. */
void wm_wg_way_learn(struct wm_wg_handshakes *h, struct wm_wg_peer *p,
		     const struct wm_wg_letter *l);
/* Whether the host sends to the peer from another address than the last time that this was asked,
 * or it has not been. What is known of the path's width is asked for again, too. */
bool wm_wg_way_has_moved(struct wm_wg_handshakes *h, struct wm_wg_peer *p);
/* A probe of the path has left: the host is asked soon what came of it. */
void wm_wg_way_probed(struct wm_wg_handshakes *h, struct wm_wg_peer *p);
/* Asks the host how long packets to the peer may be, and tries the next of its other places, if it
 * is time to. */
void wm_wg_way_run(struct wm_wg_handshakes *h, struct wm_wg_peer *p);
/* When run has something to do, but not after @due. */
int64_t wm_wg_way_due(const struct wm_wg_peer *p, int64_t due);
/* Asks the host about what was learned of the peer last. */
void wm_wg_way_prove(struct wm_wg_handshakes *h, struct wm_wg_peer *p);
