#pragma once
/*
 * Other places where a peer may be. An initiation goes to where the peer was last; when no answer
 * has come in a quarter of a second, the same message goes to the first of these, then to the next.
 * The peer takes the first that gets there and answers to where it came from, so that way wins and
 * the others cost it nothing. Pure: the time goes in. Handshake thread.
 */
#include "base/addr.h"
#include "wg/message.h"

#define WM_WG_CANDIDATES 6
#define WM_WG_RACE_STEP  (250 * 1000000LL)

/* Zeroed: there are none. */
struct wm_wg_race {
	struct wm_endpoint candidates[WM_WG_CANDIDATES];
	unsigned n;
	unsigned next;
	int64_t next_at; /* 0 = nothing is under way */
	struct wm_wg_initiation message;
};

/* The first @n (those above the limit are left out), best first. What is under way ends. */
void wm_wg_race_set(struct wm_wg_race *r, const struct wm_endpoint *candidates, size_t n);
/* @message has left, at @now. */
void wm_wg_race_begin(struct wm_wg_race *r, const struct wm_wg_initiation *message, int64_t now);
void wm_wg_race_end(struct wm_wg_race *r);
/* Where the message is to go at @now, or NULL; not to @tried, where it has been. */
const struct wm_endpoint *wm_wg_race_take(struct wm_wg_race *r, const struct wm_endpoint *tried,
					  int64_t now);
