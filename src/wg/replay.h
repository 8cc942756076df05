#pragma once
/*
 * The window of packet counters that were seen: a ring of bits as in RFC 6479, so that moving it
 * forward clears whole words. Pure; the session's lock guards it.
 */
#include <stdbool.h>
#include <stdint.h>

#define WM_WG_WINDOW_BITS 8192u

struct wm_wg_replay {
	uint64_t next; /* one above the greatest counter seen */
	uint64_t bits[WM_WG_WINDOW_BITS / 64];
};

/* True, and remembered, when @counter is new and not too far behind the greatest. */
bool wm_wg_replay_accept(struct wm_wg_replay *r, uint64_t counter);
