#include "mesh/edges.h"

#include <string.h>

#include "base/str.h"
#include "mesh/paths.h"
#include "mesh/record.h"

static int get_direction(struct wm_arena *a, struct wm_view *v, const char *source,
			 const char *target, V1__MeshEdge **out, struct wm_err *err)
{
	ProtobufCMessage *m = NULL;
	int rc = wm_record_get(a, v, wm_path_edge(source, target).text, &v1__mesh_edge__descriptor,
			       &m, NULL, err);

	*out = (V1__MeshEdge *)m;
	return rc;
}

int wm_edge_get(struct wm_arena *a, struct wm_view *v, const char *source, const char *target,
		V1__MeshEdge **out, struct wm_err *err)
{
	int rc = WM_NOT_FOUND;

	if (wm_node_id_is_valid(source) && wm_node_id_is_valid(target)) {
		rc = get_direction(a, v, source, target, out, err);
		if (rc == WM_NOT_FOUND)
			rc = get_direction(a, v, target, source, out, err);
	}
	if (rc == WM_NOT_FOUND)
		return wm_fail(err, WM_NOT_FOUND, "edge not found: %.80s to %.80s", source, target);
	if (rc != 0)
		return rc;
	(*out)->source = wm_arena_strdup(a, source);
	(*out)->target = wm_arena_strdup(a, target);
	return 0;
}

/* The first direction in key order is the one whose source is the smaller. */
static void keep_first_directions(struct wm_view *v, V1__MeshEdge **edges, size_t *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		const V1__MeshEdge *e = edges[i];

		if (strcmp(e->source, e->target) < 0 ||
		    !wm_view_has(v, wm_path_edge(e->target, e->source).text))
			edges[kept++] = edges[i];
	}
	*n = kept;
}

static void drop_malformed(V1__MeshEdge **edges, size_t *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++)
		if (wm_node_id_is_valid(edges[i]->source) && wm_node_id_is_valid(edges[i]->target))
			edges[kept++] = edges[i];
	*n = kept;
}

int wm_edge_list(struct wm_arena *a, struct wm_view *v, bool both, V1__MeshEdge ***out, size_t *n,
		 struct wm_err *err)
{
	int rc = wm_record_list(a, v, WM_PATH_EDGES, &v1__mesh_edge__descriptor, out, n, NULL, err);

	if (rc != 0)
		return rc;
	drop_malformed(*out, n);
	if (!both)
		keep_first_directions(v, *out, n);
	return 0;
}

int wm_edge_check(const V1__MeshEdge *e, struct wm_err *err)
{
	int rc = wm_node_id_check(e->source, "source", err);

	if (rc == 0)
		rc = wm_node_id_check(e->target, "target", err);
	if (rc == 0 && e->weight < 0)
		rc = wm_fail(err, WM_INVALID_ARGUMENT, "weight %d is negative", e->weight);
	return rc;
}

int wm_edge_put(struct wm_txn *t, const V1__MeshEdge *e, struct wm_err *err)
{
	V1__MeshEdge back = *e;
	int rc = wm_edge_check(e, err);

	if (rc != 0 || strcmp(e->source, e->target) == 0)
		return rc;
	back.source = e->target;
	back.target = e->source;
	rc = wm_record_put(t, wm_path_edge(e->source, e->target).text, &e->base, err);
	if (rc == 0)
		rc = wm_record_put(t, wm_path_edge(back.source, back.target).text, &back.base, err);
	return rc;
}

static const char *attribute_name(V1__ConnectProtocol proto)
{
	if (proto == V1__CONNECT_PROTOCOL__CONNECT_ICE)
		return "EDGE_ATTRIBUTE_ICE";
	if (proto == V1__CONNECT_PROTOCOL__CONNECT_LIBP2P)
		return "EDGE_ATTRIBUTE_LIBP2P";
	return "EDGE_ATTRIBUTE_NATIVE";
}

static char *writable(const char *s)
{
	return (char *)(uintptr_t)s; /* protobuf-c has no const; nobody writes through it */
}

int wm_edge_put_proto(struct wm_txn *t, const char *source, const char *target, int32_t weight,
		      V1__ConnectProtocol proto, bool explicit_native, struct wm_err *err)
{
	V1__MeshEdge__AttributesEntry attribute = V1__MESH_EDGE__ATTRIBUTES_ENTRY__INIT;
	V1__MeshEdge__AttributesEntry *attributes[] = {&attribute};
	V1__MeshEdge e = V1__MESH_EDGE__INIT;

	attribute.key = writable(attribute_name(proto));
	attribute.value = writable("true");
	e.source = writable(source);
	e.target = writable(target);
	e.weight = weight;
	if (explicit_native || proto != V1__CONNECT_PROTOCOL__CONNECT_NATIVE) {
		e.n_attributes = 1;
		e.attributes = attributes;
	}
	return wm_edge_put(t, &e, err);
}

void wm_edge_drop(struct wm_txn *t, const char *source, const char *target)
{
	wm_txn_delete(t, wm_path_edge(source, target).text);
	wm_txn_delete(t, wm_path_edge(target, source).text);
}

static bool has_attribute(const V1__MeshEdge *e, V1__ConnectProtocol proto)
{
	for (size_t i = 0; i < e->n_attributes; i++)
		if (strcmp(e->attributes[i]->key, attribute_name(proto)) == 0)
			return true;
	return false;
}

V1__ConnectProtocol wm_edge_proto(const V1__MeshEdge *e)
{
	if (has_attribute(e, V1__CONNECT_PROTOCOL__CONNECT_ICE))
		return V1__CONNECT_PROTOCOL__CONNECT_ICE;
	if (has_attribute(e, V1__CONNECT_PROTOCOL__CONNECT_LIBP2P))
		return V1__CONNECT_PROTOCOL__CONNECT_LIBP2P;
	return V1__CONNECT_PROTOCOL__CONNECT_NATIVE;
}

void wm_edges_guard(struct wm_txn *t, struct wm_view *v)
{
	wm_record_guard(t, v, WM_PATH_TOPOLOGY);
	wm_txn_put_str(t, WM_PATH_TOPOLOGY, "");
}
