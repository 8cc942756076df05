/*
 * v1.Node: the status of this node, or, asked for another, that node's own answer: the question
 * is passed on over the mesh with this node's credentials, and so is whatever comes back.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "mesh/ids.h"
#include "rpc/client.h"
#include "service/internal.h"

#define FORWARD_TIMEOUT (5 * WM_NS_PER_S)

struct forward {
	struct wm_rpc_unary unary;
	struct wm_rpc_channel *channel;
	struct wm_rpc_call *call;
	const char *node_id;
};

static void on_answered(struct wm_rpc_unary *u, const struct wm_err *err)
{
	struct forward *f = wm_container_of(u, struct forward, unary);
	struct wm_rpc_channel *channel = f->channel;
	struct wm_err wrapped;
	if (err != NULL) {
		wrapped = *err;
		wm_wrap(&wrapped, "%s", f->node_id);
		wm_rpc_unary_fini(u);
		wm_rpc_call_finish(f->call, &wrapped);
	} else {
		struct wm_arena answer = u->arena; /* outlives the call, whose arena holds @f */
		const ProtobufCMessage *response = u->response;
		wm_rpc_call_reply(f->call, response);
		wm_arena_fini(&answer);
	}
	wm_rpc_channel_close(channel);
}

/* Whoever asked has gone, or we are stopping: nobody waits for the other node's answer any more. */
static void on_cancel(struct wm_rpc_call *call, const struct wm_err *why, void *arg)
{
	struct forward *f = arg;
	wm_rpc_unary_cancel(&f->unary);
}

static int start_forward(struct wm_service *s, struct wm_rpc_call *call, const char *id,
			 struct wm_err *err)
{
	struct wm_endpoint at;
	if (!s->opts.find_node(s->opts.arg, id, &at))
		return wm_fail(err, WM_NOT_FOUND, "node not found: %s", id);
	struct forward *f = wm_arena_alloc(wm_rpc_call_arena(call), sizeof(*f));
	char target[WM_ENDPOINT_TEXT];
	wm_endpoint_format(&at, target);
	f->call = call;
	f->node_id = wm_arena_strdup(wm_rpc_call_arena(call), id);
	struct wm_rpc_channel_opts channel = {.target = target,
					      .tls = s->opts.client_tls,
					      .stats = s->opts.client_stats,
					      .connect_timeout_ns = FORWARD_TIMEOUT};
	int rc = wm_rpc_channel_new(s->opts.loop, s->opts.log, &channel, &f->channel, err);
	if (rc != 0)
		return rc;
	int64_t left = wm_rpc_call_deadline(call) - wm_clock_now();
	struct wm_rpc_call_opts opts = {.deadline_ns =
						left < FORWARD_TIMEOUT ? left : FORWARD_TIMEOUT};
	if (opts.deadline_ns <= 0)
		opts.deadline_ns = 1;
	V1__GetStatusRequest request = V1__GET_STATUS_REQUEST__INIT;
	rc = wm_rpc_unary_start(f->channel, &f->unary, wm_pb_method_find("/v1.Node/GetStatus"),
				&request.base, &opts, on_answered, err);
	if (rc != 0)
		wm_rpc_channel_close(f->channel);
	else
		wm_rpc_call_on_cancel(call, on_cancel, f);
	return rc;
}

static void get_status(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	struct wm_service *s = arg;
	const V1__GetStatusRequest *req = (const V1__GetStatusRequest *)request;
	if (wm_str_is_empty(req->id) || wm_streq(req->id, s->opts.node_id)) {
		V1__Status status = V1__STATUS__INIT;
		s->opts.status(s->opts.arg, wm_rpc_call_arena(call), &status);
		return wm_rpc_call_reply(call, &status.base);
	}
	struct wm_err err;
	if (wm_node_id_check(req->id, "id", &err) != 0 ||
	    start_forward(s, call, req->id, &err) != 0)
		wm_rpc_call_finish(call, &err);
}

static const struct wm_rpc_handler handlers[] = {
	{.path = "/v1.Node/GetStatus", .on_request = get_status},
};

void wm_node_register(struct wm_service *s, struct wm_rpc_server *server)
{
	wm_rpc_server_register(server, handlers, WM_ARRAY_LEN(handlers), s);
}
