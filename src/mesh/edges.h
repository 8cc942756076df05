#pragma once
/*
 * Edges of the registry: undirected, stored once per direction. Putting one replaces weight and
 * attributes. Whoever adds or removes edges calls wm_edges_guard on the same transaction, so that
 * two changes of the topology that were computed from one view do not both go through.
 */
#include "base/arena.h"
#include "pb/v1.h"
#include "store/kv.h"
#include "store/txn.h"

/* Either direction serves; source and target come back as asked. */
WM_MUST_CHECK int wm_edge_get(struct wm_arena *a, struct wm_view *v, const char *source,
			      const char *target, V1__MeshEdge **out, struct wm_err *err);
/* Each undirected edge once, the first direction in key order; or, with @both, both directions. */
WM_MUST_CHECK int wm_edge_list(struct wm_arena *a, struct wm_view *v, bool both,
			       V1__MeshEdge ***out, size_t *n, struct wm_err *err);
/* INVALID_ARGUMENT naming the field. */
WM_MUST_CHECK int wm_edge_check(const V1__MeshEdge *e, struct wm_err *err);
/* Writes both directions; an edge from a node to itself writes nothing. */
WM_MUST_CHECK int wm_edge_put(struct wm_txn *t, const V1__MeshEdge *e, struct wm_err *err);
/* The same from its parts; CONNECT_NATIVE without @explicit_native writes no attribute. */
WM_MUST_CHECK int wm_edge_put_proto(struct wm_txn *t, const char *source, const char *target,
				    int32_t weight, V1__ConnectProtocol proto, bool explicit_native,
				    struct wm_err *err);
/* Removes both directions; absent is fine. */
void wm_edge_drop(struct wm_txn *t, const char *source, const char *target);
/* How to connect along it: ICE before libp2p before native. */
V1__ConnectProtocol wm_edge_proto(const V1__MeshEdge *e);
/* Makes @t hold only while the topology is as @v shows it, and marks it as changed. */
void wm_edges_guard(struct wm_txn *t, struct wm_view *v);
