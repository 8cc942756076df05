#pragma once
/*
 * What joining and bootstrapping share: the record of a node from its own description, its IPv6
 * address from its key, and the keys that are taken along with it. Pure.
 */
#include "base/addr.h"
#include "base/arena.h"
#include "mesh/join.h"
#include "mesh/network.h"
#include "pb/v1.h"
#include "store/txn.h"

/* The /112 of @public_key (text) in the mesh. */
WM_MUST_CHECK int wm_join_ipv6(const struct wm_network *net, const char *public_key,
			       struct wm_prefix *out, struct wm_err *err);
/* The record, sharing the texts of @req; @v4 of family NONE leaves privateIPv4 empty. */
V1__MeshNode *wm_join_node(struct wm_arena *a, const V1__JoinRequest *req, const struct wm_addr *v4,
			   const struct wm_prefix *v6, int64_t joined_at_ns);
/* Adds the index entry of @public_key (which parses): it must be absent. */
void wm_join_put_key(struct wm_txn *t, const char *public_key, const char *node_id);
/*
 * Adds the index entry unless @node_id has it already, and the condition that goes with either.
 * ALREADY_EXISTS names the node that holds the key.
 */
WM_MUST_CHECK int wm_join_claim_key(struct wm_txn *t, struct wm_view *v, const char *public_key,
				    const char *node_id, struct wm_err *err);
/* Adds the lease of @addr: it must be absent. */
void wm_join_put_lease(struct wm_txn *t, const char *node_id, const struct wm_addr *addr);
/* The peer ID of a public key text; false when it is none. */
bool wm_join_peer_id(const char *public_key, char *out);

/* What join, update and bootstrap check alike. INVALID_ARGUMENT names the field. */
WM_MUST_CHECK int wm_join_check_key(const char *public_key, struct wm_err *err);
WM_MUST_CHECK int wm_join_check_endpoints(const char *primary, char *const *endpoints, size_t n,
					  struct wm_err *err);
WM_MUST_CHECK int wm_join_check_routes(char *const *routes, size_t n, const struct wm_network *net,
				       struct wm_err *err);
WM_MUST_CHECK int wm_join_check_features(V1__FeaturePort *const *features, size_t n, bool storage,
					 struct wm_err *err);
WM_MUST_CHECK int wm_join_check_texts(const char *zone, char *const *multiaddrs, size_t n,
				      struct wm_err *err);
