/* Connections: how they come about, why they do not, how they are lost and how a server stops. */
#include "loopback.h"
#include "loop/conn.h"
#include <stdio.h>
#include <string.h>

static void nobody_listens(void **state)
{
	struct loopback b;
	struct ask a;
	char target[sizeof(b.target)], text[256];
	loopback_open(&b, CLEARTEXT, NULL);
	(void)snprintf(target, sizeof(target), "%s", b.target);
	loopback_drain(&b, 0);
	assert_int_equal(ask(&b, &a, "n", NULL), WM_UNAVAILABLE);
	(void)snprintf(text, sizeof(text), "cannot reach %s: Connection refused", target);
	assert_int_equal(strcasecmp(a.err.text, text), 0);
	wm_rpc_unary_fini(&a.u);
	loopback_close(&b);
}

static void bad_targets(void **state)
{
	static const char *const bad[] = {
		"", "host", "host:", "host:0", "host:99999", "unix://relative", ":8443x"};
	struct loopback b;
	struct wm_rpc_channel *c;
	struct wm_err err;
	loopback_open(&b, CLEARTEXT, NULL);
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		const struct wm_rpc_channel_opts opts = {.target = bad[i]};
		assert_int_equal(wm_rpc_channel_new(b.loop, b.log, &opts, &c, &err),
				 WM_INVALID_ARGUMENT);
		assert_non_null(strstr(err.text, "host:port or unix:///path is expected"));
	}
	loopback_close(&b);
}

static void no_such_name(void **state)
{
	struct loopback b;
	struct ask a;
	loopback_open(&b, CLEARTEXT, NULL);
	wm_rpc_channel_close(b.channel);
	loopback_open_channel(&b, &(struct wm_rpc_channel_opts){.target = "no-such.invalid:1"});
	assert_int_equal(ask(&b, &a, "n", NULL), WM_UNAVAILABLE);
	assert_true(wm_str_starts(a.err.text, "cannot reach no-such.invalid:1: resolve "));
	wm_rpc_unary_fini(&a.u);
	loopback_close(&b);
}

/* "localhost" is ::1 and 127.0.0.1, in some order; the server listens on one of them only. */
static void second_address(void **state)
{
	struct loopback b;
	struct ask a;
	char target[64];
	loopback_open(&b, TLS, NULL);
	wm_rpc_channel_close(b.channel);
	(void)snprintf(target, sizeof(target), "localhost:%u", b.at.port);
	loopback_open_channel(&b, &(struct wm_rpc_channel_opts){.target = target});
	assert_int_equal(ask(&b, &a, "n", NULL), 0);
	struct wm_endpoint peer;
	assert_true(wm_rpc_channel_peer(b.channel, &peer));
	assert_true(wm_endpoint_equal(&peer, &b.at));
	wm_rpc_unary_fini(&a.u);
	loopback_close(&b);
}

static void tls_to_plaintext(void **state)
{
	struct loopback b;
	struct ask a;
	struct wm_tls_client_opts opts = {.skip_verify = true};
	struct wm_err err;
	loopback_open(&b, CLEARTEXT, NULL);
	assert_int_equal(wm_tls_config_new_client(&opts, &b.client_tls, &err), 0);
	wm_rpc_channel_close(b.channel);
	loopback_open_channel(&b, NULL);
	assert_int_equal(ask(&b, &a, "n", NULL), WM_UNAVAILABLE);
	assert_non_null(strstr(a.err.text, "the server answered in plain HTTP/1; use "
					   "--global.insecure"));
	assert_true(wm_str_starts(a.err.text, "cannot connect to 127.0.0.1:"));
	wm_rpc_unary_fini(&a.u);
	loopback_close(&b);
}

static void plaintext_to_tls(void **state)
{
	struct loopback b;
	struct ask a;
	loopback_open(&b, TLS, NULL);
	wm_rpc_channel_close(b.channel);
	wm_tls_config_free(b.client_tls);
	b.client_tls = NULL;
	loopback_open_channel(&b, NULL);
	assert_int_equal(ask(&b, &a, "n", NULL), WM_UNAVAILABLE);
	assert_non_null(strstr(a.err.text, "the server answered in TLS; omit --global.insecure"));
	wm_rpc_unary_fini(&a.u);
	loopback_close(&b);
}

static void untrusted_server(void **state)
{
	struct loopback b;
	struct ask a;
	struct wm_tls_client_opts opts = {0};
	struct wm_err err;
	loopback_open(&b, TLS, NULL);
	wm_rpc_channel_close(b.channel);
	wm_tls_config_free(b.client_tls);
	assert_int_equal(wm_tls_config_new_client(&opts, &b.client_tls, &err), 0);
	loopback_open_channel(&b, NULL);
	assert_int_equal(ask(&b, &a, "n", NULL), WM_UNAUTHENTICATED);
	assert_true(wm_str_starts(a.err.text, "cannot connect to 127.0.0.1:"));
	assert_non_null(strstr(a.err.text, "webmesh-selfsigned-server"));
	wm_rpc_unary_fini(&a.u);
	loopback_close(&b);
}

/* A server that takes the connection and says nothing. */
static void on_mute_accept(void *arg, struct wm_conn *c)
{
	struct wm_conn **kept = arg;
	*kept = c;
}

static void silent_server(void **state)
{
	struct loopback b;
	struct ask a;
	struct wm_conn *kept = NULL;
	struct wm_listener *listener;
	struct wm_listen_opts at = {.at = {.addr = wm_addr_v4(0x7f000001)}};
	struct wm_err err = {0};
	char text[WM_ENDPOINT_TEXT];
	loopback_open(&b, CLEARTEXT, NULL);
	assert_int_equal(wm_listener_open(b.loop, &at, on_mute_accept, &kept, &listener, &err), 0);
	struct wm_endpoint bound;
	wm_listener_endpoint(listener, &bound);
	wm_rpc_channel_close(b.channel);
	loopback_open_channel(
		&b, &(struct wm_rpc_channel_opts){.target = wm_endpoint_format(&bound, text),
						  .connect_timeout_ns = 80 * WM_NS_PER_MS});
	/* The call's own deadline comes first, then the connection's. */
	const struct wm_rpc_call_opts opts = {.deadline_ns = 30 * WM_NS_PER_MS};
	assert_int_equal(ask(&b, &a, "n", &opts), WM_DEADLINE_EXCEEDED);
	assert_non_null(strstr(a.err.text, "no connection to 127.0.0.1:"));
	wm_rpc_unary_fini(&a.u);
	assert_int_equal(ask(&b, &a, "n", NULL), WM_UNAVAILABLE);
	assert_non_null(strstr(a.err.text, "takes connections but does not answer"));
	wm_rpc_unary_fini(&a.u);
	wm_listener_close(listener);
	wm_conn_close(kept);
	loopback_close(&b);
}

static void reconnects(void **state)
{
	struct loopback b;
	struct ask a;
	struct wm_rpc_server_opts opts = {0};
	struct wm_err err = {0};
	loopback_open(&b, CLEARTEXT, NULL);
	opts.at = b.at;
	assert_int_equal(ask(&b, &a, "n", NULL), 0);
	wm_rpc_unary_fini(&a.u);
	/* Stopped while idle, gone for a call, and back. */
	loopback_drain(&b, 0);
	wm_rpc_server_free(b.server);
	assert_int_equal(ask(&b, &a, "n", NULL), WM_UNAVAILABLE);
	wm_rpc_unary_fini(&a.u);
	assert_int_equal(wm_rpc_channel_state(b.channel), WM_RPC_TRANSIENT_FAILURE);
	const struct wm_rpc_call_opts wait = {.wait_for_ready = true};
	b.server = wm_rpc_server_new(b.loop, b.log);
	b.drained = false;
	rpc_service_register(&b.service, b.server);
	if (wm_rpc_server_listen(b.server, &opts, NULL, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(ask(&b, &a, "n", &wait), 0);
	assert_int_equal(wm_rpc_channel_state(b.channel), WM_RPC_READY);
	wm_rpc_unary_fini(&a.u);
	loopback_close(&b);
}

static void port_in_use(void **state)
{
	struct loopback b;
	struct wm_rpc_server_opts opts = {0};
	struct wm_err err = {0};
	loopback_open(&b, CLEARTEXT, NULL);
	opts.at = b.at;
	assert_int_not_equal(wm_rpc_server_listen(b.server, &opts, NULL, &err), 0);
	assert_non_null(strstr(err.text, "in use"));
	loopback_close(&b);
}

/* What runs may end within the grace; what does not is cancelled, and its client told why. */
static void drain(void **state)
{
	struct loopback b;
	struct ask quick, slow;
	loopback_open(&b, TLS, NULL);
	ask_start(&b, &quick, "sleep:200", NULL);
	ask_start(&b, &slow, "hang", NULL);
	loopback_pass(&b, 60);
	assert_int_equal(b.service.calls, 2);
	loopback_drain(&b, 400 * WM_NS_PER_MS);
	ask_wait(&b, &quick);
	ask_wait(&b, &slow);
	assert_int_equal(quick.err.code, 0);
	assert_string_equal(ask_status(&quick)->id, "slept");
	assert_int_equal(slow.err.code, WM_UNAVAILABLE);
	assert_string_equal(slow.err.text, "the server is stopping");
	assert_int_equal(b.service.cancels, 1);
	wm_rpc_unary_fini(&quick.u);
	wm_rpc_unary_fini(&slow.u);
	loopback_close(&b);
}

/* A call handed to its handler outlives the connection, and may be answered into nothing. */
static void late_answer(void **state)
{
	struct loopback b;
	struct ask a;
	loopback_open(&b, TLS, NULL);
	ask_start(&b, &a, "sleep-on:300", NULL);
	loopback_pass(&b, 50);
	assert_int_equal(b.service.calls, 1);
	wm_rpc_channel_close(b.channel);
	b.channel = NULL;
	ask_wait(&b, &a);
	assert_int_equal(a.err.code, WM_CANCELLED);
	assert_int_equal(b.service.answered, 0);
	loopback_drain(&b, 0); /* waits for the handler */
	assert_int_equal(b.service.answered, 1);
	wm_rpc_unary_fini(&a.u);
	loopback_close(&b);
}

static void few_connections(struct wm_rpc_server_opts *opts)
{
	opts->max_connections = 1;
}

static void connection_limit(void **state)
{
	struct loopback b;
	struct ask a;
	struct wm_rpc_channel *first;
	loopback_open(&b, CLEARTEXT, few_connections);
	assert_int_equal(ask(&b, &a, "n", NULL), 0);
	wm_rpc_unary_fini(&a.u);
	first = b.channel;
	loopback_open_channel(&b, NULL);
	assert_int_equal(ask(&b, &a, "n", NULL), WM_UNAVAILABLE);
	wm_rpc_unary_fini(&a.u);
	wm_rpc_channel_close(first);
	assert_int_equal(ask(&b, &a, "n", &(struct wm_rpc_call_opts){.wait_for_ready = true}), 0);
	wm_rpc_unary_fini(&a.u);
	loopback_close(&b);
}

static void few_streams(struct wm_rpc_server_opts *opts)
{
	opts->max_streams = 3;
}

/* Calls above the server's limit wait for their turn. */
static void stream_limit(void **state)
{
	struct loopback b;
	struct ask asks[10], late;
	const struct wm_rpc_call_opts opts = {.deadline_ns = 20 * WM_NS_PER_MS};
	loopback_open(&b, CLEARTEXT, few_streams);
	for (unsigned i = 0; i < 10; i++)
		ask_start(&b, &asks[i], "sleep:60", NULL);
	ask_start(&b, &late, "n", &opts);
	ask_wait(&b, &late);
	assert_int_equal(late.err.code, WM_DEADLINE_EXCEEDED);
	wm_rpc_unary_fini(&late.u);
	assert_int_equal(b.service.calls, 3);
	for (unsigned i = 0; i < 10; i++) {
		ask_wait(&b, &asks[i]);
		assert_int_equal(asks[i].err.code, 0);
		wm_rpc_unary_fini(&asks[i].u);
	}
	assert_int_equal(b.service.calls, 10);
	loopback_close(&b);
}

static int refuse_strangers(struct wm_rpc_call *call, void *arg, struct wm_err *err)
{
	const char *who = wm_rpc_call_metadata(call, "x-who");
	struct wm_endpoint peer;
	assert_true(wm_rpc_call_peer(call, &peer));
	if (who == NULL)
		return wm_fail(err, WM_UNAUTHENTICATED, "who are you?");
	wm_rpc_call_set_identity(call, who);
	assert_string_equal(wm_rpc_call_identity(call), who);
	return 0;
}

static void with_gate(struct wm_rpc_server_opts *opts)
{
	opts->gate = refuse_strangers;
}

static void add_credentials(struct wm_rpc_client_call *call, void *arg)
{
	wm_rpc_client_call_add_metadata(call, "x-who", arg);
}

static void gate(void **state)
{
	struct loopback b;
	struct ask a;
	char who[] = "edge-1";
	loopback_open(&b, TLS, with_gate);
	assert_int_equal(ask(&b, &a, "n", NULL), WM_UNAUTHENTICATED);
	assert_string_equal(a.err.text, "who are you?");
	assert_int_equal(b.service.calls, 0);
	wm_rpc_unary_fini(&a.u);
	wm_rpc_channel_close(b.channel);
	loopback_open_channel(&b, &(struct wm_rpc_channel_opts){.credentials = add_credentials,
								.credentials_arg = who});
	assert_int_equal(ask(&b, &a, "n", NULL), 0);
	wm_rpc_unary_fini(&a.u);
	loopback_close(&b);
}

/* From inside the callback of a call, with another one open; the loop is freed without a turn. */
struct closing {
	struct wm_rpc_unary u;
	struct loopback *b;
	unsigned n_done;
};

static void close_inside(struct wm_rpc_unary *u, const struct wm_err *err)
{
	struct closing *c = wm_container_of(u, struct closing, u);
	c->n_done++;
	wm_rpc_channel_close(c->b->channel);
	c->b->channel = NULL;
	wm_loop_stop(c->b->loop);
}

static bool never_done(void *arg)
{
	return false;
}

static void closed_inside_a_callback(void **state)
{
	struct loopback b;
	struct ask hang;
	struct wm_err err;
	V1__GetStatusRequest request = V1__GET_STATUS_REQUEST__INIT;
	struct closing c = {.b = &b};
	loopback_open(&b, TLS, NULL);
	ask_start(&b, &hang, "hang", NULL);
	assert_int_equal(wm_rpc_unary_start(b.channel, &c.u,
					    wm_pb_method_find("/v1.Node/GetStatus"), &request.base,
					    NULL, close_inside, &err),
			 0);
	(void)wm_loop_run_until(b.loop, never_done, NULL, 5000);
	assert_int_equal(c.n_done, 1);
	loopback_drain(&b, 0);
	assert_int_equal(hang.err.code, WM_CANCELLED);
	assert_int_equal(hang.n_done, 1);
	wm_rpc_unary_fini(&c.u);
	wm_rpc_unary_fini(&hang.u);
	loopback_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed_inside_a_callback),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(bad_targets),
		cmocka_unit_test(no_such_name),
		cmocka_unit_test(second_address),
		cmocka_unit_test(tls_to_plaintext),
		cmocka_unit_test(plaintext_to_tls),
		cmocka_unit_test(untrusted_server),
		cmocka_unit_test(silent_server),
		cmocka_unit_test(reconnects),
		cmocka_unit_test(port_in_use),
		cmocka_unit_test(drain),
		cmocka_unit_test(late_answer),
		cmocka_unit_test(connection_limit),
		cmocka_unit_test(stream_limit),
		cmocka_unit_test(gate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
