#pragma once
/*
 * Where peers were when they were heard of last: a list on disk, in the storage folder, so that a
 * node that is started again finds those that nobody can tell it of, for they are behind a NAT. It
 * holds the peers that had a session when it was written: sessions die with the process, and these
 * peers wait for us to begin new ones. One file, mode 0600, bound to our key; a node whose key or
 * state dies with it keeps none. Blocks for as long as a small write takes. Loop thread only.
 */
#include "base/addr.h"
#include <stdbool.h>
#include <stdint.h>

struct wm_agent;
struct wm_places;

/* Reads what the last run has left, if anything. Borrows @a, whose device is open by then. */
struct wm_places *wm_places_open(struct wm_agent *a);
void wm_places_free(struct wm_places *p); /* NULL is allowed */
/* True when the last run had sessions that may still be alive at their other ends. */
bool wm_places_are_fresh(const struct wm_places *p);
/* For struct wm_fabric_opts; @arg is the struct wm_places. */
const struct wm_endpoint *wm_places_recall(void *arg, const uint8_t public_key[32]);
/* A peer has been heard of: the list is written soon. */
void wm_places_note(struct wm_places *p);
/* Writes the list now. */
void wm_places_save(struct wm_places *p);
/* A node that has left has no peers to find. */
void wm_places_forget(struct wm_places *p);
