/* Network state, and the first transaction: content, order, and that it happens once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "mesh/acl.h"
#include "mesh/edges.h"
#include "mesh/groups.h"
#include "mesh/nodes.h"
#include "mesh/paths.h"
#include "mesh/roles.h"
#include "pb/message.h"
#include "store/txn_ops.h"
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

static struct wm_bootstrap boot(const char *id)
{
	struct wm_bootstrap b = {
		.network.domain = "mesh.example",
		.admin = "admin",
		.self = world_request(&w, id, id),
		.rbac = true,
		.accept = true,
		.joined_at_ns = 1500000000,
	};

	assert_true(wm_prefix_parse("172.16.5.5/12", &b.network.v4));
	assert_true(wm_prefix_parse("fd01:203:405::/48", &b.network.v6));
	return b;
}

static struct wm_txn *build(const struct wm_bootstrap *b)
{
	struct wm_txn *t;

	if (wm_bootstrap_build(b, &t, &w.err) != 0)
		fail_msg("%s", w.err.text);
	return t;
}

/* The keys that it puts, each where it stands for the last time, in order. */
static const char *keys_of(const struct wm_txn *t)
{
	WM_AUTO(wm_buf_fini) struct wm_buf out = {0};

	for (size_t i = 0; i < t->n_ops; i++)
		if (t->ops[i].kind == WM_TXN_PUT)
			wm_buf_printf(&out, "%s ", wm_txn_key(t, &t->ops[i]) + strlen(WM_REGISTRY));
	return wm_arena_strdup(&w.a, wm_buf_str(&out));
}

static void test_order(void **state)
{
	static const char *const others[] = {"s2", "s3"};
	struct wm_bootstrap b = boot("s1");
	char peer_id[64];
	struct wm_pubkey key;
	struct wm_txn *t;

	b.servers = others;
	b.n_servers = 2;
	b.rbac = false;
	t = build(&b);
	assert_int_equal(wm_pubkey_parse(b.self->publickey, 48, &key, NULL), 0);
	wm_pubkey_format_id(&key, peer_id);
	assert_string_equal(
		keys_of(t),
		wm_arena_printf(&w.a,
				"meshstate/ipv4prefix meshstate/ipv6prefix meshstate/meshdomain "
				"roles/mesh-admin rolebindings/mesh-admin roles/voters "
				"groups/voters rolebindings/bootstrap-voters rbac-disabled "
				"network-acls/bootstrap-nodes network-acls/default-accept "
				"ipam/ipv4/ac100001 index/pubkeys/%s nodes/s1 "
				"nodes/s2 nodes/s3 edges/s1/s2 edges/s2/s1 edges/s1/s3 edges/s3/s1 "
				"edges/s2/s3 edges/s3/s2 index/topology ",
				peer_id));
	assert_int_equal(fakekv_apply(&w.kv, t), 0);
	assert_false(wm_rbac_is_enabled(&w.kv.view));
	assert_string_equal(fakekv_text(&w.kv, "/registry/meshstate/ipv4prefix"), "172.16.0.0/12");
	assert_string_equal(fakekv_text(&w.kv, "/registry/meshstate/ipv6prefix"),
			    "fd01:203:405::/48");
}

static void test_content(void **state)
{
	static const char *const voters[] = {"v9"};
	struct wm_bootstrap b = boot("s1");
	struct wm_rbac_action anything = {V1__RULE_RESOURCE__RESOURCE_ROLES,
					  V1__RULE_VERB__VERB_DELETE, "x"};
	struct wm_rbac_action vote = {V1__RULE_RESOURCE__RESOURCE_VOTES, V1__RULE_VERB__VERB_PUT,
				      NULL};
	struct wm_network net;
	V1__NetworkACL *acl;
	V1__MeshNode *node;
	V1__Group *g;

	b.voters = voters;
	b.n_voters = 1;
	assert_int_equal(fakekv_apply(&w.kv, build(&b)), 0);
	assert_int_equal(wm_network_get(&w.kv.view, &net, NULL), 0);
	assert_string_equal(net.domain, "mesh.example");
	assert_int_equal(wm_acl_get(&w.a, &w.kv.view, "bootstrap-nodes", &acl, NULL), 0);
	assert_int_equal(acl->priority, INT32_MAX);
	assert_int_equal(acl->n_sourcecidrs + acl->n_destinationcidrs, 0);
	assert_string_equal(acl->sourcenodes[0], "group:voters");
	assert_int_equal(wm_acl_get(&w.a, &w.kv.view, "default-accept", &acl, NULL), 0);
	assert_int_equal(acl->priority, INT32_MIN);
	assert_int_equal(wm_group_get(&w.a, &w.kv.view, "voters", &g, NULL), 0);
	assert_int_equal(g->n_subjects, 3);
	assert_string_equal(g->subjects[0]->name, "admin");
	assert_string_equal(g->subjects[1]->name, "s1");
	assert_string_equal(g->subjects[2]->name, "v9");
	node = world_record(&w, "s1");
	assert_string_equal(node->privateipv4, "172.16.0.1/32");
	assert_string_equal(node->primaryendpoint, "");
	assert_int_equal(node->joinedat->seconds, 1);
	assert_int_equal(node->joinedat->nanos, 500000000);
	/* RBAC is on; the admin may all, a voter may vote, others nothing. */
	assert_true(wm_rbac_is_enabled(&w.kv.view));
	assert_int_equal(wm_rbac_check(&w.kv.view, "admin", &anything, 1, NULL), 0);
	assert_int_equal(wm_rbac_check(&w.kv.view, "v9", &vote, 1, NULL), 0);
	assert_int_equal(wm_rbac_check(&w.kv.view, "v9", &anything, 1, NULL), WM_PERMISSION_DENIED);
	assert_int_equal(wm_rbac_check(&w.kv.view, "v8", &vote, 1, NULL), WM_PERMISSION_DENIED);
}

static void test_variants(void **state)
{
	struct wm_bootstrap b = boot("s1");
	V1__JoinRequest *self = world_request(&w, "s1", "s1");
	V1__JoinRequest__DirectPeersEntry *peer =
		wm_pb_new(&w.a, &v1__join_request__direct_peers_entry__descriptor);
	V1__MeshEdge *e;

	b.accept = false;
	b.self = self;
	self->assignipv4 = false;
	wm_pb_append(&w.a, &self->n_routes, &self->routes, wm_arena_strdup(&w.a, "10.0.0.0/8"));
	peer->key = wm_arena_strdup(&w.a, "friend");
	peer->value = V1__CONNECT_PROTOCOL__CONNECT_ICE;
	wm_pb_append(&w.a, &self->n_directpeers, &self->directpeers, peer);
	assert_int_equal(fakekv_apply(&w.kv, build(&b)), 0);
	assert_null(fakekv_text(&w.kv, wm_path_acl("default-accept").text));
	assert_string_equal(world_record(&w, "s1")->privateipv4, "");
	assert_non_null(fakekv_text(&w.kv, wm_path_route("s1-auto").text));
	assert_int_equal(wm_edge_get(&w.a, &w.kv.view, "s1", "friend", &e, NULL), 0);
	assert_int_equal(e->weight, 0);
	assert_int_equal(wm_edge_proto(e), V1__CONNECT_PROTOCOL__CONNECT_ICE);
	assert_string_equal(world_record(&w, "friend")->publickey, "");
}

static void test_once(void **state)
{
	struct wm_bootstrap a = boot("s1"), b = boot("s2");
	struct wm_txn *ta = build(&a), *tb = build(&b);

	assert_int_equal(fakekv_apply(&w.kv, ta), 0);
	assert_int_equal(fakekv_apply(&w.kv, tb), WM_FAILED_PRECONDITION);
	assert_false(wm_graph_has_node(w.graph, "s2"));
}

static void expect_refused(const struct wm_bootstrap *b, const char *word)
{
	struct wm_txn *t;

	assert_int_equal(wm_bootstrap_build(b, &t, &w.err), WM_INVALID_ARGUMENT);
	if (strstr(w.err.text, word) == NULL)
		fail_msg("\"%s\" does not say %s", w.err.text, word);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"a b"};
	struct wm_bootstrap b = boot("s1");

	wm_prefix_parse("10.0.0.0/31", &b.network.v4);
	expect_refused(&b, "10.0.0.0/31");
	b = boot("s1");
	wm_prefix_parse("fd00::/64", &b.network.v6);
	expect_refused(&b, "fd00::/64");
	b = boot("s1");
	strcpy(b.network.domain, "a..b");
	expect_refused(&b, "a..b");
	strcpy(b.network.domain, "");
	expect_refused(&b, "domain");
	b = boot("s1");
	b.admin = "";
	expect_refused(&b, "admin");
	b = boot("leader");
	expect_refused(&b, "leader");
	b = boot("s1");
	b.servers = bad;
	b.n_servers = 1;
	expect_refused(&b, "server \"a b\"");
}

static void test_state_needs_all_parts(void **state)
{
	static const char *const keys[] = {WM_PATH_STATE_DOMAIN, WM_PATH_STATE_V4,
					   WM_PATH_STATE_V6};
	struct wm_network net;

	world_networks(&w);
	assert_int_equal(wm_network_get(&w.kv.view, &net, NULL), 0);
	assert_non_null(wm_graph_network(w.graph));
	for (size_t i = 0; i < WM_ARRAY_LEN(keys); i++) {
		world_networks(&w);
		fakekv_delete(&w.kv, keys[i]);
		assert_int_equal(wm_network_get(&w.kv.view, &net, NULL), WM_NOT_FOUND);
		assert_null(wm_graph_network(w.graph));
	}
	world_networks(&w);
	fakekv_put(&w.kv, WM_PATH_STATE_V4, "invalid Prefix");
	assert_int_equal(wm_network_get(&w.kv.view, &net, NULL), WM_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		ROW(test_order), ROW(test_content), ROW(test_variants),
		ROW(test_once),  ROW(test_refused), ROW(test_state_needs_all_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
