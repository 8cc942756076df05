#pragma once
/*
 * Where a peer is: an endpoint that the loop sets and authenticated packets move, read for every
 * packet. A sequence lock of atomics: readers never wait for each other, writers are rare. Any
 * thread. A zeroed struct is "nowhere".
 */
#include "base/addr.h"
#include <stdatomic.h>

struct wm_wg_place {
	_Atomic uint32_t version; /* odd while being written */
	_Atomic uint64_t words[3];
};

/* False when the peer's place is not known. */
bool wm_wg_place_get(struct wm_wg_place *p, struct wm_endpoint *out);
/* True when it was another one before. */
bool wm_wg_place_set(struct wm_wg_place *p, const struct wm_endpoint *e);
