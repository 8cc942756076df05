/*
 * A connection of the server: accepted, handshake, greeted (both ways), serving, draining, ended.
 * It has ten seconds from accept to the client's SETTINGS. While it serves it is looked after now
 * and then: one without calls is drained when it has been so for too long, one with calls but
 * without a sign of life is pinged. A connection that is drained announces it, a little later takes
 * no more calls, and ends when the last of them is over.
 */
#include "rpc/server_impl.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

#define HELLO_NS  (10 * WM_NS_PER_S)
#define NOTICE_NS (50 * WM_NS_PER_MS) /* from "soon no new calls" to "now" */

static void on_watch(struct wm_timer *t);

static struct wm_rpc_call *call_of(struct wm_h2_stream *s)
{
	return wm_container_of(s, struct wm_rpc_call, st);
}

static void blame(struct wm_rpc_server_conn *sc, enum wm_rpc_blame what)
{
	if (sc->source != NULL)
		wm_rpc_source_blame(sc->source, what);
}

void wm_rpc_server_conn_release(struct wm_rpc_server_conn *sc)
{
	sc->quiet_since = wm_loop_now(sc->server->loop);
	if (!sc->link_gone || sc->h2 != NULL || !wm_list_is_empty(&sc->calls))
		return;
	struct wm_rpc_server *s = sc->server;
	wm_list_remove(&sc->node);
	wm_rpc_turn_cancel(&sc->turn);
	wm_timer_stop(&sc->timer);
	struct wm_rpc_source *source = sc->source;
	if (!sc->greeted)
		s->stats.failed_greetings++;
	if (!sc->greeted && sc->link.shook)
		blame(sc, WM_RPC_BLAME_VAIN);
	wm_free(sc->peer_cn);
	wm_free(sc->peer_key);
	wm_free(sc);
	wm_rpc_server_conn_gone(s, source);
}

/* A line about a stranger's connection, not more often than anybody reads. */
static void log_end(struct wm_rpc_server_conn *sc, const struct wm_err *why)
{
	struct wm_rpc_server *s = sc->server;
	char text[WM_ERR_TEXT];
	if (why == NULL || s->draining)
		return;
	if (sc->greeted)
		wm_debug(s->log, "rpc.lost", "peer=%s reason=%s", sc->name,
			 wm_log_quote(why->text, text, sizeof(text)));
	else if (wm_log_limit_allow(&s->refused_lines, 5, wm_loop_now(s->loop)))
		wm_warn(s->log, "rpc.refused", "peer=%s reason=%s suppressed=%u", sc->name,
			wm_log_quote(why->text, text, sizeof(text)), s->refused_lines.suppressed);
}

/* ---- the link ---- */

static void on_ready(void *arg)
{
	struct wm_rpc_server_conn *sc = arg;
	if (sc->link.tls != NULL) {
		const char *cn = wm_tls_peer_cn(sc->link.tls);
		sc->peer_cn = cn == NULL ? NULL : wm_strdup(cn);
		struct wm_pubkey key;
		if (wm_tls_peer_key(sc->link.tls, &key))
			sc->peer_key = wm_memdup(&key, sizeof(key));
	}
}

/* HTTP/2 begins with the first bytes: a client that says nothing costs no session. */
static void begin_h2(struct wm_rpc_server_conn *sc)
{
	sc->h2 = wm_h2_new(&(struct wm_h2_opts){
		.loop = sc->server->loop,
		.events = &wm_rpc_server_events,
		.arg = sc,
		.server = true,
		.max_streams = sc->port->opts.max_streams,
		.max_message = sc->port->opts.max_message,
		.budget = &sc->server->budget,
		.stats = &sc->server->stats.h2,
	});
}

static void on_bytes(void *arg, const uint8_t *p, size_t n)
{
	struct wm_rpc_server_conn *sc = arg;
	if (sc->h2 == NULL)
		begin_h2(sc);
	wm_h2_feed(sc->h2, p, n);
	wm_rpc_link_read_little(&sc->link, !wm_h2_is_calm(sc->h2));
}

static void on_end(void *arg, const struct wm_err *err)
{
	struct wm_rpc_server_conn *sc = arg;
	struct wm_err why;
	if (sc->h2 == NULL) {
		/* Who connects and says nothing (a probe) is not worth a line. */
		(void)wm_fail(&why, WM_UNAUTHENTICATED, "the client hung up in the handshake");
		log_end(sc, err != NULL || sc->link.n_first == 0 ? err : &why);
		wm_rpc_link_close(&sc->link, err != NULL);
		return;
	}
	if (err == NULL)
		(void)wm_fail(&why, WM_CANCELLED, "the client closed the connection");
	else
		(void)wm_fail(&why, WM_CANCELLED, "connection lost: %.400s", err->text);
	wm_h2_fail(sc->h2, &why);
}

static void on_link_drain(void *arg)
{
	struct wm_rpc_server_conn *sc = arg;
	if (sc->h2 != NULL)
		wm_h2_resume(sc->h2);
}

static void on_gone(void *arg)
{
	struct wm_rpc_server_conn *sc = arg;
	sc->link_gone = true;
	wm_rpc_server_conn_release(sc);
}

static const struct wm_rpc_link_events link_events = {
	.on_ready = on_ready,
	.on_bytes = on_bytes,
	.on_end = on_end,
	.on_drain = on_link_drain,
	.on_gone = on_gone,
};

/* ---- HTTP/2 ---- */

static struct wm_h2_stream *on_begin(void *arg)
{
	struct wm_rpc_server_conn *sc = arg;
	return sc->server->cancelled ? NULL : &wm_rpc_call_new(sc)->st;
}

static void on_field(struct wm_h2_stream *s, bool tail, const char *name, size_t name_len,
		     const char *value, size_t value_len)
{
	if (!tail) /* a client's trailers mean nothing in gRPC */
		wm_rpc_call_take_field(call_of(s), name, name_len, value, value_len);
}

static void on_head(struct wm_h2_stream *s)
{
	wm_rpc_call_take_head(call_of(s));
}

static void on_message(struct wm_h2_stream *s, const struct wm_rpc_frame *frame)
{
	wm_rpc_call_take_message(call_of(s), frame);
}

static void on_bad(struct wm_h2_stream *s, const struct wm_err *err)
{
	wm_rpc_call_cancel(call_of(s), err, true);
}

static void on_stream_end(struct wm_h2_stream *s)
{
	wm_rpc_call_take_end(call_of(s));
}

static void on_drained(struct wm_h2_stream *s)
{
	wm_rpc_call_take_drained(call_of(s));
}

static void on_trailers(struct wm_h2_stream *s, struct wm_rpc_fields *f)
{
	wm_rpc_call_put_trailers(call_of(s), f);
}

static void on_over(struct wm_h2_stream *s, const struct wm_err *why)
{
	wm_rpc_call_over(call_of(s), why);
}

/* Calls come and go meanwhile, so it is looked after at either of its two intervals. */
static void watch_in(struct wm_rpc_server_conn *sc, int64_t ns)
{
	const struct wm_rpc_server_opts *o = &sc->port->opts;
	int64_t most = o->keepalive_ns < o->max_idle_ns ? o->keepalive_ns : o->max_idle_ns;
	wm_timer_start(sc->server->loop, &sc->timer, ns < most ? ns : most, on_watch);
}

/* Its calls may run for days without a word: whether anybody is still there has to be asked. */
static void watch_calls(struct wm_rpc_server_conn *sc)
{
	const struct wm_rpc_server_opts *o = &sc->port->opts;
	int64_t now = wm_loop_now(sc->server->loop);
	int64_t heard_at = wm_h2_heard_at(sc->h2);
	struct wm_err why;
	if (now - heard_at < o->keepalive_ns) {
		watch_in(sc, heard_at + o->keepalive_ns - now);
	} else if (sc->pinged_at <= heard_at) {
		sc->pinged_at = now;
		wm_h2_ping(sc->h2);
		wm_timer_start(sc->server->loop, &sc->timer, o->keepalive_timeout_ns, on_watch);
	} else {
		(void)wm_fail(&why, WM_UNAVAILABLE, "the client does not answer a ping");
		wm_h2_fail(sc->h2, &why);
	}
}

static void on_watch(struct wm_timer *t)
{
	struct wm_rpc_server_conn *sc = wm_container_of(t, struct wm_rpc_server_conn, timer);
	const struct wm_rpc_server_opts *o = &sc->port->opts;
	int64_t left = sc->quiet_since + o->max_idle_ns - wm_loop_now(sc->server->loop);
	if (!wm_list_is_empty(&sc->calls))
		watch_calls(sc);
	else if (left <= 0)
		wm_rpc_server_conn_drain(sc, false);
	else
		watch_in(sc, left);
}

static void on_settings(void *arg)
{
	struct wm_rpc_server_conn *sc = arg;
	sc->greeted = true;
	sc->quiet_since = wm_loop_now(sc->server->loop);
	if (sc->server->draining)
		wm_rpc_server_conn_drain(sc, false);
	else
		on_watch(&sc->timer);
}

static void on_goaway(void *arg, const struct wm_err *why)
{
	/* A client's goodbye asks nothing of us: its calls go on, and it closes when they are over.
	 */
}

static void on_lost(void *arg, const struct wm_err *why)
{
	struct wm_rpc_server_conn *sc = arg;
	log_end(sc, why);
	wm_timer_stop(&sc->timer);
	if (wm_h2_is_flooded(sc->h2)) {
		blame(sc, WM_RPC_BLAME_FLOOD);
		wm_rpc_link_dismiss(&sc->link);
	} else {
		if (wm_h2_is_broken(sc->h2))
			blame(sc, WM_RPC_BLAME_VAIN);
		wm_rpc_link_close(&sc->link, true);
	}
	wm_h2_free(sc->h2);
	sc->h2 = NULL;
	wm_rpc_server_conn_release(sc);
}

static size_t wire_queued(void *arg)
{
	struct wm_rpc_server_conn *sc = arg;
	return wm_rpc_link_queued(&sc->link);
}

static void wire_write(void *arg, const void *p, size_t n)
{
	struct wm_rpc_server_conn *sc = arg;
	wm_rpc_link_write(&sc->link, p, n);
}

const struct wm_h2_events wm_rpc_server_events = {
	.on_begin = on_begin,
	.on_field = on_field,
	.on_head = on_head,
	.on_message = on_message,
	.on_bad = on_bad,
	.on_end = on_stream_end,
	.on_drained = on_drained,
	.on_trailers = on_trailers,
	.on_over = on_over,
	.on_settings = on_settings,
	.on_goaway = on_goaway,
	.on_lost = on_lost,
	.queued = wire_queued,
	.write = wire_write,
};

/* ---- birth and death ---- */

static void on_hello_late(struct wm_timer *t)
{
	struct wm_rpc_server_conn *sc = wm_container_of(t, struct wm_rpc_server_conn, timer);
	struct wm_err why;
	(void)wm_fail(&why, WM_DEADLINE_EXCEEDED, "no HTTP/2 greeting within 10 s");
	if (sc->h2 != NULL) {
		wm_h2_fail(sc->h2, &why);
		return;
	}
	log_end(sc, &why);
	wm_rpc_link_close(&sc->link, false);
}

static void on_turn(struct wm_rpc_turn *t)
{
	struct wm_rpc_server_conn *sc = wm_container_of(t, struct wm_rpc_server_conn, turn);
	wm_rpc_link_read_start(&sc->link);
}

/* Nothing is read of it, and no handshake begins, before those who came before had their turn. */
static void await_turn(struct wm_rpc_server_conn *sc)
{
	struct wm_rpc_server *s = sc->server;
	if (sc->source == NULL || !wm_rpc_source_wait(sc->source, &sc->turn, on_turn))
		return;
	wm_conn_read_pause(sc->link.conn);
	s->stats.slowed++;
	if (wm_log_limit_allow(&s->slowed_lines, 1, wm_loop_now(s->loop)))
		wm_warn(s->log, "rpc.slowed", "peer=%s suppressed=%u", sc->name,
			s->slowed_lines.suppressed);
}

void wm_rpc_server_conn_new(struct wm_rpc_port *port, struct wm_conn *c,
			    struct wm_rpc_source *source)
{
	struct wm_rpc_server_conn *sc = wm_alloc(sizeof(*sc));
	sc->port = port;
	sc->server = port->server;
	sc->source = source;
	sc->has_peer = wm_conn_peer(c, &sc->peer);
	sc->interface = port->opts.hides_interface ? 0 : wm_conn_interface(c);
	if (sc->has_peer)
		(void)wm_endpoint_format(&sc->peer, sc->name);
	else
		wm_str_copy(sc->name, sizeof(sc->name), "local");
	wm_list_init(&sc->calls);
	wm_list_push(&sc->server->conns, &sc->node);
	wm_timer_start(sc->server->loop, &sc->timer, HELLO_NS, on_hello_late);
	wm_rpc_link_init(&sc->link, sc->server->loop, c, port->opts.tls, NULL, sc->name,
			 &link_events, sc);
	sc->link.handshakes = &sc->server->handshakes;
	wm_rpc_link_read_little(&sc->link, true);
	await_turn(sc);
}

static void on_notice_over(struct wm_timer *t)
{
	struct wm_rpc_server_conn *sc = wm_container_of(t, struct wm_rpc_server_conn, timer);
	wm_rpc_server_conn_drain(sc, true);
}

void wm_rpc_server_conn_drain(struct wm_rpc_server_conn *sc, bool final)
{
	if (!sc->greeted) /* nobody is there to be polite to */
		wm_rpc_server_conn_end(sc);
	if (!sc->greeted || sc->h2 == NULL)
		return;
	wm_h2_goaway(sc->h2, final);
	if (!final) /* and it is not looked after any more */
		wm_timer_start(sc->server->loop, &sc->timer, NOTICE_NS, on_notice_over);
}

/* Callbacks may free calls, so the list is looked at afresh after each. */
static struct wm_rpc_call *next_uncancelled(const struct wm_rpc_server_conn *sc)
{
	struct wm_list *it;
	wm_list_each (it, &sc->calls) {
		struct wm_rpc_call *call = wm_container_of(it, struct wm_rpc_call, node);
		if (!call->cancelled && !call->finished)
			return call;
	}
	return NULL;
}

void wm_rpc_server_conn_cancel(struct wm_rpc_server_conn *sc)
{
	struct wm_rpc_call *call;
	struct wm_err why;
	(void)wm_fail(&why, WM_UNAVAILABLE, "the server is stopping");
	while (!sc->link_gone && (call = next_uncancelled(sc)) != NULL)
		wm_rpc_call_cancel(call, &why, true);
}

void wm_rpc_server_conn_end(struct wm_rpc_server_conn *sc)
{
	struct wm_err why;
	(void)wm_fail(&why, WM_UNAVAILABLE, "the server is stopping");
	if (sc->h2 != NULL)
		wm_h2_fail(sc->h2, &why);
	else
		wm_rpc_link_close(&sc->link, false);
}
