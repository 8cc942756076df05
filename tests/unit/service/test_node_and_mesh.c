/* v1.Node and v1.Mesh through a real server. */
#include "house.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "loop/conn.h"

static char beta[] = "beta";

static void test_own_status(void **state)
{
	struct house *h = *state;
	struct ask ask;
	V1__GetStatusRequest req = V1__GET_STATUS_REQUEST__INIT;
	char alpha[] = "alpha";
	for (int i = 0; i < 2; i++) {
		assert_int_equal(house_call(h, &ask, "/v1.Node/GetStatus", "x", &req.base), 0);
		assert_string_equal(((V1__Status *)ask.unary.response)->id, "alpha");
		wm_rpc_unary_fini(&ask.unary);
		req.id = alpha;
	}
}

static void test_status_of_others(void **state)
{
	struct house *h = *state;
	struct ask ask;
	V1__GetStatusRequest req = V1__GET_STATUS_REQUEST__INIT;
	char unknown[] = "unknown", gone[] = "nobody-home", bad[] = "a b";
	req.id = unknown;
	assert_int_equal(house_call(h, &ask, "/v1.Node/GetStatus", "x", &req.base), WM_NOT_FOUND);
	req.id = gone;
	assert_int_equal(house_call(h, &ask, "/v1.Node/GetStatus", "x", &req.base), WM_UNAVAILABLE);
	assert_non_null(strstr(ask.err.text, "nobody-home"));
	req.id = bad;
	assert_int_equal(house_call(h, &ask, "/v1.Node/GetStatus", "x", &req.base),
			 WM_INVALID_ARGUMENT);
	/* It asks itself, without the header that our provider wants: the refusal is passed on. */
	req.id = beta;
	assert_int_equal(house_call(h, &ask, "/v1.Node/GetStatus", "x", &req.base),
			 WM_UNAUTHENTICATED);
	assert_non_null(strstr(ask.err.text, "beta"));
	wm_rpc_unary_fini(&ask.unary);
}

static void on_accept(void *arg, struct wm_conn *c)
{
	struct wm_conn **accepted = arg;
	*accepted = c; /* and not a word */
}

static bool is_accepted(void *arg)
{
	return *(struct wm_conn **)arg != NULL;
}

/* Who asked about a node that does not answer keeps neither us nor itself from stopping. */
static void test_stop_while_another_is_asked(void **state)
{
	struct house *h = *state;
	struct ask ask;
	struct wm_err err;
	struct wm_listener *listener;
	struct wm_conn *accepted = NULL;
	struct wm_listen_opts listen = {0};
	char silent[] = "silent";
	V1__GetStatusRequest req = V1__GET_STATUS_REQUEST__INIT;
	assert_true(wm_endpoint_parse("127.0.0.1:0", &listen.at));
	assert_int_equal(wm_listener_open(h->loop, &listen, on_accept, &accepted, &listener, &err),
			 0);
	wm_listener_endpoint(listener, &h->silent);
	req.id = silent;
	house_ask(h, &ask, "/v1.Node/GetStatus", "x", &req.base);
	assert_true(wm_loop_run_until(h->loop, is_accepted, &accepted, 5000));
	int64_t begin = wm_clock_now();
	house_stop(h);
	assert_true(wm_clock_now() - begin < WM_NS_PER_S);
	house_wait(h, &ask.done);
	assert_int_equal(ask.err.code, WM_UNAVAILABLE);
	wm_rpc_unary_fini(&ask.unary);
	wm_conn_close(accepted);
	wm_listener_close(listener);
}

static void test_nodes(void **state)
{
	struct house *h = *state;
	struct ask ask;
	V1__GetNodeRequest get = V1__GET_NODE_REQUEST__INIT;
	Google__Protobuf__Empty nothing = GOOGLE__PROTOBUF__EMPTY__INIT;
	get.id = beta;
	assert_int_equal(house_call(h, &ask, "/v1.Mesh/GetNode", "x", &get.base), WM_NOT_FOUND);
	wm_rpc_unary_fini(&ask.unary);
	house_join(h, beta, 2, NULL);
	assert_int_equal(house_call(h, &ask, "/v1.Mesh/GetNode", "x", &get.base), 0);
	assert_string_equal(((V1__MeshNode *)ask.unary.response)->privateipv4, "172.16.0.2/32");
	wm_rpc_unary_fini(&ask.unary);
	assert_int_equal(house_call(h, &ask, "/v1.Mesh/ListNodes", "x", &nothing.base), 0);
	V1__NodeList *list = (V1__NodeList *)ask.unary.response;
	assert_int_equal(list->n_nodes, 2);
	assert_string_equal(list->nodes[0]->id, "alpha");
	assert_string_equal(list->nodes[1]->id, "beta");
	wm_rpc_unary_fini(&ask.unary);
	char bad[] = "";
	get.id = bad;
	assert_int_equal(house_call(h, &ask, "/v1.Mesh/GetNode", "x", &get.base),
			 WM_INVALID_ARGUMENT);
	wm_rpc_unary_fini(&ask.unary);
}

static void test_graph(void **state)
{
	struct house *h = *state;
	struct ask ask;
	Google__Protobuf__Empty nothing = GOOGLE__PROTOBUF__EMPTY__INIT;
	house_join(h, beta, 2, NULL);
	assert_int_equal(house_call(h, &ask, "/v1.Mesh/GetMeshGraph", "x", &nothing.base), 0);
	V1__MeshGraph *graph = (V1__MeshGraph *)ask.unary.response;
	assert_int_equal(graph->n_nodes, 2);
	assert_int_equal(graph->n_edges, 1);
	assert_true(wm_str_starts(graph->dot, "strict graph {"));
	assert_non_null(strstr(graph->dot, "beta"));
	wm_rpc_unary_fini(&ask.unary);
}

/* What has no row in the policy table is refused, whoever asks. */
static void test_methods_of_later_versions(void **state)
{
	struct house *h = *state;
	struct ask ask;
	V1__Role role = V1__ROLE__INIT;
	assert_int_equal(house_call(h, &ask, "/v1.Admin/PutRole", "admin", &role.base),
			 WM_UNIMPLEMENTED);
	wm_rpc_unary_fini(&ask.unary);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, house_setup, house_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_own_status),
		TEST(test_status_of_others),
		TEST(test_stop_while_another_is_asked),
		TEST(test_nodes),
		TEST(test_graph),
		TEST(test_methods_of_later_versions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
