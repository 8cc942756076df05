/* Joining, updating and leaving, as transactions on a mesh that was bootstrapped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "crypto/key.h"
#include "mesh/edges.h"
#include "mesh/nodes.h"
#include "mesh/paths.h"
#include "pb/message.h"
#include "world.h"

static int setup(void **state)
{
	struct world *w = wm_alloc(sizeof(*w));

	world_init(w);
	world_bootstrap(w, "one");
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	world_fini(*state);
	wm_free(*state);
	return 0;
}

static void expect_fail(struct world *w, int rc, int code, const char *word)
{
	assert_int_equal(rc, code);
	if (strstr(w->err.text, word) == NULL)
		fail_msg("\"%s\" does not say %s", w->err.text, word);
}

static void join(struct world *w, const char *id)
{
	if (world_join(w, world_request(w, id, id), "one") != 0)
		fail_msg("%s: %s", id, w->err.text);
}

/* "weight[attribute]" of an edge, or "none"; both directions must agree. */
static const char *edge(struct world *w, const char *a, const char *b)
{
	V1__MeshEdge *e, *back;

	if (wm_edge_get(&w->a, &w->kv.view, a, b, &e, NULL) != 0)
		return "none";
	assert_int_equal(wm_edge_get(&w->a, &w->kv.view, b, a, &back, NULL), 0);
	assert_int_equal(e->weight, back->weight);
	assert_int_equal(e->n_attributes, back->n_attributes);
	return wm_arena_printf(&w->a, "%d%s", e->weight,
			       e->n_attributes > 0 ? e->attributes[0]->key : "");
}

static void test_newcomer(void **state)
{
	struct world *w = *state;
	V1__JoinRequest *req = world_request(w, "two", "two");
	V1__MeshNode *node;

	req->zoneawarenessid = wm_arena_strdup(&w->a, "z");
	wm_pb_append(&w->a, &req->n_wireguardendpoints, &req->wireguardendpoints,
		     wm_arena_strdup(&w->a, "10.0.0.2:51820"));
	wm_pb_append(&w->a, &req->n_wireguardendpoints, &req->wireguardendpoints,
		     wm_arena_strdup(&w->a, "10.0.0.2:51820"));
	assert_int_equal(world_join(w, req, "one"), 0);
	node = world_record(w, "two");
	assert_string_equal(node->publickey, req->publickey);
	assert_string_equal(node->privateipv4, "172.16.0.2/32");
	assert_true(wm_str_starts(node->privateipv6, "fdd3:db27:2a86:"));
	assert_true(wm_str_ends(node->privateipv6, "/112"));
	assert_string_equal(node->zoneawarenessid, "z");
	assert_int_equal(node->n_wireguardendpoints, 1);
	assert_int_equal(node->joinedat->seconds, 1700000000);
	assert_string_equal(edge(w, "one", "two"), "1");
	assert_string_equal(fakekv_text(&w->kv, wm_path_lease(0xac100002).text), "two");
	assert_string_equal(world_peers(w, "two"), "one: 172.16.0.0/12 fdd3:db27:2a86::/48");
}

static void test_rejoin_keeps(void **state)
{
	struct world *w = *state;

	join(w, "two");
	join(w, "three");
	join(w, "two");
	assert_string_equal(world_record(w, "two")->privateipv4, "172.16.0.2/32");
	assert_int_equal(world_record(w, "two")->joinedat->seconds, 1700000000);
	assert_string_equal(world_record(w, "three")->privateipv4, "172.16.0.3/32");
	/* The first node too, through itself. */
	assert_int_equal(world_join(w, world_request(w, "one", "one"), "one"), 0);
	assert_string_equal(world_record(w, "one")->privateipv4, "172.16.0.1/32");
	assert_int_equal(world_record(w, "one")->joinedat->seconds, 1600000000);
}

static void test_without_ipv4(void **state)
{
	struct world *w = *state;
	V1__JoinRequest *req = world_request(w, "two", "two");

	req->assignipv4 = false;
	assert_int_equal(world_join(w, req, "one"), 0);
	assert_string_equal(world_record(w, "two")->privateipv4, "");
	/* Taken later, and given back. */
	join(w, "two");
	assert_string_equal(world_record(w, "two")->privateipv4, "172.16.0.2/32");
	assert_int_equal(world_join(w, req, "one"), 0);
	assert_null(fakekv_text(&w->kv, wm_path_lease(0xac100002).text));
}

static void test_id_of_another_key(void **state)
{
	struct world *w = *state;
	struct wm_join j = {.server = "one"};
	char peer_id[WM_PEER_ID_TEXT];
	struct wm_pubkey key;
	struct wm_txn *t;

	join(w, "two");
	j.req = world_request(w, "two", "other key");
	expect_fail(w, world_join(w, j.req, "one"), WM_ALREADY_EXISTS, "choose another ID");
	j.authenticated = true;
	assert_int_equal(wm_join_build(&w->kv.view, w->graph, &j, &t, &w->err), 0);
	assert_int_equal(fakekv_apply(&w->kv, t), 0);
	assert_string_equal(world_record(w, "two")->publickey, world_key(w, "other key"));
	assert_string_equal(world_record(w, "two")->privateipv4, "172.16.0.2/32");
	/* The old key is free again: another node may come with it. */
	assert_int_equal(wm_pubkey_parse(world_key(w, "two"), 48, &key, NULL), 0);
	wm_pubkey_format_id(&key, peer_id);
	assert_null(fakekv_text(&w->kv, wm_path_pubkey(peer_id).text));
	assert_int_equal(world_join(w, world_request(w, "three", "two"), "one"), 0);
}

static void test_unreadable_record(void **state)
{
	struct world *w = *state;
	struct wm_join j = {.req = world_request(w, "two", "two"), .server = "one"};
	struct wm_txn *t;

	fakekv_put(&w->kv, wm_path_node("two").text, "{");
	expect_fail(w, world_join(w, j.req, "one"), WM_DATA_LOSS, "/registry/nodes/two");
	j.authenticated = true;
	assert_int_equal(wm_join_build(&w->kv.view, w->graph, &j, &t, &w->err), 0);
	assert_int_equal(fakekv_apply(&w->kv, t), 0);
	assert_string_equal(world_record(w, "two")->publickey, world_key(w, "two"));
	/* Leaving needs no readable record. */
	fakekv_put(&w->kv, wm_path_node("two").text, "{");
	assert_int_equal(world_leave(w, "two"), 0);
	assert_null(fakekv_text(&w->kv, wm_path_lease(0xac100002).text));
}

static void test_key_of_another_id(void **state)
{
	struct world *w = *state;

	join(w, "two");
	expect_fail(w, world_join(w, world_request(w, "three", "two"), "one"), WM_ALREADY_EXISTS,
		    "\"two\"");
	assert_false(wm_graph_has_node(w->graph, "three"));
}

static void make_public(struct world *w, V1__JoinRequest *req, const char *address)
{
	req->primaryendpoint = wm_arena_strdup(&w->a, address);
}

static void test_edges(void **state)
{
	struct world *w = *state;
	V1__JoinRequest *p1 = world_request(w, "p1", "p1"), *p2 = world_request(w, "p2", "p2");
	V1__JoinRequest *z1 = world_request(w, "z1", "z1");

	make_public(w, p1, "192.0.2.1");
	p1->zoneawarenessid = wm_arena_strdup(&w->a, "zone");
	assert_int_equal(world_join(w, p1, "one"), 0);
	make_public(w, p2, "192.0.2.2");
	assert_int_equal(world_join(w, p2, "one"), 0);
	z1->zoneawarenessid = wm_arena_strdup(&w->a, "zone");
	assert_int_equal(world_join(w, z1, "p2"), 0);
	assert_string_equal(edge(w, "p1", "one"), "1");
	assert_string_equal(edge(w, "p1", "p2"), "99");
	assert_string_equal(edge(w, "z1", "p2"), "1");
	assert_string_equal(edge(w, "z1", "p1"), "1");
	assert_string_equal(edge(w, "z1", "one"), "none");
	/* "invalid IP" is no endpoint: it makes nobody public. */
	make_public(w, z1, "invalid IP");
	assert_int_equal(world_join(w, z1, "p2"), 0);
	assert_string_equal(world_record(w, "z1")->primaryendpoint, "");
}

static void add_direct(struct world *w, V1__JoinRequest *req, const char *id,
		       V1__ConnectProtocol proto)
{
	V1__JoinRequest__DirectPeersEntry *e =
		wm_pb_new(&w->a, &v1__join_request__direct_peers_entry__descriptor);

	e->key = wm_arena_strdup(&w->a, id);
	e->value = proto;
	wm_pb_append(&w->a, &req->n_directpeers, &req->directpeers, e);
}

static void test_direct_peers(void **state)
{
	struct world *w = *state;
	V1__JoinRequest *req = world_request(w, "two", "two");

	join(w, "three");
	add_direct(w, req, "three", V1__CONNECT_PROTOCOL__CONNECT_ICE);
	add_direct(w, req, "unknown", V1__CONNECT_PROTOCOL__CONNECT_LIBP2P);
	add_direct(w, req, "one", V1__CONNECT_PROTOCOL__CONNECT_NATIVE);
	assert_int_equal(world_join(w, req, "one"), 0);
	assert_string_equal(edge(w, "two", "three"), "1EDGE_ATTRIBUTE_ICE");
	assert_string_equal(edge(w, "two", "unknown"), "1EDGE_ATTRIBUTE_LIBP2P");
	assert_string_equal(edge(w, "two", "one"), "1EDGE_ATTRIBUTE_NATIVE");
	assert_string_equal(world_record(w, "unknown")->publickey, "");
	/* Replaced, not merged: what was ICE can become native. */
	req->directpeers[0]->value = V1__CONNECT_PROTOCOL__CONNECT_NATIVE;
	assert_int_equal(world_join(w, req, "one"), 0);
	assert_string_equal(edge(w, "two", "three"), "1EDGE_ATTRIBUTE_NATIVE");
	/* A plain rejoin leaves the edges as they are, and the placeholder may join as itself. */
	join(w, "two");
	assert_string_equal(edge(w, "two", "unknown"), "1EDGE_ATTRIBUTE_LIBP2P");
	join(w, "unknown");
	assert_string_equal(world_record(w, "unknown")->publickey, world_key(w, "unknown"));
}

static void add_route(struct world *w, V1__JoinRequest *req, const char *cidr)
{
	wm_pb_append(&w->a, &req->n_routes, &req->routes, wm_arena_strdup(&w->a, cidr));
}

static void test_routes(void **state)
{
	struct world *w = *state;
	V1__JoinRequest *req = world_request(w, "two", "two");

	add_route(w, req, "10.1.0.0/16");
	assert_int_equal(world_join(w, req, "one"), 0);
	assert_non_null(strstr(fakekv_text(&w->kv, wm_path_route("two-auto").text), "10.1.0.0/16"));
	add_route(w, req, "10.2.0.0/16");
	assert_int_equal(world_join(w, req, "one"), 0);
	assert_non_null(strstr(fakekv_text(&w->kv, wm_path_route("two-auto").text), "10.2.0.0/16"));
	assert_string_equal(world_peers(w, "one"),
			    wm_arena_printf(&w->a,
					    "two: 172.16.0.0/12 fdd3:db27:2a86::/48 10.1.0.0/16 "
					    "10.2.0.0/16 | 10.1.0.0/16 10.2.0.0/16"));
}

/* Two that were built from one view: the second is refused, and right when it is built again. */
static void test_two_at_once(void **state)
{
	struct world *w = *state;
	const struct wm_join a = {.req = world_request(w, "two", "two"), .server = "one"};
	const struct wm_join b = {.req = world_request(w, "three", "three"), .server = "one"};
	struct wm_txn *ta, *tb;

	assert_int_equal(wm_join_build(&w->kv.view, w->graph, &a, &ta, &w->err), 0);
	assert_int_equal(wm_join_build(&w->kv.view, w->graph, &b, &tb, &w->err), 0);
	assert_int_equal(fakekv_apply(&w->kv, ta), 0);
	assert_int_equal(fakekv_apply(&w->kv, tb), WM_FAILED_PRECONDITION);
	assert_int_equal(wm_join_build(&w->kv.view, w->graph, &b, &tb, &w->err), 0);
	assert_int_equal(fakekv_apply(&w->kv, tb), 0);
	assert_string_equal(world_record(w, "two")->privateipv4, "172.16.0.2/32");
	assert_string_equal(world_record(w, "three")->privateipv4, "172.16.0.3/32");
}

static void test_not_ready(void **state)
{
	struct world *w = *state;
	struct world empty;

	expect_fail(w, world_join(w, world_request(w, "two", "two"), "nobody"), WM_UNAVAILABLE,
		    "nobody");
	world_init(&empty);
	expect_fail(&empty, world_join(&empty, world_request(&empty, "two", "two"), "one"),
		    WM_UNAVAILABLE, "bootstrapped");
	world_fini(&empty);
}

static void test_checks(void **state)
{
	struct world *w = *state;
	V1__JoinRequest *req = world_request(w, "two", "two");

#define EXPECT(field, value, word)                                                       \
	do {                                                                             \
		V1__JoinRequest copy_ = *req;                                            \
		copy_.field = value;                                                     \
		expect_fail(w, world_join(w, &copy_, "one"), WM_INVALID_ARGUMENT, word); \
	} while (0)
#define TEXT(s) wm_arena_strdup(&w->a, s)
	EXPECT(id, TEXT(""), "id must not be empty");
	EXPECT(id, TEXT("a b"), "id \"a b\"");
	EXPECT(id, TEXT("leader"), "id \"leader\"");
	EXPECT(publickey, TEXT(""), "publicKey");
	EXPECT(publickey, TEXT("AAAA"), "publicKey");
	EXPECT(primaryendpoint, TEXT("1.2.3.4:5"), "primaryEndpoint");
	EXPECT(primaryendpoint, TEXT("host"), "primaryEndpoint");
	EXPECT(asvoter, true, "STORAGE_PROVIDER");
	EXPECT(asobserver, true, "STORAGE_PROVIDER");

	wm_pb_append(&w->a, &req->n_wireguardendpoints, &req->wireguardendpoints, TEXT("1.2.3.4"));
	expect_fail(w, world_join(w, req, "one"), WM_INVALID_ARGUMENT, "wireguardEndpoints");
	req->n_wireguardendpoints = 0;
	add_route(w, req, "10.0.0.0");
	expect_fail(w, world_join(w, req, "one"), WM_INVALID_ARGUMENT, "route \"10.0.0.0\"");
	req->routes[0] = TEXT("172.0.0.0/8");
	expect_fail(w, world_join(w, req, "one"), WM_INVALID_ARGUMENT, "overlaps");
	req->routes[0] = TEXT("0.0.0.0/0");
	assert_int_equal(world_join(w, req, "one"), 0);
	add_direct(w, req, "two", V1__CONNECT_PROTOCOL__CONNECT_ICE);
	expect_fail(w, world_join(w, req, "one"), WM_INVALID_ARGUMENT, "itself");
	req->directpeers[0]->key = TEXT("a/b");
	expect_fail(w, world_join(w, req, "one"), WM_INVALID_ARGUMENT, "directPeers");
	req->directpeers[0]->key = TEXT("x");
	req->directpeers[0]->value = (V1__ConnectProtocol)7;
	expect_fail(w, world_join(w, req, "one"), WM_INVALID_ARGUMENT, "protocol 7");
}

static void test_actions(void **state)
{
	struct world *w = *state;
	V1__JoinRequest *req = world_request(w, "two", "two");
	struct wm_rbac_action *actions;
	size_t n;

	wm_join_actions(&w->a, req, &actions, &n);
	assert_int_equal(n, 0);
	req->asvoter = true;
	add_route(w, req, "10.0.0.0/8");
	add_direct(w, req, "three", V1__CONNECT_PROTOCOL__CONNECT_ICE);
	wm_join_actions(&w->a, req, &actions, &n);
	assert_int_equal(n, 3);
	assert_int_equal(actions[0].resource, V1__RULE_RESOURCE__RESOURCE_VOTES);
	assert_int_equal(actions[1].resource, V1__RULE_RESOURCE__RESOURCE_ROUTES);
	assert_int_equal(actions[2].resource, V1__RULE_RESOURCE__RESOURCE_EDGES);
	assert_string_equal(actions[2].name, "three");
}

static void test_answer(void **state)
{
	struct world *w = *state;
	V1__JoinResponse *m;

	join(w, "two");
	join(w, "three");
	assert_int_equal(wm_join_answer(w->graph, "one", &w->a, &m, &w->err), 0);
	assert_string_equal(m->addressipv4, "172.16.0.1/32");
	assert_string_equal(m->networkipv4, "172.16.0.0/12");
	assert_string_equal(m->networkipv6, "fdd3:db27:2a86::/48");
	assert_string_equal(m->meshdomain, "webmesh.internal");
	assert_int_equal(m->n_peers, 2);
	assert_string_equal(m->peers[0]->node->id, "three");
	assert_int_equal(wm_join_answer(w->graph, "nobody", &w->a, &m, &w->err), WM_NOT_FOUND);
}

static void test_answer_check(void **state)
{
	static const struct {
		const char *v4, *net4, *v6, *net6, *word; /* NULL: good */
	} rows[] = {
		{"172.16.0.2/32", "172.16.0.0/12", "fd00:1:2:3::/112", "fd00:1:2::/48", NULL},
		{"", "172.16.0.0/12", "fd00:1:2:3::/112", "fd00:1:2::/48", NULL},
		{"invalid Prefix", "", "fd00:1:2:3::/112", "fd00:1:2::/48", NULL},
		{"172.16.0.2/32", "172.16.0.0/12", "", "", NULL},
		{"", "", "", "", "no address"},
		{"", "172.16.0.0/12", "", "fd00:1:2::/48", "no address"},
		{"x\n", "172.16.0.0/12", "", "", "addressIPv4 is no address"},
		{"172.16.0.2/32", "", "", "", "networkIPv4"},
		{"172.16.0.2/32", "0.0.0.0/0", "", "", "networkIPv4"},
		{"127.0.0.2/32", "127.0.0.0/8", "", "", "networkIPv4"},
		{"10.0.0.2/32", "172.16.0.0/12", "", "", "addressIPv4 lies outside"},
		{"fd00:1:2:3::/112", "fd00:1:2::/48", "", "", "networkIPv4"},
		{"", "", "::1/128", "::/0", "networkIPv6"},
		{"", "", "fe80::1/128", "fe80::/10", "networkIPv6"},
		{"", "", "fd01::/112", "fd00:1:2::/48", "addressIPv6 lies outside"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		V1__JoinResponse m = V1__JOIN_RESPONSE__INIT;

		m.addressipv4 = TEXT(rows[i].v4);
		m.networkipv4 = TEXT(rows[i].net4);
		m.addressipv6 = TEXT(rows[i].v6);
		m.networkipv6 = TEXT(rows[i].net6);
		if (rows[i].word == NULL)
			assert_int_equal(wm_join_answer_check(&m, &w->err), 0);
		else
			expect_fail(w, wm_join_answer_check(&m, &w->err), WM_DATA_LOSS,
				    rows[i].word);
	}
}

/* ---- update ---- */

static int update(struct world *w, const V1__UpdateRequest *req, bool authenticated, bool *changed)
{
	struct wm_txn *t;
	int rc = wm_update_build(&w->kv.view, req, authenticated, &t, &w->err);

	*changed = t != NULL;
	return rc == 0 && t != NULL ? fakekv_apply(&w->kv, t) : rc;
}

static void test_update(void **state)
{
	struct world *w = *state;
	V1__UpdateRequest req = V1__UPDATE_REQUEST__INIT;
	V1__MeshNode *node;
	bool changed;

	join(w, "two");
	req.id = TEXT("two");
	assert_int_equal(update(w, &req, false, &changed), 0);
	assert_false(changed);
	req.primaryendpoint = TEXT("192.0.2.7");
	wm_pb_append(&w->a, &req.n_multiaddrs, &req.multiaddrs, TEXT("/a"));
	wm_pb_append(&w->a, &req.n_multiaddrs, &req.multiaddrs, TEXT("/b"));
	assert_int_equal(update(w, &req, false, &changed), 0);
	assert_true(changed);
	node = world_record(w, "two");
	assert_string_equal(node->primaryendpoint, "192.0.2.7");
	assert_string_equal(node->privateipv4, "172.16.0.2/32");
	assert_string_equal(node->publickey, world_key(w, "two"));
	assert_int_equal(node->joinedat->seconds, 1700000000);
	/* The same addresses in another order are the same. */
	req.multiaddrs[0] = TEXT("/b");
	req.multiaddrs[1] = TEXT("/a");
	assert_int_equal(update(w, &req, false, &changed), 0);
	assert_false(changed);
	wm_pb_append(&w->a, &req.n_routes, &req.routes, TEXT("10.5.0.0/16"));
	assert_int_equal(update(w, &req, false, &changed), 0);
	assert_true(changed);
	assert_non_null(fakekv_text(&w->kv, wm_path_route("two-auto").text));
	assert_string_equal(edge(w, "two", "one"), "1");
}

static void test_update_refused(void **state)
{
	struct world *w = *state;
	V1__UpdateRequest req = V1__UPDATE_REQUEST__INIT;
	bool changed;

	join(w, "two");
	req.id = TEXT("nobody");
	expect_fail(w, update(w, &req, true, &changed), WM_NOT_FOUND, "nobody");
	req.id = TEXT("");
	expect_fail(w, update(w, &req, true, &changed), WM_INVALID_ARGUMENT, "id");
	req.id = TEXT("two");
	req.publickey = TEXT(world_key(w, "new"));
	expect_fail(w, update(w, &req, false, &changed), WM_PERMISSION_DENIED, "publicKey");
	req.publickey = TEXT(world_key(w, "one"));
	expect_fail(w, update(w, &req, true, &changed), WM_ALREADY_EXISTS, "\"one\"");
	req.publickey = TEXT("x");
	expect_fail(w, update(w, &req, true, &changed), WM_INVALID_ARGUMENT, "publicKey");
	req.publickey = TEXT(world_key(w, "new"));
	assert_int_equal(update(w, &req, true, &changed), 0);
	assert_string_equal(world_record(w, "two")->publickey, world_key(w, "new"));
	/* The old key is free again, but its address is not. */
	expect_fail(w, world_join(w, world_request(w, "three", "two"), "one"), WM_ALREADY_EXISTS,
		    "held by the node \"two\"");
	assert_int_equal(world_leave(w, "two"), 0);
	assert_int_equal(world_join(w, world_request(w, "three", "two"), "one"), 0);
}

/* ---- leave ---- */

/* Everything is as if the node had never been there, but for the mark of the topology. */
static void test_leave_is_the_reverse(void **state)
{
	struct world *w = *state;
	V1__JoinRequest *req = world_request(w, "two", "two");
	size_t before = w->kv.n;

	add_route(w, req, "10.1.0.0/16");
	make_public(w, req, "192.0.2.1");
	assert_int_equal(world_join(w, req, "one"), 0);
	assert_true(w->kv.n > before);
	assert_int_equal(world_leave(w, "two"), 0);
	assert_int_equal(w->kv.n, before);
	assert_false(wm_graph_has_node(w->graph, "two"));
	assert_string_equal(world_peers(w, "one"), "");
	assert_int_equal(world_leave(w, "two"), 0);
	expect_fail(w, world_leave(w, "a b"), WM_INVALID_ARGUMENT, "id");
	/* Its address is the next one's. */
	join(w, "three");
	assert_string_equal(world_record(w, "three")->privateipv4, "172.16.0.2/32");
}

/* Who was only named goes with the last node that named it; who has joined, or is still named,
 * stays. */
static void test_leave_takes_what_it_named(void **state)
{
	struct world *w = *state;
	V1__JoinRequest *two = world_request(w, "two", "two");
	V1__JoinRequest *three = world_request(w, "three", "three");

	add_direct(w, two, "named", V1__CONNECT_PROTOCOL__CONNECT_ICE);
	add_direct(w, two, "shared", V1__CONNECT_PROTOCOL__CONNECT_ICE);
	add_direct(w, three, "shared", V1__CONNECT_PROTOCOL__CONNECT_ICE);
	assert_int_equal(world_join(w, two, "one"), 0);
	assert_int_equal(world_join(w, three, "one"), 0);
	assert_int_equal(world_leave(w, "two"), 0);
	assert_false(wm_graph_has_node(w->graph, "named"));
	assert_true(wm_graph_has_node(w->graph, "shared"));
	assert_true(wm_graph_has_node(w->graph, "one"));
	join(w, "shared");
	assert_int_equal(world_leave(w, "three"), 0);
	assert_true(wm_graph_has_node(w->graph, "shared"));
}

static void test_leave_and_join_at_once(void **state)
{
	struct world *w = *state;
	V1__JoinRequest *pub = world_request(w, "pub", "pub"),
			*req = world_request(w, "two", "two");
	const struct wm_join j = {.req = req, .server = "one"};
	struct wm_txn *joining, *leaving;

	make_public(w, pub, "192.0.2.1");
	assert_int_equal(world_join(w, pub, "one"), 0);
	make_public(w, req, "192.0.2.2");
	assert_int_equal(wm_join_build(&w->kv.view, w->graph, &j, &joining, &w->err), 0);
	assert_int_equal(wm_leave_build(&w->kv.view, "pub", &leaving, &w->err), 0);
	assert_int_equal(fakekv_apply(&w->kv, leaving), 0);
	assert_int_equal(fakekv_apply(&w->kv, joining), WM_FAILED_PRECONDITION);
	assert_int_equal(world_join(w, req, "one"), 0);
	assert_string_equal(edge(w, "two", "pub"), "none");
}

static void test_exhausted(void **state)
{
	struct world w;
	int rc = 0;

	world_init(&w);
	world_bootstrap(&w, "one");
	fakekv_put(&w.kv, WM_PATH_STATE_V4, "172.16.0.0/29");
	for (int i = 2; rc == 0 && i <= 7; i++) {
		const char *id = wm_arena_printf(&w.a, "n%d", i);

		rc = world_join(&w, world_request(&w, id, id), "one");
		assert_int_equal(rc, i <= 6 ? 0 : WM_RESOURCE_EXHAUSTED);
	}
	assert_non_null(strstr(w.err.text, "172.16.0.0/29"));
	assert_false(wm_graph_has_node(w.graph, "n7"));
	assert_string_equal(world_record(&w, "n6")->privateipv4, "172.16.0.6/32");
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		ROW(test_newcomer),
		ROW(test_rejoin_keeps),
		ROW(test_without_ipv4),
		ROW(test_id_of_another_key),
		ROW(test_unreadable_record),
		ROW(test_key_of_another_id),
		ROW(test_edges),
		ROW(test_direct_peers),
		ROW(test_routes),
		ROW(test_two_at_once),
		ROW(test_not_ready),
		ROW(test_checks),
		ROW(test_actions),
		ROW(test_answer),
		ROW(test_answer_check),
		ROW(test_update),
		ROW(test_update_refused),
		ROW(test_leave_is_the_reverse),
		ROW(test_leave_takes_what_it_named),
		ROW(test_leave_and_join_at_once),
		ROW(test_exhausted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
