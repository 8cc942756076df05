/* The states of a channel, and calls that wait, are cancelled or are sent again in each of them. */
#include "loopback.h"
#include "loop/conn.h"
#include "rpc/client_impl.h"
#include <stdio.h>
#include <string.h>

/* ---- a server that takes connections and says nothing ---- */

#define MUTE_MAX 16

struct mute {
	struct wm_listener *listener;
	struct wm_conn *kept[MUTE_MAX];
	unsigned n;
	char target[WM_ENDPOINT_TEXT];
};

static void on_accept(void *arg, struct wm_conn *c)
{
	struct mute *m = arg;
	assert_true(m->n < MUTE_MAX);
	m->kept[m->n++] = c;
}

static void mute_open(struct loopback *b, struct mute *m)
{
	struct wm_listen_opts at = {.at = {.addr = wm_addr_v4(0x7f000001)}};
	struct wm_endpoint bound;
	struct wm_err err;
	*m = (struct mute){0};
	if (wm_listener_open(b->loop, &at, on_accept, m, &m->listener, &err) != 0)
		fail_msg("%s", err.text);
	wm_listener_endpoint(m->listener, &bound);
	(void)wm_endpoint_format(&bound, m->target);
}

static void mute_close(struct mute *m)
{
	wm_listener_close(m->listener);
	for (unsigned i = 0; i < m->n; i++)
		wm_conn_close(m->kept[i]);
}

/* ---- a channel that is brought into a state ---- */

enum situation {
	IDLE,
	NAMES,   /* the name is asked for */
	DIALED,  /* the server takes the connection and is silent */
	PAUSE,   /* nobody listens, and the call waits for ready */
	READY,   /* the server works on the call */
	REPEATS, /* it has failed, and is made again after a pause */
	N_SITUATIONS,
};

static const struct wm_rpc_retry patient = {
	.max_attempts = 3,
	.pause_ns = 3600 * WM_NS_PER_S,
	.max_ns = 3600 * WM_NS_PER_S,
	.growth_percent = 100,
	.codes = WM_RPC_RETRY_ON(WM_UNAVAILABLE),
};

struct scene {
	struct loopback b;
	struct mute mute;
	struct ask a;
};

/* A port at which nobody listens. */
static void make_dead(struct loopback *b, char *target, size_t size)
{
	struct mute m;
	mute_open(b, &m);
	(void)snprintf(target, size, "%s", m.target);
	mute_close(&m);
}

static void reopen(struct scene *s, const char *target)
{
	wm_rpc_channel_close(s->b.channel);
	loopback_open_channel(&s->b, &(struct wm_rpc_channel_opts){
					     .target = target,
					     .backoff_ns = 3600 * WM_NS_PER_S,
					     .backoff_max_ns = 3600 * WM_NS_PER_S,
					     .connect_timeout_ns = 60 * WM_NS_PER_S,
				     });
}

static void set_scene(struct scene *s, enum situation what, int64_t deadline_ns)
{
	char dead[WM_ENDPOINT_TEXT];
	struct wm_rpc_call_opts opts = {
		.deadline_ns = deadline_ns, .wait_for_ready = true, .retry = &patient};
	loopback_open(&s->b, CLEARTEXT, NULL);
	mute_open(&s->b, &s->mute);
	make_dead(&s->b, dead, sizeof(dead));
	if (what == NAMES)
		reopen(s, "localhost:1");
	else if (what == DIALED)
		reopen(s, s->mute.target);
	else if (what == PAUSE)
		reopen(s, dead);
	ask_start(&s->b, &s->a, what == REPEATS ? "fail:14:not now" : "hang", &opts);
	if (what > NAMES)
		loopback_pass(&s->b, 60);
}

static void check_scene(struct scene *s, enum situation what)
{
	static const enum wm_rpc_channel_state states[] = {
		[IDLE] = WM_RPC_CONNECTING,   [NAMES] = WM_RPC_CONNECTING,
		[DIALED] = WM_RPC_CONNECTING, [PAUSE] = WM_RPC_TRANSIENT_FAILURE,
		[READY] = WM_RPC_READY,       [REPEATS] = WM_RPC_READY,
	};
	assert_int_equal(wm_rpc_channel_state(s->b.channel), states[what]);
	assert_int_equal(s->a.n_done, 0);
	assert_int_equal(s->b.service.calls, what >= READY ? 1 : 0);
	if (what == DIALED)
		assert_int_equal(s->mute.n, 1);
}

static void strike_scene(struct scene *s)
{
	ask_wait(&s->b, &s->a);
	wm_rpc_unary_fini(&s->a.u);
	mute_close(&s->mute);
	loopback_close(&s->b);
}

static void cancelled_in_each(void **state)
{
	for (enum situation what = IDLE; what < N_SITUATIONS; what++) {
		struct scene s;
		set_scene(&s, what, 0);
		check_scene(&s, what);
		wm_rpc_unary_cancel(&s.a.u);
		assert_int_equal(s.a.n_done, 0); /* not from inside */
		ask_wait(&s.b, &s.a);
		assert_int_equal(s.a.err.code, WM_CANCELLED);
		strike_scene(&s);
	}
}

static void closed_in_each(void **state)
{
	for (enum situation what = IDLE; what < N_SITUATIONS; what++) {
		struct scene s;
		set_scene(&s, what, 0);
		check_scene(&s, what);
		wm_rpc_channel_close(s.b.channel);
		s.b.channel = NULL;
		assert_int_equal(s.a.n_done, 0);
		ask_wait(&s.b, &s.a);
		assert_int_equal(s.a.err.code, WM_CANCELLED);
		assert_string_equal(s.a.err.text, "the channel was closed");
		strike_scene(&s);
	}
}

static void too_late_in_each(void **state)
{
	static const char *const said[] = {
		[DIALED] = "no connection to 127.0.0.1:",
		[PAUSE] = "Connection refused",
		[READY] = "no answer from 127.0.0.1:",
	};
	for (enum situation what = DIALED; what <= READY; what++) {
		struct scene s;
		set_scene(&s, what, 150 * WM_NS_PER_MS);
		check_scene(&s, what);
		ask_wait(&s.b, &s.a);
		assert_int_equal(s.a.err.code, WM_DEADLINE_EXCEEDED);
		assert_non_null(strcasestr(s.a.err.text, said[what]));
		strike_scene(&s);
	}
}

/* Nothing of the call is left behind by the one that followed it. */
static void lost_in_a_pause(void **state)
{
	struct scene s;
	set_scene(&s, REPEATS, 0);
	check_scene(&s, REPEATS);
	loopback_drain(&s.b, 0); /* the connection goes; the call does not need it now */
	loopback_pass(&s.b, 30);
	assert_int_equal(s.a.n_done, 0);
	assert_int_equal(wm_rpc_channel_state(s.b.channel), WM_RPC_IDLE);
	wm_rpc_unary_cancel(&s.a.u);
	strike_scene(&s);
}

/* ---- states ---- */

static bool is_idle(void *arg)
{
	return wm_rpc_channel_state(((struct loopback *)arg)->channel) == WM_RPC_IDLE;
}

static void comes_back_from_failure(void **state)
{
	struct loopback b;
	struct ask first, second;
	loopback_open(&b, CLEARTEXT, NULL);
	assert_int_equal(wm_rpc_channel_state(b.channel), WM_RPC_IDLE);
	loopback_drain(&b, 0);
	wm_rpc_channel_close(b.channel);
	loopback_open_channel(&b, &(struct wm_rpc_channel_opts){.backoff_ns = 50 * WM_NS_PER_MS});
	assert_int_equal(ask(&b, &first, "n", NULL), WM_UNAVAILABLE);
	assert_int_equal(wm_rpc_channel_state(b.channel), WM_RPC_TRANSIENT_FAILURE);
	/* Answered out of hand, with the reason of the first. */
	assert_int_equal(ask(&b, &second, "n", NULL), WM_UNAVAILABLE);
	assert_string_equal(first.err.text, second.err.text);
	assert_int_equal(wm_rpc_channel_state(b.channel), WM_RPC_TRANSIENT_FAILURE);
	/* Nobody waits, so nobody is dialed. */
	assert_true(wm_loop_run_until(b.loop, is_idle, &b, 10000));
	wm_rpc_unary_fini(&first.u);
	wm_rpc_unary_fini(&second.u);
	loopback_close(&b);
}

static void bad_targets(void **state)
{
	static const char *const targets[] = {"127.0.0.1:1", "unix:///x", "nobody"};
	struct loopback b;
	struct wm_rpc_channel *c;
	struct wm_err err;
	loopback_open(&b, CLEARTEXT, NULL);
	for (size_t n = 0; n <= WM_ARRAY_LEN(targets); n++) {
		const struct wm_rpc_channel_opts opts = {.targets = targets, .n_targets = n};
		bool good = n == 1 || n == 2;
		assert_int_equal(wm_rpc_channel_new(b.loop, b.log, &opts, &c, &err),
				 good ? 0 : WM_INVALID_ARGUMENT);
		if (good)
			wm_rpc_channel_close(c);
	}
	loopback_close(&b);
}

static void interleaved(void **state)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"4", "4"},
		{"44", "44"},
		{"46", "46"},
		{"6664", "6466"},
		{"444666", "464646"},
		{"666444", "646464"},
		{"644444", "644444"},
		{"664466", "646466"},
	};
	for (size_t i = 0; i < WM_ARRAY_LEN(cases); i++) {
		struct wm_endpoint list[8] = {0};
		unsigned n = (unsigned)strlen(cases[i][0]);
		uint16_t last[7] = {0}; /* by family: the order within each stays */
		for (unsigned at = 0; at < n; at++) {
			list[at].addr.family = (uint8_t)(cases[i][0][at] - '0');
			list[at].port = (uint16_t)(at + 1);
		}
		wm_rpc_interleave(list, n);
		for (unsigned at = 0; at < n; at++) {
			assert_int_equal(list[at].addr.family, cases[i][1][at] - '0');
			assert_true(list[at].port > last[list[at].addr.family]);
			last[list[at].addr.family] = list[at].port;
		}
	}
}

/* The second is tried beside the first, which is left when the second has answered. */
static void on_mute_end(void *arg, struct wm_conn *c, const uint8_t *data, size_t len,
			const struct wm_err *err)
{
	*(bool *)arg |= len == 0;
}

static bool is_true(void *arg)
{
	return *(bool *)arg;
}

static void silent_first(void **state)
{
	static const struct wm_conn_events events = {.on_read = on_mute_end};
	struct loopback b;
	struct mute m;
	struct ask a;
	struct wm_endpoint peer;
	bool left = false;
	loopback_open(&b, TLS, NULL);
	mute_open(&b, &m);
	wm_rpc_channel_close(b.channel);
	const char *targets[] = {m.target, b.target};
	loopback_open_channel(&b, &(struct wm_rpc_channel_opts){
					  .targets = targets,
					  .n_targets = 2,
					  .connect_timeout_ns = 60 * WM_NS_PER_S,
				  });
	assert_int_equal(ask(&b, &a, "n", NULL), 0);
	assert_true(wm_rpc_channel_peer(b.channel, &peer));
	assert_true(wm_endpoint_equal(&peer, &b.at));
	assert_int_equal(m.n, 1);
	wm_conn_set_events(m.kept[0], &events, &left);
	wm_conn_read_start(m.kept[0]);
	assert_true(wm_loop_run_until(b.loop, is_true, &left, 10000));
	wm_rpc_unary_fini(&a.u);
	mute_close(&m);
	loopback_close(&b);
}

/* ---- sent again ---- */

static void two_streams(struct wm_rpc_server_opts *opts)
{
	opts->max_streams = 2;
}

static void on_drained(void *arg)
{
	*(bool *)arg = true;
}

/* Calls that wait for their turn at a server that stops are the next server's, at once. */
static void moved_by_goodbye(void **state)
{
	struct loopback b, other;
	struct ask asks[6];
	loopback_open(&b, CLEARTEXT, two_streams);
	other = b; /* one loop, two servers */
	other.server = wm_rpc_server_new(b.loop, b.log);
	other.service = (struct rpc_service){0};
	rpc_service_register(&other.service, other.server);
	struct wm_rpc_server_opts at = {.at = {.addr = wm_addr_v4(0x7f000001)}};
	struct wm_err err;
	char text[WM_ENDPOINT_TEXT];
	assert_int_equal(wm_rpc_server_listen(other.server, &at, &other.at, &err), 0);
	wm_rpc_channel_close(b.channel);
	const char *targets[] = {b.target, wm_endpoint_format(&other.at, text)};
	loopback_open_channel(&b,
			      &(struct wm_rpc_channel_opts){.targets = targets, .n_targets = 2});
	for (unsigned i = 0; i < WM_ARRAY_LEN(asks); i++)
		ask_start(&b, &asks[i], i < 2 ? "hang" : "n", NULL);
	loopback_pass(&b, 60);
	assert_int_equal(b.service.calls, 2);
	wm_rpc_server_drain(b.server, 3600 * WM_NS_PER_S, on_drained, &b.drained);
	for (unsigned i = 2; i < WM_ARRAY_LEN(asks); i++) {
		ask_wait(&b, &asks[i]);
		assert_int_equal(asks[i].err.code, 0);
		wm_rpc_unary_fini(&asks[i].u);
	}
	assert_int_equal(b.service.calls, 2);
	assert_int_equal(other.service.calls, 4);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(asks[i].n_done, 0);
		wm_rpc_unary_cancel(&asks[i].u);
		ask_wait(&b, &asks[i]);
		wm_rpc_unary_fini(&asks[i].u);
	}
	assert_true(wm_loop_run_until(b.loop, is_true, &b.drained, 10000));
	wm_rpc_channel_close(b.channel);
	b.channel = NULL;
	loopback_drain(&other, 0);
	wm_rpc_server_free(other.server);
	loopback_close(&b);
}

static const struct wm_rpc_retry quick = {
	.max_attempts = 3,
	.pause_ns = WM_NS_PER_MS,
	.max_ns = WM_NS_PER_MS,
	.growth_percent = 100,
	.codes = WM_RPC_RETRY_ON(WM_UNAVAILABLE) | WM_RPC_RETRY_ON(WM_ABORTED),
};

/* A request that is too long to be kept is made once. */
static void only_what_is_kept_is_repeated(void **state)
{
	static const struct {
		const char *id;
		size_t len;
		unsigned calls;
	} cases[] = {
		{"fail:14:", 10, 3},         {"fail:10:", 10, 3},         {"fail:13:", 10, 1},
		{"fail:14:", 200u << 10, 3}, {"fail:14:", 300u << 10, 1},
	};
	for (size_t i = 0; i < WM_ARRAY_LEN(cases); i++) {
		struct loopback b;
		struct ask a;
		char *id = wm_alloc(cases[i].len + 1);
		memset(id, 'x', cases[i].len);
		memcpy(id, cases[i].id, strlen(cases[i].id));
		loopback_open(&b, CLEARTEXT, NULL);
		assert_int_equal(ask(&b, &a, id, &(struct wm_rpc_call_opts){.retry = &quick}),
				 -atoi(cases[i].id + 5));
		assert_int_equal(b.service.calls, cases[i].calls);
		wm_rpc_unary_fini(&a.u);
		wm_free(id);
		loopback_close(&b);
	}
}

/* Headers that HTTP/2 will not carry end the call, and that is all. */
static void headers_that_cannot_be_sent(void **state)
{
	struct loopback b;
	struct ask a;
	char *value = wm_alloc((70u << 10) + 1);
	memset(value, 'v', 70u << 10);
	const char *metadata[] = {"x-long", value, NULL};
	loopback_open(&b, CLEARTEXT, NULL);
	assert_int_equal(ask(&b, &a, "n", NULL), 0);
	wm_rpc_unary_fini(&a.u);
	struct wm_rpc_call_opts opts = {.metadata = metadata, .wait_for_ready = true};
	assert_int_equal(ask(&b, &a, "n", &opts), WM_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(a.err.text, "too large to be sent"));
	wm_rpc_unary_fini(&a.u);
	assert_int_equal(ask(&b, &a, "n", NULL), 0);
	wm_rpc_unary_fini(&a.u);
	assert_int_equal(b.service.calls, 2);
	wm_free(value);
	loopback_close(&b);
}

/* Attempts that find no server count as attempts, and the connection's pause is not theirs. */
static void repeated_without_a_server(void **state)
{
	struct loopback b;
	struct ask a;
	loopback_open(&b, CLEARTEXT, NULL);
	loopback_drain(&b, 0);
	assert_int_equal(ask(&b, &a, "n", &(struct wm_rpc_call_opts){.retry = &quick}),
			 WM_UNAVAILABLE);
	assert_non_null(strcasestr(a.err.text, "connection refused"));
	wm_rpc_unary_fini(&a.u);
	loopback_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cancelled_in_each),
		cmocka_unit_test(closed_in_each),
		cmocka_unit_test(too_late_in_each),
		cmocka_unit_test(lost_in_a_pause),
		cmocka_unit_test(comes_back_from_failure),
		cmocka_unit_test(bad_targets),
		cmocka_unit_test(interleaved),
		cmocka_unit_test(silent_first),
		cmocka_unit_test(moved_by_goodbye),
		cmocka_unit_test(only_what_is_kept_is_repeated),
		cmocka_unit_test(headers_that_cannot_be_sent),
		cmocka_unit_test(repeated_without_a_server),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
