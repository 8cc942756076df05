/* The reference topologies, and what they leave open: ties, routes, filters, endpoints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "mesh/paths.h"
#include "world.h"

#define BOTH "172.16.0.0/12 2001:db8::/64"
#define A1   "172.16.0.1/32 2001:db8::1:0/112"
#define A2   "172.16.0.2/32 2001:db8::2:0/112"
#define A3   "172.16.0.3/32 2001:db8::3:0/112"
#define A4   "172.16.0.4/32 2001:db8::4:0/112"

static int setup(void **state)
{
	struct world *w = wm_alloc(sizeof(*w));

	world_init(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	world_fini(*state);
	wm_free(*state);
	return 0;
}

static void nodes(struct world *w, const char *ids)
{
	WM_AUTO(wm_autofree) char *copy = wm_strdup(ids);
	char *rest = copy;

	for (char *id; (id = wm_str_cut(&rest, ' ')) != NULL;)
		world_node(w, id);
}

static void test_two(void **state)
{
	struct world *w = *state;

	world_open(w);
	nodes(w, "a b");
	world_edge(w, "a", "b", 1);
	assert_string_equal(world_peers(w, "a"), "b: " BOTH);
	assert_string_equal(world_peers(w, "b"), "a: " BOTH);
}

static void test_triangle(void **state)
{
	struct world *w = *state;

	world_open(w);
	nodes(w, "a b c");
	world_edge(w, "a", "b", 1);
	world_edge(w, "b", "c", 1);
	world_edge(w, "c", "a", 1);
	assert_string_equal(world_peers(w, "a"), "b: " A2 "; c: " A3);
	assert_string_equal(world_peers(w, "b"), "a: " A1 "; c: " A3);
	assert_string_equal(world_peers(w, "c"), "a: " A1 "; b: " A2);
}

static void test_star(void **state)
{
	struct world *w = *state;

	world_open(w);
	nodes(w, "hub l1 l2 l3");
	world_edge(w, "hub", "l1", 1);
	world_edge(w, "hub", "l2", 1);
	world_edge(w, "hub", "l3", 1);
	assert_string_equal(world_peers(w, "hub"), "l1: " A2 "; l2: " A3 "; l3: " A4);
	assert_string_equal(world_peers(w, "l1"), "hub: " BOTH);
	assert_string_equal(world_peers(w, "l3"), "hub: " BOTH);
}

static void test_two_sites(void **state)
{
	struct world *w = *state;

	world_open(w);
	nodes(w, "r1 r2 f1 f2");
	world_edge(w, "r1", "r2", 1);
	world_edge(w, "r1", "f1", 1);
	world_edge(w, "r2", "f2", 1);
	assert_string_equal(world_peers(w, "r1"), "f1: " A3 "; r2: " A2 " " A4);
	assert_string_equal(world_peers(w, "r2"), "f2: " A4 "; r1: " A1 " " A3);
	assert_string_equal(world_peers(w, "f1"), "r1: " BOTH);
	assert_string_equal(world_peers(w, "f2"), "r2: " BOTH);
}

static void test_three_sites(void **state)
{
	struct world *w = *state;

	world_open(w);
	nodes(w, "r1 r2 r3 f11 f12 f13 f21 f22 f23 f31 f32 f33");
	world_edge(w, "r1", "r2", 1);
	world_edge(w, "r2", "r3", 1);
	world_edge(w, "r3", "r1", 1);
	for (int site = 1; site <= 3; site++)
		for (int i = 1; i <= 3; i++)
			world_edge(w, wm_arena_printf(&w->a, "r%d", site),
				   wm_arena_printf(&w->a, "f%d%d", site, i), 1);
	assert_string_equal(
		world_peers(w, "r1"),
		"f11: " A4 "; f12: 172.16.0.5/32 2001:db8::5:0/112; "
		"f13: 172.16.0.6/32 2001:db8::6:0/112; "
		"r2: " A2 " 172.16.0.7/32 2001:db8::7:0/112 172.16.0.8/32 2001:db8::8:0/112 "
		"172.16.0.9/32 2001:db8::9:0/112; "
		"r3: " A3 " 172.16.0.10/32 2001:db8::a:0/112 172.16.0.11/32 2001:db8::b:0/112 "
		"172.16.0.12/32 2001:db8::c:0/112");
	assert_string_equal(world_peers(w, "f22"), "r2: " BOTH);
}

static void test_no_acl_no_peers(void **state)
{
	struct world *w = *state;

	world_networks(w);
	nodes(w, "a b");
	world_edge(w, "a", "b", 1);
	assert_string_equal(world_peers(w, "a"), "");
	world_acl(w, "deny", 0, "ACTION_DENY",
		  "\"sourceNodes\":[\"*\"],\"destinationNodes\":[\"*\"]");
	assert_string_equal(world_peers(w, "a"), "");
	assert_string_equal(world_peers(w, "b"), "");
}

static void test_acl_between_two(void **state)
{
	struct world *w = *state;

	world_networks(w);
	nodes(w, "a b c");
	world_edge(w, "a", "b", 1);
	world_edge(w, "b", "c", 1);
	world_edge(w, "c", "a", 1);
	world_acl(w, "ab", 0, "ACTION_ACCEPT",
		  "\"sourceNodes\":[\"a\",\"b\"],\"destinationNodes\":[\"a\",\"b\"]");
	assert_string_equal(world_peers(w, "a"), "b: " BOTH);
	assert_string_equal(world_peers(w, "b"), "a: " BOTH);
	assert_string_equal(world_peers(w, "c"), "");
}

static void test_default_routes(void **state)
{
	struct world *w = *state;

	world_open(w);
	nodes(w, "a b");
	world_edge(w, "a", "b", 1);
	world_route(w, "out", "a", "\"0.0.0.0/0\",\"::/0\"");
	assert_string_equal(world_peers(w, "b"), "a: " BOTH " 0.0.0.0/0 ::/0 | 0.0.0.0/0 ::/0");
	assert_string_equal(world_peers(w, "a"), "b: " BOTH);
}

static void test_default_routes_of_three_sites(void **state)
{
	struct world *w = *state;

	world_open(w);
	nodes(w, "r1 r2 r3 f1 f2 f3");
	world_edge(w, "r1", "r2", 1);
	world_edge(w, "r2", "r3", 1);
	world_edge(w, "r3", "r1", 1);
	for (int i = 1; i <= 3; i++) {
		const char *r = wm_arena_printf(&w->a, "r%d", i);

		world_edge(w, r, wm_arena_printf(&w->a, "f%d", i), 1);
		world_route(w, r, r, "\"0.0.0.0/0\",\"::/0\"");
	}
	for (int i = 1; i <= 3; i++) {
		const char *r = wm_arena_printf(&w->a, "r%d", i);
		const char *f = wm_arena_printf(&w->a, "f%d", i);

		assert_null(strstr(world_peers(w, r), "|"));
		assert_string_equal(
			world_peers(w, f),
			wm_arena_printf(&w->a, "%s: " BOTH " 0.0.0.0/0 ::/0 | 0.0.0.0/0 ::/0", r));
	}
}

/* ---- what the reference leaves open ---- */

/* An address behind two neighbours is under the nearer one; at equal distance under the first. */
static void test_each_address_once(void **state)
{
	struct world *w = *state;

	world_open(w);
	nodes(w, "s x y z");
	world_edge(w, "s", "x", 1);
	world_edge(w, "s", "y", 1);
	world_edge(w, "x", "z", 1);
	world_edge(w, "y", "z", 1);
	assert_string_equal(world_peers(w, "s"), "x: " A2 " " A4 "; y: " A3);
	world_edge(w, "x", "z", 2);
	assert_string_equal(world_peers(w, "s"), "x: " A2 "; y: " A3 " " A4);
	world_drop_edge(w, "y", "z");
	assert_string_equal(world_peers(w, "s"), "x: " A2 " " A4 "; y: " A3);
}

/* Equal weight: fewer hops. And a neighbour stays its own way, however heavy the edge. */
static void test_hops_and_neighbours(void **state)
{
	struct world *w = *state;

	world_open(w);
	nodes(w, "s x y z");
	world_edge(w, "s", "x", 0);
	world_edge(w, "x", "y", 0);
	world_edge(w, "y", "z", 0);
	world_edge(w, "s", "y", 99);
	assert_string_equal(world_peers(w, "s"), "x: " A2 " " A4 "; y: " A3);
	world_edge(w, "s", "y", 0);
	assert_string_equal(world_peers(w, "s"), "x: " A2 "; y: " A3 " " A4);
}

static void test_route_goes_to_the_nearest(void **state)
{
	struct world *w = *state;

	world_open(w);
	nodes(w, "s x y z");
	world_edge(w, "s", "x", 1);
	world_edge(w, "s", "y", 1);
	world_edge(w, "x", "z", 1);
	world_route(w, "far", "z", "\"10.0.0.0/8\"");
	world_route(w, "near", "y", "\"10.1.2.3/8\",\"10.9.0.0/16\"");
	/* The same network, written with another host part, is one network. */
	assert_string_equal(world_peers(w, "s"),
			    "x: " A2 " " A4 "; y: " A3
			    " 10.1.2.3/8 10.9.0.0/16 | 10.1.2.3/8 10.9.0.0/16");
	assert_string_equal(world_peers(w, "z"), "x: " BOTH " 10.9.0.0/16 | 10.9.0.0/16");
}

/* A network that the ACLs refuse is left out; its node and its other networks stay. */
static void test_refused_route_alone(void **state)
{
	struct world *w = *state;

	world_open(w);
	nodes(w, "s x y");
	world_edge(w, "s", "x", 1);
	world_edge(w, "s", "y", 1);
	world_route(w, "r", "x", "\"10.1.0.0/16\",\"10.2.0.0/16\"");
	world_acl(w, "no", 9, "ACTION_DENY",
		  "\"sourceNodes\":[\"s\"],\"destinationNodes\":[\"x\"],"
		  "\"destinationCIDRs\":[\"10.1.0.0/16\"]");
	assert_string_equal(world_peers(w, "s"), "x: " A2 " 10.2.0.0/16 | 10.2.0.0/16; y: " A3);
}

/* Who may not be talked to is no way to others either. */
static void test_refused_node_is_no_transit(void **state)
{
	struct world *w = *state;

	world_open(w);
	nodes(w, "s x y z");
	world_edge(w, "s", "x", 1);
	world_edge(w, "x", "y", 1);
	world_edge(w, "s", "z", 1);
	assert_string_equal(world_peers(w, "s"), "x: " A2 " " A3 "; z: " A4);
	world_acl(w, "no", 9, "ACTION_DENY",
		  "\"sourceNodes\":[\"s\"],\"destinationNodes\":[\"x\"]");
	assert_string_equal(world_peers(w, "s"), "z: " BOTH);
}

static void test_without_key(void **state)
{
	struct world *w = *state;

	world_open(w);
	nodes(w, "s x y");
	fakekv_put(&w->kv, wm_path_node("p").text, "{\"id\":\"p\"}");
	world_edge(w, "s", "x", 1);
	world_edge(w, "s", "p", 1);
	world_edge(w, "p", "y", 1);
	assert_string_equal(world_peers(w, "s"), "x: " BOTH);
	assert_string_equal(world_peers(w, "p"), "s: " A1 " " A2 "; y: " A3);
	assert_string_equal(world_peers(w, "nobody"), "node not found: nobody");
}

static void test_endpoint_by_exact_host(void **state)
{
	static const struct {
		const char *primary, *endpoints, *result;
	} rows[] = {
		{"10.0.0.1", "\"10.0.0.10:1\",\"10.0.0.1:2\"", "10.0.0.1:2"},
		{"10.0.0.7", "\"10.0.0.10:1\",\"10.0.0.1:2\"", "10.0.0.10:1"},
		{"", "\"10.0.0.10:1\"", "10.0.0.10:1"},
		{"invalid IP", "\"10.0.0.10:1\"", "10.0.0.10:1"},
		{"2001:db8:0:0::1", "\"10.0.0.1:1\",\"[2001:db8::1]:2\"", "[2001:db8::1]:2"},
		{"10.0.0.1", "", ""},
		{"", "", ""},
	};
	struct world *w = *state;
	V1__WireGuardPeer **peers;
	size_t n;

	world_open(w);
	nodes(w, "s");
	world_edge(w, "s", "x", 1);
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		world_node_full(w, "x", "172.16.0.9/32", "invalid Prefix",
				wm_arena_printf(&w->a,
						",\"primaryEndpoint\":\"%s\","
						"\"wireguardEndpoints\":[%s]",
						rows[i].primary, rows[i].endpoints));
		assert_int_equal(wm_peers_of(w->graph, "s", &w->a, &peers, &n, NULL), 0);
		assert_int_equal(n, 1);
		assert_string_equal(peers[0]->node->primaryendpoint, rows[i].result);
	}
}

static void test_proto(void **state)
{
	static const struct {
		const char *attributes, *peers;
	} rows[] = {
		{"\"EDGE_ATTRIBUTE_ICE\":\"true\",\"EDGE_ATTRIBUTE_LIBP2P\":\"true\"",
		 "x[ice]: " BOTH},
		{"\"EDGE_ATTRIBUTE_LIBP2P\":\"no\"", "x[libp2p]: " BOTH},
		{"\"EDGE_ATTRIBUTE_NATIVE\":\"true\"", "x: " BOTH},
		{"", "x: " BOTH},
	};
	struct world *w = *state;

	world_open(w);
	nodes(w, "s x");
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		fakekv_put(&w->kv, wm_path_edge("s", "x").text,
			   wm_arena_printf(&w->a,
					   "{\"source\":\"s\",\"target\":\"x\","
					   "\"attributes\":{%s}}",
					   rows[i].attributes));
		assert_string_equal(world_peers(w, "s"), rows[i].peers);
	}
}

static void test_servers(void **state)
{
	struct world *w = *state;
	V1__PeerConfigurations *m;

	world_open(w);
	world_node_full(w, "a", "172.16.0.1/32", "2001:db8::1:0/112",
			",\"primaryEndpoint\":\"192.0.2.1\",\"features\":["
			"{\"feature\":\"NODES\",\"port\":8443},{\"feature\":\"ICE_NEGOTIATION\","
			"\"port\":8443},{\"feature\":\"MESH_DNS\",\"port\":53}]");
	world_node_full(
		w, "b", "", "2001:db8::2:0/112",
		",\"features\":[{\"feature\":\"NODES\",\"port\":1},"
		"{\"feature\":\"ICE_NEGOTIATION\"},{\"feature\":\"MESH_DNS\",\"port\":5353}]");
	nodes(w, "s");
	assert_int_equal(wm_peers_config(w->graph, "s", &w->a, &m, NULL), 0);
	assert_int_equal(m->n_peers, 0);
	assert_int_equal(m->n_iceservers, 1);
	assert_string_equal(m->iceservers[0], "192.0.2.1:8443");
	assert_int_equal(m->n_dnsservers, 2);
	assert_string_equal(m->dnsservers[0], "172.16.0.1:53");
	assert_string_equal(m->dnsservers[1], "[2001:db8::2:0]:5353");
	assert_int_equal(wm_peers_config(w->graph, "a", &w->a, &m, NULL), 0);
	assert_int_equal(m->n_iceservers, 0);
	assert_int_equal(m->n_dnsservers, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		ROW(test_two),
		ROW(test_triangle),
		ROW(test_star),
		ROW(test_two_sites),
		ROW(test_three_sites),
		ROW(test_no_acl_no_peers),
		ROW(test_acl_between_two),
		ROW(test_default_routes),
		ROW(test_default_routes_of_three_sites),
		ROW(test_each_address_once),
		ROW(test_hops_and_neighbours),
		ROW(test_route_goes_to_the_nearest),
		ROW(test_refused_route_alone),
		ROW(test_refused_node_is_no_transit),
		ROW(test_without_key),
		ROW(test_endpoint_by_exact_host),
		ROW(test_proto),
		ROW(test_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
