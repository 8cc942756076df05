#include "mesh/graph.h"

#include <string.h>

#include "base/mem.h"
#include "mesh/graph_parts.h"
#include "mesh/nodes.h"
#include "mesh/paths.h"
#include "mesh/record.h"

#define IPV6_NODE_BYTES 14 /* a node has a /112 */

struct wm_graph *wm_graph_new(void)
{
	return wm_alloc(sizeof(struct wm_graph));
}

static void free_values(struct wm_map *m)
{
	struct wm_map_entry *e;

	wm_map_each (e, m)
		wm_free(e->value);
	wm_map_fini(m);
}

static void free_offers(struct wm_map *m)
{
	struct wm_map_entry *e;

	wm_map_each (e, m) {
		struct wm_offer *o = e->value;

		wm_free(o->name);
		wm_free(o->prefixes);
		wm_free(o);
	}
	wm_map_fini(m);
}

static void free_vertex(struct wm_vertex *v)
{
	for (uint32_t i = 0; i < v->n_links; i++)
		if (strcmp(v->id, v->links[i].to->id) < 0)
			wm_free(v->links[i].pair);
	wm_free(v->links);
	wm_free(v->record);
}

void wm_graph_clear(struct wm_graph *g)
{
	for (uint32_t i = 0; i < g->n_vertices; i++)
		free_vertex(g->vertices[i]);
	for (uint32_t i = 0; i < g->n_vertices; i++)
		wm_free(g->vertices[i]);
	wm_free(g->vertices);
	wm_map_fini(&g->by_id);
	wm_map_fini(&g->by_address);
	free_offers(&g->offers);
	free_values(&g->acl_texts);
	free_values(&g->group_texts);
	wm_acls_free(g->acls);
	*g = (struct wm_graph){0};
}

void wm_graph_free(struct wm_graph *g)
{
	if (g == NULL)
		return;
	wm_graph_clear(g);
	wm_free(g);
}

static int load_one(void *arg, const struct wm_kv *kv)
{
	const struct wm_change c = {.key = kv->key, .value = kv->value, .value_len = kv->value_len};

	wm_graph_apply(arg, 0, &c, 1, NULL);
	return 0;
}

int wm_graph_load(struct wm_graph *g, struct wm_view *v, struct wm_err *err)
{
	int rc;

	wm_graph_clear(g);
	rc = wm_view_scan(v, WM_REGISTRY, load_one, g, err);
	g->revision = v->revision;
	return rc;
}

struct wm_vertex *wm_vertex_find(const struct wm_graph *g, const char *id)
{
	return wm_map_find(&g->by_id, id);
}

struct wm_link *wm_vertex_link(const struct wm_vertex *v, const char *to)
{
	uint32_t low = 0, high = v->n_links;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = strcmp(v->links[mid].to->id, to);

		if (order == 0)
			return &v->links[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

int32_t wm_pair_weight(const struct wm_pair *p)
{
	int32_t weight = p->weight[p->have[0] ? 0 : 1];

	return weight > 0 ? weight : 0;
}

V1__ConnectProtocol wm_pair_proto(const struct wm_pair *p)
{
	return p->proto[p->have[0] ? 0 : 1];
}

V1__MeshNode *wm_vertex_record(const struct wm_vertex *v, struct wm_arena *a)
{
	ProtobufCMessage *m;

	if (!v->present ||
	    wm_pb_decode(a, &v1__mesh_node__descriptor, v->record, v->record_len, &m, NULL) != 0)
		return NULL;
	return (V1__MeshNode *)m;
}

struct wm_acl_node wm_vertex_acl(const struct wm_vertex *v)
{
	return (struct wm_acl_node){.id = v->id, .v4 = v->v4.addr, .v6 = v->v6.addr};
}

uint64_t wm_graph_revision(const struct wm_graph *g)
{
	return g->revision;
}

const struct wm_network *wm_graph_network(const struct wm_graph *g)
{
	return g->bootstrapped ? &g->network : NULL;
}

static bool read_stored(struct wm_arena *a, const struct wm_map_entry *e,
			const ProtobufCMessageDescriptor *type, ProtobufCMessage **out)
{
	const struct wm_stored *s = e->value;

	return wm_record_parse(a, e->key, s->text, s->len, type, out, NULL) == 0;
}

static struct wm_acls *compile(const struct wm_graph *g, struct wm_arena *a)
{
	V1__NetworkACL **acls = NULL;
	V1__Group **groups = NULL;
	size_t n = 0, n_groups = 0;
	bool unreadable = false;
	struct wm_map_entry *e;
	ProtobufCMessage *m;
	struct wm_acls *set;

	wm_map_each (e, &g->acl_texts) {
		if (read_stored(a, e, &v1__network_acl__descriptor, &m))
			wm_pb_append(a, &n, &acls, m);
		else
			unreadable = true;
	}
	wm_map_each (e, &g->group_texts)
		if (read_stored(a, e, &v1__group__descriptor, &m))
			wm_pb_append(a, &n_groups, &groups, m);
	set = wm_acls_new(acls, n, groups, n_groups);
	if (unreadable)
		wm_acls_deny_all(set);
	return set;
}

const struct wm_acls *wm_graph_acls(struct wm_graph *g)
{
	struct wm_arena a;

	if (g->acls != NULL)
		return g->acls;
	wm_arena_init(&a, 0);
	g->acls = compile(g, &a);
	wm_arena_fini(&a);
	return g->acls;
}

static struct wm_vertex *find_present(const struct wm_graph *g, const char *id)
{
	struct wm_vertex *v = wm_vertex_find(g, id);

	return v != NULL && v->present ? v : NULL;
}

bool wm_graph_has_node(const struct wm_graph *g, const char *id)
{
	return find_present(g, id) != NULL;
}

size_t wm_graph_count(const struct wm_graph *g)
{
	return g->n_present;
}

size_t wm_graph_count_edges(const struct wm_graph *g)
{
	size_t ends = 0;

	for (uint32_t i = 0; i < g->n_vertices; i++) {
		const struct wm_vertex *v = g->vertices[i];

		for (uint32_t k = 0; v->present && k < v->n_links; k++)
			ends += v->links[k].to->present;
	}
	return ends / 2;
}

V1__MeshNode *wm_graph_node(const struct wm_graph *g, struct wm_arena *a, const char *id)
{
	const struct wm_vertex *v = find_present(g, id);

	return v != NULL ? wm_vertex_record(v, a) : NULL;
}

size_t wm_address_key(const struct wm_addr *addr, uint8_t out[WM_ADDRESS_KEY])
{
	size_t n = addr->family == WM_IPV4 ? 4 : IPV6_NODE_BYTES;

	out[0] = addr->family;
	memcpy(out + 1, addr->bytes, n);
	return n + 1;
}

const char *wm_graph_node_at(const struct wm_graph *g, const struct wm_addr *addr)
{
	uint8_t key[WM_ADDRESS_KEY];
	const struct wm_vertex *v;

	if (addr->family == WM_FAMILY_NONE)
		return NULL;
	v = wm_map_find_n(&g->by_address, key, wm_address_key(addr, key));
	return v != NULL ? v->id : NULL;
}

void wm_graph_each_node(const struct wm_graph *g, bool (*each)(void *arg, const char *id),
			void *arg)
{
	for (uint32_t i = 0; i < g->n_vertices; i++)
		if (g->vertices[i]->present && !each(arg, g->vertices[i]->id))
			return;
}

bool wm_graph_may_talk(struct wm_graph *g, const char *from, const char *to)
{
	const struct wm_vertex *a = find_present(g, from), *b = find_present(g, to);
	struct wm_acl_node x, y;

	if (a == NULL || b == NULL)
		return false;
	x = wm_vertex_acl(a);
	y = wm_vertex_acl(b);
	return wm_acls_allow_nodes(wm_graph_acls(g), &x, &y);
}

bool wm_graph_is_inside(const struct wm_graph *g, const struct wm_addr *addr)
{
	return g->bootstrapped && (wm_prefix_contains(&g->network.v4, addr) ||
				   wm_prefix_contains(&g->network.v6, addr));
}

bool wm_graph_has_outside(const struct wm_graph *g)
{
	return g->offers.count > 0 || g->n_strangers > 0;
}
