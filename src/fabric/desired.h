#pragma once
/*
 * The desired state of this node's network: what the mesh wants of this machine, before anybody has
 * looked at the machine. Built by whoever knows the mesh (the agent), then handed to the fabric,
 * which takes it. Everything in it lives in its own arena. Plain data; one thread at a time.
 *     struct wm_desired *d = wm_desired_new();
 *     d->addr4 = lease; wm_desired_add_network(d, &mesh4);
 *     struct wm_desired_peer *p = wm_desired_add_peer(d, "edge-3", key);
 *     wm_desired_add_allowed(d, p, &prefix);
 *     wm_fabric_apply(fabric, d, &err);
 */
#include "base/addr.h"
#include "base/arena.h"
#include "platform/wgconfig.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wm_desired_peer {
	const char *id;
	uint8_t public_key[WM_WG_KEY];
	/*
	 * As configured: "ip:port" or "name:port". Empty, or what is neither (a Go node writes
	 * "invalid IP"), means that nobody knows where the peer is and it will come to us.
	 */
	const char *endpoint;
	const char **candidates; /* further "ip:port" texts, best first; junk is skipped */
	size_t n_candidates;
	const char *zone;          /* "" = none */
	struct wm_prefix *allowed; /* addresses of the peer and of what lies behind it */
	size_t n_allowed;
	struct wm_prefix *routes; /* networks it leads to; are allowed too */
	size_t n_routes;
};

struct wm_desired {
	struct wm_arena arena;
	/*
	 * Own addresses, with their length (/32, /112). None = the family is off: nothing of it is
	 * set.
	 */
	struct wm_prefix addr4, addr6;
	struct wm_prefix *networks; /* of the mesh: routed to the device as they are */
	size_t n_networks;
	struct wm_desired_peer *peers;
	size_t n_peers;
	size_t cap_peers;
	uint32_t mtu;        /* 0 = as the device has it */
	unsigned forwarding; /* of enum wm_forwarding: families that others send through us */
	/* 0 = 25 s towards peers with an endpoint when we have none, else off. */
	uint16_t keepalive_s;
	bool is_public; /* we have a primary endpoint of our own, so others can reach us first */
	bool no_full_tunnel; /* default routes that peers offer are unwanted: left out silently */
	const char *zone;    /* "" = none */
};

struct wm_desired *wm_desired_new(void);
void wm_desired_free(struct wm_desired *d); /* NULL is allowed */
void wm_desired_add_network(struct wm_desired *d, const struct wm_prefix *p);
void wm_desired_set_zone(struct wm_desired *d, const char *zone);
/* Borrowed, valid until the next peer is added. Texts are copied, also below; NULL counts as "". */
struct wm_desired_peer *wm_desired_add_peer(struct wm_desired *d, const char *id,
					    const uint8_t public_key[WM_WG_KEY]);
void wm_desired_set_endpoint(struct wm_desired *d, struct wm_desired_peer *p, const char *endpoint,
			     const char *zone);
void wm_desired_add_candidate(struct wm_desired *d, struct wm_desired_peer *p,
			      const char *endpoint);
void wm_desired_add_allowed(struct wm_desired *d, struct wm_desired_peer *p,
			    const struct wm_prefix *prefix);
void wm_desired_add_route(struct wm_desired *d, struct wm_desired_peer *p,
			  const struct wm_prefix *prefix);
