#pragma once
/*
 * What the peers of the kernel's device had done when they were looked at last. The kernel tells
 * nothing by itself: news is the difference between two looks. Pure; loop thread.
 */
#include "base/map.h"
#include "platform/wgconfig.h"

struct wm_wg_seen_peer {
	uint8_t public_key[WM_WG_KEY];
	int64_t handshake_wall_ns; /* the last; 0 = never */
	uint64_t rx_bytes, tx_bytes;
	uint16_t keepalive_s;
	bool has_endpoint;
	bool wants_greeting; /* asked for, not done yet */
	bool is_greeted;     /* done: the next handshake is ours */
	unsigned look;       /* in which it was there */
};

/* A handshake that has completed since the last look. */
struct wm_wg_seen_news {
	uint8_t public_key[WM_WG_KEY];
	struct wm_endpoint from;
	bool by_peer; /* for all that is known: we did not ask for it */
};

struct wm_wg_seen {
	struct wm_map peers; /* by public key; zeroed struct: nobody */
	uint64_t gone_rx, gone_tx;
	unsigned look;
};

/* A look: @news (the caller frees it; NULL when there is none) gets @n_news of them. */
void wm_wg_seen_update(struct wm_wg_seen *s, const struct wm_wg_config *now,
		       struct wm_wg_seen_news **news, size_t *n_news);
/* The peer, made if it is new: one that was configured and not looked at yet. */
struct wm_wg_seen_peer *wm_wg_seen_put(struct wm_wg_seen *s, const uint8_t public_key[WM_WG_KEY]);
struct wm_wg_seen_peer *wm_wg_seen_find(const struct wm_wg_seen *s,
					const uint8_t public_key[WM_WG_KEY]);
/* Is there any that waits for it? */
bool wm_wg_seen_wants_greeting(const struct wm_wg_seen *s);
/* Bytes from and to all peers, those that are gone included: these never fall. */
void wm_wg_seen_traffic(const struct wm_wg_seen *s, uint64_t *rx, uint64_t *tx);
void wm_wg_seen_fini(struct wm_wg_seen *s);
