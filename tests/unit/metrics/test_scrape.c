/* A scrape of what is made up: what is asked of whom, what is left out, and what is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "metrics/scrape.h"

static const struct wm_http_stats quiet;

static char *write_scrape(const struct wm_scrape *s)
{
	struct wm_buf out = {.len = 0};
	wm_scrape_write(s, &out);
	return wm_buf_take(&out);
}

/* A node that holds no state and has no network: what is left is about the program itself. */
static void test_what_is_absent_is_left_out(void **state)
{
	struct wm_metrics_sources src = {.node_id = "n", .started_wall_ns = 1500000000};
	struct wm_scrape s;
	wm_scrape_init(&s, &src, &quiet);
	char *text = write_scrape(&s);
	assert_non_null(strstr(text, "\nwebmesh_node_info{node_id=\"n\"} 1\n"));
	assert_non_null(strstr(text, "\nprocess_start_time_seconds 1.5\n"));
	assert_non_null(strstr(text, "\nwebmesh_http_connections 0\n"));
	static const char *const absent[] = {"grpc_",         "webmesh_rpc",
					     "webmesh_store", "webmesh_fabric",
					     "webmesh_mesh_", "webmesh_wireguard"};
	for (size_t i = 0; i < WM_ARRAY_LEN(absent); i++)
		assert_null(strstr(text, absent[i]));
	wm_free(text);
	wm_scrape_fini(&s);
}

static void test_the_process(void **state)
{
	struct wm_process_usage before, after;
	FILE *files[10];
	wm_process_usage(&before);
	for (size_t i = 0; i < WM_ARRAY_LEN(files); i++)
		assert_non_null(files[i] = fopen("/dev/null", "r"));
	wm_process_usage(&after);
	for (size_t i = 0; i < WM_ARRAY_LEN(files); i++)
		fclose(files[i]);
	assert_int_equal(after.open_files, before.open_files + WM_ARRAY_LEN(files));
	assert_true(after.max_files >= after.open_files);
	assert_true(after.resident_bytes > 100000 && after.virtual_bytes > after.resident_bytes);
}

static void nothing(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
}

/* Every method that is registered is there from the first scrape on, at 0. */
static void test_methods(void **state)
{
	static const struct wm_rpc_handler handlers[] = {
		{.path = "/v1.Node/GetStatus", .on_request = nothing},
		{.path = "/v1.Membership/SubscribePeers", .on_request = nothing},
		{.path = "/v1.Node/NegotiateDataChannel"},
	};
	struct wm_loop *loop = wm_loop_new(NULL);
	struct wm_rpc_server *server = wm_rpc_server_new(loop, NULL);
	struct wm_metrics_sources src = {.node_id = "n", .server = server};
	struct wm_scrape s;
	wm_rpc_server_register(server, handlers, WM_ARRAY_LEN(handlers), NULL);
	wm_scrape_init(&s, &src, &quiet);
	char *text = write_scrape(&s);
	assert_non_null(strstr(text, "grpc_server_started_total{grpc_type=\"unary\",grpc_service="
				     "\"v1.Node\",grpc_method=\"GetStatus\"} 0\n"));
	assert_non_null(strstr(text, "{grpc_type=\"server_stream\",grpc_service=\"v1.Membership\","
				     "grpc_method=\"SubscribePeers\",grpc_code=\"OK\"} 0\n"));
	assert_non_null(strstr(text, "{grpc_type=\"bidi_stream\",grpc_service=\"v1.Node\","
				     "grpc_method=\"NegotiateDataChannel\"} 0\n"));
	assert_null(strstr(text, "grpc_code=\"NotFound\""));
	assert_null(strstr(text, "grpc_server_handling_seconds")); /* nobody called */
	assert_non_null(strstr(text, "webmesh_rpc_server_floods_total{kind=\"ping\"} 0\n"));
	wm_free(text);
	wm_scrape_fini(&s);
	wm_rpc_server_free(server);
	wm_loop_free(loop);
}

#define N_PEERS (WM_METRICS_PEERS_MAX + 5)

/* As the device would tell them, in the reverse order of their names. */
static struct wm_scrape many_peers(void)
{
	struct wm_scrape s = {.src = {.node_id = "n"}, .now_wall_ns = 1000 * WM_NS_PER_S};
	char name[16];
	s.wg = wm_alloc(sizeof(*s.wg));
	s.wg->n_peers = N_PEERS;
	s.wg->peers = wm_calloc(N_PEERS, sizeof(*s.wg->peers));
	s.peers = wm_calloc(N_PEERS, sizeof(*s.peers));
	for (size_t i = 0; i < N_PEERS; i++) {
		snprintf(name, sizeof(name), "p%04zu", N_PEERS - 1 - i);
		s.peers[i] = (struct wm_scrape_peer){wm_strdup(name), &s.wg->peers[i]};
		s.wg->peers[i].rx_bytes = N_PEERS - 1 - i;
	}
	s.n_peers = N_PEERS;
	return s;
}

static void test_peers_are_bounded(void **state)
{
	struct wm_scrape s = many_peers();
	struct wm_buf out = {.len = 0};
	struct wm_metrics_family f = {
		.out = &out, .name = "x", .help = "", .kind = WM_METRICS_COUNTER};
	wm_scrape_sort_peers(&s);
	assert_int_equal(s.n_shown, WM_METRICS_PEERS_MAX);
	wm_scrape_peers(&f, &s, wm_scrape_peer_rx);
	assert_non_null(strstr(wm_buf_str(&out), "x{node_id=\"n\",peer=\"p0000\"} 0\n"));
	assert_non_null(strstr(wm_buf_str(&out), "x{node_id=\"n\",peer=\"p0999\"} 999\n"));
	assert_null(strstr(wm_buf_str(&out), "p1000"));
	wm_buf_fini(&out);
	wm_scrape_fini(&s);
}

static void test_connected(void **state)
{
	static const struct {
		int64_t handshake_s;
		const char *value;
	} rows[] = {{0, "} 0\n"}, {1000, "} 1\n"}, {820, "} 1\n"}, {819, "} 0\n"}};
	const struct wm_scrape s = {.now_wall_ns = 1000 * WM_NS_PER_S};
	const struct wm_label labels[2] = {{"node_id", "n"}, {"peer", "p"}};
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_buf out = {.len = 0};
		struct wm_metrics_family f = {
			.out = &out, .name = "x", .help = "", .kind = WM_METRICS_GAUGE};
		struct wm_wg_peer_config p = {.last_handshake_wall_ns =
						      rows[i].handshake_s * WM_NS_PER_S};
		wm_scrape_connected(&f, &s, labels, &p);
		assert_non_null(strstr(wm_buf_str(&out), rows[i].value));
		wm_buf_fini(&out);
	}
}

/* What could not be applied is named, whatever stands in its name. */
static void test_failures(void **state)
{
	const struct wm_fabric_failure failures[] = {
		{.what = "route 10.0.0.0/8",
		 .code = WM_ALREADY_EXISTS,
		 .since_ns = 30 * WM_NS_PER_S},
		{.what = "peer \"x\"", .code = WM_UNIMPLEMENTED, .since_ns = 40 * WM_NS_PER_S},
	};
	const struct wm_scrape s = {.failures = failures,
				    .n_failures = WM_ARRAY_LEN(failures),
				    .now_ns = 50 * WM_NS_PER_S,
				    .now_wall_ns = 1000 * WM_NS_PER_S + 123};
	struct wm_buf out = {.len = 0};
	struct wm_metrics_family f = {
		.out = &out, .name = "x", .help = "", .kind = WM_METRICS_GAUGE};
	wm_scrape_failures(&f, &s);
	assert_string_equal(wm_buf_str(&out),
			    "# HELP x \n# TYPE x gauge\n"
			    "x{what=\"route 10.0.0.0/8\",code=\"ALREADY_EXISTS\"} 980\n"
			    "x{what=\"peer \\\"x\\\"\",code=\"UNIMPLEMENTED\"} 990\n");
	wm_buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_absent_is_left_out),
		cmocka_unit_test(test_the_process),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_peers_are_bounded),
		cmocka_unit_test(test_connected),
		cmocka_unit_test(test_failures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
