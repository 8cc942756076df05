/* One request, one answer. */
#include "rpc/client_impl.h"

int wm_rpc_unary_start(struct wm_rpc_channel *c, struct wm_rpc_unary *u,
		       const struct wm_pb_method *method, const ProtobufCMessage *request,
		       const struct wm_rpc_call_opts *opts,
		       void (*cb)(struct wm_rpc_unary *u, const struct wm_err *err),
		       struct wm_err *err)
{
	struct wm_rpc_client_call *call = wm_rpc_client_call_new(c, method, opts, err);
	if (call == NULL)
		return WM_INVALID_ARGUMENT;
	int rc = wm_h2_stream_send(&call->st, request, c->opts.max_message, err);
	if (rc != 0) {
		(void)wm_wrap(err, "%s", method->path);
		wm_rpc_client_call_free(call);
		return rc;
	}
	wm_rpc_unary_fini(u);
	wm_arena_init(&u->arena, 0);
	u->cb = cb;
	u->call = call;
	call->unary = u;
	wm_h2_stream_end(&call->st);
	wm_rpc_client_call_bound(call);
	wm_rpc_client_call_start(call);
	return 0;
}

void wm_rpc_unary_cancel(struct wm_rpc_unary *u)
{
	if (u->call != NULL)
		wm_rpc_client_call_cancel(u->call);
}

void wm_rpc_unary_fini(struct wm_rpc_unary *u)
{
	wm_arena_fini(&u->arena);
	u->response = NULL;
}
