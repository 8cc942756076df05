#include "cluster/peer_impl.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/str.h"
#include "crypto/tls.h"

#define LISTEN_AGAIN_NS WM_NS_PER_S
#define KEEPALIVE_NS    (2 * WM_NS_PER_S) /* a member that is gone has its streams ended */
#define PER_SOURCE      64

/* ---- streams of frames that come in ---- */

struct incoming { /* in the call's arena */
	struct wm_list node;
	struct wm_peer_port *port;
	struct wm_rpc_call *call;
	char node_id[WM_IDENT_TEXT];
};

int wm_peer_check(const struct wm_peer_port *p, const struct wm_rpc_call *call, struct wm_err *err)
{
	const struct wm_pubkey *key = wm_rpc_call_peer_key(call);
	const char *was = wm_rpc_call_identity(call);
	const char *is = key == NULL ? NULL : p->opts.hooks.member_of(p->opts.hooks.arg, key);
	if (is != NULL && wm_streq(is, was))
		return 0;
	return wm_fail(err, WM_PERMISSION_DENIED, "%s is no storage member any more",
		       was == NULL ? "the caller" : was);
}

static void end(struct incoming *in, const struct wm_err *why)
{
	wm_list_remove(&in->node);
	wm_rpc_call_finish(in->call, why); /* last: it is gone */
}

static int refuse_stopping(const struct wm_peer_port *p, struct wm_err *err)
{
	return !p->is_stopping ? 0 : wm_fail(err, WM_UNAVAILABLE, "%s is stopping", p->node_id);
}

static void on_cancel(struct wm_rpc_call *call, const struct wm_err *why, void *arg)
{
	end(arg, why);
}

/* A member has one stream to us: the older one is of a connection that it has lost. */
static void end_older(struct wm_peer_port *p, const char *node_id)
{
	struct wm_list *it, *next;
	struct wm_err err;
	(void)wm_fail(&err, WM_ABORTED, "%s has begun another stream", node_id);
	wm_list_each_safe (it, next, &p->incoming) {
		struct incoming *in = wm_container_of(it, struct incoming, node);
		if (wm_streq(in->node_id, node_id))
			end(in, &err);
	}
}

static void on_open(struct wm_rpc_call *call, void *arg)
{
	struct wm_peer_port *p = arg;
	struct incoming *in = wm_arena_alloc(wm_rpc_call_arena(call), sizeof(*in));
	struct wm_err err;
	int rc = refuse_stopping(p, &err);
	if (rc == 0)
		rc = wm_peer_check(p, call, &err);
	if (rc != 0)
		return wm_rpc_call_finish(call, &err);
	in->port = p;
	in->call = call;
	(void)wm_str_copy(in->node_id, sizeof(in->node_id), wm_rpc_call_identity(call));
	end_older(p, in->node_id);
	wm_list_push(&p->incoming, &in->node);
	wm_rpc_call_set_data(call, in);
	wm_rpc_call_on_cancel(call, on_cancel, in);
	wm_rpc_call_send_headers(call);
	struct wm_peer_link *l = wm_peer_link_find(p, in->node_id);
	if (l != NULL)
		wm_peer_link_seen(l, wm_rpc_call_metadata(call, WM_PEER_BOOT));
}

static void on_message(struct wm_rpc_call *call, const ProtobufCMessage *message, void *arg)
{
	struct wm_peer_port *p = arg;
	struct incoming *in = wm_rpc_call_data(call);
	const Webmesh__Peer__V1__Frame *f = (const Webmesh__Peer__V1__Frame *)message;
	struct wm_err err;
	if (in == NULL)
		return;
	if (wm_peer_check(p, call, &err) != 0)
		return end(in, &err);
	p->stats.received++;
	p->stats.received_bytes += f->data.len;
	p->opts.hooks.on_frame(p->opts.hooks.arg, in->node_id, f->data.data, f->data.len);
}

static void on_half_close(struct wm_rpc_call *call, void *arg)
{
	static const Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
	struct incoming *in = wm_rpc_call_data(call);
	if (in == NULL)
		return;
	wm_list_remove(&in->node);
	wm_rpc_call_reply(call, &empty.base);
}

static const struct wm_rpc_handler handlers[] = {
	{.path = "/webmesh.peer.v1.Peer/Frames",
	 .on_open = on_open,
	 .on_message = on_message,
	 .on_half_close = on_half_close,
	 .max_message = WM_PEER_FRAME_MAX},
	{.path = "/webmesh.peer.v1.Peer/Snapshot", .on_request = wm_peer_serve},
};

/* ---- listening ---- */

static bool accept_member(void *arg, const struct wm_pubkey *key)
{
	struct wm_peer_port *p = arg;
	char short_key[WM_PUBKEY_TEXT];
	if (!p->is_stopping && p->opts.hooks.member_of(p->opts.hooks.arg, key) != NULL)
		return true;
	if (wm_log_limit_allow(&p->lines, 1, wm_loop_now(p->opts.loop)))
		wm_info(p->opts.log, "peer_port.stranger", "key=%s suppressed=%u",
			wm_pubkey_format(key, short_key), p->lines.suppressed);
	return false;
}

static int listen_at(struct wm_peer_port *p, const struct wm_endpoint *at,
		     struct wm_endpoint *bound, struct wm_err *err)
{
	struct wm_rpc_server_opts opts = {.at = *at,
					  .tls = p->tls,
					  .gate = p->opts.gate,
					  .gate_arg = p->opts.gate_arg,
					  .max_per_source = PER_SOURCE,
					  .keepalive_ns = KEEPALIVE_NS,
					  .keepalive_timeout_ns = KEEPALIVE_NS};
	char text[WM_ENDPOINT_TEXT];
	int rc = wm_rpc_server_listen(p->server, &opts, bound, err);
	if (rc == 0)
		wm_info(p->opts.log, "peer_port.open", "at=%s", wm_endpoint_format(bound, text));
	return rc;
}

static void listen_again(struct wm_timer *t)
{
	struct wm_peer_port *p = wm_container_of(t, struct wm_peer_port, listen_again);
	struct wm_endpoint bound;
	struct wm_err err;
	size_t left = 0;
	for (size_t i = 0; i < p->n_missing; i++)
		if (listen_at(p, &p->missing[i], &bound, &err) != 0)
			p->missing[left++] = p->missing[i];
	p->n_missing = left;
	if (left > 0)
		wm_timer_start(p->opts.loop, t, LISTEN_AGAIN_NS, listen_again);
}

void wm_peer_port_listen(struct wm_peer_port *p, const struct wm_endpoint *at, size_t n,
			 struct wm_endpoint *bound)
{
	struct wm_endpoint here;
	struct wm_err err;
	for (size_t i = 0; i < n && p->n_listens < WM_PEER_LISTENS; i++) {
		p->n_listens++;
		if (listen_at(p, &at[i], &here, &err) == 0) {
			if (bound != NULL)
				*bound = here;
			bound = NULL;
			continue;
		}
		wm_warn(p->opts.log, "peer_port.not_open", "error=\"%s\"", err.text);
		p->missing[p->n_missing++] = at[i];
	}
	if (p->n_missing > 0)
		wm_timer_start(p->opts.loop, &p->listen_again, LISTEN_AGAIN_NS, listen_again);
}

/* ---- members ---- */

bool wm_peer_is_same(const struct wm_peer *a, const struct wm_peer *b)
{
	return wm_endpoint_equal(&a->at, &b->at) && wm_pubkey_equal(&a->key, &b->key);
}

/* Those whom nobody counts as members any more are cut off, in the middle of their word. */
static void end_strangers(struct wm_peer_port *p)
{
	struct wm_list *it, *next;
	struct wm_err err;
	wm_list_each_safe (it, next, &p->incoming) {
		struct incoming *in = wm_container_of(it, struct incoming, node);
		if (wm_peer_check(p, in->call, &err) == 0)
			continue;
		wm_info(p->opts.log, "peer_port.cut_off", "node=%s", in->node_id);
		end(in, &err);
	}
}

static bool is_among(const char *const *ids, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (wm_streq(ids[i], id))
			return true;
	return false;
}

void wm_peer_port_set_members(struct wm_peer_port *p, const char *const *ids, size_t n)
{
	struct wm_list *it, *next;
	if (p->is_stopping)
		return;
	end_strangers(p);
	wm_list_each_safe (it, next, &p->links) {
		struct wm_peer_link *l = wm_container_of(it, struct wm_peer_link, node);
		bool was_member = l->is_member;
		l->is_member = is_among(ids, n, l->node_id);
		if (was_member && !l->is_member)
			wm_peer_link_free(l);
		else
			wm_peer_link_refresh(l);
	}
	for (size_t i = 0; i < n; i++)
		if (!wm_streq(ids[i], p->node_id) && wm_peer_link_find(p, ids[i]) == NULL)
			(void)wm_peer_link_new(p, ids[i], true);
}

void wm_peer_port_send(struct wm_peer_port *p, const char *node_id, const uint8_t *frame,
		       size_t len)
{
	struct wm_peer_link *l = p->is_stopping ? NULL : wm_peer_link_find(p, node_id);
	if (!p->is_stopping && l == NULL && !wm_streq(node_id, p->node_id))
		l = wm_peer_link_new(p, node_id, false);
	if (l != NULL)
		wm_peer_link_send(l, frame, len);
	else
		p->stats.dropped++;
}

struct wm_rpc_channel *wm_peer_port_channel(struct wm_peer_port *p, const char *node_id)
{
	struct wm_peer_link *l = p->is_stopping ? NULL : wm_peer_link_find(p, node_id);
	return l == NULL || l->way == NULL ? NULL : l->way->channel;
}

void wm_peer_port_stats(const struct wm_peer_port *p, struct wm_peer_port_stats *out)
{
	const struct wm_list *it;
	*out = p->stats;
	out->fetching_bytes = wm_peer_fetch_bytes(p);
	wm_list_each (it, &p->links) {
		const struct wm_peer_link *l =
			wm_container_of((struct wm_list *)(uintptr_t)it, struct wm_peer_link, node);
		out->links++;
		out->links_up += l->way != NULL && l->way->is_up;
	}
}

/* ---- birth and end ---- */

struct wm_peer_port *wm_peer_port_new(struct wm_rpc_server *server,
				      const struct wm_peer_port_opts *opts)
{
	struct wm_peer_port *p = wm_alloc(sizeof(*p));
	struct wm_tls_node_opts tls = {
		.key = opts->key, .is_server = true, .accept = accept_member, .arg = p};
	uint8_t boot[8];
	p->opts = *opts;
	p->server = server;
	(void)wm_str_copy(p->node_id, sizeof(p->node_id), opts->node_id);
	wm_rand_bytes(boot, sizeof(boot));
	wm_hex_format(boot, sizeof(boot), p->boot);
	wm_list_init(&p->links);
	wm_list_init(&p->incoming);
	wm_list_init(&p->serves);
	p->tls = wm_tls_config_new_node(&tls);
	wm_rpc_server_register(server, handlers, WM_ARRAY_LEN(handlers), p);
	return p;
}

void wm_peer_port_stop(struct wm_peer_port *p)
{
	struct wm_err err;
	if (p == NULL || p->is_stopping)
		return;
	p->is_stopping = true;
	(void)refuse_stopping(p, &err);
	wm_timer_stop(&p->listen_again);
	wm_peer_fetch_drop(p);
	wm_peer_serves_end(p, NULL, &err);
	while (!wm_list_is_empty(&p->incoming))
		end(wm_container_of(wm_list_first(&p->incoming), struct incoming, node), &err);
	while (!wm_list_is_empty(&p->links))
		wm_peer_link_free(
			wm_container_of(wm_list_first(&p->links), struct wm_peer_link, node));
}

void wm_peer_port_free(struct wm_peer_port *p)
{
	if (p == NULL)
		return;
	wm_peer_port_stop(p);
	wm_tls_config_free(p->tls);
	wm_free(p);
}
