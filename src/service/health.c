/*
 * grpc.health.v1: may this node, or one service of it, be asked? A service that answers from the
 * mesh's state is SERVING while this node holds state; everything is until the node stops. Watchers
 * are told when that changes, and are bounded by the streams that the server allows.
 */
#include "base/mem.h"
#include "base/str.h"
#include "pb/grpc.h"
#include "service/internal.h"
#include <string.h>

typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus serving;
#define UNASKED     GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__UNKNOWN
#define SERVING     GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define NO_SERVICE  GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

struct watcher { /* in the call's arena */
	struct wm_list node;
	struct wm_service *service;
	struct wm_rpc_call *call;
	const char *name;
	serving last; /* what was sent */
	bool waits_for_reader;
};

static serving status_of(const struct wm_service *s, const char *name)
{
	bool needs_state = false;
	if (!wm_str_is_empty(name) && !wm_service_has(s, name, &needs_state))
		return NO_SERVICE;
	if (s->stopping || (needs_state && s->opts.store == NULL))
		return NOT_SERVING;
	return SERVING;
}

static void check(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	const char *name = ((const Grpc__Health__V1__HealthCheckRequest *)request)->service;
	Grpc__Health__V1__HealthCheckResponse answer =
		GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
	struct wm_err err;
	answer.status = status_of(arg, name);
	if (answer.status != NO_SERVICE)
		return wm_rpc_call_reply(call, &answer.base);
	(void)wm_fail(&err, WM_NOT_FOUND, "unknown service %.200s", name);
	wm_rpc_call_finish(call, &err);
}

/* ---- watching ---- */

static void end(struct watcher *w, const struct wm_err *err)
{
	wm_list_remove(&w->node);
	wm_rpc_call_finish(w->call, err); /* last: the watcher is gone */
}

static void on_cancel(struct wm_rpc_call *call, const struct wm_err *why, void *arg)
{
	end(arg, why);
}

static void on_drained(struct wm_rpc_call *call, void *arg);

/* Says how things are, unless the watcher knows, or still reads what it was told before. */
static void tell(struct watcher *w)
{
	Grpc__Health__V1__HealthCheckResponse answer =
		GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
	struct wm_err err;
	answer.status = status_of(w->service, w->name);
	if (w->waits_for_reader || answer.status == w->last)
		return;
	w->last = answer.status;
	w->waits_for_reader = true;
	if (wm_rpc_call_send(w->call, &answer.base, &err) != 0)
		end(w, &err);
	else
		wm_rpc_call_on_drain(w->call, on_drained, w);
}

static void on_drained(struct wm_rpc_call *call, void *arg)
{
	struct watcher *w = arg;
	w->waits_for_reader = false;
	tell(w);
}

static void watch(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	struct wm_service *s = arg;
	struct watcher *w = wm_arena_alloc(wm_rpc_call_arena(call), sizeof(*w));
	struct wm_err err;
	if (s->stopping) {
		(void)wm_fail(&err, WM_UNAVAILABLE, "%s is stopping", s->opts.node_id);
		return wm_rpc_call_finish(call, &err);
	}
	w->service = s;
	w->call = call;
	w->name = ((const Grpc__Health__V1__HealthCheckRequest *)request)->service;
	w->last = UNASKED;
	wm_list_push(&s->watchers, &w->node);
	wm_rpc_call_on_cancel(call, on_cancel, w);
	tell(w);
}

void wm_health_changed(struct wm_service *s)
{
	struct wm_list *it, *next;
	wm_list_each_safe (it, next, &s->watchers)
		tell(wm_container_of(it, struct watcher, node));
}

void wm_health_stop(struct wm_service *s)
{
	struct wm_err err;
	wm_health_changed(s);
	(void)wm_fail(&err, WM_UNAVAILABLE, "%s is stopping", s->opts.node_id);
	while (!wm_list_is_empty(&s->watchers))
		end(wm_container_of(wm_list_first(&s->watchers), struct watcher, node), &err);
}

static const struct wm_rpc_handler handlers[] = {
	{.path = "/grpc.health.v1.Health/Check", .on_request = check},
	{.path = "/grpc.health.v1.Health/Watch", .on_request = watch},
};

void wm_health_register(struct wm_service *s, struct wm_rpc_server *server)
{
	wm_list_init(&s->watchers);
	wm_rpc_server_register(server, handlers, WM_ARRAY_LEN(handlers), s);
}
