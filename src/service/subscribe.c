/*
 * v1.Membership.SubscribePeers: a stream of what the subscriber's device is to hold. The first
 * message goes out at once; then one whenever the answer has really changed. Changes that come
 * faster than the reader reads are merged into one: while something waits to be sent, a change only
 * leaves a mark. Nothing polls.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "mesh/ids.h"
#include "mesh/peers.h"
#include "pb/message.h"
#include "service/internal.h"
#include "service/live.h"

struct subscriber {
	struct wm_live_listener listener;
	struct wm_defer push;
	struct wm_list node; /* in the service's list */
	struct wm_service *service;
	struct wm_rpc_call *call;
	struct wm_arena last_arena;
	V1__PeerConfigurations *last; /* what was sent; NULL before the first */
	bool waits_for_reader;
	bool changed; /* while waiting */
	char node_id[WM_ID_MAX + 1];
};

static void push(struct wm_defer *d);

static void end(struct subscriber *u, const struct wm_err *err)
{
	wm_live_unlisten(&u->listener);
	wm_defer_cancel(&u->push);
	wm_list_remove(&u->node);
	wm_debug(u->service->opts.log, "subscription.end", "node=%s", u->node_id);
	wm_rpc_call_finish(u->call, err);
	wm_arena_fini(&u->last_arena);
	wm_free(u);
}

static void on_drained(struct wm_rpc_call *call, void *arg)
{
	struct subscriber *u = arg;
	u->waits_for_reader = false;
	if (u->changed)
		wm_defer(u->service->opts.loop, &u->push, push);
}

/* Keeps @config, which lives in @arena, as what the subscriber now has. */
static void remember(struct subscriber *u, struct wm_arena *arena, V1__PeerConfigurations *config)
{
	wm_arena_fini(&u->last_arena);
	u->last_arena = *arena;
	u->last = config;
}

static int send_config(struct subscriber *u, V1__PeerConfigurations *config, struct wm_err *err)
{
	int rc = wm_rpc_call_send(u->call, &config->base, err);
	if (rc != 0)
		return rc;
	u->waits_for_reader = true;
	wm_rpc_call_on_drain(u->call, on_drained, u);
	return 0;
}

static void push(struct wm_defer *d)
{
	struct subscriber *u = wm_container_of(d, struct subscriber, push);
	if (u->waits_for_reader) {
		u->changed = true;
		return;
	}
	u->changed = false;
	struct wm_err err;
	struct wm_arena arena;
	V1__PeerConfigurations *config;
	wm_arena_init(&arena, 0);
	int rc = wm_peers_config(wm_live_graph(u->service->opts.live), u->node_id, &arena, &config,
				 &err);
	bool same = rc == 0 && u->last != NULL && wm_peers_config_equal(config, u->last);
	if (rc == 0 && !same)
		rc = send_config(u, config, &err);
	if (rc != 0 || same)
		wm_arena_fini(&arena);
	else
		remember(u, &arena, config);
	if (rc != 0)
		end(u, &err);
}

static void on_change(struct wm_live_listener *l)
{
	struct subscriber *u = wm_container_of(l, struct subscriber, listener);
	wm_defer(u->service->opts.loop, &u->push, push);
}

static void on_cancel(struct wm_rpc_call *call, const struct wm_err *why, void *arg)
{
	end(arg, why);
}

static int check(struct wm_service *s, struct wm_rpc_call *call,
		 const V1__SubscribePeersRequest *req, struct wm_err *err)
{
	int rc = wm_node_id_check(req->id, "id", err);
	if (rc == 0)
		rc = wm_service_check_self(s, call, req->id, false, err);
	if (rc == 0 && !wm_graph_has_node(wm_live_graph(s->opts.live), req->id))
		rc = wm_fail(err, WM_NOT_FOUND, "node not found: %s; join first", req->id);
	return rc;
}

void wm_membership_subscribe(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	struct wm_service *s = arg;
	const V1__SubscribePeersRequest *req = (const V1__SubscribePeersRequest *)request;
	struct wm_err err;
	if (check(s, call, req, &err) != 0)
		return wm_rpc_call_finish(call, &err);
	struct subscriber *u = wm_alloc(sizeof(*u));
	u->service = s;
	u->call = call;
	wm_str_copy(u->node_id, sizeof(u->node_id), req->id);
	u->listener.node_id = u->node_id;
	u->listener.on_change = on_change;
	wm_arena_init(&u->last_arena, 0);
	wm_list_push(&s->subscribers, &u->node);
	wm_live_listen(s->opts.live, &u->listener);
	wm_rpc_call_on_cancel(call, on_cancel, u);
	wm_debug(s->opts.log, "subscription.begin", "node=%s", u->node_id);
	push(&u->push);
}

void wm_membership_end_subscriptions(struct wm_service *s)
{
	struct wm_err err;
	wm_fail(&err, WM_UNAVAILABLE, "%s is stopping", s->opts.node_id);
	while (!wm_list_is_empty(&s->subscribers))
		end(wm_container_of(wm_list_first(&s->subscribers), struct subscriber, node), &err);
}
