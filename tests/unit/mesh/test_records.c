/* Nodes, edges, routes and the drawing: written, read back, and what is unreadable survived. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "mesh/dot.h"
#include "mesh/edges.h"
#include "mesh/nodes.h"
#include "mesh/paths.h"
#include "mesh/routes.h"
#include "pb/message.h"
#include "world.h"

static struct world w;

static int setup(void **state)
{
	world_init(&w);
	return 0;
}

static int teardown(void **state)
{
	world_fini(&w);
	return 0;
}

static void test_tolerant_reading(void **state)
{
	V1__MeshNode *node, **nodes;
	struct wm_prefix p;
	size_t n;

	fakekv_put(&w.kv, wm_path_node("old").text,
		   " { \"id\" : \"old\", \"somethingNew\" : {\"a\":[1]},\n\"primaryEndpoint\":"
		   "\"invalid IP\", \"privateIPv4\" : \"invalid Prefix\" }");
	fakekv_put(&w.kv, wm_path_node("junk").text, "{\"id\":");
	fakekv_put(&w.kv, wm_path_node("odd").text, "{\"id\":\"somebody else\"}");
	node = world_record(&w, "old");
	assert_false(wm_node_is_public(node));
	assert_false(wm_node_ipv4(node, &p));
	assert_string_equal(wm_node_wireguard_endpoint(node), "");
	assert_int_equal(wm_node_get(&w.a, &w.kv.view, "junk", &node, NULL, &w.err), WM_DATA_LOSS);
	assert_non_null(strstr(w.err.text, "/registry/nodes/junk"));
	assert_int_equal(wm_node_get(&w.a, &w.kv.view, "none", &node, NULL, &w.err), WM_NOT_FOUND);
	assert_string_equal(w.err.text, "node not found: none");
	assert_int_equal(wm_node_get(&w.a, &w.kv.view, "a/b", &node, NULL, &w.err), WM_NOT_FOUND);
	assert_int_equal(wm_node_list(&w.a, &w.kv.view, &nodes, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_true(wm_graph_has_node(w.graph, "old"));
	assert_false(wm_graph_has_node(w.graph, "junk"));
	assert_false(wm_graph_has_node(w.graph, "odd"));
}

static void test_node_checks(void **state)
{
	V1__MeshNode node = V1__MESH_NODE__INIT;
	struct wm_txn *t = wm_txn_new();

	node.id = wm_arena_strdup(&w.a, "n");
	assert_int_equal(wm_node_put(t, &node, &w.err), 0);
	node.privateipv4 = wm_arena_strdup(&w.a, "fd00::1/128");
	assert_int_equal(wm_node_put(t, &node, &w.err), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(w.err.text, "privateIPv4"));
	node.privateipv4 = wm_arena_strdup(&w.a, "invalid Prefix");
	assert_int_equal(wm_node_put(t, &node, &w.err), WM_INVALID_ARGUMENT);
	node.privateipv4 = wm_arena_strdup(&w.a, "");
	node.publickey = wm_arena_strdup(&w.a, "key");
	assert_int_equal(wm_node_put(t, &node, &w.err), WM_INVALID_ARGUMENT);
	assert_true(wm_str_starts(w.err.text, "publicKey"));
	wm_txn_free(t);
}

static void test_by_key(void **state)
{
	V1__MeshNode *node;

	world_bootstrap(&w, "one");
	assert_int_equal(world_join(&w, world_request(&w, "two", "two"), "one"), 0);
	assert_int_equal(wm_node_by_key(&w.a, &w.kv.view, world_key(&w, "two"), &node, &w.err), 0);
	assert_string_equal(node->id, "two");
	assert_int_equal(wm_node_by_key(&w.a, &w.kv.view, world_key(&w, "x"), &node, &w.err),
			 WM_NOT_FOUND);
	assert_int_equal(wm_node_by_key(&w.a, &w.kv.view, "x", &node, &w.err), WM_INVALID_ARGUMENT);
}

static void put_edge(const char *a, const char *b, int32_t weight, V1__ConnectProtocol proto)
{
	struct wm_txn *t = wm_txn_new();

	assert_int_equal(wm_edge_put_proto(t, a, b, weight, proto, true, &w.err), 0);
	assert_int_equal(fakekv_apply(&w.kv, t), 0);
}

static void test_edges(void **state)
{
	V1__MeshEdge *e, **edges;
	struct wm_txn *t;
	size_t n;

	put_edge("b", "a", 7, V1__CONNECT_PROTOCOL__CONNECT_ICE);
	put_edge("b", "c", 1, V1__CONNECT_PROTOCOL__CONNECT_NATIVE);
	put_edge("c", "c", 1, V1__CONNECT_PROTOCOL__CONNECT_NATIVE); /* written nowhere */
	assert_int_equal(wm_edge_get(&w.a, &w.kv.view, "a", "b", &e, NULL), 0);
	assert_string_equal(e->source, "a");
	assert_string_equal(e->target, "b");
	assert_int_equal(e->weight, 7);
	assert_int_equal(wm_edge_proto(e), V1__CONNECT_PROTOCOL__CONNECT_ICE);
	/* Replaced: the attribute of before is gone. */
	put_edge("a", "b", 3, V1__CONNECT_PROTOCOL__CONNECT_LIBP2P);
	assert_int_equal(wm_edge_get(&w.a, &w.kv.view, "b", "a", &e, NULL), 0);
	assert_int_equal(e->n_attributes, 1);
	assert_int_equal(wm_edge_proto(e), V1__CONNECT_PROTOCOL__CONNECT_LIBP2P);
	assert_int_equal(wm_edge_list(&w.a, &w.kv.view, false, &edges, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_string_equal(edges[0]->source, "a");
	assert_string_equal(edges[1]->target, "c");
	assert_int_equal(wm_edge_list(&w.a, &w.kv.view, true, &edges, &n, NULL), 0);
	assert_int_equal(n, 4);
	t = wm_txn_new();
	wm_edge_drop(t, "a", "b");
	wm_edge_drop(t, "never", "was");
	assert_int_equal(fakekv_apply(&w.kv, t), 0);
	assert_int_equal(wm_edge_get(&w.a, &w.kv.view, "a", "b", &e, &w.err), WM_NOT_FOUND);
	assert_string_equal(w.err.text, "edge not found: a to b");
	/* One direction alone, as another writer may leave it, is an edge too. */
	fakekv_put(&w.kv, wm_path_edge("z", "y").text, "{\"source\":\"z\",\"target\":\"y\"}");
	assert_int_equal(wm_edge_get(&w.a, &w.kv.view, "y", "z", &e, NULL), 0);
	assert_int_equal(wm_edge_list(&w.a, &w.kv.view, false, &edges, &n, NULL), 0);
	assert_int_equal(n, 2);
	t = wm_txn_new();
	assert_int_equal(wm_edge_put_proto(t, "a", "b", -1, 0, false, &w.err), WM_INVALID_ARGUMENT);
	assert_int_equal(wm_edge_put_proto(t, "a", "b c", 1, 0, false, &w.err),
			 WM_INVALID_ARGUMENT);
	wm_txn_free(t);
}

static void test_auto_names(void **state)
{
	const char *id58 = "1234567890123456789012345678901234567890123456789012345678";
	char a[WM_ID_MAX + 1], b[WM_ID_MAX + 1], long_id[WM_ID_MAX + 1];

	assert_string_equal(wm_mesh_route_auto_name("n", a), "n-auto");
	wm_mesh_route_auto_name(id58, a);
	assert_int_equal(strlen(a), 63);
	assert_true(wm_str_starts(a, id58));
	snprintf(long_id, sizeof(long_id), "%s12345", id58);
	wm_mesh_route_auto_name(long_id, a);
	snprintf(long_id, sizeof(long_id), "%s12346", id58);
	wm_mesh_route_auto_name(long_id, b);
	assert_true(wm_id_is_valid(a) && wm_id_is_valid(b) && strcmp(a, b) != 0);
	/* Not cut in the middle of a character. */
	strcpy(long_id, "\xc3\xa9");
	for (int i = 0; i < 30; i++)
		strcat(long_id, "\xc3\xa9");
	wm_mesh_route_auto_name(long_id, a);
	assert_true(wm_id_is_valid(a));
}

static void test_routes(void **state)
{
	V1__Route r = V1__ROUTE__INIT, *back;
	char *cidrs[] = {wm_arena_strdup(&w.a, "10.0.0.0/8")};
	struct wm_txn *t = wm_txn_new();

	r.name = wm_arena_strdup(&w.a, "r");
	assert_int_equal(wm_mesh_route_put(t, &r, &w.err), WM_INVALID_ARGUMENT);
	r.node = wm_arena_strdup(&w.a, "n");
	assert_int_equal(wm_mesh_route_put(t, &r, &w.err), WM_INVALID_ARGUMENT);
	r.n_destinationcidrs = 1;
	r.destinationcidrs = cidrs;
	r.nexthopnode = wm_arena_strdup(&w.a, "self");
	assert_int_equal(wm_mesh_route_put(t, &r, &w.err), WM_INVALID_ARGUMENT);
	r.nexthopnode = wm_arena_strdup(&w.a, "m");
	assert_int_equal(wm_mesh_route_put(t, &r, &w.err), 0);
	assert_int_equal(fakekv_apply(&w.kv, t), 0);
	assert_int_equal(wm_mesh_route_get(&w.a, &w.kv.view, "r", &back, NULL), 0);
	assert_string_equal(back->destinationcidrs[0], "10.0.0.0/8");
	cidrs[0] = wm_arena_strdup(&w.a, "*");
	assert_int_equal(wm_mesh_route_check(&r, &w.err), WM_INVALID_ARGUMENT);
	assert_int_equal(wm_mesh_route_get(&w.a, &w.kv.view, "none", &back, &w.err), WM_NOT_FOUND);
}

static void test_dot(void **state)
{
	V1__MeshGraph *m;

	fakekv_put(&w.kv, wm_path_node("a").text, "{\"id\":\"a\"}");
	fakekv_put(&w.kv, wm_path_node("b").text, "{\"id\":\"b\"}");
	put_edge("b", "a", 4, V1__CONNECT_PROTOCOL__CONNECT_ICE);
	assert_int_equal(wm_dot_graph(&w.a, &w.kv.view, &m, NULL), 0);
	assert_int_equal(m->n_nodes, 2);
	assert_int_equal(m->n_edges, 1);
	assert_int_equal(m->edges[0]->n_attributes, 0);
	assert_string_equal(m->dot,
			    "strict graph {\n"
			    "\t\"a\" [ weight=0 ];\n"
			    "\t\"b\" [ weight=0 ];\n"
			    "\t\"a\" -- \"b\" [ \"EDGE_ATTRIBUTE_ICE\"=\"true\", weight=4 ];\n"
			    "}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		ROW(test_tolerant_reading),
		ROW(test_node_checks),
		ROW(test_by_key),
		ROW(test_edges),
		ROW(test_auto_names),
		ROW(test_routes),
		ROW(test_dot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
