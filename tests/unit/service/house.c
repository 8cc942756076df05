#include "house.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "auth/auth.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "mesh/network.h"

static int by_header(const struct wm_auth_call *call, char id[WM_IDENT_TEXT], struct wm_err *err)
{
	const char *who = wm_auth_call_header(call, "x-id");
	if (who == NULL)
		return wm_fail(err, WM_UNAUTHENTICATED, "who are you?");
	wm_str_copy(id, WM_IDENT_TEXT, who);
	return 0;
}

static const struct wm_auth_provider provider = {"test", by_header};

static bool is_mesh_path(void *arg, const struct wm_addr *from, unsigned interface)
{
	const struct house *h = arg;
	assert_true(wm_addr_is_loopback(from));
	assert_int_equal(interface, if_nametoindex("lo"));
	return h->in_mesh;
}

static void status(void *arg, struct wm_arena *a, V1__Status *out)
{
	out->id = wm_arena_strdup(a, "alpha");
}

static bool find_node(void *arg, const char *id, struct wm_endpoint *out)
{
	struct house *h = arg;
	*out = h->at;
	if (wm_streq(id, "nobody-home"))
		out->port = 1; /* refused */
	if (wm_streq(id, "silent"))
		*out = h->silent;
	return !wm_streq(id, "unknown");
}

static enum wm_leader leader(void *arg, struct wm_rpc_channel **channel)
{
	const struct house *h = arg;
	return h->leader;
}

static const char *member_of(void *arg, const struct wm_pubkey *key)
{
	const struct house *h = arg;
	return wm_pubkey_equal(key, &h->beta) ? "beta" : NULL;
}

static void on_founded(struct wm_propose *p, const struct wm_err *err)
{
	assert_null(err);
	p->failed[0] = '!';
}

static bool is_founded(void *arg)
{
	struct wm_propose *p = arg;
	return p->failed[0] == '!';
}

static void found(struct house *h)
{
	static char key[WM_PUBKEY_TEXT], id[] = "alpha";
	struct wm_txn *txn;
	struct wm_err err;
	struct wm_propose propose = {0};
	V1__JoinRequest self;
	house_join_request(&self, id, 1, key);
	struct wm_bootstrap b = {.admin = "admin", .self = &self, .rbac = true, .accept = true};
	assert_true(wm_prefix_parse("172.16.0.0/12", &b.network.v4));
	assert_true(wm_prefix_parse("fd00:1:2::/48", &b.network.v6));
	wm_str_copy(b.network.domain, sizeof(b.network.domain), "test.internal");
	if (wm_bootstrap_build(&b, &txn, &err) != 0)
		fail_msg("%s", err.text);
	wm_store_propose(h->store, &propose, txn, on_founded);
	assert_true(wm_loop_run_until(h->loop, is_founded, &propose, 20000));
}

/* A method that is for servers among themselves: says as whom it was called. */
static void on_snapshot(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	struct wm_err err;
	(void)wm_fail(&err, WM_OUT_OF_RANGE, "asked by %s", wm_rpc_call_identity(call));
	wm_rpc_call_finish(call, &err);
}

static const struct wm_rpc_handler peer_handlers[] = {
	{.path = "/webmesh.peer.v1.Peer/Snapshot", .on_request = on_snapshot}};

int house_setup(void **state)
{
	struct house *h = wm_alloc(sizeof(*h));
	struct wm_err err;
	struct wm_store_opts memory = {0};
	h->loop = wm_loop_new(NULL);
	h->in_mesh = true;
	assert_int_equal(wm_store_open(h->loop, NULL, &memory, &h->store, &err), 0);
	found(h);
	assert_int_equal(wm_live_open(h->loop, NULL, h->store, &h->live, &err), 0);
	h->server = wm_rpc_server_new(h->loop, NULL);
	wm_rpc_server_register(h->server, peer_handlers, 1, h);
	struct wm_service_opts opts = {.loop = h->loop,
				       .node_id = "alpha",
				       .store = h->store,
				       .live = h->live,
				       .auth = &provider,
				       .mesh_api = true,
				       .status = status,
				       .is_mesh_path = is_mesh_path,
				       .find_node = find_node,
				       .leader = leader,
				       .member_of = member_of,
				       .arg = h};
	h->service = wm_service_new(h->server, &opts);
	struct wm_rpc_server_opts listen = {.gate = wm_service_gate, .gate_arg = h->service};
	assert_true(wm_endpoint_parse("127.0.0.1:0", &listen.at));
	assert_int_equal(wm_rpc_server_listen(h->server, &listen, &h->at, &err), 0);
	char target[WM_ENDPOINT_TEXT];
	struct wm_rpc_channel_opts channel = {.target = wm_endpoint_format(&h->at, target)};
	assert_int_equal(wm_rpc_channel_new(h->loop, NULL, &channel, &h->channel, &err), 0);
	*state = h;
	return 0;
}

static void set_flag(void *arg)
{
	*(bool *)arg = true;
}

void house_stop(struct house *h)
{
	bool drained = false, closed = false;
	if (h->stopped)
		return;
	h->stopped = true;
	wm_service_stop(h->service);
	wm_rpc_server_drain(h->server, WM_NS_PER_S / 10, set_flag, &drained);
	house_wait(h, &drained);
	wm_store_close(h->store, set_flag, &closed);
	house_wait(h, &closed);
}

int house_teardown(void **state)
{
	struct house *h = *state;
	wm_rpc_channel_close(h->channel);
	house_stop(h);
	wm_live_close(h->live);
	wm_service_free(h->service);
	wm_rpc_server_free(h->server);
	wm_loop_free(h->loop);
	wm_free(h);
	return 0;
}

static void on_answer(struct wm_rpc_unary *u, const struct wm_err *err)
{
	struct ask *ask = wm_container_of(u, struct ask, unary);
	if (err != NULL)
		ask->err = *err;
	ask->done = true;
}

void house_ask(struct house *h, struct ask *ask, const char *path, const char *who,
	       const ProtobufCMessage *request)
{
	const char *metadata[] = {who == NULL ? NULL : "x-id", who, NULL};
	struct wm_rpc_call_opts opts = {.deadline_ns = 4 * WM_NS_PER_S, .metadata = metadata};
	memset(ask, 0, sizeof(*ask));
	assert_int_equal(wm_rpc_unary_start(h->channel, &ask->unary, wm_pb_method_find(path),
					    request, &opts, on_answer, &ask->err),
			 0);
}

static bool is_set(void *arg)
{
	return *(const bool *)arg;
}

void house_wait(struct house *h, const bool *flag)
{
	assert_true(wm_loop_run_until(h->loop, is_set, (void *)(uintptr_t)flag, 20000));
}

int house_call(struct house *h, struct ask *ask, const char *path, const char *who,
	       const ProtobufCMessage *request)
{
	house_ask(h, ask, path, who, request);
	house_wait(h, &ask->done);
	return ask->err.code;
}

void house_join_request(V1__JoinRequest *req, char *id, uint8_t seed, char key[WM_PUBKEY_TEXT])
{
	uint8_t bytes[WM_KEY_SEED] = {seed};
	struct wm_key k;
	wm_key_from_seed(&k, bytes);
	struct wm_pubkey pub = wm_key_public(&k);
	wm_key_fini(&k);
	v1__join_request__init(req);
	req->id = id;
	req->publickey = wm_pubkey_format(&pub, key);
	req->assignipv4 = true;
}

void house_join(struct house *h, char *id, uint8_t seed, char ipv4[20])
{
	char key[WM_PUBKEY_TEXT];
	V1__JoinRequest req;
	struct ask ask;
	house_join_request(&req, id, seed, key);
	if (house_call(h, &ask, "/v1.Membership/Join", id, &req.base) != 0)
		fail_msg("%s", ask.err.text);
	const V1__JoinResponse *answer = (const V1__JoinResponse *)ask.unary.response;
	assert_true(strlen(answer->addressipv4) > 0 && strlen(answer->addressipv6) > 0);
	if (ipv4 != NULL)
		snprintf(ipv4, 20, "%s", answer->addressipv4);
	wm_rpc_unary_fini(&ask.unary);
}
