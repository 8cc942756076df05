#pragma once
/*
 * The mesh in memory: nodes, edges, routes, ACLs, groups and network state, loaded from a view and
 * kept current by the changes that a watch on WM_REGISTRY reports. What a change may have touched
 * is gathered in a struct wm_graph_delta, over as many changes as one likes; wm_graph_affects then
 * says for a node whether its peers may differ (conservative: never false when they do). One
 * thread.
 */
#include "base/map.h"
#include "mesh/acl.h"
#include "mesh/network.h"
#include "store/store.h"

struct wm_graph;

struct wm_graph *wm_graph_new(void);
void wm_graph_free(struct wm_graph *g); /* NULL is allowed */
/* Forgets everything and reads all of @v. */
WM_MUST_CHECK int wm_graph_load(struct wm_graph *g, struct wm_view *v, struct wm_err *err);

/* Zeroed = nothing has changed. */
struct wm_graph_delta {
	bool all;              /* everybody may be affected */
	bool reach;            /* so may nodes with a single neighbour */
	struct wm_map touched; /* node ID -> how much (private) */
};
void wm_graph_delta_fini(struct wm_graph_delta *d);
/* Forgets what was gathered. */
void wm_graph_delta_clear(struct wm_graph_delta *d);
bool wm_graph_delta_is_empty(const struct wm_graph_delta *d);

/* Takes over what a watch reported; @d (may be NULL) gathers what it touched. Values that cannot be
 * read count as absent (for an ACL: as a denial of everything). */
void wm_graph_apply(struct wm_graph *g, uint64_t revision, const struct wm_change *changes,
		    size_t n, struct wm_graph_delta *d);
/* The newest revision that it has seen. */
uint64_t wm_graph_revision(const struct wm_graph *g);
/* False only when the peers of @node_id are the same as before the changes in @d. */
bool wm_graph_affects(struct wm_graph *g, const struct wm_graph_delta *d, const char *node_id);

/* NULL while the mesh is not bootstrapped. Borrowed until the next apply. */
const struct wm_network *wm_graph_network(const struct wm_graph *g);
/* Borrowed until the next apply; never NULL. */
const struct wm_acls *wm_graph_acls(struct wm_graph *g);
bool wm_graph_has_node(const struct wm_graph *g, const char *id);
size_t wm_graph_count(const struct wm_graph *g);
/* How many pairs of nodes have an edge, in whichever direction. Walks all nodes. */
size_t wm_graph_count_edges(const struct wm_graph *g);
/* A copy of the node's record in @a; NULL when there is none. */
V1__MeshNode *wm_graph_node(const struct wm_graph *g, struct wm_arena *a, const char *id);
/* The ID of the node that holds this mesh address (IPv4, or its exact IPv6 base or within its
 * /112), or NULL. */
const char *wm_graph_node_at(const struct wm_graph *g, const struct wm_addr *addr);
/* Calls @each with every node's ID, in no particular order, until it returns false. */
void wm_graph_each_node(const struct wm_graph *g, bool (*each)(void *arg, const char *id),
			void *arg);
/* True when the ACLs let @from talk to @to. */
bool wm_graph_may_talk(struct wm_graph *g, const char *from, const char *to);
