/* Streams of each kind between our client and our server: order, pausing, bounds, ends. */
#include "loopback.h"
#include <stdio.h>
#include <string.h>

static enum mode mode;

struct listener {
	struct wm_rpc_stream s;
	unsigned n, want, n_end, n_drain, n_headers;
	size_t bytes;
	uint32_t port; /* of the last message */
	char last[32], header[32];
	bool stop_at_want;
	struct wm_err err;
};

static void on_peers(struct wm_rpc_stream *s, const ProtobufCMessage *message)
{
	struct listener *l = wm_container_of(s, struct listener, s);
	const V1__PeerConfigurations *m = (const V1__PeerConfigurations *)message;
	char number[32];
	size_t len = strlen(m->dnsservers[0]);
	(void)snprintf(number, sizeof(number), "%u", l->n);
	assert_true(wm_str_ends(m->dnsservers[0], number)); /* each once, in order */
	l->n++;
	l->bytes += len;
	if (l->stop_at_want && l->n == l->want)
		wm_rpc_stream_pause(s, true);
}

static void on_negotiation(struct wm_rpc_stream *s, const ProtobufCMessage *message)
{
	struct listener *l = wm_container_of(s, struct listener, s);
	const V1__DataChannelNegotiation *m = (const V1__DataChannelNegotiation *)message;
	l->n++;
	l->port = m->port;
	wm_str_copy(l->last, sizeof(l->last), m->src);
}

static void on_headers(struct wm_rpc_stream *s)
{
	struct listener *l = wm_container_of(s, struct listener, s);
	const char *value = wm_rpc_client_call_metadata(s->call, "x-echo", NULL);
	l->n_headers++;
	wm_str_copy(l->header, sizeof(l->header), value == NULL ? "" : value);
}

static void on_drain(struct wm_rpc_stream *s)
{
	wm_container_of(s, struct listener, s)->n_drain++;
}

static void on_end(struct wm_rpc_stream *s, const struct wm_err *err)
{
	struct listener *l = wm_container_of(s, struct listener, s);
	assert_null(s->call);
	l->n_end++;
	if (err != NULL)
		l->err = *err;
}

static void open_stream(struct loopback *b, struct listener *l, const char *path,
			const struct wm_rpc_call_opts *opts)
{
	const struct wm_pb_method *method = wm_pb_method_find(path);
	struct wm_err err = {0};
	*l = (struct listener){
		.s = {
			.on_headers = on_headers,
			.on_drain = on_drain,
			.on_message = method->client_streaming ? on_negotiation : on_peers,
			.on_end = on_end,
		}};
	if (wm_rpc_stream_start(b->channel, &l->s, method, opts, &err) != 0)
		fail_msg("%s", err.text);
}

static void subscribe(struct loopback *b, struct listener *l, const char *id,
		      const struct wm_rpc_call_opts *opts)
{
	V1__SubscribePeersRequest request = V1__SUBSCRIBE_PEERS_REQUEST__INIT;
	char copy[64];
	struct wm_err err = {0};
	wm_str_copy(copy, sizeof(copy), id);
	request.id = copy;
	open_stream(b, l, "/v1.Membership/SubscribePeers", opts);
	if (wm_rpc_stream_send(&l->s, &request.base, &err) != 0)
		fail_msg("%s", err.text);
	wm_rpc_stream_half_close(&l->s);
}

static int say(struct listener *l, const char *proto, uint32_t port, struct wm_err *err)
{
	V1__DataChannelNegotiation m = V1__DATA_CHANNEL_NEGOTIATION__INIT;
	char copy[16];
	wm_str_copy(copy, sizeof(copy), proto);
	m.proto = copy;
	m.port = port;
	return wm_rpc_stream_send(&l->s, &m.base, err);
}

static bool has_ended(void *arg)
{
	return ((struct listener *)arg)->n_end > 0;
}

static bool has_enough(void *arg)
{
	struct listener *l = arg;
	return l->n >= l->want || l->n_end > 0;
}

static void wait_end(struct loopback *b, struct listener *l)
{
	assert_true(wm_loop_run_until(b->loop, has_ended, l, 20000));
	loopback_pass(b, 20);
	assert_int_equal(l->n_end, 1);
}

static void wait_messages(struct loopback *b, struct listener *l, unsigned n)
{
	l->want = n;
	assert_true(wm_loop_run_until(b->loop, has_enough, l, 20000));
	assert_int_equal(l->n, n);
}

static void from_the_server(void **state)
{
	struct loopback b;
	struct listener l;
	const char *const metadata[] = {"x-echo", "hi", NULL};
	const struct wm_rpc_call_opts opts = {.metadata = metadata};
	loopback_open(&b, mode, NULL);
	subscribe(&b, &l, "count:100", &opts);
	wait_end(&b, &l);
	assert_int_equal(l.err.code, 0);
	assert_int_equal(l.n, 100);
	assert_int_equal(l.n_headers, 1);
	assert_string_equal(l.header, "hi");
	subscribe(&b, &l, "count:0", NULL);
	wait_end(&b, &l);
	assert_int_equal(l.err.code, 0);
	assert_int_equal(l.n, 0);
	subscribe(&b, &l, "fail:9:not now", NULL);
	wait_end(&b, &l);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.err.code, WM_FAILED_PRECONDITION);
	assert_string_equal(l.err.text, "not now");
	loopback_close(&b);
}

static void both_ways(void **state)
{
	struct loopback b;
	struct listener l;
	struct wm_err err;
	loopback_open(&b, mode, NULL);
	open_stream(&b, &l, "/v1.Node/NegotiateDataChannel", NULL);
	for (uint32_t i = 1; i <= 50; i++) {
		assert_int_equal(say(&l, "tcp", i, &err), 0);
		if (i % 10 == 0)
			wait_messages(&b, &l, i);
	}
	assert_int_equal(l.port, 50);
	assert_string_equal(l.last, "echo");
	assert_true(l.n_drain > 0);
	assert_int_equal(l.n_end, 0);
	wm_rpc_stream_half_close(&l.s);
	wait_end(&b, &l);
	assert_int_equal(l.err.code, 0);
	assert_int_equal(wm_rpc_stream_send(&l.s, NULL, &err), WM_CANCELLED);
	wm_rpc_stream_half_close(&l.s); /* all harmless by now */
	wm_rpc_stream_pause(&l.s, true);
	wm_rpc_stream_cancel(&l.s);
	loopback_close(&b);
}

static void from_the_client(void **state)
{
	struct loopback b;
	struct listener l;
	struct wm_err err;
	loopback_open(&b, mode, NULL);
	open_stream(&b, &l, "/v1.Node/NegotiateDataChannel", NULL);
	for (uint32_t i = 1; i <= 1000; i++)
		assert_int_equal(say(&l, "sum", i, &err), 0);
	wm_rpc_stream_half_close(&l.s);
	wait_end(&b, &l);
	assert_int_equal(l.err.code, 0);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.port, 500500);
	loopback_close(&b);
}

static void ended_by_the_server(void **state)
{
	struct loopback b;
	struct listener l;
	struct wm_err err;
	loopback_open(&b, mode, NULL);
	open_stream(&b, &l, "/v1.Node/NegotiateDataChannel", NULL);
	assert_int_equal(say(&l, "fail", 1, &err), 0);
	wait_end(&b, &l);
	assert_int_equal(l.err.code, WM_ABORTED);
	assert_string_equal(l.err.text, "told to fail");
	loopback_close(&b);
}

static void server_pauses(void **state)
{
	struct loopback b;
	struct listener l;
	struct wm_err err;
	loopback_open(&b, mode, NULL);
	int64_t begin = wm_clock_now();
	open_stream(&b, &l, "/v1.Node/NegotiateDataChannel", NULL);
	assert_int_equal(say(&l, "pause", 0, &err), 0);
	for (uint32_t i = 1; i <= 10; i++)
		assert_int_equal(say(&l, "tcp", i, &err), 0);
	wm_rpc_stream_half_close(&l.s);
	wait_messages(&b, &l, 1); /* the answer to the first */
	l.want = 2;
	assert_true(wm_loop_run_until(b.loop, has_enough, &l, 20000));
	assert_true(wm_clock_now() - begin >= 50 * WM_NS_PER_MS);
	wait_end(&b, &l);
	assert_int_equal(l.n, 11);
	assert_int_equal(l.err.code, 0);
	loopback_close(&b);
}

/* A client that does not read: the server's queue stays small, other calls go on. */
static void client_pauses(void **state)
{
	struct loopback b;
	struct listener l;
	struct ask a;
	loopback_open(&b, mode, NULL);
	subscribe(&b, &l, "flood:2000:10000", NULL);
	l.want = 5;
	l.stop_at_want = true;
	assert_true(wm_loop_run_until(b.loop, has_enough, &l, 10000));
	loopback_pass(&b, 50);
	assert_int_equal(l.n, 5);
	assert_int_equal(ask(&b, &a, "meanwhile", NULL), 0);
	wm_rpc_unary_fini(&a.u);
	wm_rpc_stream_pause(&l.s, false);
	wait_end(&b, &l);
	assert_int_equal(l.err.code, 0);
	assert_int_equal(l.n, 2000);
	assert_true(l.bytes > 20000000);
	loopback_close(&b);
}

static void slow_reader_is_bounded(void **state)
{
	struct loopback b;
	struct listener l;
	struct wm_err err = {0};
	V1__DataChannelNegotiation m = V1__DATA_CHANNEL_NEGOTIATION__INIT;
	char *text = wm_alloc(100001);
	unsigned sent = 0;
	memset(text, 'z', 100000);
	loopback_open(&b, mode, NULL);
	open_stream(&b, &l, "/v1.Node/NegotiateDataChannel", NULL);
	m.offer = text;
	while (wm_rpc_stream_send(&l.s, &m.base, &err) == 0)
		sent++;
	assert_int_equal(err.code, WM_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(err.text, "reads too slowly"));
	assert_int_equal(sent, 11); /* the first above 1 MiB */
	wait_messages(&b, &l, sent);
	assert_int_equal(wm_rpc_stream_send(&l.s, &m.base, &err), 0);
	wm_rpc_stream_half_close(&l.s);
	wait_end(&b, &l);
	assert_int_equal(l.err.code, 0);
	wm_free(text);
	loopback_close(&b);
}

static void cancelled_and_late(void **state)
{
	struct loopback b;
	struct listener l;
	struct wm_rpc_call_opts opts = {.deadline_ns = 60 * WM_NS_PER_MS};
	loopback_open(&b, mode, NULL);
	subscribe(&b, &l, "hang", NULL);
	wait_messages(&b, &l, 1);
	wm_rpc_stream_cancel(&l.s);
	wait_end(&b, &l);
	assert_int_equal(l.err.code, WM_CANCELLED);
	assert_int_equal(b.service.cancels, 1);
	/* On a busy machine a deadline may be over before anything came. */
	for (l.n = 0; l.n == 0; opts.deadline_ns *= 4) {
		subscribe(&b, &l, "hang", &opts);
		wait_end(&b, &l);
		assert_int_equal(l.err.code, WM_DEADLINE_EXCEEDED);
		loopback_pass(&b, 50);
	}
	assert_int_equal(l.n, 1);
	assert_int_equal(b.service.cancels, b.service.calls);
	/* A paused stream ends too. */
	subscribe(&b, &l, "flood:100000:1000", NULL);
	l.want = 1;
	l.stop_at_want = true;
	loopback_pass(&b, 50);
	wm_rpc_stream_cancel(&l.s);
	wait_end(&b, &l);
	assert_int_equal(l.err.code, WM_CANCELLED);
	assert_int_equal(b.service.cancels, b.service.calls);
	loopback_close(&b);
}

/* The server's end waits until a paused client has taken what came before it. */
static void end_behind_a_pause(void **state)
{
	struct loopback b;
	struct listener l;
	loopback_open(&b, mode, NULL);
	subscribe(&b, &l, "count:10", NULL);
	l.want = 3;
	l.stop_at_want = true;
	for (int i = 0; i < 1000 && l.n < 3; i++)
		loopback_pass(&b, 10);
	loopback_pass(&b, 50);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.n_end, 0);
	wm_rpc_stream_pause(&l.s, false);
	wait_end(&b, &l);
	assert_int_equal(l.n, 10);
	assert_int_equal(l.err.code, 0);
	loopback_close(&b);
}

/* What has come whole is the client's, though the server is gone before it is taken. */
static void end_behind_a_pause_and_a_goodbye(void **state)
{
	struct loopback b;
	struct listener l;
	for (int cancel = 0; cancel < 3; cancel++) {
		loopback_open(&b, mode, NULL);
		subscribe(&b, &l, "count:10", NULL);
		l.want = 3;
		l.stop_at_want = true;
		assert_true(wm_loop_run_until(b.loop, has_enough, &l, 20000));
		loopback_drain(&b, 3600 * WM_NS_PER_S);
		loopback_pass(&b, 50);
		assert_int_equal(l.n, 3);
		assert_int_equal(l.n_end, 0);
		if (cancel == 0)
			wm_rpc_stream_pause(&l.s, false);
		else if (cancel == 1)
			wm_rpc_stream_cancel(&l.s);
		else
			wm_rpc_channel_close(b.channel);
		if (cancel == 2)
			b.channel = NULL;
		wait_end(&b, &l);
		assert_int_equal(l.n, cancel == 0 ? 10 : 3);
		assert_int_equal(l.err.code, cancel == 0 ? 0 : WM_CANCELLED);
		loopback_close(&b);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(from_the_server),
	cmocka_unit_test(both_ways),
	cmocka_unit_test(from_the_client),
	cmocka_unit_test(ended_by_the_server),
	cmocka_unit_test(server_pauses),
	cmocka_unit_test(client_pauses),
	cmocka_unit_test(slow_reader_is_bounded),
	cmocka_unit_test(cancelled_and_late),
	cmocka_unit_test(end_behind_a_pause),
	cmocka_unit_test(end_behind_a_pause_and_a_goodbye),
};

int main(void)
{
	int failed = 0;
	mode = CLEARTEXT;
	failed += cmocka_run_group_tests_name("cleartext", tests, NULL, NULL);
	mode = TLS;
	failed += cmocka_run_group_tests_name("tls", tests, NULL, NULL);
	return failed;
}
