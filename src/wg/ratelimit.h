#pragma once
/*
 * How many initiations a source may cause under load: 20 a second with bursts of 5, per IPv4
 * address or IPv6 /64. A fixed table; when a row is full the source that was quiet longest makes
 * room. Pure; handshake thread.
 */
#include "base/addr.h"

#define WM_WG_RATE_ROWS 128
#define WM_WG_RATE_WAYS 4

struct wm_wg_rate_entry {
	uint64_t source; /* hash under our key; 0 = free */
	int64_t full_at; /* when the bucket will be full again */
};

struct wm_wg_ratelimit {
	uint8_t key[16]; /* random, so that nobody can aim at a row */
	struct wm_wg_rate_entry rows[WM_WG_RATE_ROWS][WM_WG_RATE_WAYS];
};

/* @key is random. */
void wm_wg_ratelimit_init(struct wm_wg_ratelimit *r, const uint8_t key[16]);
/* False when this source has had its share. */
bool wm_wg_ratelimit_allow(struct wm_wg_ratelimit *r, const struct wm_addr *source, int64_t now);
