/* Streams: several messages, from either side. */
#include "rpc/client_impl.h"

#define QUEUED_MAX (1u << 20)

int wm_rpc_stream_start(struct wm_rpc_channel *c, struct wm_rpc_stream *s,
			const struct wm_pb_method *method, const struct wm_rpc_call_opts *opts,
			struct wm_err *err)
{
	struct wm_rpc_client_call *call = wm_rpc_client_call_new(c, method, opts, err);
	if (call == NULL)
		return WM_INVALID_ARGUMENT;
	s->call = call;
	call->stream = s;
	wm_rpc_client_call_start(call);
	return 0;
}

/* It is over, and will not be sent again either. */
static bool is_lost(const struct wm_h2_stream *st)
{
	return st->closed && st->sent && !st->keep;
}

int wm_rpc_stream_send(struct wm_rpc_stream *s, const ProtobufCMessage *message, struct wm_err *err)
{
	struct wm_rpc_client_call *call = s->call;
	if (call == NULL || call->ending || call->st.out_end || is_lost(&call->st))
		return wm_fail(err, WM_CANCELLED, "the call is over");
	size_t queued = wm_h2_stream_queued(&call->st);
	if (queued > QUEUED_MAX)
		return wm_fail(err, WM_RESOURCE_EXHAUSTED,
			       "%s reads too slowly: %zu bytes wait for it",
			       call->channel->targets[0].text, queued);
	int rc = wm_h2_stream_send(&call->st, message, call->channel->opts.max_message, err);
	wm_rpc_client_call_bound(call);
	return rc;
}

size_t wm_rpc_stream_queued(const struct wm_rpc_stream *s)
{
	return s->call == NULL ? 0 : wm_h2_stream_queued(&s->call->st);
}

void wm_rpc_stream_half_close(struct wm_rpc_stream *s)
{
	if (s->call != NULL)
		wm_h2_stream_end(&s->call->st);
}

void wm_rpc_stream_pause(struct wm_rpc_stream *s, bool paused)
{
	if (s->call != NULL)
		wm_h2_stream_pause(&s->call->st, paused);
}

void wm_rpc_stream_cancel(struct wm_rpc_stream *s)
{
	if (s->call != NULL)
		wm_rpc_client_call_cancel(s->call);
}
