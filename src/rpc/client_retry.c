/*
 * When an attempt has ended and the call need not. After gRFC A6:
 *  - What no server has looked at is sent again at once: what never left, as often as it takes;
 *    what a server has refused or was too late for, once. It goes to another connection if the old
 *    one takes no more calls.
 *  - What a server has answered with an error, or may have worked on before the connection broke,
 *    is made again only under the call's policy, and only before the server's headers have come.
 *  - A channel most of whose calls fail makes none again: each failure takes a token, each success
 *    gives a tenth of one back, and more than half of them must be left.
 * For all this what the call sends is kept until the headers have come, up to a limit.
 */
#include "base/clock.h"
#include "rpc/client_impl.h"
#include <nghttp2/nghttp2.h>

#define KEPT_MAX       (256u << 10) /* bytes sent and kept, of one call */
#define ATTEMPTS_MAX   5
#define TOKENS_MAX     100 /* in tenths */
#define TOKENS_FAILURE 10
#define TOKENS_SUCCESS 1

void wm_rpc_client_call_bound(struct wm_rpc_client_call *call)
{
	if (call->st.keep && call->st.out.len > KEPT_MAX)
		wm_h2_stream_forget(&call->st);
}

/* ---- at once ---- */

static void forget_answer(struct wm_rpc_client_call *call)
{
	wm_rpc_metadata_fini(&call->headers);
	wm_rpc_metadata_fini(&call->trailers);
	call->http_status = 0;
	call->grpc_status = -1;
	call->status_only = call->has_pushback = false;
	call->grpc_message[0] = call->encoding[0] = call->content_type[0] = '\0';
}

static void send_again(struct wm_rpc_client_call *call)
{
	call->channel->stats->resends++;
	forget_answer(call);
	wm_h2_stream_rewind(&call->st);
	wm_rpc_channel_enqueue(call->channel, call);
}

void wm_rpc_client_call_lost(struct wm_rpc_client_call *call, bool connected,
			     const struct wm_err *err)
{
	const struct wm_h2_stream *s = &call->st;
	bool refused = s->closed && s->close_code == NGHTTP2_REFUSED_STREAM;
	struct wm_err unfit;
	if (!s->sent && connected) {
		(void)wm_fail(&unfit, WM_RESOURCE_EXHAUSTED,
			      "%s: the headers of the call are too large to be sent",
			      call->method->path);
		wm_rpc_client_call_end(call, &unfit);
	} else if (!s->sent) {
		send_again(call);
	} else if (refused && s->keep && !call->refused) {
		call->refused = true;
		send_again(call);
	} else {
		wm_rpc_client_call_settle(call, err);
	}
}

/* ---- under a policy ---- */

static bool is_retryable(const struct wm_rpc_client_call *call, const struct wm_err *err)
{
	return err->code < 0 && (call->retry.codes & WM_RPC_RETRY_ON(err->code)) != 0;
}

/* Counts the outcome of an attempt; false when too many fail. */
static bool take_token(struct wm_rpc_client_call *call, const struct wm_err *err)
{
	struct wm_rpc_channel *c = call->channel;
	if (call->retry.max_attempts < 2)
		return false;
	if (err == NULL) {
		c->tokens = c->tokens < TOKENS_MAX ? c->tokens + TOKENS_SUCCESS : TOKENS_MAX;
		return false;
	}
	if (is_retryable(call, err) || (call->has_pushback && call->pushback_ms < 0))
		c->tokens = c->tokens > TOKENS_FAILURE ? c->tokens - TOKENS_FAILURE : 0;
	return c->tokens > TOKENS_MAX / 2;
}

static bool may_repeat(const struct wm_rpc_client_call *call, const struct wm_err *err)
{
	unsigned max = call->retry.max_attempts;
	if (call->ending || !is_retryable(call, err) || call->n_attempts + 1 >= max ||
	    call->n_attempts + 1 >= ATTEMPTS_MAX)
		return false;
	if (call->has_pushback && call->pushback_ms < 0)
		return false;
	return call->st.keep || !call->st.sent;
}

static int64_t next_pause(struct wm_rpc_client_call *call)
{
	if (!call->has_pushback)
		return wm_backoff_next(&call->backoff);
	wm_backoff_reset(&call->backoff);
	return call->pushback_ms * WM_NS_PER_MS;
}

static void on_pause_over(struct wm_timer *t)
{
	send_again(wm_container_of(t, struct wm_rpc_client_call, pause));
}

void wm_rpc_client_call_again(struct wm_rpc_client_call *call)
{
	struct wm_loop *loop = call->channel->loop;
	int64_t pause = next_pause(call);
	call->retrying = false;
	if (pause < call->deadline - wm_loop_now(loop))
		wm_timer_start(loop, &call->pause, pause, on_pause_over);
	else
		wm_rpc_client_call_end(call, &call->err); /* it would come too late */
}

void wm_rpc_client_call_settle(struct wm_rpc_client_call *call, const struct wm_err *err)
{
	bool has_token = take_token(call, err);
	if (err == NULL || !has_token || !may_repeat(call, err)) {
		wm_rpc_client_call_end(call, err);
		return;
	}
	call->err = *err;
	call->n_attempts++;
	call->retrying = true;
	if (call->st.h2 != NULL)
		wm_h2_stream_reset(&call->st, NGHTTP2_CANCEL);
	else
		wm_rpc_client_call_again(call);
}
