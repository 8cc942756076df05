/*
 * A connection of a channel: handshake, greeting (until the server's SETTINGS have come), calls,
 * end. While calls are open and the server says nothing for long, it is asked for a sign of life
 * (PING); TCP's keepalive (link.c) finds out sooner about hosts that vanished, but not about a
 * server that hangs. Without calls it is silent, and closed after a while.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "rpc/client_impl.h"
#include <string.h>

static void conn_free(struct wm_rpc_client_conn *cc)
{
	wm_list_remove(&cc->node);
	wm_timer_stop(&cc->watch);
	wm_h2_free(cc->h2);
	wm_rpc_link_abort(&cc->link);
	wm_free(cc);
}

/* The last that happens to @cc, and perhaps to its channel. */
static void conn_over(struct wm_rpc_client_conn *cc, const struct wm_err *err)
{
	struct wm_rpc_channel *c = cc->channel;
	struct wm_rpc_attempt *attempt = cc->attempt;
	struct wm_err why = *err;
	if (attempt != NULL)
		(void)wm_wrap(&why, "cannot connect to %s", cc->name);
	wm_rpc_channel_dropped(c, cc);
	conn_free(cc);
	if (attempt != NULL)
		wm_rpc_attempt_failed(attempt, &why);
	else
		wm_rpc_channel_release(c);
}

void wm_rpc_client_conn_fail(struct wm_rpc_client_conn *cc, const struct wm_err *why)
{
	if (cc->h2 != NULL)
		wm_h2_fail(cc->h2, why);
	else
		conn_over(cc, why);
}

void wm_rpc_client_conn_abort(struct wm_rpc_client_conn *cc, const struct wm_err *why)
{
	if (cc->h2 != NULL)
		wm_h2_abort(cc->h2, why);
	else
		conn_over(cc, why);
}

/* ---- silence ---- */

static void watch_silence(struct wm_rpc_client_conn *cc);

/* While there was no call nobody had reason to speak. */
static int64_t silent_from(const struct wm_rpc_client_conn *cc)
{
	int64_t heard_at = wm_h2_heard_at(cc->h2);
	return heard_at > cc->busy_at ? heard_at : cc->busy_at;
}

static void on_no_sign(struct wm_timer *t)
{
	struct wm_rpc_client_conn *cc = wm_container_of(t, struct wm_rpc_client_conn, watch);
	int64_t silent_ms = (wm_loop_now(t->loop) - silent_from(cc)) / WM_NS_PER_MS;
	char after[40];
	struct wm_err why;
	if (silent_from(cc) >= cc->pinged_at) {
		watch_silence(cc);
		return;
	}
	(void)wm_format_duration(silent_ms * WM_NS_PER_MS, after, sizeof(after));
	(void)wm_fail(&why, WM_UNAVAILABLE, "the server has been silent for %s", after);
	wm_rpc_client_conn_fail(cc, &why);
}

static void on_silence(struct wm_timer *t)
{
	struct wm_rpc_client_conn *cc = wm_container_of(t, struct wm_rpc_client_conn, watch);
	const struct wm_rpc_channel_opts *o = &cc->channel->opts;
	if (wm_loop_now(t->loop) - silent_from(cc) < o->keepalive_ns) {
		watch_silence(cc);
		return;
	}
	cc->pinged_at = wm_loop_now(t->loop);
	wm_h2_ping(cc->h2);
	wm_timer_start(t->loop, t, o->keepalive_timeout_ns, on_no_sign);
}

/* Calls are open. */
static void watch_silence(struct wm_rpc_client_conn *cc)
{
	struct wm_loop *loop = cc->channel->loop;
	int64_t left = silent_from(cc) + cc->channel->opts.keepalive_ns - wm_loop_now(loop);
	wm_timer_start(loop, &cc->watch, left, on_silence);
}

static void on_idle(struct wm_timer *t)
{
	struct wm_rpc_client_conn *cc = wm_container_of(t, struct wm_rpc_client_conn, watch);
	wm_h2_goaway(cc->h2, true); /* it ends when that has gone */
	wm_rpc_channel_dropped(cc->channel, cc);
}

static void watch_idleness(struct wm_rpc_client_conn *cc)
{
	wm_timer_start(cc->channel->loop, &cc->watch, cc->channel->opts.max_idle_ns, on_idle);
}

void wm_rpc_client_conn_add_call(struct wm_rpc_client_conn *cc)
{
	if (cc->n_calls++ > 0)
		return;
	cc->busy_at = wm_loop_now(cc->channel->loop);
	watch_silence(cc);
}

void wm_rpc_client_conn_remove_call(struct wm_rpc_client_conn *cc)
{
	if (--cc->n_calls == 0 && !cc->channel->closed)
		watch_idleness(cc);
}

/* ---- HTTP/2 ---- */

static void on_settings(void *arg)
{
	struct wm_rpc_client_conn *cc = arg;
	if (cc->attempt == NULL)
		return;
	watch_idleness(cc);
	wm_rpc_attempt_won(cc->attempt);
}

static void on_goaway(void *arg, const struct wm_err *why)
{
	struct wm_rpc_client_conn *cc = arg;
	struct wm_rpc_channel *c = cc->channel;
	/* gRFC A8: the server wants to hear less of us. */
	if (strstr(why->text, "too_many_pings") != NULL && c->opts.keepalive_ns < INT64_MAX / 2)
		c->opts.keepalive_ns *= 2;
	wm_rpc_channel_dropped(c, cc);
}

static void on_lost(void *arg, const struct wm_err *why)
{
	conn_over(arg, why);
}

static size_t wire_queued(void *arg)
{
	struct wm_rpc_client_conn *cc = arg;
	return wm_rpc_link_queued(&cc->link);
}

static void wire_write(void *arg, const void *p, size_t n)
{
	struct wm_rpc_client_conn *cc = arg;
	wm_rpc_link_write(&cc->link, p, n);
}

const struct wm_h2_events wm_rpc_client_events = {
	.on_field = wm_rpc_client_call_take_field,
	.on_head = wm_rpc_client_call_take_head,
	.on_message = wm_rpc_client_call_take_message,
	.on_bad = wm_rpc_client_call_take_bad,
	.on_end = wm_rpc_client_call_take_end,
	.on_drained = wm_rpc_client_call_take_drained,
	.on_over = wm_rpc_client_call_take_over,
	.on_settings = on_settings,
	.on_goaway = on_goaway,
	.on_lost = on_lost,
	.queued = wire_queued,
	.write = wire_write,
};

/* ---- the link ---- */

static void on_ready(void *arg)
{
	struct wm_rpc_client_conn *cc = arg;
	cc->h2 = wm_h2_new(&(struct wm_h2_opts){
		.loop = cc->channel->loop,
		.events = &wm_rpc_client_events,
		.arg = cc,
		.max_message = cc->channel->opts.max_message,
	});
}

static void on_bytes(void *arg, const uint8_t *p, size_t n)
{
	struct wm_rpc_client_conn *cc = arg;
	wm_h2_feed(cc->h2, p, n);
}

static void on_end(void *arg, const struct wm_err *err)
{
	struct wm_rpc_client_conn *cc = arg;
	struct wm_err why;
	if (err != NULL) {
		why = *err;
		if (cc->attempt == NULL)
			(void)wm_fail(&why, WM_UNAVAILABLE, "connection lost: %.400s", err->text);
	} else if (cc->attempt == NULL) {
		(void)wm_fail(&why, WM_UNAVAILABLE, "the server closed the connection");
	} else if (cc->link.tls == NULL) {
		(void)wm_fail(&why, WM_UNAVAILABLE,
			      "the server closed the connection before it answered (if it speaks "
			      "TLS, omit --global.insecure)");
	} else {
		(void)wm_fail(&why, WM_UNAVAILABLE, "the server closed the connection %s",
			      cc->h2 == NULL ? "in the TLS handshake" : "before it answered");
	}
	wm_rpc_client_conn_fail(cc, &why); /* last: the connection may be gone */
}

static void on_link_drain(void *arg)
{
	struct wm_rpc_client_conn *cc = arg;
	if (cc->h2 != NULL)
		wm_h2_resume(cc->h2);
}

static void on_gone(void *arg)
{
	/* A client's link is aborted, never closed with a wait. */
}

static const struct wm_rpc_link_events link_events = {
	.on_ready = on_ready,
	.on_bytes = on_bytes,
	.on_end = on_end,
	.on_drain = on_link_drain,
	.on_gone = on_gone,
};

/* ---- birth ---- */

struct wm_rpc_client_conn *wm_rpc_client_conn_new(struct wm_rpc_attempt *a, struct wm_conn *conn)
{
	struct wm_rpc_channel *c = a->channel;
	struct wm_rpc_client_conn *cc = wm_alloc(sizeof(*cc));
	const char *host = c->opts.server_name != NULL ? c->opts.server_name : a->target->host;
	cc->channel = c;
	cc->attempt = a;
	cc->target = a->target;
	cc->has_peer = wm_conn_peer(conn, &cc->peer);
	wm_str_copy(cc->name, sizeof(cc->name), a->name);
	wm_list_push(&c->conns, &cc->node);
	wm_rpc_link_init(&cc->link, c->loop, conn, c->opts.tls, host, a->name, &link_events, cc);
	return cc;
}
