/* v1.Membership through a real server: who may join, update, leave and subscribe, and what follows.
 */
#include "house.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static char alpha[] = "alpha", beta[] = "beta", gamma_[] = "gamma";

/* ---- a subscription that counts ---- */

struct subscription {
	struct wm_rpc_stream stream;
	unsigned messages;
	size_t n_peers; /* in the last message */
	bool news, ended;
	struct wm_err err;
};

static void on_message(struct wm_rpc_stream *s, const ProtobufCMessage *message)
{
	struct subscription *u = wm_container_of(s, struct subscription, stream);
	u->messages++;
	u->n_peers = ((const V1__PeerConfigurations *)message)->n_peers;
	u->news = true;
}

static void on_end(struct wm_rpc_stream *s, const struct wm_err *err)
{
	struct subscription *u = wm_container_of(s, struct subscription, stream);
	u->ended = true;
	if (err != NULL)
		u->err = *err;
}

static void subscribe(struct house *h, struct subscription *u, char *id, const char *who)
{
	const char *metadata[] = {"x-id", who, NULL};
	struct wm_rpc_call_opts opts = {.metadata = metadata};
	struct wm_err err;
	V1__SubscribePeersRequest req = V1__SUBSCRIBE_PEERS_REQUEST__INIT;
	req.id = id;
	memset(u, 0, sizeof(*u));
	u->stream.on_message = on_message;
	u->stream.on_end = on_end;
	assert_int_equal(wm_rpc_stream_start(h->channel, &u->stream,
					     wm_pb_method_find("/v1.Membership/SubscribePeers"),
					     &opts, &err),
			 0);
	assert_int_equal(wm_rpc_stream_send(&u->stream, &req.base, &err), 0);
	wm_rpc_stream_half_close(&u->stream);
}

static void wait_news(struct house *h, struct subscription *u)
{
	house_wait(h, &u->news);
	u->news = false;
}

/* ---- joining ---- */

static void test_join_and_join_again(void **state)
{
	struct house *h = *state;
	char first[20], again[20];
	house_join(h, beta, 2, first);
	assert_string_equal(first, "172.16.0.2/32");
	house_join(h, gamma_, 3, NULL);
	house_join(h, beta, 2, again);
	assert_string_equal(again, first);
}

static void test_join_answer_names_the_server_as_peer(void **state)
{
	struct house *h = *state;
	char key[WM_PUBKEY_TEXT];
	V1__JoinRequest req;
	struct ask ask;
	house_join_request(&req, beta, 2, key);
	assert_int_equal(house_call(h, &ask, "/v1.Membership/Join", "beta", &req.base), 0);
	const V1__JoinResponse *answer = (const V1__JoinResponse *)ask.unary.response;
	assert_int_equal(answer->n_peers, 1);
	assert_string_equal(answer->peers[0]->node->id, "alpha");
	assert_string_equal(answer->networkipv4, "172.16.0.0/12");
	assert_string_equal(answer->meshdomain, "test.internal");
	wm_rpc_unary_fini(&ask.unary);
}

static int join_code(struct house *h, V1__JoinRequest *req, const char *who, const char *word)
{
	struct ask ask;
	int code = house_call(h, &ask, "/v1.Membership/Join", who, &req->base);
	if (code != 0 && strstr(ask.err.text, word) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", ask.err.text, word);
	wm_rpc_unary_fini(&ask.unary);
	return code;
}

static int simple_call(struct house *h, const char *path, const char *who,
		       const ProtobufCMessage *request)
{
	struct ask ask;
	int code = house_call(h, &ask, path, who, request);
	wm_rpc_unary_fini(&ask.unary);
	return code;
}

static void test_join_refusals(void **state)
{
	struct house *h = *state;
	char key[WM_PUBKEY_TEXT], none[] = "", reserved[] = "leader", bad[] = "AAAA";
	char inside[] = "172.16.0.0/12", *routes[] = {inside}, outside[] = "10.7.0.0/16";
	V1__JoinRequest req;
	house_join_request(&req, beta, 2, key);
	assert_int_equal(join_code(h, &req, NULL, "who are you"), WM_UNAUTHENTICATED);
	assert_int_equal(join_code(h, &req, "gamma", "gamma may not act for beta"),
			 WM_PERMISSION_DENIED);
	assert_int_equal(join_code(h, &req, "admin", "admin may not act for beta"),
			 WM_PERMISSION_DENIED);
	req.asvoter = true;
	assert_true(join_code(h, &req, "beta", "") < 0);
	req.asvoter = false;
	req.n_routes = 1;
	req.routes = routes;
	assert_int_equal(join_code(h, &req, "beta", "172.16.0.0/12"), WM_INVALID_ARGUMENT);
	routes[0] = outside;
	assert_int_equal(join_code(h, &req, "beta", "beta"), WM_PERMISSION_DENIED);
	req.n_routes = 0;
	req.id = none;
	assert_int_equal(join_code(h, &req, "beta", "id"), WM_INVALID_ARGUMENT);
	req.id = reserved;
	assert_int_equal(join_code(h, &req, "beta", "leader"), WM_INVALID_ARGUMENT);
	req.id = beta;
	req.publickey = bad;
	assert_int_equal(join_code(h, &req, "beta", "publicKey"), WM_INVALID_ARGUMENT);
}

/* Members follow whoever serves the state: that nobody else may say of itself. */
static void test_only_who_keeps_the_state_may_offer_it(void **state)
{
	static const V1__Feature false_claims[] = {
		V1__FEATURE__MEMBERSHIP, V1__FEATURE__STORAGE_QUERIER,
		V1__FEATURE__STORAGE_PROVIDER, V1__FEATURE__REGISTRAR};
	struct house *h = *state;
	char key[WM_PUBKEY_TEXT];
	V1__FeaturePort offer = V1__FEATURE_PORT__INIT, *offers[] = {&offer};
	V1__JoinRequest req;
	V1__UpdateRequest update = V1__UPDATE_REQUEST__INIT;
	house_join_request(&req, beta, 2, key);
	req.n_features = update.n_features = 1;
	req.features = update.features = offers;
	update.id = beta;
	offer.port = 8443;
	offer.feature = V1__FEATURE__NODES;
	assert_int_equal(join_code(h, &req, "beta", ""), 0);
	for (size_t i = 0; i < WM_ARRAY_LEN(false_claims); i++) {
		offer.feature = false_claims[i];
		assert_int_equal(join_code(h, &req, "beta", "cannot offer"), WM_PERMISSION_DENIED);
		assert_int_equal(simple_call(h, "/v1.Membership/Update", "beta", &update.base),
				 WM_PERMISSION_DENIED);
	}
}

/* Not even with our key, which everybody may read, and our certificate. */
static void test_nobody_joins_as_the_server(void **state)
{
	struct house *h = *state;
	char key[WM_PUBKEY_TEXT];
	V1__JoinRequest req;
	for (uint8_t seed = 1; seed <= 2; seed++) {
		house_join_request(&req, alpha, seed, key);
		assert_int_equal(join_code(h, &req, "alpha", "node that was asked"),
				 WM_ALREADY_EXISTS);
	}
}

static void test_a_key_belongs_to_one_node(void **state)
{
	struct house *h = *state;
	char key[WM_PUBKEY_TEXT];
	V1__JoinRequest req;
	house_join(h, beta, 2, NULL);
	house_join_request(&req, gamma_, 2, key);
	assert_int_equal(join_code(h, &req, "gamma", "beta"), WM_ALREADY_EXISTS);
	/* The certificate says that it is beta, so a new key is beta's right. */
	house_join_request(&req, beta, 9, key);
	assert_int_equal(join_code(h, &req, "beta", ""), 0);
}

static void test_many_joins_at_once(void **state)
{
	enum { N = 40 };
	struct house *h = *state;
	static struct ask asks[N];
	static char ids[N][8], keys[N][WM_PUBKEY_TEXT];
	for (unsigned i = 0; i < N; i++) {
		V1__JoinRequest req;
		snprintf(ids[i], sizeof(ids[i]), "n%u", i);
		house_join_request(&req, ids[i], (uint8_t)(10 + i), keys[i]);
		house_ask(h, &asks[i], "/v1.Membership/Join", ids[i], &req.base);
	}
	for (unsigned i = 0; i < N; i++) {
		house_wait(h, &asks[i].done);
		assert_int_equal(asks[i].err.code, 0);
	}
	for (unsigned i = 0; i < N; i++)
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(
				((V1__JoinResponse *)asks[i].unary.response)->addressipv4,
				((V1__JoinResponse *)asks[j].unary.response)->addressipv4);
	for (unsigned i = 0; i < N; i++)
		wm_rpc_unary_fini(&asks[i].unary);
}

/* ---- updating and leaving ---- */

static void test_update(void **state)
{
	struct house *h = *state;
	char endpoint[] = "192.0.2.9", junk[] = "junk";
	V1__UpdateRequest req = V1__UPDATE_REQUEST__INIT;
	req.id = beta;
	req.primaryendpoint = endpoint;
	assert_int_equal(simple_call(h, "/v1.Membership/Update", "beta", &req.base), WM_NOT_FOUND);
	house_join(h, beta, 2, NULL);
	assert_int_equal(simple_call(h, "/v1.Membership/Update", "beta", &req.base), 0);
	assert_int_equal(simple_call(h, "/v1.Membership/Update", "alpha", &req.base),
			 WM_PERMISSION_DENIED);
	h->in_mesh = false;
	assert_int_equal(simple_call(h, "/v1.Membership/Update", "beta", &req.base),
			 WM_PERMISSION_DENIED);
	h->in_mesh = true;
	req.publickey = junk;
	assert_int_equal(simple_call(h, "/v1.Membership/Update", "beta", &req.base),
			 WM_INVALID_ARGUMENT);
	struct wm_arena arena;
	wm_arena_init(&arena, 0);
	V1__MeshNode *node = wm_graph_node(wm_live_graph(h->live), &arena, "beta");
	assert_non_null(node);
	assert_string_equal(node->primaryendpoint, endpoint);
	wm_arena_fini(&arena);
}

static void test_leave(void **state)
{
	struct house *h = *state;
	V1__LeaveRequest req = V1__LEAVE_REQUEST__INIT;
	char none[] = "";
	house_join(h, beta, 2, NULL);
	house_join(h, gamma_, 3, NULL);
	req.id = beta;
	assert_int_equal(simple_call(h, "/v1.Membership/Leave", "gamma", &req.base),
			 WM_PERMISSION_DENIED);
	assert_int_equal(simple_call(h, "/v1.Membership/Leave", "beta", &req.base), 0);
	assert_false(wm_graph_has_node(wm_live_graph(h->live), "beta"));
	assert_int_equal(simple_call(h, "/v1.Membership/Leave", "beta", &req.base), 0);
	req.id = gamma_;
	assert_int_equal(simple_call(h, "/v1.Membership/Leave", "admin", &req.base), 0);
	req.id = alpha;
	assert_int_equal(simple_call(h, "/v1.Membership/Leave", "admin", &req.base),
			 WM_FAILED_PRECONDITION);
	req.id = none;
	assert_int_equal(simple_call(h, "/v1.Membership/Leave", "admin", &req.base),
			 WM_INVALID_ARGUMENT);
	char ipv4[20];
	house_join(h, gamma_, 3, ipv4);
	assert_string_equal(ipv4, "172.16.0.2/32"); /* what was given up is free again */
}

/* ---- subscribing ---- */

static void test_subscribe(void **state)
{
	struct house *h = *state;
	struct subscription u;
	house_join(h, beta, 2, NULL);
	subscribe(h, &u, beta, "beta");
	wait_news(h, &u);
	assert_int_equal(u.n_peers, 1);
	/* Somebody joins whom beta does not see: nothing is sent, for nothing has changed. */
	house_join(h, gamma_, 3, NULL);
	assert_int_equal(u.messages, 1);
	V1__LeaveRequest req = V1__LEAVE_REQUEST__INIT;
	req.id = beta;
	assert_int_equal(simple_call(h, "/v1.Membership/Leave", "admin", &req.base), 0);
	house_wait(h, &u.ended);
	assert_int_equal(u.err.code, WM_NOT_FOUND);
}

static void test_subscribe_sees_new_neighbours(void **state)
{
	struct house *h = *state;
	struct subscription u;
	char key[WM_PUBKEY_TEXT], here[] = "192.0.2.2", there[] = "192.0.2.3";
	V1__JoinRequest req;
	house_join_request(&req, beta, 2, key);
	req.primaryendpoint = here;
	assert_int_equal(join_code(h, &req, "beta", ""), 0);
	subscribe(h, &u, beta, "beta");
	wait_news(h, &u);
	assert_int_equal(u.n_peers, 1);
	house_join_request(&req, gamma_, 3, key);
	req.primaryendpoint = there;
	assert_int_equal(join_code(h, &req, "gamma", ""), 0);
	wait_news(h, &u);
	assert_int_equal(u.n_peers, 2);
	wm_rpc_stream_cancel(&u.stream);
	house_wait(h, &u.ended);
	assert_int_equal(u.err.code, WM_CANCELLED);
	house_join(h, (char[]){"delta"}, 4, NULL); /* nobody listens any more; nothing breaks */
}

static void test_subscribe_refusals(void **state)
{
	struct house *h = *state;
	struct subscription u;
	house_join(h, beta, 2, NULL);
	subscribe(h, &u, beta, "gamma");
	house_wait(h, &u.ended);
	assert_int_equal(u.err.code, WM_PERMISSION_DENIED);
	subscribe(h, &u, gamma_, "gamma");
	house_wait(h, &u.ended);
	assert_int_equal(u.err.code, WM_NOT_FOUND);
	h->in_mesh = false;
	subscribe(h, &u, beta, "beta");
	house_wait(h, &u.ended);
	assert_int_equal(u.err.code, WM_PERMISSION_DENIED);
}

static void test_stop_ends_subscriptions(void **state)
{
	struct house *h = *state;
	struct subscription u;
	house_join(h, beta, 2, NULL);
	subscribe(h, &u, beta, "beta");
	wait_news(h, &u);
	house_stop(h);
	house_wait(h, &u.ended);
	assert_int_equal(u.err.code, WM_UNAVAILABLE);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, house_setup, house_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_join_and_join_again),
		TEST(test_join_answer_names_the_server_as_peer),
		TEST(test_join_refusals),
		TEST(test_only_who_keeps_the_state_may_offer_it),
		TEST(test_nobody_joins_as_the_server),
		TEST(test_a_key_belongs_to_one_node),
		TEST(test_many_joins_at_once),
		TEST(test_update),
		TEST(test_leave),
		TEST(test_subscribe),
		TEST(test_subscribe_sees_new_neighbours),
		TEST(test_subscribe_refusals),
		TEST(test_stop_ends_subscriptions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
