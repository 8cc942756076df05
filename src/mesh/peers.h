#pragma once
/*
 * The peers of a node: what its WireGuard device is to hold. Each address and each route of the
 * mesh that the ACLs let it reach is under exactly one peer: the neighbour that begins the shortest
 * path (by weight, then hops, then node IDs). A node with one peer gets the mesh networks instead
 * of single addresses. Results are in the order of node IDs and live in the arena that was passed.
 */
#include "base/arena.h"
#include "mesh/graph.h"
#include "pb/v1.h"

/* NOT_FOUND for a node that the graph does not have. */
WM_MUST_CHECK int wm_peers_of(struct wm_graph *g, const char *node_id, struct wm_arena *a,
			      V1__WireGuardPeer ***out, size_t *n, struct wm_err *err);
/* True when a device configured with either would be the same; joinedAt and multiaddrs do not
 * count. */
bool wm_peer_equal(const V1__WireGuardPeer *a, const V1__WireGuardPeer *b);

/* "host:port" of every other node that negotiates ICE and can be reached from outside. */
void wm_peers_ice_servers(struct wm_graph *g, const char *node_id, struct wm_arena *a, char ***out,
			  size_t *n);
/* "address:port" of every other node that serves names: its IPv4, else its IPv6 address. */
void wm_peers_dns_servers(struct wm_graph *g, const char *node_id, struct wm_arena *a, char ***out,
			  size_t *n);
/* All of the above, as SubscribePeers sends it. */
WM_MUST_CHECK int wm_peers_config(struct wm_graph *g, const char *node_id, struct wm_arena *a,
				  V1__PeerConfigurations **out, struct wm_err *err);
bool wm_peers_config_equal(const V1__PeerConfigurations *a, const V1__PeerConfigurations *b);
