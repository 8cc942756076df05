#pragma once
/*
 * Joining, updating, leaving: the pure half. A request is checked, then a transaction is built from
 * one view; it holds only while all that was read is unchanged. If its proposal ends with
 * FAILED_PRECONDITION, somebody was faster: build again from a new view. The graph must have seen
 * every change up to the view (the store tells watchers first). Transactions are the caller's.
 */
#include "base/arena.h"
#include "mesh/graph.h"
#include "mesh/leases.h"
#include "mesh/roles.h"
#include "pb/v1.h"
#include "store/kv.h"
#include "store/txn.h"

struct wm_join {
	const V1__JoinRequest *req;
	const char *server;                  /* the member that the joiner talks to */
	bool authenticated;                  /* the caller has proved to be req->id */
	int64_t now_ns;                      /* since 1970, for joinedAt */
	const struct wm_lease_static *fixed; /* reserved IPv4 addresses */
	size_t n_fixed;
};

/* What the roles must grant the caller; empty for a plain join. Lives in @a. */
void wm_join_actions(struct wm_arena *a, const V1__JoinRequest *req, struct wm_rbac_action **out,
		     size_t *n);
/* INVALID_ARGUMENT whose text names the field and what to do about it. */
WM_MUST_CHECK int wm_join_check(const V1__JoinRequest *req, const struct wm_network *net,
				struct wm_err *err);
/*
 * Node, lease, edges, direct peers and automatic route as one transaction. ALREADY_EXISTS when the
 * ID belongs to another key (unless authenticated) or the key to another ID; RESOURCE_EXHAUSTED
 * when the prefix has no address left; DATA_LOSS when the ID's record cannot be read (unless
 * authenticated); UNAVAILABLE when @j->server or the mesh itself is not there yet.
 */
WM_MUST_CHECK int wm_join_build(struct wm_view *v, struct wm_graph *g, const struct wm_join *j,
				struct wm_txn **out, struct wm_err *err);
/* What to answer, once the transaction was applied and the graph has seen it. */
WM_MUST_CHECK int wm_join_answer(struct wm_graph *g, const char *node_id, struct wm_arena *a,
				 V1__JoinResponse **out, struct wm_err *err);
/* For who joined: DATA_LOSS unless the answer has an address for us, inside networks fit for one.
 */
WM_MUST_CHECK int wm_join_answer_check(const V1__JoinResponse *m, struct wm_err *err);

void wm_update_actions(struct wm_arena *a, const V1__UpdateRequest *req,
		       struct wm_rbac_action **out, size_t *n);
/* INVALID_ARGUMENT whose text names the field. */
WM_MUST_CHECK int wm_update_check(const V1__UpdateRequest *req, const struct wm_network *net,
				  struct wm_err *err);
/*
 * Only the fields that are not empty change. *@out is NULL when nothing does. NOT_FOUND for an
 * unknown node; ALREADY_EXISTS when the new key is another node's, PERMISSION_DENIED for a new key
 * without @authenticated.
 */
WM_MUST_CHECK int wm_update_build(struct wm_view *v, const V1__UpdateRequest *req,
				  bool authenticated, struct wm_txn **out, struct wm_err *err);

/* Removes node, key, edges, lease and automatic route. *@out is NULL when there is no such node. */
WM_MUST_CHECK int wm_leave_build(struct wm_view *v, const char *node_id, struct wm_txn **out,
				 struct wm_err *err);
