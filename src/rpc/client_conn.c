/*
 * A connection of a channel: handshake, greeting (until the server's SETTINGS have come, when it is
 * settled), calls, end. It never pings: servers hang up on clients that do so often, and TCP's
 * keepalive finds out about those that vanished.
 */
#include "base/mem.h"
#include "base/str.h"
#include "rpc/client_impl.h"

static void conn_free(struct wm_rpc_client_conn *cc)
{
	wm_list_remove(&cc->node);
	wm_h2_free(cc->h2);
	wm_rpc_link_abort(&cc->link);
	wm_free(cc);
}

/* The last that happens to @cc, and perhaps to its channel. */
static void conn_over(struct wm_rpc_client_conn *cc, const struct wm_err *err)
{
	struct wm_rpc_channel *c = cc->channel;
	struct wm_err why = *err;
	bool was_trying = c->trying == cc;
	if (was_trying)
		(void)wm_wrap(&why, "cannot connect to %s", cc->name);
	wm_rpc_channel_dropped(c, cc);
	conn_free(cc);
	if (was_trying)
		wm_rpc_channel_refused(c, &why);
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

/* ---- HTTP/2 ---- */

static void on_settings(void *arg)
{
	struct wm_rpc_client_conn *cc = arg;
	cc->settled = true;
	wm_rpc_channel_connected(cc->channel, cc);
}

static void on_goaway(void *arg, const struct wm_err *why)
{
	struct wm_rpc_client_conn *cc = arg;
	wm_rpc_channel_dropped(cc->channel, cc);
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
		if (cc->settled)
			(void)wm_fail(&why, WM_UNAVAILABLE, "connection lost: %.400s", err->text);
	} else if (cc->settled) {
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

struct wm_rpc_client_conn *wm_rpc_client_conn_new(struct wm_rpc_channel *c, struct wm_conn *conn,
						  const char *name)
{
	struct wm_rpc_client_conn *cc = wm_alloc(sizeof(*cc));
	const char *host = c->opts.server_name != NULL ? c->opts.server_name : c->host;
	cc->channel = c;
	cc->has_peer = wm_conn_peer(conn, &cc->peer);
	wm_str_copy(cc->name, sizeof(cc->name), name);
	wm_list_push(&c->conns, &cc->node);
	wm_rpc_link_init(&cc->link, c->loop, conn, c->opts.tls, host, name, &link_events, cc);
	return cc;
}
