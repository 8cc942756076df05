#include "mesh/peers.h"

#include <string.h>

#include "base/str.h"
#include "mesh/graph_parts.h"
#include "mesh/nodes.h"
#include "mesh/reach.h"
#include "pb/message.h"

struct peer {
	const struct wm_vertex *node;
	V1__WireGuardPeer *msg;
};

struct build {
	struct wm_graph *g;
	const struct wm_vertex *self;
	struct wm_arena *a;  /* of the result */
	struct wm_arena tmp; /* of the way to it */
	struct peer *peers;  /* in order of IDs */
	size_t n_peers;
	struct wm_map taken; /* networks that have their peer, and the node's own */
};

static char *format_prefix(struct wm_arena *a, const struct wm_prefix *p)
{
	char text[WM_PREFIX_TEXT];

	return wm_arena_strdup(a, wm_prefix_format(p, text));
}

/* ---- the peers themselves ---- */

static void add_peer(struct build *s, const struct wm_link *link)
{
	V1__WireGuardPeer *msg = wm_pb_new(s->a, &v1__wire_guard_peer__descriptor);

	msg->node = wm_vertex_record(link->to, s->a);
	if (msg->node == NULL)
		return;
	msg->node->primaryendpoint = wm_arena_strdup(s->a, wm_node_wireguard_endpoint(msg->node));
	msg->proto = wm_pair_proto(link->pair);
	s->peers[s->n_peers++] = (struct peer){.node = link->to, .msg = msg};
}

static bool is_allowed(struct build *s, const struct wm_vertex *v)
{
	struct wm_acl_node from = wm_vertex_acl(s->self), to = wm_vertex_acl(v);

	return v->present && v->has_key && wm_acls_allow_nodes(wm_graph_acls(s->g), &from, &to);
}

static void add_peers(struct build *s)
{
	s->peers = wm_arena_alloc(&s->tmp, (s->self->n_links + 1) * sizeof(*s->peers));
	for (uint32_t i = 0; i < s->self->n_links; i++)
		if (is_allowed(s, s->self->links[i].to))
			add_peer(s, &s->self->links[i]);
}

static V1__WireGuardPeer *peer_of(const struct build *s, const struct wm_vertex *via)
{
	size_t low = 0, high = s->n_peers;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(s->peers[mid].node->id, via->id);

		if (order == 0)
			return s->peers[mid].msg;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* ---- addresses and routes ---- */

#define NETWORK_KEY 18

static size_t network_key(const struct wm_prefix *p, uint8_t out[NETWORK_KEY])
{
	struct wm_prefix masked = wm_prefix_masked(p);

	out[0] = masked.addr.family;
	out[1] = masked.bits;
	memcpy(out + 2, masked.addr.bytes, 16);
	return NETWORK_KEY;
}

/* False when somebody has it already. */
static bool take_network(struct build *s, const struct wm_prefix *p)
{
	uint8_t key[NETWORK_KEY];
	size_t n = network_key(p, key);

	if (wm_map_find_n(&s->taken, key, n) != NULL)
		return false;
	wm_map_put_n(&s->taken, key, n, s);
	return true;
}

static void add_address(struct build *s, V1__WireGuardPeer *peer, const struct wm_prefix *p)
{
	if (p->addr.family != WM_FAMILY_NONE && take_network(s, p))
		wm_pb_append(s->a, &peer->n_allowedips, &peer->allowedips, format_prefix(s->a, p));
}

/* A network is offered to us if we may talk to the node under the network's own address. */
static bool may_use(struct build *s, const struct wm_vertex *by, const struct wm_prefix *p)
{
	struct wm_acl_action action = {
		.src_node = s->self->id,
		.src = p->addr.family == WM_IPV4 ? s->self->v4.addr : s->self->v6.addr,
		.dst_node = by->id,
		.dst = p->addr,
	};

	return wm_acls_allow(wm_graph_acls(s->g), &action);
}

static void add_route(struct build *s, V1__WireGuardPeer *peer, const struct wm_vertex *by,
		      const struct wm_prefix *p)
{
	char *text;

	if (!may_use(s, by, p) || !take_network(s, p))
		return;
	text = format_prefix(s->a, p);
	wm_pb_append(s->a, &peer->n_allowedroutes, &peer->allowedroutes, text);
	wm_pb_append(s->a, &peer->n_allowedips, &peer->allowedips, text);
}

static void add_routes(struct build *s, V1__WireGuardPeer *peer, const struct wm_vertex *by)
{
	for (const struct wm_offer *o = by->offers; o != NULL; o = o->next)
		for (size_t i = 0; i < o->n; i++)
			add_route(s, peer, by, &o->prefixes[i]);
}

static void take_own_networks(struct build *s)
{
	take_network(s, &s->self->v4);
	take_network(s, &s->self->v6);
	for (const struct wm_offer *o = s->self->offers; o != NULL; o = o->next)
		for (size_t i = 0; i < o->n; i++)
			take_network(s, &o->prefixes[i]);
}

/* First every address, nearest first, then every route: an address is never lost to a route. */
static void add_networks(struct build *s)
{
	size_t n;
	struct wm_reached *reached = wm_reach(s->g, s->self, &s->tmp, &n);

	take_own_networks(s);
	for (size_t i = 0; i < n; i++) {
		V1__WireGuardPeer *peer = peer_of(s, reached[i].via);

		if (peer == NULL)
			continue;
		add_address(s, peer, &reached[i].node->v4);
		add_address(s, peer, &reached[i].node->v6);
	}
	for (size_t i = 0; i < n; i++) {
		V1__WireGuardPeer *peer = peer_of(s, reached[i].via);

		if (peer != NULL)
			add_routes(s, peer, reached[i].node);
	}
}

/* ---- a single peer ---- */

static bool lies_outside(const struct wm_graph *g, const char *text)
{
	struct wm_prefix p;

	return wm_prefix_parse(text, &p) && !wm_graph_is_inside(g, &p.addr);
}

/* Everything inside the mesh goes to the only peer there is, whoever joins or leaves elsewhere. */
static void collapse(struct build *s, V1__WireGuardPeer *peer)
{
	const struct wm_network *net = wm_graph_network(s->g);
	char **before = peer->allowedips;
	size_t n = peer->n_allowedips;

	if (net == NULL)
		return;
	peer->n_allowedips = 0;
	peer->allowedips = NULL;
	wm_pb_append(s->a, &peer->n_allowedips, &peer->allowedips, format_prefix(s->a, &net->v4));
	wm_pb_append(s->a, &peer->n_allowedips, &peer->allowedips, format_prefix(s->a, &net->v6));
	for (size_t i = 0; i < n; i++)
		if (lies_outside(s->g, before[i]))
			wm_pb_append(s->a, &peer->n_allowedips, &peer->allowedips, before[i]);
}

static void compute(struct build *s)
{
	add_peers(s);
	/* With one peer and nothing outside, what lies behind it does not show: no need to look. */
	if (s->n_peers > 1 || (s->n_peers == 1 && wm_graph_has_outside(s->g)) ||
	    (s->n_peers == 1 && wm_graph_network(s->g) == NULL))
		add_networks(s);
	if (s->n_peers == 1)
		collapse(s, s->peers[0].msg);
}

int wm_peers_of(struct wm_graph *g, const char *node_id, struct wm_arena *a,
		V1__WireGuardPeer ***out, size_t *n, struct wm_err *err)
{
	struct build s = {.g = g, .self = wm_vertex_find(g, node_id), .a = a};
	V1__WireGuardPeer **peers;

	if (s.self == NULL || !s.self->present)
		return wm_fail(err, WM_NOT_FOUND, "node not found: %.80s", node_id);
	wm_arena_init(&s.tmp, 0);
	compute(&s);
	peers = wm_arena_alloc(a, (s.n_peers + 1) * sizeof(V1__WireGuardPeer *));
	for (size_t i = 0; i < s.n_peers; i++)
		peers[i] = s.peers[i].msg;
	*out = peers;
	*n = s.n_peers;
	wm_map_fini(&s.taken);
	wm_arena_fini(&s.tmp);
	return 0;
}
