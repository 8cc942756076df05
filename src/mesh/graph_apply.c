/*
 * Taking over changes. Every kind of key has one function that puts the graph in the state that the
 * key describes, and says what that touched:
 *   - a node's own record: itself and its neighbours, who hold a copy of it;
 *   - what can be reached (a node that comes or goes, its key, its addresses, an edge, a route):
 *     everybody with more than one neighbour in the same part of the mesh; and those with a single
 *     neighbour only if that can change which outside networks are behind it ("reach");
 *   - rules, groups, networks, and the servers that everybody is told: all.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "mesh/edges.h"
#include "mesh/graph_parts.h"
#include "mesh/nodes.h"
#include "mesh/paths.h"
#include "mesh/record.h"

struct apply {
	struct wm_graph *g;
	struct wm_graph_delta *d; /* NULL while loading */
	struct wm_arena *a;
	const struct wm_change *c;
	struct wm_path_parts key;
};

/* ---- what was touched ---- */

static void touch(struct apply *s, const struct wm_vertex *v, enum wm_touch how)
{
	uintptr_t before;

	if (s->d == NULL)
		return;
	before = (uintptr_t)wm_map_find(&s->d->touched, v->id);
	wm_map_put(&s->d->touched, v->id, (void *)(before | how));
}

static void touch_all(struct apply *s)
{
	if (s->d != NULL)
		s->d->all = true;
}

static void touch_reach(struct apply *s, bool matters)
{
	if (s->d != NULL && matters)
		s->d->reach = true;
}

static bool is_stranger(const struct wm_graph *g, const struct wm_vertex *v)
{
	return (v->v4.addr.family != WM_FAMILY_NONE && !wm_graph_is_inside(g, &v->v4.addr)) ||
	       (v->v6.addr.family != WM_FAMILY_NONE && !wm_graph_is_inside(g, &v->v6.addr));
}

/*
 * Nothing lies behind it and it offers nothing: with it or without it, the others reach the same.
 */
static bool is_plain_leaf(const struct wm_graph *g, const struct wm_vertex *v)
{
	return v->n_links <= 1 && v->offers == NULL && !is_stranger(g, v);
}

/* ---- vertices ---- */

static struct wm_vertex *get_vertex(struct wm_graph *g, const char *id)
{
	struct wm_vertex *v = wm_vertex_find(g, id);
	size_t len = strlen(id);

	if (v != NULL)
		return v;
	v = wm_alloc(sizeof(*v) + len + 1);
	memcpy(v->id, id, len + 1);
	if (g->n_vertices == g->cap_vertices) {
		g->cap_vertices = g->cap_vertices == 0 ? 16 : g->cap_vertices * 2;
		g->vertices = wm_realloc(g->vertices, g->cap_vertices * sizeof(struct wm_vertex *));
	}
	v->index = g->n_vertices;
	g->vertices[g->n_vertices++] = v;
	wm_map_put(&g->by_id, id, v);
	g->components_known = false;
	return v;
}

/* Frees a vertex that nothing names any more. */
static void drop_unused(struct wm_graph *g, struct wm_vertex *v)
{
	if (v->present || v->n_links > 0 || v->offers != NULL)
		return;
	g->vertices[v->index] = g->vertices[--g->n_vertices];
	g->vertices[v->index]->index = v->index;
	wm_map_drop(&g->by_id, v->id);
	wm_free(v->links);
	wm_free(v->record);
	wm_free(v);
	g->components_known = false;
}

static void index_address(struct wm_graph *g, struct wm_vertex *v, const struct wm_prefix *p)
{
	uint8_t key[WM_ADDRESS_KEY];

	if (p->addr.family != WM_FAMILY_NONE)
		wm_map_put_n(&g->by_address, key, wm_address_key(&p->addr, key), v);
}

static void unindex_address(struct wm_graph *g, const struct wm_vertex *v,
			    const struct wm_prefix *p)
{
	uint8_t key[WM_ADDRESS_KEY];
	size_t n;

	if (p->addr.family == WM_FAMILY_NONE)
		return;
	n = wm_address_key(&p->addr, key);
	if (wm_map_find_n(&g->by_address, key, n) == v)
		wm_map_drop_n(&g->by_address, key, n);
}

/* What of a node others than its neighbours can tell. */
struct summary {
	bool present, has_key;
	struct wm_prefix v4, v6;
	bool negotiates_ice;
	uint16_t dns_port, api_port;
	struct wm_addr primary;
};

static struct summary summary_of(const struct wm_vertex *v)
{
	struct summary s = {
		.present = v->present,
		.has_key = v->has_key,
		.v4 = v->v4,
		.v6 = v->v6,
		.negotiates_ice = v->negotiates_ice,
		.dns_port = v->dns_port,
	};

	if (v->negotiates_ice) {
		s.api_port = v->api_port;
		s.primary = v->primary;
	}
	return s;
}

static bool same_reach(const struct summary *a, const struct summary *b)
{
	return a->present == b->present && a->has_key == b->has_key &&
	       wm_prefix_equal(&a->v4, &b->v4) && wm_prefix_equal(&a->v6, &b->v6);
}

static bool same_servers(const struct summary *a, const struct summary *b)
{
	bool addresses = wm_prefix_equal(&a->v4, &b->v4) && wm_prefix_equal(&a->v6, &b->v6);

	return a->dns_port == b->dns_port && (a->dns_port == 0 || addresses) &&
	       a->negotiates_ice == b->negotiates_ice && a->api_port == b->api_port &&
	       wm_addr_equal(&a->primary, &b->primary);
}

static void forget_record(struct wm_graph *g, struct wm_vertex *v)
{
	g->n_strangers -= is_stranger(g, v);
	g->n_present -= v->present;
	unindex_address(g, v, &v->v4);
	unindex_address(g, v, &v->v6);
	wm_free(wm_steal(v->record));
	v->record_len = 0;
	v->present = v->has_key = v->is_public = v->negotiates_ice = false;
	v->dns_port = v->api_port = 0;
	v->v4 = v->v6 = (struct wm_prefix){0};
	v->primary = (struct wm_addr){0};
}

static void take_record(struct wm_graph *g, struct wm_vertex *v, const V1__MeshNode *node)
{
	struct wm_buf bytes = {0};

	wm_pb_encode(&node->base, &bytes);
	v->record_len = bytes.len;
	v->record = wm_memdup(wm_buf_str(&bytes), bytes.len);
	wm_buf_fini(&bytes);
	v->present = true;
	v->has_key = wm_node_has_key(node);
	v->negotiates_ice = wm_node_has_feature(node, V1__FEATURE__ICE_NEGOTIATION);
	v->dns_port = wm_node_feature_port(node, V1__FEATURE__MESH_DNS);
	v->api_port = wm_node_feature_port(node, V1__FEATURE__NODES);
	wm_node_ipv4(node, &v->v4);
	wm_node_ipv6(node, &v->v6);
	v->is_public = wm_node_is_public(node);
	wm_addr_parse(wm_node_text(node->primaryendpoint), &v->primary);
	index_address(g, v, &v->v4);
	index_address(g, v, &v->v6);
	g->n_present++;
	g->n_strangers += is_stranger(g, v);
}

static V1__MeshNode *read_node(struct apply *s)
{
	ProtobufCMessage *m;
	V1__MeshNode *node;

	if (s->c->value == NULL || wm_record_parse(s->a, s->c->key, s->c->value, s->c->value_len,
						   &v1__mesh_node__descriptor, &m, NULL) != 0)
		return NULL;
	node = (V1__MeshNode *)m;
	return wm_streq(node->id, s->key.name) ? node : NULL;
}

static void apply_node(struct apply *s)
{
	struct wm_graph *g = s->g;
	const V1__MeshNode *node = read_node(s);
	struct wm_vertex *v = get_vertex(g, s->key.name);
	struct summary before = summary_of(v), after;
	bool stranger = is_stranger(g, v);

	forget_record(g, v);
	if (node != NULL)
		take_record(g, v, node);
	after = summary_of(v);
	touch(s, v, WM_TOUCH_RECORD);
	if (!same_reach(&before, &after)) {
		touch(s, v, WM_TOUCH_REACH);
		touch_reach(s, stranger || v->offers != NULL || is_stranger(g, v) ||
				       (v->n_links > 1 && wm_graph_has_outside(g)));
	}
	if (!same_servers(&before, &after))
		touch_all(s);
	drop_unused(g, v);
}

/* ---- edges ---- */

static void insert_link(struct wm_vertex *v, struct wm_vertex *to, struct wm_pair *pair)
{
	uint32_t at = v->n_links;

	if (v->n_links == v->cap_links) {
		v->cap_links = v->cap_links == 0 ? 4 : v->cap_links * 2;
		v->links = wm_realloc(v->links, v->cap_links * sizeof(*v->links));
	}
	while (at > 0 && strcmp(v->links[at - 1].to->id, to->id) > 0)
		at--;
	memmove(v->links + at + 1, v->links + at, (v->n_links - at) * sizeof(*v->links));
	v->links[at] = (struct wm_link){.to = to, .pair = pair};
	v->n_links++;
}

static void remove_link(struct wm_vertex *v, const char *to)
{
	struct wm_link *l = wm_vertex_link(v, to);
	size_t behind = (size_t)(v->links + v->n_links - (l + 1));

	memmove(l, l + 1, behind * sizeof(*l));
	v->n_links--;
}

static void touch_edge(struct apply *s, struct wm_vertex *a, struct wm_vertex *b)
{
	touch(s, a, WM_TOUCH_REACH);
	touch(s, b, WM_TOUCH_REACH);
	touch_reach(s, wm_graph_has_outside(s->g) && !is_plain_leaf(s->g, a) &&
			       !is_plain_leaf(s->g, b));
	/* A leaf that offers something comes or goes with its edge. */
	touch_reach(s, a->offers != NULL || b->offers != NULL || is_stranger(s->g, a) ||
			       is_stranger(s->g, b));
}

static void put_direction(struct apply *s, const V1__MeshEdge *e)
{
	struct wm_vertex *a = get_vertex(s->g, s->key.name), *b = get_vertex(s->g, s->key.target);
	struct wm_link *link = wm_vertex_link(a, b->id);
	int side = strcmp(a->id, b->id) < 0 ? 0 : 1;
	struct wm_pair *pair;

	if (link == NULL) {
		pair = wm_alloc(sizeof(*pair));
		insert_link(a, b, pair);
		insert_link(b, a, pair);
		s->g->components_known = false;
	} else {
		pair = link->pair;
	}
	pair->have[side] = true;
	pair->weight[side] = e->weight;
	pair->proto[side] = wm_edge_proto(e);
	touch_edge(s, a, b);
}

static void drop_direction(struct apply *s)
{
	struct wm_vertex *a = wm_vertex_find(s->g, s->key.name);
	struct wm_vertex *b = wm_vertex_find(s->g, s->key.target);
	struct wm_link *link = a != NULL ? wm_vertex_link(a, s->key.target) : NULL;
	struct wm_pair *pair;

	if (link == NULL || b == NULL)
		return;
	touch_edge(s, a, b);
	pair = link->pair;
	pair->have[strcmp(a->id, b->id) < 0 ? 0 : 1] = false;
	if (pair->have[0] || pair->have[1])
		return;
	remove_link(a, b->id);
	remove_link(b, a->id);
	wm_free(pair);
	s->g->components_known = false;
	drop_unused(s->g, a);
	drop_unused(s->g, b);
}

static void apply_edge(struct apply *s)
{
	ProtobufCMessage *m = NULL;

	if (wm_streq(s->key.name, s->key.target))
		return;
	if (s->c->value != NULL && wm_record_parse(s->a, s->c->key, s->c->value, s->c->value_len,
						   &v1__mesh_edge__descriptor, &m, NULL) == 0)
		put_direction(s, (V1__MeshEdge *)m);
	else
		drop_direction(s);
}

/* ---- routes ---- */

static void drop_offer(struct apply *s, struct wm_offer *o)
{
	struct wm_vertex *v = o->by;
	struct wm_offer **at = &v->offers;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	touch(s, v, WM_TOUCH_REACH);
	touch_reach(s, true);
	wm_map_drop(&s->g->offers, o->name);
	wm_free(o->name);
	wm_free(o->prefixes);
	wm_free(o);
	drop_unused(s->g, v);
}

static void put_offer(struct apply *s, const V1__Route *r)
{
	struct wm_vertex *v = get_vertex(s->g, r->node);
	struct wm_offer *o = wm_alloc(sizeof(*o));
	struct wm_offer **at = &v->offers;

	o->name = wm_strdup(s->key.name);
	o->by = v;
	o->prefixes = wm_calloc(r->n_destinationcidrs + 1, sizeof(*o->prefixes));
	for (size_t i = 0; i < r->n_destinationcidrs; i++)
		if (wm_prefix_parse(r->destinationcidrs[i], &o->prefixes[o->n]))
			o->n++;
	while (*at != NULL && strcmp((*at)->name, o->name) < 0)
		at = &(*at)->next;
	o->next = *at;
	*at = o;
	wm_map_put(&s->g->offers, o->name, o);
	touch(s, v, WM_TOUCH_REACH);
	touch_reach(s, true);
}

static void apply_route(struct apply *s)
{
	struct wm_offer *old = wm_map_find(&s->g->offers, s->key.name);
	ProtobufCMessage *m = NULL;

	if (old != NULL)
		drop_offer(s, old);
	if (s->c->value != NULL &&
	    wm_record_parse(s->a, s->c->key, s->c->value, s->c->value_len, &v1__route__descriptor,
			    &m, NULL) == 0 &&
	    wm_node_id_is_valid(((V1__Route *)m)->node))
		put_offer(s, (V1__Route *)m);
}

/* ---- rules and networks ---- */

static void apply_text(struct apply *s, struct wm_map *texts)
{
	struct wm_stored *text = NULL;

	if (s->c->value != NULL) {
		text = wm_alloc(sizeof(*text) + s->c->value_len);
		text->len = s->c->value_len;
		memcpy(text->text, s->c->value, s->c->value_len);
		wm_free(wm_map_put(texts, s->key.name, text));
	} else {
		wm_free(wm_map_drop(texts, s->key.name));
	}
	wm_acls_free(wm_steal(s->g->acls));
	touch_all(s);
}

static uint32_t count_strangers(const struct wm_graph *g)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->n_vertices; i++)
		n += is_stranger(g, g->vertices[i]);
	return n;
}

static void apply_state(struct apply *s)
{
	static const char *const keys[] = {WM_PATH_STATE_DOMAIN, WM_PATH_STATE_V4,
					   WM_PATH_STATE_V6};
	struct wm_graph *g = s->g;

	for (size_t i = 0; i < WM_ARRAY_LEN(keys); i++) {
		size_t n = s->c->value != NULL ? s->c->value_len : 0;

		if (strcmp(s->c->key, keys[i]) != 0)
			continue;
		memset(g->state[i], 0, sizeof(g->state[i]));
		if (n > 0 && n < sizeof(g->state[i]))
			memcpy(g->state[i], s->c->value, n);
	}
	g->bootstrapped = wm_network_parse(g->state[1], g->state[2], g->state[0], &g->network);
	g->n_strangers = count_strangers(g);
	touch_all(s);
}

/* ---- all of them ---- */

static void apply_one(struct apply *s)
{
	switch (wm_path_parse(s->c->key, &s->key)) {
	case WM_PATH_IS_NODE: apply_node(s); break;
	case WM_PATH_IS_EDGE: apply_edge(s); break;
	case WM_PATH_IS_ROUTE: apply_route(s); break;
	case WM_PATH_IS_ACL: apply_text(s, &s->g->acl_texts); break;
	case WM_PATH_IS_GROUP: apply_text(s, &s->g->group_texts); break;
	case WM_PATH_IS_STATE: apply_state(s); break;
	case WM_PATH_IS_ROLE:
	case WM_PATH_IS_BINDING:
	case WM_PATH_IS_LEASE:
	case WM_PATH_IS_OTHER: break;
	}
}

void wm_graph_apply(struct wm_graph *g, uint64_t revision, const struct wm_change *changes,
		    size_t n, struct wm_graph_delta *d)
{
	struct wm_arena a;

	wm_arena_init(&a, 0);
	for (size_t i = 0; i < n; i++) {
		struct apply s = {.g = g, .d = d, .a = &a, .c = &changes[i]};

		apply_one(&s);
		wm_arena_reset(&a);
	}
	wm_arena_fini(&a);
	if (revision > g->revision)
		g->revision = revision;
}
