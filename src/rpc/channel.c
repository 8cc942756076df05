/*
 * A channel between its states (gRPC's connectivity semantics):
 *  - IDLE until a call comes, which makes it CONNECTING; a round of attempts (connect.c) ends in
 *    READY or in TRANSIENT_FAILURE, where calls fail with the reason, but for those that wait for
 *    ready. After a pause, which grows from round to round, it is IDLE again: there is no attempt
 *    without a call that waits.
 *  - READY until the connection is lost or the server says goodbye, when it is IDLE. The calls of
 *    a server that said goodbye end on the old connection; new ones get another.
 * A connection that ends before it has answered any call proves nothing: the pause grows as if it
 * had not come about, only that calls wait for the end of the pause and do not fail.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "rpc/client_impl.h"
#include <string.h>

#define CONNECT_NS           (5 * WM_NS_PER_S)
#define BACKOFF_NS           (250 * WM_NS_PER_MS)
#define BACKOFF_MAX_NS       (30 * WM_NS_PER_S)
#define BACKOFF_GROWTH       160                 /* per cent, as gRPC has it */
#define KEEPALIVE_NS         (310 * WM_NS_PER_S) /* stock servers ask for 300 at least */
#define KEEPALIVE_TIMEOUT_NS (20 * WM_NS_PER_S)
#define MAX_IDLE_NS          (300 * WM_NS_PER_S)
#define TOKENS               100 /* ten, in tenths: see client_retry.c */

/* ---- birth ---- */

static void or_default(int64_t *value, int64_t otherwise)
{
	if (*value <= 0)
		*value = otherwise;
}

static void fill_in_defaults(struct wm_rpc_channel_opts *o)
{
	or_default(&o->connect_timeout_ns, CONNECT_NS);
	or_default(&o->backoff_ns, BACKOFF_NS);
	or_default(&o->backoff_max_ns, BACKOFF_MAX_NS);
	or_default(&o->keepalive_ns, KEEPALIVE_NS);
	or_default(&o->keepalive_timeout_ns, KEEPALIVE_TIMEOUT_NS);
	or_default(&o->max_idle_ns, MAX_IDLE_NS);
	if (o->max_message == 0)
		o->max_message = WM_RPC_MESSAGE_MAX;
}

static int take_targets(struct wm_rpc_channel *c, const char *const *targets, size_t n,
			struct wm_err *err)
{
	if (n == 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "no server is given");
	c->targets = wm_alloc(n * sizeof(*c->targets));
	c->n_targets = n;
	for (size_t i = 0; i < n; i++) {
		int rc = wm_rpc_target_init(&c->targets[i], c, targets[i], err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int wm_rpc_channel_new(struct wm_loop *loop, struct wm_log *log,
		       const struct wm_rpc_channel_opts *opts, struct wm_rpc_channel **out,
		       struct wm_err *err)
{
	struct wm_rpc_channel *c = wm_alloc(sizeof(*c));
	c->loop = loop;
	c->log = log;
	c->opts = *opts;
	c->stats = opts->stats != NULL ? opts->stats : &c->unseen;
	c->opts.server_name =
		wm_str_is_empty(opts->server_name) ? NULL : wm_strdup(opts->server_name);
	fill_in_defaults(&c->opts);
	c->backoff = (struct wm_backoff){.first_ns = c->opts.backoff_ns,
					 .max_ns = c->opts.backoff_max_ns,
					 .growth_percent = BACKOFF_GROWTH};
	c->tokens = TOKENS;
	wm_list_init(&c->calls);
	wm_list_init(&c->waiting);
	wm_list_init(&c->conns);
	wm_list_init(&c->round.attempts);
	bool one = opts->target != NULL;
	int rc = take_targets(c, one ? &opts->target : opts->targets, one ? 1 : opts->n_targets,
			      err);
	if (rc != 0) {
		c->closed = true;
		wm_rpc_channel_release(c);
		return rc;
	}
	*out = c;
	return 0;
}

enum wm_rpc_channel_state wm_rpc_channel_state(const struct wm_rpc_channel *c)
{
	return c->state;
}

bool wm_rpc_channel_peer(const struct wm_rpc_channel *c, struct wm_endpoint *out)
{
	if (c->conn == NULL || !c->conn->has_peer)
		return false;
	*out = c->conn->peer;
	return true;
}

/* ---- states ---- */

static struct wm_rpc_client_call *first_waiting(struct wm_rpc_channel *c)
{
	struct wm_list *it = wm_list_first(&c->waiting);
	return it == NULL ? NULL : wm_container_of(it, struct wm_rpc_client_call, waiting);
}

static void begin_round(struct wm_rpc_channel *c)
{
	c->round_at = wm_loop_now(c->loop);
	wm_rpc_round_start(c);
}

static void on_pause_over(struct wm_timer *t);

/* IDLE, unless calls wait: CONNECTING, as soon as the pause allows. */
static void rest_or_connect(struct wm_rpc_channel *c)
{
	if (c->closed)
		return;
	if (wm_list_is_empty(&c->waiting)) {
		c->state = WM_RPC_IDLE;
		return;
	}
	c->state = WM_RPC_CONNECTING;
	int64_t left = c->not_before - wm_loop_now(c->loop);
	if (left > 0)
		wm_timer_start(c->loop, &c->pause, left, on_pause_over);
	else
		begin_round(c);
}

static void on_pause_over(struct wm_timer *t)
{
	struct wm_rpc_channel *c = wm_container_of(t, struct wm_rpc_channel, pause);
	if (c->state == WM_RPC_TRANSIENT_FAILURE || c->state == WM_RPC_CONNECTING)
		rest_or_connect(c);
}

/* Counted from the begin of the last round, so that what it took is part of the pause. */
static void set_pause(struct wm_rpc_channel *c)
{
	c->not_before = c->round_at + wm_backoff_next(&c->backoff);
}

/* Those that do not wait for ready, and all when waiting does not help. */
static void fail_waiting(struct wm_rpc_channel *c)
{
	struct wm_list *it, *tmp;
	wm_list_each_safe (it, tmp, &c->waiting) {
		struct wm_rpc_client_call *call =
			wm_container_of(it, struct wm_rpc_client_call, waiting);
		if (call->wait_for_ready && !c->lasting)
			continue;
		wm_list_remove(it);
		wm_rpc_client_call_settle(call, &c->reason);
	}
}

void wm_rpc_channel_unreachable(struct wm_rpc_channel *c)
{
	char text[WM_ERR_TEXT];
	int64_t now = wm_loop_now(c->loop);
	c->stats->failed_connects++;
	c->state = WM_RPC_TRANSIENT_FAILURE;
	c->reason = c->round.reason;
	c->lasting = c->round.lasting;
	set_pause(c);
	int64_t left = c->not_before > now ? c->not_before - now : 0;
	wm_debug(c->log, "rpc.unreachable", "target=%s pause_ms=%lld reason=%s", c->targets[0].text,
		 (long long)(left / WM_NS_PER_MS),
		 wm_log_quote(c->reason.text, text, sizeof(text)));
	wm_timer_start(c->loop, &c->pause, left, on_pause_over);
	fail_waiting(c);
}

void wm_rpc_channel_connected(struct wm_rpc_channel *c, struct wm_rpc_client_conn *cc)
{
	struct wm_rpc_client_call *call;
	c->state = WM_RPC_READY;
	c->reason = c->round.reason = (struct wm_err){0};
	c->conn = cc;
	c->stats->connects++;
	c->stats->connections++;
	wm_debug(c->log, "rpc.connected", "target=%s peer=%s tls=%s", cc->target->text, cc->name,
		 cc->link.tls == NULL ? "no" : wm_tls_version(cc->link.tls));
	while (c->conn == cc && (call = first_waiting(c)) != NULL) {
		wm_list_remove(&call->waiting);
		wm_rpc_channel_enqueue(c, call);
	}
}

void wm_rpc_channel_proved(struct wm_rpc_channel *c, struct wm_rpc_client_conn *cc)
{
	cc->proved = true;
	if (c->conn == cc)
		wm_backoff_reset(&c->backoff);
}

void wm_rpc_channel_dropped(struct wm_rpc_channel *c, struct wm_rpc_client_conn *cc)
{
	if (c->conn != cc)
		return;
	c->conn = NULL;
	c->stats->connections--;
	set_pause(c);
	if (cc->proved || c->not_before <= wm_loop_now(c->loop)) {
		c->not_before = 0;
		wm_backoff_reset(&c->backoff);
	}
	rest_or_connect(c);
}

/* ---- calls meet connections ---- */

static void wait_for_connection(struct wm_rpc_channel *c, struct wm_rpc_client_call *call)
{
	wm_list_push(&c->waiting, &call->waiting);
	if (c->state == WM_RPC_IDLE)
		rest_or_connect(c);
}

void wm_rpc_channel_enqueue(struct wm_rpc_channel *c, struct wm_rpc_client_call *call)
{
	struct wm_err err;
	if (c->conn != NULL) {
		struct wm_rpc_client_conn *cc = c->conn;
		if (wm_h2_is_open(cc->h2) && wm_rpc_client_call_open(call, cc, &err) == 0)
			return;
		wm_rpc_channel_dropped(c, cc);
	}
	bool failing = c->state == WM_RPC_TRANSIENT_FAILURE;
	if (failing && (!call->wait_for_ready || c->lasting))
		wm_rpc_client_call_settle(call, &c->reason);
	else
		wait_for_connection(c, call);
}

/* ---- the end ---- */

void wm_rpc_channel_release(struct wm_rpc_channel *c)
{
	if (!c->closed || c->closing || wm_rpc_is_resolving(c) || !wm_list_is_empty(&c->calls) ||
	    !wm_list_is_empty(&c->conns))
		return;
	for (size_t i = 0; i < c->n_targets; i++)
		wm_free(c->targets[i].text);
	wm_free(c->targets);
	wm_free((void *)(uintptr_t)c->opts.server_name);
	wm_free(c);
}

static void part_from_calls(struct wm_rpc_channel *c)
{
	struct wm_list *it, *tmp;
	struct wm_err err;
	(void)wm_fail(&err, WM_CANCELLED, "the channel was closed");
	wm_list_each_safe (it, tmp, &c->calls) {
		struct wm_rpc_client_call *call =
			wm_container_of(it, struct wm_rpc_client_call, node);
		if (call->told && call->st.h2 == NULL)
			wm_rpc_client_call_part(call);
		else
			wm_rpc_client_call_end(call, &err);
	}
}

static void part_from_conns(struct wm_rpc_channel *c)
{
	struct wm_list *it, *tmp;
	struct wm_err err;
	(void)wm_fail(&err, WM_CANCELLED, "the channel was closed");
	wm_list_each_safe (it, tmp, &c->conns)
		wm_rpc_client_conn_abort(wm_container_of(it, struct wm_rpc_client_conn, node),
					 &err);
}

void wm_rpc_channel_close(struct wm_rpc_channel *c)
{
	if (c == NULL)
		return;
	wm_on_loop(c->loop);
	c->closed = true;
	c->closing = true;
	c->stats->connections -= c->conn != NULL;
	c->conn = NULL;
	wm_timer_stop(&c->pause);
	wm_rpc_round_stop(c);
	part_from_calls(c);
	part_from_conns(c);
	for (size_t i = 0; i < c->n_targets; i++)
		if (c->targets[i].asking)
			wm_resolve_cancel(&c->targets[i].resolve);
	c->closing = false;
	wm_rpc_channel_release(c);
}
