#pragma once
/*
 * The inside of the graph, for the files that keep it and compute on it. A vertex exists for every
 * ID that a record, an edge or a route names, and is "present" once its node has a record. Links
 * are symmetric: both ends hold one, and they share a pair with what was stored per direction.
 */
#include "mesh/graph.h"

struct wm_vertex;

struct wm_pair {
	bool have[2]; /* the record from the smaller ID to the larger; the other one */
	int32_t weight[2];
	V1__ConnectProtocol proto[2];
};

struct wm_link {
	struct wm_vertex *to;
	struct wm_pair *pair;
};

struct wm_offer {              /* a route */
	struct wm_offer *next; /* of the same node, in order of names */
	char *name;
	struct wm_vertex *by;
	struct wm_prefix *prefixes;
	size_t n;
};

struct wm_vertex {
	uint32_t index; /* in the graph's vertices */
	bool present;
	bool has_key;
	bool is_public;
	bool negotiates_ice;
	uint16_t dns_port;
	uint16_t api_port;
	uint32_t component;
	struct wm_prefix v4, v6;
	struct wm_addr primary;
	uint8_t *record; /* the node, as protobuf bytes: a third of the text, decoded when asked for
			  */
	size_t record_len;
	struct wm_link *links; /* in order of the IDs of their ends */
	uint32_t n_links, cap_links;
	struct wm_offer *offers;
	char id[];
};

struct wm_graph {
	uint64_t revision;
	struct wm_map by_id; /* -> struct wm_vertex */
	struct wm_vertex **vertices;
	uint32_t n_vertices, cap_vertices;
	uint32_t n_present;
	struct wm_map by_address; /* family and address -> struct wm_vertex */
	struct wm_map offers;     /* route name -> struct wm_offer */
	uint32_t n_strangers;     /* vertices with an address outside the mesh's networks */
	struct wm_map acl_texts;  /* name -> struct wm_stored */
	struct wm_map group_texts;
	struct wm_acls *acls; /* NULL = to be compiled again */
	char state[3][256];   /* domain, IPv4 and IPv6 prefix as stored; "" = absent */
	struct wm_network network;
	bool bootstrapped;
	bool components_known;
};

struct wm_stored {
	size_t len;
	char text[];
};

enum wm_touch { WM_TOUCH_RECORD = 1, WM_TOUCH_REACH = 2 };

struct wm_vertex *wm_vertex_find(const struct wm_graph *g, const char *id);
/* The link of @v to @to, or NULL. */
struct wm_link *wm_vertex_link(const struct wm_vertex *v, const char *to);
int32_t wm_pair_weight(const struct wm_pair *p); /* never negative */
V1__ConnectProtocol wm_pair_proto(const struct wm_pair *p);
/* A copy of the record in @a. */
V1__MeshNode *wm_vertex_record(const struct wm_vertex *v, struct wm_arena *a);
struct wm_acl_node wm_vertex_acl(const struct wm_vertex *v);
/* True when something beyond the mesh's own networks can be reached through some node. */
bool wm_graph_has_outside(const struct wm_graph *g);
/* True when the address lies in one of the mesh's networks. */
bool wm_graph_is_inside(const struct wm_graph *g, const struct wm_addr *addr);
/* Forgets every vertex, link, route and rule. */
void wm_graph_clear(struct wm_graph *g);
/* The key of an address in by_address; its length. */
#define WM_ADDRESS_KEY 17
size_t wm_address_key(const struct wm_addr *addr, uint8_t out[WM_ADDRESS_KEY]);
