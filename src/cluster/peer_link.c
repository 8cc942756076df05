/*
 * A link to a member: a way (address, key, connection), and a stream of frames on it. A stream that
 * ends is begun again after a pause, on the same channel, which by itself goes on trying as long as
 * nobody answers. Whom we wait for may come to us first: then we need not wait.
 */
#include "cluster/peer_impl.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "crypto/tls.h"

/*
 * One that vanished is noticed after two seconds without a sign of it, and one that is back is
 * found within little more than one, as it is tried once in a second.
 */
#define ALIVE_NS     WM_NS_PER_S
#define CONNECT_NS   WM_NS_PER_S
#define PAUSE_NS     (50 * WM_NS_PER_MS)
#define PAUSE_MAX_NS WM_NS_PER_S
#define PAUSE_GROWTH 160
#define NEWEST_MAX   (64u << 10)
#define IDLE_NS      (60 * WM_NS_PER_S)

/* ---- ways ---- */

static bool accept_peer(void *arg, const struct wm_pubkey *key)
{
	const struct wm_peer_way *w = arg;
	return wm_pubkey_equal(key, &w->to.key);
}

struct wm_peer_way *wm_peer_way_new(struct wm_peer_port *p, const struct wm_peer *to)
{
	struct wm_peer_way *w = wm_alloc(sizeof(*w));
	struct wm_tls_node_opts tls = {.key = p->opts.key, .accept = accept_peer, .arg = w};
	char target[WM_ENDPOINT_TEXT];
	struct wm_rpc_channel_opts opts = {.target = wm_endpoint_format(&to->at, target),
					   .connect_timeout_ns = CONNECT_NS,
					   .backoff_ns = PAUSE_NS,
					   .backoff_max_ns = PAUSE_MAX_NS,
					   .keepalive_ns = ALIVE_NS,
					   .keepalive_timeout_ns = ALIVE_NS,
					   .max_message = WM_PEER_FRAME_MAX,
					   .stats = p->opts.client_stats};
	struct wm_err err;
	w->to = *to;
	w->may_free = true;
	w->tls = wm_tls_config_new_node(&tls);
	opts.tls = w->tls;
	if (wm_rpc_channel_new(p->opts.loop, p->opts.log, &opts, &w->channel, &err) == 0)
		return w;
	wm_warn(p->opts.log, "peer_link.unusable", "error=\"%s\"", err.text);
	wm_tls_config_free(w->tls);
	wm_free(w);
	return NULL;
}

void wm_peer_way_ended(struct wm_peer_way *w)
{
	w->may_free = true;
	w->is_up = false;
	if (w->channel == NULL)
		wm_free(w);
}

void wm_peer_way_close(struct wm_peer_way *w)
{
	if (w == NULL)
		return;
	w->owner = NULL;
	wm_rpc_channel_close(wm_steal(w->channel));
	wm_tls_config_free(wm_steal(w->tls));
	if (w->may_free)
		wm_free(w);
}

/* ---- the stream of frames ---- */

static void connect_link(struct wm_peer_link *l);

static void on_again(struct wm_timer *t)
{
	connect_link(wm_container_of(t, struct wm_peer_link, again));
}

static void try_later(struct wm_peer_link *l)
{
	wm_timer_start(l->port->opts.loop, &l->again, wm_backoff_next(&l->backoff), on_again);
}

static void put(struct wm_peer_link *l, const uint8_t *frame, size_t len)
{
	struct wm_peer_port *p = l->port;
	Webmesh__Peer__V1__Frame f = WEBMESH__PEER__V1__FRAME__INIT;
	struct wm_err err;
	f.data.data = (uint8_t *)(uintptr_t)frame; /* it is only read */
	f.data.len = len;
	if (wm_rpc_stream_send(&l->way->stream, &f.base, &err) != 0) {
		p->stats.dropped++;
		wm_trace(p->opts.log, "peer_link.dropped", "node=%s error=\"%s\"", l->node_id,
			 err.text);
		return;
	}
	p->stats.sent++;
	p->stats.sent_bytes += len;
}

static void on_headers(struct wm_rpc_stream *s)
{
	struct wm_peer_way *w = wm_container_of(s, struct wm_peer_way, stream);
	struct wm_peer_link *l = w->owner;
	char at[WM_ENDPOINT_TEXT];
	if (l == NULL)
		return;
	w->is_up = true;
	l->said_down = false;
	wm_backoff_reset(&l->backoff);
	wm_info(l->port->opts.log, "peer_link.up", "node=%s at=%s", l->node_id,
		wm_endpoint_format(&w->to.at, at));
	if (l->newest.len > 0)
		put(l, l->newest.data, l->newest.len);
	wm_buf_fini(&l->newest);
}

static void on_message(struct wm_rpc_stream *s, const ProtobufCMessage *message)
{
	/* The answer comes when we have said our last. */
}

static void on_end(struct wm_rpc_stream *s, const struct wm_err *err)
{
	struct wm_peer_way *w = wm_container_of(s, struct wm_peer_way, stream);
	struct wm_peer_link *l = w->owner;
	char text[WM_ERR_TEXT];
	wm_peer_way_ended(w);
	if (l == NULL)
		return;
	if (!l->said_down)
		wm_info(l->port->opts.log, "peer_link.down", "node=%s reason=%s", l->node_id,
			wm_log_quote(err == NULL ? "it said goodbye" : err->text, text,
				     sizeof(text)));
	l->said_down = true;
	try_later(l);
}

static void start_stream(struct wm_peer_link *l)
{
	struct wm_peer_way *w = l->way;
	const char *const metadata[] = {WM_PEER_BOOT, l->port->boot, NULL};
	const struct wm_rpc_call_opts opts = {.wait_for_ready = true, .metadata = metadata};
	const struct wm_pb_method *frames = wm_pb_method_find("/webmesh.peer.v1.Peer/Frames");
	struct wm_err err;
	w->stream = (struct wm_rpc_stream){
		.on_headers = on_headers, .on_message = on_message, .on_end = on_end};
	if (wm_rpc_stream_start(w->channel, &w->stream, frames, &opts, &err) == 0)
		w->may_free = false;
	else
		try_later(l);
}

/* ---- where it leads ---- */

/* Takes @fresh (may be NULL). Calls on the way before are told that it is lost. */
static void set_way(struct wm_peer_link *l, struct wm_peer_way *fresh)
{
	struct wm_peer_port *p = l->port;
	struct wm_peer_way *old = l->way;
	if (fresh == old)
		return;
	l->way = fresh;
	if (fresh != NULL)
		fresh->owner = l;
	if (!p->is_stopping)
		p->opts.hooks.on_channel(p->opts.hooks.arg, l->node_id);
	wm_peer_way_close(old);
}

static bool find(const struct wm_peer_link *l, struct wm_peer *to)
{
	const struct wm_peer_port_hooks *hooks = &l->port->opts.hooks;
	return hooks->find(hooks->arg, l->node_id, to);
}

static void connect_link(struct wm_peer_link *l)
{
	struct wm_peer to;
	wm_timer_stop(&l->again);
	if (!find(l, &to)) {
		set_way(l, NULL);
		return try_later(l);
	}
	if (l->way == NULL || !wm_peer_is_same(&l->way->to, &to))
		set_way(l, wm_peer_way_new(l->port, &to));
	if (l->way == NULL)
		return try_later(l);
	if (l->way->may_free)
		start_stream(l);
}

static void renew(struct wm_peer_link *l)
{
	struct wm_peer to;
	wm_backoff_reset(&l->backoff);
	if (find(l, &to))
		set_way(l, wm_peer_way_new(l->port, &to));
	connect_link(l);
}

void wm_peer_link_refresh(struct wm_peer_link *l)
{
	struct wm_peer to;
	bool is_known = find(l, &to);
	bool is_same = is_known && l->way != NULL && wm_peer_is_same(&l->way->to, &to);
	if (is_same || (!is_known && l->way == NULL))
		return; /* what it waits for is no other than before */
	wm_backoff_reset(&l->backoff);
	connect_link(l);
}

void wm_peer_link_seen(struct wm_peer_link *l, const char *boot)
{
	bool was_known = l->boot[0] != '\0';
	bool is_new = boot != NULL && !wm_streq(l->boot, boot);
	if (is_new)
		(void)wm_str_copy(l->boot, sizeof(l->boot), boot);
	/* A connection to the run before leads nowhere, even where nobody has told us yet. */
	if (l->way != NULL && l->way->is_up) {
		if (is_new && was_known)
			renew(l);
		return;
	}
	if (is_new || l->way == NULL || wm_timer_is_running(&l->again) ||
	    wm_rpc_channel_state(l->way->channel) == WM_RPC_TRANSIENT_FAILURE)
		renew(l);
}

/* ---- links ---- */

struct wm_peer_link *wm_peer_link_find(struct wm_peer_port *p, const char *node_id)
{
	struct wm_list *it;
	wm_list_each (it, &p->links) {
		struct wm_peer_link *l = wm_container_of(it, struct wm_peer_link, node);
		if (wm_streq(l->node_id, node_id))
			return l;
	}
	return NULL;
}

static void on_idle(struct wm_timer *t)
{
	struct wm_peer_link *l = wm_container_of(t, struct wm_peer_link, idle);
	if (!l->is_member)
		wm_peer_link_free(l);
}

struct wm_peer_link *wm_peer_link_new(struct wm_peer_port *p, const char *node_id, bool is_member)
{
	const struct wm_peer_port_hooks *hooks = &p->opts.hooks;
	struct wm_peer to;
	if (!is_member && !hooks->find(hooks->arg, node_id, &to))
		return NULL;
	struct wm_peer_link *l = wm_alloc(sizeof(*l));
	l->port = p;
	l->is_member = is_member;
	(void)wm_str_copy(l->node_id, sizeof(l->node_id), node_id);
	l->backoff = (struct wm_backoff){
		.first_ns = PAUSE_NS, .max_ns = PAUSE_MAX_NS, .growth_percent = PAUSE_GROWTH};
	wm_list_push(&p->links, &l->node);
	connect_link(l);
	return l;
}

void wm_peer_link_send(struct wm_peer_link *l, const uint8_t *frame, size_t len)
{
	struct wm_peer_port *p = l->port;
	if (!l->is_member)
		wm_timer_start(p->opts.loop, &l->idle, IDLE_NS, on_idle);
	if (l->way != NULL && l->way->is_up)
		return put(l, frame, len);
	p->stats.dropped += l->newest.len > 0 || len > NEWEST_MAX;
	wm_buf_clear(&l->newest);
	if (len <= NEWEST_MAX)
		wm_buf_add(&l->newest, frame, len);
}

void wm_peer_link_free(struct wm_peer_link *l)
{
	wm_list_remove(&l->node);
	wm_timer_stop(&l->again);
	wm_timer_stop(&l->idle);
	set_way(l, NULL);
	wm_buf_fini(&l->newest);
	wm_free(l);
}
