#pragma once
/*
 * What a node can reach, and through which neighbour: shortest paths over what the ACLs let it talk
 * to, by weight, then hops, then the ID of the neighbour that begins the path. Pure.
 */
#include "base/arena.h"
#include "mesh/graph_parts.h"

struct wm_reached {
	const struct wm_vertex *node;
	const struct wm_vertex *via; /* the neighbour it is reached through; itself if it is one */
};

/*
 * Every node that @self can reach, itself left out, nearest first (equally near ones by ID), in @a.
 * Neighbours are their own way whatever their edge weighs: nobody relays between two that are
 * linked.
 */
struct wm_reached *wm_reach(struct wm_graph *g, const struct wm_vertex *self, struct wm_arena *a,
			    size_t *n);
