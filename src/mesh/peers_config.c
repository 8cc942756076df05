/* What a subscriber is told besides its peers, and when two answers are the same. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "mesh/graph_parts.h"
#include "mesh/peers.h"
#include "pb/message.h"

static int compare_ids(const void *a, const void *b)
{
	const struct wm_vertex *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

/* The nodes but @node_id for which @has is true, in order of their IDs. */
static const struct wm_vertex **select_nodes(struct wm_graph *g, const char *node_id,
					     struct wm_arena *a,
					     bool (*has)(const struct wm_vertex *v), size_t *n)
{
	const struct wm_vertex **nodes = NULL;

	*n = 0;
	for (uint32_t i = 0; i < g->n_vertices; i++) {
		const struct wm_vertex *v = g->vertices[i];

		if (v->present && strcmp(v->id, node_id) != 0 && has(v))
			wm_pb_append(a, n, &nodes, v);
	}
	if (*n > 1)
		qsort(nodes, *n, sizeof(*nodes), compare_ids);
	return nodes;
}

static void add_server(struct wm_arena *a, char ***list, size_t *n, const struct wm_addr *addr,
		       uint16_t port)
{
	struct wm_endpoint e = {.addr = *addr, .port = port};
	char text[WM_ENDPOINT_TEXT];

	wm_pb_append(a, n, list, wm_arena_strdup(a, wm_endpoint_format(&e, text)));
}

static bool serves_ice(const struct wm_vertex *v)
{
	return v->negotiates_ice && v->api_port != 0 && v->primary.family != WM_FAMILY_NONE;
}

void wm_peers_ice_servers(struct wm_graph *g, const char *node_id, struct wm_arena *a, char ***out,
			  size_t *n)
{
	size_t n_nodes;
	const struct wm_vertex **nodes = select_nodes(g, node_id, a, serves_ice, &n_nodes);

	*out = NULL;
	*n = 0;
	for (size_t i = 0; i < n_nodes; i++)
		add_server(a, out, n, &nodes[i]->primary, nodes[i]->api_port);
}

static bool serves_names(const struct wm_vertex *v)
{
	return v->dns_port != 0 &&
	       (v->v4.addr.family != WM_FAMILY_NONE || v->v6.addr.family != WM_FAMILY_NONE);
}

void wm_peers_dns_servers(struct wm_graph *g, const char *node_id, struct wm_arena *a, char ***out,
			  size_t *n)
{
	size_t n_nodes;
	const struct wm_vertex **nodes = select_nodes(g, node_id, a, serves_names, &n_nodes);

	*out = NULL;
	*n = 0;
	for (size_t i = 0; i < n_nodes; i++) {
		const struct wm_vertex *v = nodes[i];
		bool v4 = v->v4.addr.family != WM_FAMILY_NONE;

		add_server(a, out, n, v4 ? &v->v4.addr : &v->v6.addr, v->dns_port);
	}
}

int wm_peers_config(struct wm_graph *g, const char *node_id, struct wm_arena *a,
		    V1__PeerConfigurations **out, struct wm_err *err)
{
	V1__PeerConfigurations *m = wm_pb_new(a, &v1__peer_configurations__descriptor);
	int rc = wm_peers_of(g, node_id, a, &m->peers, &m->n_peers, err);

	if (rc != 0)
		return rc;
	wm_peers_ice_servers(g, node_id, a, &m->iceservers, &m->n_iceservers);
	wm_peers_dns_servers(g, node_id, a, &m->dnsservers, &m->n_dnsservers);
	*out = m;
	return 0;
}

static bool same_texts(char *const *a, size_t n_a, char *const *b, size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static bool same_features(const V1__MeshNode *a, const V1__MeshNode *b)
{
	if (a->n_features != b->n_features)
		return false;
	for (size_t i = 0; i < a->n_features; i++)
		if (a->features[i]->feature != b->features[i]->feature ||
		    a->features[i]->port != b->features[i]->port)
			return false;
	return true;
}

static bool same_node(const V1__MeshNode *a, const V1__MeshNode *b)
{
	return wm_streq(a->id, b->id) && wm_streq(a->publickey, b->publickey) &&
	       wm_streq(a->primaryendpoint, b->primaryendpoint) &&
	       wm_streq(a->zoneawarenessid, b->zoneawarenessid) &&
	       wm_streq(a->privateipv4, b->privateipv4) &&
	       wm_streq(a->privateipv6, b->privateipv6) &&
	       same_texts(a->wireguardendpoints, a->n_wireguardendpoints, b->wireguardendpoints,
			  b->n_wireguardendpoints) &&
	       same_features(a, b);
}

bool wm_peer_equal(const V1__WireGuardPeer *a, const V1__WireGuardPeer *b)
{
	return a->proto == b->proto &&
	       same_texts(a->allowedips, a->n_allowedips, b->allowedips, b->n_allowedips) &&
	       same_texts(a->allowedroutes, a->n_allowedroutes, b->allowedroutes,
			  b->n_allowedroutes) &&
	       same_node(a->node, b->node);
}

bool wm_peers_config_equal(const V1__PeerConfigurations *a, const V1__PeerConfigurations *b)
{
	if (a->n_peers != b->n_peers ||
	    !same_texts(a->iceservers, a->n_iceservers, b->iceservers, b->n_iceservers) ||
	    !same_texts(a->dnsservers, a->n_dnsservers, b->dnsservers, b->n_dnsservers))
		return false;
	for (size_t i = 0; i < a->n_peers; i++)
		if (!wm_peer_equal(a->peers[i], b->peers[i]))
			return false;
	return true;
}
