#pragma once
/* Nodes of the registry: reading, checking, writing. Messages live in the arena that was passed. */
#include "base/addr.h"
#include "base/arena.h"
#include "pb/v1.h"
#include "store/kv.h"
#include "store/txn.h"

/* NOT_FOUND "node not found: <id>". @revision (may be NULL): when the record was last written. */
WM_MUST_CHECK int wm_node_get(struct wm_arena *a, struct wm_view *v, const char *id,
			      V1__MeshNode **out, uint64_t *revision, struct wm_err *err);
/* The node that holds this public key (the 48-character text). */
WM_MUST_CHECK int wm_node_by_key(struct wm_arena *a, struct wm_view *v, const char *public_key,
				 V1__MeshNode **out, struct wm_err *err);
/* All nodes in order of their IDs, placeholders included. */
WM_MUST_CHECK int wm_node_list(struct wm_arena *a, struct wm_view *v, V1__MeshNode ***out,
			       size_t *n, struct wm_err *err);
/* INVALID_ARGUMENT naming the field. */
WM_MUST_CHECK int wm_node_check(const V1__MeshNode *node, struct wm_err *err);
/* Checks and writes the record; repeated endpoints are written once. Writes neither lease nor
 * index. */
WM_MUST_CHECK int wm_node_put(struct wm_txn *t, const V1__MeshNode *node, struct wm_err *err);

/* The text of a stored address, or "" for none; "invalid IP" and "invalid Prefix" mean none. */
const char *wm_node_text(const char *stored);
/* False when the node has none. */
bool wm_node_ipv4(const V1__MeshNode *node, struct wm_prefix *out);
bool wm_node_ipv6(const V1__MeshNode *node, struct wm_prefix *out);
/* True when its public key is there and is one. */
bool wm_node_has_key(const V1__MeshNode *node);
/* True when the node has said where it can be reached from outside. */
bool wm_node_is_public(const V1__MeshNode *node);
/* The port of a feature, or 0 when the node does not have it. */
uint16_t wm_node_feature_port(const V1__MeshNode *node, V1__Feature feature);
bool wm_node_has_feature(const V1__MeshNode *node, V1__Feature feature);
/*
 * Where its WireGuard is to be reached: the first of its endpoints whose host is exactly its
 * primary endpoint, else the first, else "". Borrowed from @node.
 */
const char *wm_node_wireguard_endpoint(const V1__MeshNode *node);
