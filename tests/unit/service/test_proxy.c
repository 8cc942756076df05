/* The leader proxy: what beta's clients ask of the leader, and what may happen to that on its way.
 */
#include "annex.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static void keep_silent(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	*(struct wm_rpc_call **)arg = call;
}

static bool is_held(void *arg)
{
	return *(struct wm_rpc_call **)arg != NULL;
}

static bool has_two_joins(void *arg)
{
	return annex_at_alpha(arg, "/v1.Membership/Join") >= 3; /* beta's own is one */
}

/* ---- the tests ---- */

static char one[] = "one", two[] = "two";

static bool has_edge(struct annex *x, const char *a, const char *b)
{
	struct ask ask;
	Google__Protobuf__Empty req = GOOGLE__PROTOBUF__EMPTY__INIT;
	bool found = false;
	assert_int_equal(house_call(x->h, &ask, "/v1.Mesh/GetMeshGraph", "x", &req.base), 0);
	const V1__MeshGraph *g = (const V1__MeshGraph *)ask.unary.response;
	for (size_t i = 0; i < g->n_edges; i++)
		found |= (wm_streq(g->edges[i]->source, a) && wm_streq(g->edges[i]->target, b)) ||
			 (wm_streq(g->edges[i]->source, b) && wm_streq(g->edges[i]->target, a));
	wm_rpc_unary_fini(&ask.unary);
	return found;
}

static void test_write_reaches_the_leader(void **state)
{
	struct annex *x = *state;
	struct ask ask;
	uint64_t before = annex_at_alpha(x, "/v1.Membership/Join");
	annex_start_join(x, &ask, one, 11, LONG);
	annex_expect_joined(x, &ask);
	assert_int_equal(annex_at_alpha(x, "/v1.Membership/Join"), before + 1);
	assert_true(has_edge(x, "beta", "one")); /* whom it has asked, not who decided */
	assert_false(has_edge(x, "alpha", "one"));
}

static void test_identity_and_errors_are_carried(void **state)
{
	struct annex *x = *state;
	struct ask ask;
	V1__LeaveRequest req = V1__LEAVE_REQUEST__INIT;
	const char *const metadata[] = {"x-id", "one", NULL};
	char beta[] = "beta";
	annex_start_join(x, &ask, one, 11, LONG);
	annex_expect_joined(x, &ask);
	req.id = beta;
	annex_start(x->api, &ask, "/v1.Membership/Leave", &req.base, metadata, LONG);
	house_wait(x->h, &ask.done);
	assert_int_equal(ask.err.code, WM_PERMISSION_DENIED);
	assert_string_equal(ask.err.text, "one may not act for beta");
	wm_rpc_unary_fini(&ask.unary);
}

static void test_waits_for_a_leader(void **state)
{
	struct annex *x = *state;
	struct ask a, b;
	x->leader = WM_LEADER_UNKNOWN;
	annex_start_join(x, &a, one, 11, LONG);
	annex_start_join(x, &b, two, 12, LONG);
	annex_pass(x, 100);
	assert_false(a.done || b.done);
	x->leader = WM_LEADER_OTHER;
	wm_service_leader_changed(x->service);
	annex_expect_joined(x, &a);
	annex_expect_joined(x, &b);
}

static void test_becomes_the_leader_itself(void **state)
{
	struct annex *x = *state;
	uint64_t before = annex_at_alpha(x, "/v1.Membership/Join");
	struct ask ask;
	x->leader = WM_LEADER_UNKNOWN;
	annex_start_join(x, &ask, one, 11, LONG);
	annex_pass(x, 100);
	x->leader = WM_LEADER_SELF;
	wm_service_leader_changed(x->service);
	annex_expect_joined(x, &ask);
	assert_int_equal(annex_at_alpha(x, "/v1.Membership/Join"), before);
}

static void test_deadline_while_nobody_leads(void **state)
{
	struct annex *x = *state;
	struct ask ask;
	x->leader = WM_LEADER_UNKNOWN;
	annex_start_join(x, &ask, one, 11, WM_NS_PER_S / 5);
	house_wait(x->h, &ask.done);
	assert_int_equal(ask.err.code, WM_DEADLINE_EXCEEDED);
	wm_rpc_unary_fini(&ask.unary);
}

/* The leader has lost its place and we do not know yet: nothing was done, so it is asked again. */
static void test_leader_that_leads_no_more(void **state)
{
	struct annex *x = *state;
	struct ask ask;
	uint64_t before = annex_at_alpha(x, "/v1.Membership/Join");
	x->h->leader = WM_LEADER_UNKNOWN;
	annex_start_join(x, &ask, one, 11, LONG);
	annex_pass(x, 300);
	assert_false(ask.done);
	assert_true(annex_at_alpha(x, "/v1.Membership/Join") > before);
	x->h->leader = WM_LEADER_SELF;
	annex_expect_joined(x, &ask);
}

static void test_leader_is_lost_under_way(void **state)
{
	struct annex *x = *state;
	struct wm_rpc_server *mute = wm_rpc_server_new(x->h->loop, NULL);
	struct wm_rpc_server_opts listen = {0};
	struct wm_rpc_channel_opts opts = {0};
	char target[WM_ENDPOINT_TEXT];
	struct wm_endpoint at;
	struct wm_err err;
	struct ask ask;
	bool drained = false;
	static const struct wm_rpc_handler never = {.path = "/v1.Membership/Join",
						    .on_request = keep_silent};
	static struct wm_rpc_call *held;
	held = NULL;
	wm_rpc_server_register(mute, &never, 1, &held);
	assert_true(wm_endpoint_parse("127.0.0.1:0", &listen.at));
	assert_int_equal(wm_rpc_server_listen(mute, &listen, &at, &err), 0);
	opts.target = wm_endpoint_format(&at, target);
	assert_int_equal(wm_rpc_channel_new(x->h->loop, NULL, &opts, &x->silent, &err), 0);
	x->leader_is_silent = true;
	annex_start_join(x, &ask, one, 11, LONG);
	assert_true(wm_loop_run_until(x->h->loop, is_held, &held, 20000));
	assert_false(ask.done);
	x->leader_is_silent = false;
	wm_service_leader_changed(x->service);
	annex_expect_joined(x, &ask);
	wm_rpc_call_finish(held, NULL);
	wm_rpc_server_drain(mute, 0, annex_set_flag, &drained);
	house_wait(x->h, &drained);
	wm_rpc_server_free(mute);
}

static void test_stop_while_calls_wait(void **state)
{
	struct annex *x = *state;
	struct ask ask;
	x->leader = WM_LEADER_UNKNOWN;
	annex_start_join(x, &ask, one, 11, LONG);
	annex_pass(x, 100);
	wm_service_stop(x->service);
	house_wait(x->h, &ask.done);
	assert_int_equal(ask.err.code, WM_UNAVAILABLE);
	assert_string_equal(ask.err.text, "beta is stopping");
	wm_rpc_unary_fini(&ask.unary);
}

static void test_caller_goes_away(void **state)
{
	struct annex *x = *state;
	struct ask ask;
	x->leader = WM_LEADER_UNKNOWN;
	annex_start_join(x, &ask, one, 11, LONG);
	annex_pass(x, 100);
	wm_rpc_unary_cancel(&ask.unary);
	house_wait(x->h, &ask.done);
	wm_rpc_unary_fini(&ask.unary);
	x->leader = WM_LEADER_OTHER;
	wm_service_leader_changed(x->service);
	annex_start_join(x, &ask, two, 12, LONG);
	annex_expect_joined(x, &ask);
}

static void test_reads_where_they_are_wanted(void **state)
{
	struct annex *x = *state;
	static const char path[] = "/v1.Mesh/ListNodes";
	static const char *const names[] = {"prefer-leader", "x-webmesh-prefer-leader"};
	Google__Protobuf__Empty req = GOOGLE__PROTOBUF__EMPTY__INIT;
	uint64_t before = annex_at_alpha(x, path);
	struct ask ask;
	for (size_t i = 0; i < 6; i++) {
		const char *const metadata[] = {"x-id", "one", names[i % 2],
						i < 2 ? "true" : "false", NULL};
		annex_start(x->api, &ask, path, &req.base, metadata, LONG);
		house_wait(x->h, &ask.done);
		assert_int_equal(ask.err.code, 0);
		wm_rpc_unary_fini(&ask.unary);
	}
	assert_int_equal(annex_at_alpha(x, path), before + 2);
}

struct feed {
	struct wm_rpc_stream stream;
	bool has_message, is_over;
	struct wm_err err;
};

static void on_message(struct wm_rpc_stream *s, const ProtobufCMessage *message)
{
	wm_container_of(s, struct feed, stream)->has_message = true;
}

static void on_end(struct wm_rpc_stream *s, const struct wm_err *err)
{
	struct feed *f = wm_container_of(s, struct feed, stream);
	f->is_over = true;
	if (err != NULL)
		f->err = *err;
}

static void test_streams(void **state)
{
	struct annex *x = *state;
	const char *const metadata[] = {"x-id", "beta", "prefer-leader", "true", NULL};
	struct wm_rpc_call_opts opts = {.metadata = metadata};
	struct feed f = {.stream = {.on_message = on_message, .on_end = on_end}};
	V1__SubscribePeersRequest req = V1__SUBSCRIBE_PEERS_REQUEST__INIT;
	char beta[] = "beta";
	struct wm_err err;
	struct ask ask;
	req.id = beta;
	assert_int_equal(wm_rpc_stream_start(x->api, &f.stream,
					     wm_pb_method_find("/v1.Membership/SubscribePeers"),
					     &opts, &err),
			 0);
	assert_int_equal(wm_rpc_stream_send(&f.stream, &req.base, &err), 0);
	wm_rpc_stream_half_close(&f.stream);
	house_wait(x->h, &f.has_message);
	assert_int_equal(annex_at_alpha(x, "/v1.Membership/SubscribePeers"), 1);
	f.has_message = false; /* and what happens later */
	annex_start_join(x, &ask, one, 11, LONG);
	annex_expect_joined(x, &ask);
	house_wait(x->h, &f.has_message);
	/* What was said cannot be said anew by another: the subscriber has to ask again. */
	wm_service_leader_changed(x->service);
	house_wait(x->h, &f.is_over);
	assert_int_equal(f.err.code, WM_UNAVAILABLE);
}

/* Beta's own state is behind: the answer comes when it has caught up, or a second later. */
static void test_answer_waits_for_our_own_state(void **state)
{
	struct annex *x = *state;
	struct ask ask;
	annex_start_join(x, &ask, one, 11, LONG);
	annex_expect_joined(x, &ask);
	annex_start_join(x, &ask, two, 12, LONG);
	/* While it waits for that, it stops: what the leader has said is said. */
	assert_true(wm_loop_run_until(x->h->loop, has_two_joins, x, 20000));
	annex_pass(x, 300);
	wm_service_stop(x->service);
	annex_expect_joined(x, &ask);
}

#define T(f) cmocka_unit_test_setup_teardown(f, annex_setup, annex_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_write_reaches_the_leader),
		T(test_identity_and_errors_are_carried),
		T(test_waits_for_a_leader),
		T(test_becomes_the_leader_itself),
		T(test_deadline_while_nobody_leads),
		T(test_leader_that_leads_no_more),
		T(test_leader_is_lost_under_way),
		T(test_stop_while_calls_wait),
		T(test_caller_goes_away),
		T(test_reads_where_they_are_wanted),
		T(test_streams),
		cmocka_unit_test_setup_teardown(test_answer_waits_for_our_own_state,
						annex_setup_lagging, annex_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
