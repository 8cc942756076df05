#pragma once
/* Routes of the registry: networks that a node offers to the others. */
#include "base/arena.h"
#include "mesh/ids.h"
#include "mesh/network.h"
#include "pb/v1.h"
#include "store/kv.h"
#include "store/txn.h"

WM_MUST_CHECK int wm_mesh_route_get(struct wm_arena *a, struct wm_view *v, const char *name,
				    V1__Route **out, struct wm_err *err);
WM_MUST_CHECK int wm_mesh_route_list(struct wm_arena *a, struct wm_view *v, V1__Route ***out,
				     size_t *n, struct wm_err *err);
/* INVALID_ARGUMENT naming the field. */
WM_MUST_CHECK int wm_mesh_route_check(const V1__Route *r, struct wm_err *err);
WM_MUST_CHECK int wm_mesh_route_put(struct wm_txn *t, const V1__Route *r, struct wm_err *err);
void wm_mesh_route_drop(struct wm_txn *t, const char *name);

/* The name of the route that a node's own join makes: "<id>-auto", shortened with a hash when that
 * would not be a valid name. Returns @out. */
char *wm_mesh_route_auto_name(const char *node_id, char out[WM_ID_MAX + 1]);
/*
 * INVALID_ARGUMENT for one that does not parse or overlaps a network of the mesh; @net may be NULL.
 */
WM_MUST_CHECK int wm_mesh_route_cidr_check(const char *cidr, const struct wm_network *net,
					   struct wm_prefix *out, struct wm_err *err);
/*
 * If one of @cidrs is in no route of @node_id yet, adds to @t the node's automatic route with all
 * of them; otherwise nothing. What was read becomes a condition. *@changed says which.
 */
WM_MUST_CHECK int wm_mesh_route_auto_put(struct wm_txn *t, struct wm_view *v, const char *node_id,
					 char *const *cidrs, size_t n, bool *changed,
					 struct wm_err *err);
