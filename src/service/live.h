#pragma once
/*
 * The graph of the mesh, kept current from the state: one watch on the registry feeds it, and
 * whoever depends on it is told when a change may concern the node it cares for. Belongs to the
 * agent of a node that holds state. Loop thread only.
 */
#include "base/err.h"
#include "base/list.h"
#include "mesh/graph.h"

struct wm_live;
struct wm_log;
struct wm_loop;
struct wm_store;

/* Embedded by whoever wants to know. */
struct wm_live_listener {
	struct wm_list node;
	const char *node_id; /* whose peers it cares for; borrowed */
	/* The peers of @node_id may have changed. Runs inside the store's callback: note it, and do
	 * the work in a deferred call. */
	void (*on_change)(struct wm_live_listener *l);
};

/* Reads the whole state and follows it from there. @store is borrowed and outlives it. */
WM_MUST_CHECK int wm_live_open(struct wm_loop *loop, struct wm_log *log, struct wm_store *store,
			       struct wm_live **out, struct wm_err *err);
void wm_live_close(struct wm_live *l); /* NULL is allowed; listeners are forgotten */

/* Borrowed; current up to what the watchers of the store have been told. */
struct wm_graph *wm_live_graph(struct wm_live *l);
void wm_live_listen(struct wm_live *l, struct wm_live_listener *listener);
/* Harmless on one that does not listen. */
void wm_live_unlisten(struct wm_live_listener *listener);
