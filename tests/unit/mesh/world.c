#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "crypto/hash.h"
#include "crypto/key.h"
#include "mesh/nodes.h"
#include "mesh/paths.h"
#include "pb/message.h"

static void on_changes(void *arg, uint64_t revision, const struct wm_change *changes, size_t n)
{
	struct world *w = arg;

	wm_graph_apply(w->graph, revision, changes, n, &w->delta);
}

void world_init(struct world *w)
{
	*w = (struct world){0};
	fakekv_init(&w->kv);
	wm_arena_init(&w->a, 0);
	w->graph = wm_graph_new();
	w->kv.on_changes = on_changes;
	w->kv.arg = w;
}

void world_fini(struct world *w)
{
	wm_graph_delta_fini(&w->delta);
	wm_graph_free(w->graph);
	wm_arena_fini(&w->a);
	fakekv_fini(&w->kv);
}

void world_networks(struct world *w)
{
	fakekv_put(&w->kv, WM_PATH_STATE_DOMAIN, "webmesh.internal");
	fakekv_put(&w->kv, WM_PATH_STATE_V4, "172.16.0.0/12");
	fakekv_put(&w->kv, WM_PATH_STATE_V6, "2001:db8::/64");
}

void world_open(struct world *w)
{
	world_networks(w);
	world_acl(w, "all", 0, "ACTION_ACCEPT",
		  "\"sourceNodes\":[\"*\"],\"destinationNodes\":[\"*\"],"
		  "\"sourceCIDRs\":[\"*\"],\"destinationCIDRs\":[\"*\"]");
}

const char *world_key(struct world *w, const char *name)
{
	uint8_t seed[WM_SHA256_SIZE];
	char text[WM_PUBKEY_TEXT];
	struct wm_key key;
	struct wm_pubkey public_key;

	wm_hash_sha256(name, strlen(name), seed);
	wm_key_from_seed(&key, seed);
	public_key = wm_key_public(&key);
	wm_key_fini(&key);
	return wm_arena_strdup(&w->a, wm_pubkey_format(&public_key, text));
}

void world_node_full(struct world *w, const char *id, const char *v4, const char *v6,
		     const char *more_json)
{
	fakekv_put(&w->kv, wm_path_node(id).text,
		   wm_arena_printf(&w->a,
				   "{\"id\":\"%s\",\"publicKey\":\"%s\",\"privateIPv4\":\"%s\","
				   "\"privateIPv6\":\"%s\"%s}",
				   id, world_key(w, id), v4, v6, more_json));
}

void world_node(struct world *w, const char *id)
{
	unsigned n = ++w->n_nodes;
	const char *v4 = wm_arena_printf(&w->a, "172.16.%u.%u/32", n / 256, n % 256);
	const char *v6 = wm_arena_printf(&w->a, "2001:db8::%x:0/112", n);

	world_node_full(w, id, v4, v6, "");
}

static void put_direction(struct world *w, const char *a, const char *b, int weight)
{
	fakekv_put(&w->kv, wm_path_edge(a, b).text,
		   wm_arena_printf(&w->a, "{\"source\":\"%s\",\"target\":\"%s\",\"weight\":%d}", a,
				   b, weight));
}

void world_edge(struct world *w, const char *a, const char *b, int weight)
{
	put_direction(w, a, b, weight);
	put_direction(w, b, a, weight);
}

void world_drop_edge(struct world *w, const char *a, const char *b)
{
	fakekv_delete(&w->kv, wm_path_edge(a, b).text);
	fakekv_delete(&w->kv, wm_path_edge(b, a).text);
}

void world_route(struct world *w, const char *name, const char *node, const char *cidrs_json)
{
	fakekv_put(&w->kv, wm_path_route(name).text,
		   wm_arena_printf(&w->a,
				   "{\"name\":\"%s\",\"node\":\"%s\",\"destinationCIDRs\":[%s]}",
				   name, node, cidrs_json));
}

void world_acl(struct world *w, const char *name, int priority, const char *action,
	       const char *lists_json)
{
	fakekv_put(&w->kv, wm_path_acl(name).text,
		   wm_arena_printf(&w->a, "{\"name\":\"%s\",\"priority\":%d,\"action\":\"%s\",%s}",
				   name, priority, action, lists_json));
}

static const char *proto_text(V1__ConnectProtocol proto)
{
	if (proto == V1__CONNECT_PROTOCOL__CONNECT_ICE)
		return "[ice]";
	return proto == V1__CONNECT_PROTOCOL__CONNECT_LIBP2P ? "[libp2p]" : "";
}

static void add_texts(struct wm_buf *out, char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		wm_buf_printf(out, " %s", texts[i]);
}

const char *world_peers(struct world *w, const char *id)
{
	WM_AUTO(wm_buf_fini) struct wm_buf out = {0};
	V1__WireGuardPeer **peers;
	size_t n;

	if (wm_peers_of(w->graph, id, &w->a, &peers, &n, &w->err) != 0)
		return w->err.text;
	for (size_t i = 0; i < n; i++) {
		wm_buf_printf(&out, "%s%s%s:", i > 0 ? "; " : "", peers[i]->node->id,
			      proto_text(peers[i]->proto));
		add_texts(&out, peers[i]->allowedips, peers[i]->n_allowedips);
		if (peers[i]->n_allowedroutes > 0)
			wm_buf_add_str(&out, " |");
		add_texts(&out, peers[i]->allowedroutes, peers[i]->n_allowedroutes);
	}
	return wm_arena_strdup(&w->a, wm_buf_str(&out));
}

V1__JoinRequest *world_request(struct world *w, const char *id, const char *key)
{
	V1__JoinRequest *req = wm_pb_new(&w->a, &v1__join_request__descriptor);

	req->id = wm_arena_strdup(&w->a, id);
	req->publickey = wm_arena_strdup(&w->a, world_key(w, key));
	req->assignipv4 = true;
	return req;
}

int world_join(struct world *w, const V1__JoinRequest *req, const char *server)
{
	const struct wm_join j = {.req = req, .server = server, .now_ns = 1700000000000000000};
	struct wm_txn *t;
	int rc;

	w->err = (struct wm_err){0};
	rc = wm_join_build(&w->kv.view, w->graph, &j, &t, &w->err);
	return rc == 0 ? fakekv_apply(&w->kv, t) : rc;
}

int world_leave(struct world *w, const char *id)
{
	struct wm_txn *t;
	int rc = wm_leave_build(&w->kv.view, id, &t, &w->err);

	return rc == 0 && t != NULL ? fakekv_apply(&w->kv, t) : rc;
}

void world_bootstrap(struct world *w, const char *id)
{
	struct wm_bootstrap b = {
		.network.domain = WM_DEFAULT_DOMAIN,
		.admin = WM_DEFAULT_ADMIN,
		.self = world_request(w, id, id),
		.rbac = true,
		.accept = true,
		.joined_at_ns = 1600000000000000000,
	};
	struct wm_txn *t;

	assert_true(wm_prefix_parse("172.16.0.0/12", &b.network.v4));
	assert_true(wm_prefix_parse("fdd3:db27:2a86::/48", &b.network.v6));
	if (wm_bootstrap_build(&b, &t, &w->err) != 0)
		fail_msg("%s", w->err.text);
	assert_int_equal(fakekv_apply(&w->kv, t), 0);
}

V1__MeshNode *world_record(struct world *w, const char *id)
{
	V1__MeshNode *node;

	if (wm_node_get(&w->a, &w->kv.view, id, &node, NULL, &w->err) != 0)
		fail_msg("%s", w->err.text);
	return node;
}
