#pragma once
/*
 * A mesh to test on: state, the graph that watches it, and short ways to put things into it. Node
 * keys come from the node's name, so the same name has the same key and addresses in every test.
 */
#include "fakekv.h"
#include "mesh/graph.h"
#include "mesh/join.h"
#include "mesh/peers.h"

struct world {
	struct fakekv kv;
	struct wm_graph *graph;
	struct wm_graph_delta delta; /* what changed since it was cleared */
	struct wm_arena a;           /* lives as long as the world */
	unsigned n_nodes;
	struct wm_err err;
};

void world_init(struct world *w);
void world_fini(struct world *w);
/* Networks 172.16.0.0/12 and 2001:db8::/64 and an ACL that accepts all. */
void world_open(struct world *w);
void world_networks(struct world *w);
/* The public key text that belongs to a name. */
const char *world_key(struct world *w, const char *name);
/* A node with a key, 172.16.0.<n>/32 and 2001:db8::<n>/128, n counting from 1. */
void world_node(struct world *w, const char *id);
void world_node_full(struct world *w, const char *id, const char *v4, const char *v6,
		     const char *more_json);
void world_edge(struct world *w, const char *a, const char *b, int weight);
void world_drop_edge(struct world *w, const char *a, const char *b);
void world_route(struct world *w, const char *name, const char *node, const char *cidrs_json);
void world_acl(struct world *w, const char *name, int priority, const char *action,
	       const char *lists_json);
/* "peer[proto]: ip ip | route route; peer: ..." of a node, or the error's text. */
const char *world_peers(struct world *w, const char *id);
/* A request to join with the key of @key. */
V1__JoinRequest *world_request(struct world *w, const char *id, const char *key);
/* Builds and applies the join; the code, with w->err filled. */
int world_join(struct world *w, const V1__JoinRequest *req, const char *server);
int world_leave(struct world *w, const char *id);
/* The first transaction, by a node of this name. */
void world_bootstrap(struct world *w, const char *id);
/* The record of a node; fails the test when there is none. */
V1__MeshNode *world_record(struct world *w, const char *id);
