/* Calls of each kind between our client and our server. */
#include "loopback.h"
#include <stdio.h>
#include <string.h>

static enum mode mode;

static void unary(void **state)
{
	struct loopback b;
	struct ask a;
	const char *const metadata[] = {"x-echo", "hello", NULL};
	const struct wm_rpc_call_opts opts = {.metadata = metadata};
	loopback_open(&b, mode, NULL);
	assert_int_equal(ask(&b, &a, "n1", NULL), 0);
	assert_string_equal(ask_status(&a)->id, "n1");
	assert_string_equal(ask_status(&a)->uptime, "forever");
	assert_string_equal(a.header, "");
	wm_rpc_unary_fini(&a.u);
	assert_int_equal(ask(&b, &a, "n2", &opts), 0);
	assert_string_equal(ask_status(&a)->id, "n2");
	assert_string_equal(a.header, "hello");
	wm_rpc_unary_fini(&a.u);
	loopback_close(&b);
}

static void errors(void **state)
{
	struct loopback b;
	struct ask a;
	loopback_open(&b, mode, NULL);
	assert_int_equal(ask(&b, &a,
			     "fail:5:no such n\xc3\xb6"
			     "de: 100%",
			     NULL),
			 WM_NOT_FOUND);
	assert_string_equal(a.err.text, "no such n\xc3\xb6"
					"de: 100%");
	assert_int_equal(ask(&b, &a, "mute", NULL), WM_INTERNAL);
	assert_string_equal(a.err.text, "/v1.Node/GetStatus ended without an answer");
	assert_int_equal(ask(&b, &a, "fail:16:", NULL), WM_UNAUTHENTICATED);
	assert_string_equal(a.err.text, "UNAUTHENTICATED");
	wm_rpc_unary_fini(&a.u);
	loopback_close(&b);
}

static void unknown_method(void **state)
{
	struct loopback b;
	struct ask a = {0};
	V1__GetNodeRequest request = V1__GET_NODE_REQUEST__INIT;
	struct wm_err err = {0};
	loopback_open(&b, mode, NULL);
	ask_start(&b, &a, "warm up", NULL);
	ask_wait(&b, &a);
	void (*cb)(struct wm_rpc_unary *, const struct wm_err *) = a.u.cb;
	wm_rpc_unary_fini(&a.u);
	a = (struct ask){0};
	assert_int_equal(wm_rpc_unary_start(b.channel, &a.u, wm_pb_method_find("/v1.Mesh/GetNode"),
					    &request.base, NULL, cb, &err),
			 0);
	ask_wait(&b, &a);
	assert_int_equal(a.err.code, WM_UNIMPLEMENTED);
	assert_string_equal(a.err.text, "unknown method /v1.Mesh/GetNode");
	wm_rpc_unary_fini(&a.u);
	loopback_close(&b);
}

static void many_at_once(void **state)
{
	struct loopback b;
	static struct ask asks[1000];
	char id[32];
	loopback_open(&b, mode, NULL);
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(id, sizeof(id), "node-%u", i);
		ask_start(&b, &asks[i], id, NULL);
	}
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(id, sizeof(id), "node-%u", i);
		ask_wait(&b, &asks[i]);
		assert_int_equal(asks[i].err.code, 0);
		assert_string_equal(ask_status(&asks[i])->id, id);
		wm_rpc_unary_fini(&asks[i].u);
	}
	loopback_close(&b);
}

static void deadlines(void **state)
{
	struct loopback b;
	struct ask a;
	struct wm_rpc_call_opts opts = {.deadline_ns = 50 * WM_NS_PER_MS};
	loopback_open(&b, mode, NULL);
	/* On a busy machine a deadline may be over before the call was sent. */
	for (; b.service.calls == 0; opts.deadline_ns *= 4) {
		assert_int_equal(ask(&b, &a, "hang", &opts), WM_DEADLINE_EXCEEDED);
		assert_true(a.took >= opts.deadline_ns - 5 * WM_NS_PER_MS);
		wm_rpc_unary_fini(&a.u);
		loopback_pass(&b, 30);
	}
	assert_int_equal(b.service.calls, 1);
	assert_int_equal(b.service.cancels, 1);
	opts.deadline_ns = 10 * WM_NS_PER_S;
	assert_int_equal(ask(&b, &a, "n", &opts), 0);
	assert_string_equal(ask_status(&a)->uptime, "deadline");
	wm_rpc_unary_fini(&a.u);
	loopback_close(&b);
}

static void cancelled_by_the_client(void **state)
{
	struct loopback b;
	struct ask a;
	loopback_open(&b, mode, NULL);
	ask_start(&b, &a, "hang", NULL);
	loopback_pass(&b, 50);
	assert_int_equal(b.service.calls, 1);
	wm_rpc_unary_cancel(&a.u);
	assert_int_equal(a.n_done, 0); /* not from inside */
	ask_wait(&b, &a);
	assert_int_equal(a.err.code, WM_CANCELLED);
	wm_rpc_unary_cancel(&a.u); /* harmless */
	loopback_pass(&b, 30);
	assert_int_equal(b.service.cancels, 1);
	wm_rpc_unary_fini(&a.u);
	loopback_close(&b);
}

static void closing_the_channel(void **state)
{
	struct loopback b;
	struct ask a;
	loopback_open(&b, mode, NULL);
	ask_start(&b, &a, "hang", NULL);
	loopback_pass(&b, 50);
	wm_rpc_channel_close(b.channel);
	b.channel = NULL;
	ask_wait(&b, &a);
	assert_int_equal(a.err.code, WM_CANCELLED);
	wm_rpc_unary_fini(&a.u);
	/* And before there is a connection. */
	loopback_open_channel(&b, NULL);
	ask_start(&b, &a, "n", NULL);
	wm_rpc_channel_close(b.channel);
	b.channel = NULL;
	ask_wait(&b, &a);
	assert_int_equal(a.err.code, WM_CANCELLED);
	wm_rpc_unary_fini(&a.u);
	loopback_pass(&b, 30);
	assert_int_equal(b.service.cancels, 1);
	loopback_close(&b);
}

static void message_limits(void **state)
{
	struct loopback b;
	struct ask a;
	char *id = wm_alloc((4 << 20) + 2);
	char text[WM_ERR_TEXT];
	loopback_open(&b, mode, NULL);
	/* An id of n bytes makes a message of n + 5 at this length. */
	memset(id, 'a', (4 << 20) - 5);
	assert_int_equal(ask(&b, &a, id, NULL), 0);
	(void)snprintf(text, sizeof(text), "%u", (4 << 20) - 5);
	assert_string_equal(ask_status(&a)->version, text);
	wm_rpc_unary_fini(&a.u);
	id[(4 << 20) - 5] = 'a';
	assert_int_equal(ask(&b, &a, id, NULL), WM_RESOURCE_EXHAUSTED);
	assert_string_equal(a.err.text, "/v1.Node/GetStatus: message of 4194305 bytes is above the "
					"limit of 4194304");
	assert_int_equal(ask(&b, &a, "size:4000000", NULL), 0);
	assert_int_equal(strlen(ask_status(&a)->description), 4000000);
	wm_rpc_unary_fini(&a.u);
	assert_int_equal(ask(&b, &a, "size:4194304", NULL), WM_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(a.err.text, "above the limit of 4194304"));
	wm_rpc_unary_fini(&a.u);
	wm_free(id);
	loopback_close(&b);
}

static void stats(void **state)
{
	struct loopback b;
	struct ask a, hangs;
	struct wm_rpc_stats n;
	loopback_open(&b, mode, NULL);
	wm_rpc_server_stats(b.server, &n);
	assert_true(n.accepted == 0 && n.connections == 0 && n.calls == 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(&b, &a, "n1", NULL), 0);
		wm_rpc_unary_fini(&a.u);
	}
	assert_int_equal(ask(&b, &a, "fail:5:none", NULL), WM_NOT_FOUND);
	ask_start(&b, &hangs, "hang", NULL);
	loopback_pass(&b, 30);
	wm_rpc_server_stats(b.server, &n);
	assert_true(n.connections == 1 && n.accepted == 1);
	assert_true(n.streams == 1 && n.calls == 5);
	assert_true(n.ended[0] == 3 && n.ended[5] == 1 && n.ended[1] == 0);
	assert_true(n.h2.bytes_in > 200 && n.h2.bytes_out > 200 && n.h2.goaways_out == 0);
	assert_true(n.refused_full == 0 && n.refused_source == 0 && n.failed_greetings == 0);
	wm_rpc_channel_close(b.channel);
	b.channel = NULL;
	ask_wait(&b, &hangs);
	wm_rpc_unary_fini(&hangs.u);
	loopback_pass(&b, 100);
	wm_rpc_server_stats(b.server, &n);
	assert_true(n.connections == 0 && n.accepted == 1);
	assert_true(n.streams == 0 && n.calls == 5 && n.ended[1] == 1);
	for (int kind = 0; kind < WM_FLOOD_COUNT; kind++)
		assert_int_equal(n.h2.floods[kind], 0);
	loopback_close(&b);
}

struct found {
	const char *path;
	struct wm_rpc_method_stats stats;
	unsigned n;
};

static void find_method(void *arg, const struct wm_pb_method *method,
			const struct wm_rpc_method_stats *m)
{
	struct found *f = arg;
	f->n++;
	if (wm_streq(method->path, f->path))
		f->stats = *m;
}

static struct wm_rpc_method_stats stats_of(struct loopback *b, const char *path)
{
	struct found f = {.path = path};
	wm_rpc_server_each_method(b->server, find_method, &f);
	assert_true(f.n >= 3);
	return f.stats;
}

/* The calls in buckets that lie above @ns. */
static uint64_t n_above(const struct wm_rpc_method_stats *m, int64_t ns)
{
	uint64_t n = 0;
	for (unsigned i = 0; i <= WM_HISTOGRAM_BOUNDS; i++)
		n += i > 0 && wm_histogram_bounds[i - 1] >= ns ? m->took.n[i] : 0;
	return n;
}

static void method_stats(void **state)
{
	struct loopback b;
	struct ask a, hangs;
	loopback_open(&b, mode, NULL);
	assert_int_equal(ask(&b, &a, "n1", NULL), 0);
	wm_rpc_unary_fini(&a.u);
	assert_int_equal(ask(&b, &a, "sleep:60", NULL), 0);
	wm_rpc_unary_fini(&a.u);
	assert_int_equal(ask(&b, &a, "fail:5:none", NULL), WM_NOT_FOUND);
	wm_rpc_unary_fini(&a.u);
	ask_start(&b, &hangs, "hang", NULL);
	loopback_pass(&b, 30);
	struct wm_rpc_method_stats m = stats_of(&b, "/v1.Node/GetStatus");
	assert_true(m.started == 4 && m.received == 4 && m.sent == 2);
	assert_true(m.ended[0] == 2 && m.ended[5] == 1 && m.ended[1] == 0);
	assert_true(m.took.sum_ns >= 60 * WM_NS_PER_MS);
	assert_true(n_above(&m, 50 * WM_NS_PER_MS) >= 1 && n_above(&m, 0) <= 3);
	assert_int_equal(stats_of(&b, "/v1.Membership/SubscribePeers").started, 0);
	wm_rpc_channel_close(b.channel);
	b.channel = NULL;
	ask_wait(&b, &hangs);
	wm_rpc_unary_fini(&hangs.u);
	loopback_pass(&b, 100);
	assert_int_equal(stats_of(&b, "/v1.Node/GetStatus").ended[1], 1);
	loopback_close(&b);
}

static void client_stats(void **state)
{
	struct loopback b;
	struct ask a;
	struct wm_rpc_client_stats n = {.calls = 0};
	struct wm_rpc_channel_opts opts = {.stats = &n};
	loopback_open(&b, mode, NULL);
	wm_rpc_channel_close(b.channel);
	loopback_open_channel(&b, &opts);
	assert_int_equal(ask(&b, &a, "n1", NULL), 0);
	wm_rpc_unary_fini(&a.u);
	assert_int_equal(ask(&b, &a, "fail:5:none", NULL), WM_NOT_FOUND);
	assert_true(n.connections == 1 && n.connects == 1 && n.failed_connects == 0);
	assert_true(n.calls == 2 && n.ended[0] == 1 && n.ended[5] == 1 && n.resends == 0);
	wm_rpc_channel_close(b.channel);
	assert_int_equal(n.connections, 0);
	/* A server that is not there. */
	opts.target = "127.0.0.1:1";
	assert_int_equal(wm_rpc_channel_new(b.loop, NULL, &opts, &b.channel, NULL), 0);
	assert_int_equal(ask(&b, &a, "n1", NULL), WM_UNAVAILABLE);
	assert_true(n.connects == 1 && n.failed_connects == 1 && n.ended[14] == 1);
	loopback_close(&b);
}

#define MANY 50

/* A connection with much work for the server and one with little. */
static void a_connection_leaves_time_for_others(void **state)
{
	struct loopback b, other;
	struct ask busy[MANY], a;
	loopback_open(&b, mode, NULL);
	other = b;
	loopback_open_channel(&other, NULL);
	assert_int_equal(ask(&b, &a, "n1", NULL), 0);
	wm_rpc_unary_fini(&a.u);
	assert_int_equal(ask(&other, &a, "n2", NULL), 0);
	wm_rpc_unary_fini(&a.u);
	for (unsigned i = 0; i < MANY; i++)
		ask_start(&b, &busy[i], "busy:1", NULL);
	assert_int_equal(ask(&other, &a, "n3", NULL), 0);
	wm_rpc_unary_fini(&a.u);
	assert_in_range(b.service.answered, 3, MANY / 2);
	for (unsigned i = 0; i < MANY; i++) {
		ask_wait(&b, &busy[i]);
		assert_int_equal(busy[i].err.code, 0);
		wm_rpc_unary_fini(&busy[i].u);
	}
	wm_rpc_channel_close(other.channel);
	loopback_close(&b);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_connection_leaves_time_for_others),
	cmocka_unit_test(stats),
	cmocka_unit_test(client_stats),
	cmocka_unit_test(method_stats),
	cmocka_unit_test(unary),
	cmocka_unit_test(errors),
	cmocka_unit_test(unknown_method),
	cmocka_unit_test(many_at_once),
	cmocka_unit_test(deadlines),
	cmocka_unit_test(cancelled_by_the_client),
	cmocka_unit_test(closing_the_channel),
	cmocka_unit_test(message_limits),
};

int main(void)
{
	int failed = 0;
	mode = CLEARTEXT;
	failed += cmocka_run_group_tests_name("cleartext", tests, NULL, NULL);
	mode = TLS;
	failed += cmocka_run_group_tests_name("tls", tests, NULL, NULL);
	mode = LOCAL;
	failed += cmocka_run_group_tests_name("local socket", tests, NULL, NULL);
	return failed;
}
