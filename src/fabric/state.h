#pragma once
/*
 * What a node's network is, or is to be, item by item: the reconciler holds one that says what has
 * been applied, and makes one that says what is wanted. Owns its memory; a zeroed struct is the
 * empty state. Every list is sorted and holds nothing twice. Plain data, one thread at a time.
 */
#include "base/addr.h"
#include "platform/wgconfig.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_STATE_PLACES 6 /* as many as the device tries (wg/race.h) */

struct wm_state_peer {
	uint8_t public_key[WM_WG_KEY];
	char *id;
	bool has_endpoint;
	struct wm_endpoint endpoint; /* the one configured, not where it has roamed to */
	/* Where to look for it when it does not answer: what is configured, then the others. */
	struct wm_endpoint places[WM_STATE_PLACES];
	size_t n_places;
	uint16_t keepalive_s;      /* 0 = off */
	struct wm_prefix *allowed; /* host bits clear */
	size_t n_allowed;
};

struct wm_state_route {
	struct wm_prefix dst; /* host bits clear */
	uint32_t metric;
};

struct wm_state {
	bool up;
	uint32_t mtu;        /* 0 = whatever it is */
	unsigned forwarding; /* of enum wm_forwarding */
	struct wm_prefix *addrs;
	size_t n_addrs;
	struct wm_state_route *routes;
	size_t n_routes;
	struct wm_state_peer *peers; /* by key */
	size_t n_peers;
};

void wm_state_fini(struct wm_state *s);

/* The put functions copy; drop of what is not there does nothing. */
void wm_state_put_addr(struct wm_state *s, const struct wm_prefix *a);
void wm_state_drop_addr(struct wm_state *s, const struct wm_prefix *a);
bool wm_state_has_addr(const struct wm_state *s, const struct wm_prefix *a);
void wm_state_put_route(struct wm_state *s, const struct wm_state_route *r);
void wm_state_drop_route(struct wm_state *s, const struct wm_state_route *r);
bool wm_state_has_route(const struct wm_state *s, const struct wm_state_route *r);
void wm_state_put_peer(struct wm_state *s, const struct wm_state_peer *p);
void wm_state_drop_peer(struct wm_state *s, const uint8_t public_key[WM_WG_KEY]);
void wm_state_drop_peers(struct wm_state *s); /* all of them */
/* Borrowed, or NULL. */
const struct wm_state_peer *wm_state_find_peer(const struct wm_state *s,
					       const uint8_t public_key[WM_WG_KEY]);
/* Total orders of the lists. */
int wm_state_route_compare(const struct wm_state_route *a, const struct wm_state_route *b);
