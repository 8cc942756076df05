/*
 * Servers that stop one after the other while a channel has calls at them and keeps the next ones
 * coming: each call is answered once, and worked on once, whatever the servers' goodbyes cross.
 */
#include "loopback.h"
#include <stdio.h>

#define SERVERS 5
#define ASKS    30 /* before each goodbye, and as many behind it */

struct rolling {
	uint64_t dice;
	struct loopback b[SERVERS]; /* one loop and one channel */
	struct ask asks[SERVERS * 2 * ASKS];
	unsigned n;
};

/* xorshift: the same numbers in every run. */
static unsigned roll(struct rolling *r, unsigned below)
{
	r->dice ^= r->dice << 13;
	r->dice ^= r->dice >> 7;
	r->dice ^= r->dice << 17;
	return (unsigned)(r->dice >> 33) % below;
}

static void few_streams(struct wm_rpc_server_opts *opts)
{
	opts->max_streams = 7;
}

static void add_server(const struct loopback *first, struct loopback *b)
{
	struct wm_rpc_server_opts opts = {.at = {.addr = wm_addr_v4(0x7f000001)},
					  .tls = first->server_tls};
	struct wm_err err = {0};
	char text[WM_ENDPOINT_TEXT];
	*b = *first;
	b->service = (struct rpc_service){0};
	b->server = wm_rpc_server_new(b->loop, b->log);
	few_streams(&opts);
	rpc_service_register(&b->service, b->server);
	if (wm_rpc_server_listen(b->server, &opts, &b->at, &err) != 0)
		fail_msg("%s", err.text);
	wm_str_copy(b->target, sizeof(b->target), wm_endpoint_format(&b->at, text));
}

static void roll_out(struct rolling *r, enum mode mode)
{
	const char *targets[SERVERS];
	loopback_open(&r->b[0], mode, few_streams);
	wm_rpc_channel_close(r->b[0].channel);
	for (unsigned i = 1; i < SERVERS; i++)
		add_server(&r->b[0], &r->b[i]);
	for (unsigned i = 0; i < SERVERS; i++)
		targets[i] = r->b[i].target;
	loopback_open_channel(
		&r->b[0], &(struct wm_rpc_channel_opts){.targets = targets, .n_targets = SERVERS});
}

static void ask_some(struct rolling *r)
{
	char id[32];
	for (unsigned i = 0; i < ASKS; i++) {
		(void)snprintf(id, sizeof(id), roll(r, 2) == 0 ? "sleep:%u" : "size:%u",
			       3 * roll(r, 8) * roll(r, 8));
		ask_start(&r->b[0], &r->asks[r->n++], id, NULL);
		if (roll(r, 8) == 0)
			loopback_pass(&r->b[0], roll(r, 20));
	}
}

static void on_gone(void *arg)
{
	*(bool *)arg = true;
}

static bool is_gone(void *arg)
{
	return *(bool *)arg;
}

/* None of the calls may be repeated, and every server says goodbye while it has some. */
static void hand_over(enum mode mode)
{
	static struct rolling r;
	unsigned calls = 0;
	r = (struct rolling){.dice = 0x2545f4914f6cdd1d};
	roll_out(&r, mode);
	for (unsigned i = 0; i < SERVERS; i++) {
		ask_some(&r);
		if (i < SERVERS - 1)
			wm_rpc_server_drain(r.b[i].server, 3600 * WM_NS_PER_S, on_gone,
					    &r.b[i].drained);
		ask_some(&r);
	}
	for (unsigned i = 0; i < r.n; i++) {
		ask_wait(&r.b[0], &r.asks[i]);
		if (r.asks[i].err.code != 0)
			fail_msg("call %u: %s", i, r.asks[i].err.text);
		wm_rpc_unary_fini(&r.asks[i].u);
	}
	wm_rpc_channel_close(r.b[0].channel);
	r.b[0].channel = NULL;
	for (unsigned i = SERVERS; i-- > 0;) {
		calls += r.b[i].service.calls;
		if (i < SERVERS - 1)
			assert_true(
				wm_loop_run_until(r.b[i].loop, is_gone, &r.b[i].drained, 30000));
		else
			loopback_drain(&r.b[i], 0);
		if (i > 0)
			wm_rpc_server_free(r.b[i].server);
	}
	for (unsigned i = 0; i < r.n; i++)
		assert_int_equal(r.asks[i].n_done, 1);
	assert_int_equal(calls, r.n);
	loopback_close(&r.b[0]);
}

static void handed_over_in_cleartext(void **state)
{
	hand_over(CLEARTEXT);
}

static void handed_over_with_tls(void **state)
{
	hand_over(TLS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handed_over_in_cleartext),
		cmocka_unit_test(handed_over_with_tls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
