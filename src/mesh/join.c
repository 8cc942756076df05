/*
 * A join, step by step: what the mesh is; whose ID and key these are; the address; the record; the
 * edges; the route. Everything that was read becomes a condition, and all changes of edges are
 * serialised by one key (mesh/edges.h), so that a join that saw an old list of nodes is refused and
 * built again instead of missing somebody. A rejoin changes what the request says and keeps the
 * address, the time of the first join, and the edges that others have made.
 */
#include "mesh/join.h"

#include <string.h>

#include "base/str.h"
#include "crypto/key.h"
#include "mesh/edges.h"
#include "mesh/graph_parts.h"
#include "mesh/join_parts.h"
#include "mesh/nodes.h"
#include "mesh/paths.h"
#include "mesh/peers.h"
#include "mesh/record.h"
#include "mesh/routes.h"
#include "pb/message.h"

#define NEAR_WEIGHT   1
#define PUBLIC_WEIGHT 99

struct build {
	struct wm_arena *a;
	struct wm_view *v;
	struct wm_graph *g;
	const struct wm_join *j;
	const V1__JoinRequest *req;
	struct wm_network net;
	V1__MeshNode *old; /* NULL for a newcomer */
	struct wm_txn *t;
	struct wm_map linked; /* IDs that this join has made an edge to */
	struct wm_err *err;
};

static int read_network(struct build *s)
{
	if (wm_network_get(s->v, &s->net, s->err) != 0)
		return wm_fail(s->err, WM_UNAVAILABLE,
			       "the mesh is not bootstrapped yet: try again later");
	wm_record_guard(s->t, s->v, WM_PATH_STATE_V4);
	wm_record_guard(s->t, s->v, WM_PATH_STATE_V6);
	return wm_join_check(s->req, &s->net, s->err);
}

static int check_server(struct build *s)
{
	if (wm_streq(s->j->server, s->req->id))
		return 0;
	if (!wm_node_id_is_valid(s->j->server) ||
	    !wm_view_has(s->v, wm_path_node(s->j->server).text))
		return wm_fail(s->err, WM_UNAVAILABLE,
			       "the server %.80s is not a member itself yet: try again later",
			       s->j->server);
	wm_txn_if_present(s->t, wm_path_node(s->j->server).text);
	return 0;
}

/* ---- ID and key ---- */

static bool has_another_key(const struct build *s)
{
	return s->old != NULL && *s->old->publickey != '\0' &&
	       !wm_streq(s->old->publickey, s->req->publickey);
}

static int read_node(struct build *s)
{
	int rc = wm_node_get(s->a, s->v, s->req->id, &s->old, NULL, s->err);

	/* What cannot be read might be anybody's: only its owner may write it anew. */
	if (rc == WM_NOT_FOUND || (rc == WM_DATA_LOSS && s->j->authenticated))
		s->old = NULL;
	else if (rc != 0)
		return rc;
	wm_record_guard(s->t, s->v, wm_path_node(s->req->id).text);
	if (!has_another_key(s) || s->j->authenticated)
		return 0;
	return wm_fail(
		s->err, WM_ALREADY_EXISTS,
		"id \"%s\" belongs to a node with another key: choose another ID, or let that "
		"node leave the mesh first",
		s->req->id);
}

static void forget_old_key(struct build *s)
{
	char peer_id[WM_PEER_ID_TEXT];

	if (!has_another_key(s) || !wm_join_peer_id(s->old->publickey, peer_id))
		return;
	wm_record_guard(s->t, s->v, wm_path_pubkey(peer_id).text);
	wm_txn_delete(s->t, wm_path_pubkey(peer_id).text);
}

static int take_key(struct build *s)
{
	int rc = wm_join_claim_key(s->t, s->v, s->req->publickey, s->req->id, s->err);

	if (rc == 0)
		forget_old_key(s);
	return rc;
}

/* ---- address and record ---- */

static bool is_taken(void *arg, const struct wm_addr *addr)
{
	const struct build *s = arg;
	const char *by = wm_graph_node_at(s->g, addr);

	return by != NULL && strcmp(by, s->req->id) != 0;
}

static int take_lease(struct build *s, struct wm_addr *out)
{
	const struct wm_lease_plan plan = {
		.prefix = s->net.v4,
		.fixed = s->j->fixed,
		.n_fixed = s->j->n_fixed,
		.is_taken = is_taken,
		.arg = s,
	};
	struct wm_prefix own = {0};

	if (s->old != NULL)
		wm_node_ipv4(s->old, &own);
	if (s->req->assignipv4)
		return wm_lease_take(s->t, s->v, &plan, s->req->id, &own.addr, out, s->err);
	*out = (struct wm_addr){0};
	wm_lease_release(s->t, s->v, s->req->id, &own.addr);
	return 0;
}

/* The address of the key; a node that has changed its key by an update still holds its first one.
 */
static int take_ipv6(struct build *s, struct wm_prefix *out)
{
	char text[WM_ADDR_TEXT];
	int rc = wm_join_ipv6(&s->net, s->req->publickey, out, s->err);

	if (rc != 0 || !is_taken(s, &out->addr))
		return rc;
	return wm_fail(
		s->err, WM_ALREADY_EXISTS,
		"the address %s of this publicKey is held by the node \"%s\": generate a new "
		"key for \"%s\"",
		wm_addr_format(&out->addr, text), wm_graph_node_at(s->g, &out->addr), s->req->id);
}

static int put_node(struct build *s)
{
	struct wm_prefix v6;
	struct wm_addr v4;
	V1__MeshNode *node;
	int rc = take_lease(s, &v4);

	if (rc == 0)
		rc = take_ipv6(s, &v6);
	if (rc != 0)
		return rc;
	node = wm_join_node(s->a, s->req, &v4, &v6, s->j->now_ns);
	if (s->old != NULL && s->old->joinedat != NULL && *s->old->publickey != '\0')
		node->joinedat = s->old->joinedat;
	return wm_node_put(s->t, node, s->err);
}

/* ---- edges ---- */

/* An edge that follows from a rule: it never makes one that exists heavier, nor another kind. */
static int link_to(struct build *s, const char *id, int32_t weight)
{
	V1__MeshEdge *old;

	if (wm_streq(id, s->req->id) || wm_map_find(&s->linked, id) != NULL)
		return 0;
	wm_map_put(&s->linked, id, s);
	if (wm_edge_get(s->a, s->v, s->req->id, id, &old, NULL) != 0)
		return wm_edge_put_proto(s->t, s->req->id, id, weight,
					 V1__CONNECT_PROTOCOL__CONNECT_NATIVE, false, s->err);
	if (old->weight <= weight)
		return 0;
	old->weight = weight;
	return wm_edge_put(s->t, old, s->err);
}

static int put_placeholder(struct build *s, char *id)
{
	V1__MeshNode node = V1__MESH_NODE__INIT;

	node.id = id;
	wm_txn_if_absent(s->t, wm_path_node(id).text);
	return wm_node_put(s->t, &node, s->err);
}

static int link_direct_peers(struct build *s)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->req->n_directpeers; i++) {
		const V1__JoinRequest__DirectPeersEntry *peer = s->req->directpeers[i];

		if (wm_map_put(&s->linked, peer->key, s) != NULL)
			continue;
		if (wm_view_has(s->v, wm_path_node(peer->key).text))
			wm_txn_if_present(s->t, wm_path_node(peer->key).text);
		else
			rc = put_placeholder(s, peer->key);
		if (rc == 0)
			rc = wm_edge_put_proto(s->t, s->req->id, peer->key, NEAR_WEIGHT,
					       peer->value, true, s->err);
	}
	return rc;
}

static bool shares_zone(const struct build *s, const struct wm_vertex *v)
{
	struct wm_arena a;
	const V1__MeshNode *node;
	bool shares;

	if (*s->req->zoneawarenessid == '\0')
		return false;
	wm_arena_init(&a, 0);
	node = wm_vertex_record(v, &a);
	shares = node != NULL && wm_streq(node->zoneawarenessid, s->req->zoneawarenessid);
	wm_arena_fini(&a);
	return shares;
}

/*
 * Nodes that can be reached from outside: those of the own zone, and all of them for one of them.
 */
static int link_public_nodes(struct build *s)
{
	bool is_public = *wm_node_text(s->req->primaryendpoint) != '\0';
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < s->g->n_vertices; i++) {
		const struct wm_vertex *v = s->g->vertices[i];

		if (!v->present || !v->is_public)
			continue;
		if (shares_zone(s, v))
			rc = link_to(s, v->id, NEAR_WEIGHT);
		else if (is_public)
			rc = link_to(s, v->id, PUBLIC_WEIGHT);
	}
	return rc;
}

static int put_edges(struct build *s)
{
	int rc = link_direct_peers(s);

	if (rc == 0)
		rc = link_to(s, s->j->server, NEAR_WEIGHT);
	if (rc == 0)
		rc = link_public_nodes(s);
	wm_map_fini(&s->linked);
	wm_edges_guard(s->t, s->v);
	return rc;
}

/* ---- all of it ---- */

static int put_routes(struct build *s)
{
	bool changed;

	return wm_mesh_route_auto_put(s->t, s->v, s->req->id, s->req->routes, s->req->n_routes,
				      &changed, s->err);
}

static int build(struct build *s)
{
	int (*const steps[])(struct build *s) = {
		read_network, check_server, read_node, take_key, put_node, put_edges, put_routes,
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < WM_ARRAY_LEN(steps); i++)
		rc = steps[i](s);
	return rc;
}

int wm_join_build(struct wm_view *v, struct wm_graph *g, const struct wm_join *j,
		  struct wm_txn **out, struct wm_err *err)
{
	struct wm_arena a;
	struct build s = {.a = &a, .v = v, .g = g, .j = j, .req = j->req, .err = err};
	int rc;

	wm_arena_init(&a, 0);
	s.t = wm_txn_new();
	rc = build(&s);
	wm_arena_fini(&a);
	if (rc != 0) {
		wm_txn_free(s.t);
		return rc;
	}
	*out = s.t;
	return 0;
}

/* ---- the answer ---- */

static char *format(struct wm_arena *a, const struct wm_prefix *p)
{
	char text[WM_PREFIX_TEXT];

	return wm_arena_strdup(a, wm_prefix_format(p, text));
}

/* Servers for ICE are of use only to who has a peer without a place to send to. */
static bool needs_ice(const V1__JoinResponse *m)
{
	for (size_t i = 0; i < m->n_peers; i++)
		if (*m->peers[i]->node->primaryendpoint == '\0' ||
		    m->peers[i]->proto == V1__CONNECT_PROTOCOL__CONNECT_ICE)
			return true;
	return false;
}

int wm_join_answer(struct wm_graph *g, const char *node_id, struct wm_arena *a,
		   V1__JoinResponse **out, struct wm_err *err)
{
	const struct wm_network *net = wm_graph_network(g);
	const V1__MeshNode *node = wm_graph_node(g, a, node_id);
	V1__JoinResponse *m = wm_pb_new(a, &v1__join_response__descriptor);
	int rc;

	if (net == NULL || node == NULL)
		return wm_fail(err, WM_NOT_FOUND, "node not found: %.80s", node_id);
	rc = wm_peers_of(g, node_id, a, &m->peers, &m->n_peers, err);
	if (rc != 0)
		return rc;
	m->addressipv4 = wm_arena_strdup(a, wm_node_text(node->privateipv4));
	m->addressipv6 = wm_arena_strdup(a, wm_node_text(node->privateipv6));
	m->networkipv4 = format(a, &net->v4);
	m->networkipv6 = format(a, &net->v6);
	m->meshdomain = wm_arena_strdup(a, net->domain);
	if (needs_ice(m))
		wm_peers_ice_servers(g, node_id, a, &m->iceservers, &m->n_iceservers);
	wm_peers_dns_servers(g, node_id, a, &m->dnsservers, &m->n_dnsservers);
	*out = m;
	return 0;
}
