#pragma once
/*
 * Where a peer is: an endpoint that the loop sets and authenticated packets move, read for every
 * packet; and at which of our addresses its packets come in, so that ours leave there. That second
 * part is used only once somebody has asked the host whether it can be (wg/way.h), and it ends when
 * the host's network changes, when the host refuses it, and when the peer stops answering. A
 * sequence lock of atomics: readers never wait for each other, writers are rare. Any thread. A
 * zeroed struct is "nowhere".
 */
#include "platform/udp.h"
#include <stdatomic.h>

struct wm_wg_place {
	_Atomic uint32_t version; /* odd while being written */
	atomic_bool is_refused;   /* the host did not take our address (wm_udp_packet.refused) */
	_Atomic uint64_t words[6];
};

struct wm_wg_path {
	struct wm_endpoint to;
	struct wm_udp_local local; /* none = the host chooses */
};

/* False when the peer's place is not known. */
bool wm_wg_place_get(struct wm_wg_place *p, struct wm_endpoint *out);
/* As get; @out->local as well, if that may be used while the host's network has the number @era. */
bool wm_wg_place_path(struct wm_wg_place *p, uint16_t era, struct wm_wg_path *out);
/* True when it was another one before; our own side is forgotten then. */
bool wm_wg_place_set(struct wm_wg_place *p, const struct wm_endpoint *e);
/* An authentic packet came in so. True when that is news, and wm_wg_place_prove is due. */
bool wm_wg_place_learn(struct wm_wg_place *p, uint16_t era, const struct wm_endpoint *from,
		       const struct wm_udp_local *local);
/* As get, with our own side as it was learned in @era, for the host to be asked about. */
bool wm_wg_place_claim(struct wm_wg_place *p, uint16_t era, struct wm_wg_path *out);
/* The host takes the path that was claimed; nothing happens if it is another one by now. */
void wm_wg_place_prove(struct wm_wg_place *p, uint16_t era, const struct wm_wg_path *path);
/* Our own side is forgotten, until the next packet tells it. */
void wm_wg_place_let_go(struct wm_wg_place *p);
