/* A call in its handler's hands: what it may ask, what it answers, and how it ends. */
#include "rpc/server_impl.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "rpc/details.h"
#include "rpc/gzip.h"
#include "rpc/status.h"
#include <assert.h>
#include <string.h>

/* What its client was told, or would have been. */
static unsigned status_of(const struct wm_rpc_call *call)
{
	if (!call->answered)
		return wm_rpc_status_of_code(WM_CANCELLED);
	return call->has_status ? wm_rpc_status_of_code(call->status.code) : 0;
}

static void count(struct wm_rpc_call *call)
{
	struct wm_rpc_stats *stats = &call->conn->server->stats;
	unsigned status = status_of(call);
	stats->streams--;
	stats->ended[status]++;
	if (call->route == NULL)
		return;
	int64_t until = call->ended_ns != 0 ? call->ended_ns : wm_clock_now();
	call->route->stats.ended[status]++;
	wm_histogram_add(&call->route->stats.took, until - call->began_ns);
}

static void call_free(struct wm_rpc_call *call)
{
	struct wm_rpc_server_conn *sc = call->conn;
	count(call);
	wm_timer_stop(&call->timer);
	wm_list_remove(&call->node);
	wm_h2_stream_fini(&call->st);
	wm_rpc_metadata_fini(&call->request);
	wm_rpc_metadata_fini(&call->headers);
	wm_rpc_metadata_fini(&call->trailers);
	wm_buf_fini(&call->details);
	wm_arena_fini(&call->arena);
	wm_arena_fini(&call->message);
	wm_free(call->identity);
	wm_free(call->path);
	wm_free(call);
	wm_rpc_server_conn_release(sc);
}

/* ---- what the handler may ask ---- */

const struct wm_pb_method *wm_rpc_call_method(const struct wm_rpc_call *call)
{
	return call->route->method;
}

struct wm_loop *wm_rpc_call_loop(const struct wm_rpc_call *call)
{
	return call->conn->server->loop;
}

struct wm_arena *wm_rpc_call_arena(struct wm_rpc_call *call)
{
	return &call->arena;
}

const char *wm_rpc_call_metadata_n(const struct wm_rpc_call *call, const char *key, size_t *len)
{
	return wm_rpc_metadata_find(&call->request, key, len);
}

const char *wm_rpc_call_metadata(const struct wm_rpc_call *call, const char *key)
{
	return wm_rpc_metadata_find(&call->request, key, NULL);
}

bool wm_rpc_call_metadata_next(const struct wm_rpc_call *call, size_t *at, const char **key,
			       const char **value)
{
	return wm_rpc_metadata_at(&call->request, (*at)++, key, value, NULL);
}

bool wm_rpc_call_peer(const struct wm_rpc_call *call, struct wm_endpoint *out)
{
	*out = call->conn->peer;
	return call->conn->has_peer;
}

unsigned wm_rpc_call_interface(const struct wm_rpc_call *call)
{
	return call->conn->interface;
}

const char *wm_rpc_call_peer_cn(const struct wm_rpc_call *call)
{
	return call->conn->peer_cn;
}

const struct wm_pubkey *wm_rpc_call_peer_key(const struct wm_rpc_call *call)
{
	return call->conn->peer_key;
}

int64_t wm_rpc_call_deadline(const struct wm_rpc_call *call)
{
	return call->deadline;
}

void wm_rpc_call_set_identity(struct wm_rpc_call *call, const char *id)
{
	wm_free(call->identity);
	call->identity = id == NULL ? NULL : wm_strdup(id);
}

const char *wm_rpc_call_identity(const struct wm_rpc_call *call)
{
	return call->identity;
}

void wm_rpc_call_hand_to(struct wm_rpc_call *call, const struct wm_rpc_handler *handler, void *arg)
{
	call->handler = handler;
	call->handler_arg = arg;
}

void wm_rpc_call_hand_home(struct wm_rpc_call *call, const ProtobufCMessage *request)
{
	wm_rpc_call_on_cancel(call, NULL, NULL);
	wm_rpc_call_on_drain(call, NULL, NULL);
	wm_rpc_call_hand_to(call, call->route->handler, call->route->arg);
	call->handler->on_request(call, request, call->handler_arg);
}

void wm_rpc_call_set_data(struct wm_rpc_call *call, void *data)
{
	call->data = data;
}

void *wm_rpc_call_data(const struct wm_rpc_call *call)
{
	return call->data;
}

bool wm_rpc_call_is_cancelled(const struct wm_rpc_call *call)
{
	return call->cancelled;
}

size_t wm_rpc_call_queued(const struct wm_rpc_call *call)
{
	return wm_h2_stream_queued(&call->st);
}

void wm_rpc_call_pause(struct wm_rpc_call *call, bool paused)
{
	wm_h2_stream_pause(&call->st, paused);
}

void wm_rpc_call_on_cancel(struct wm_rpc_call *call,
			   void (*cb)(struct wm_rpc_call *call, const struct wm_err *why,
				      void *arg),
			   void *arg)
{
	call->on_cancel = cb;
	call->on_cancel_arg = arg;
}

void wm_rpc_call_on_drain(struct wm_rpc_call *call, void (*cb)(struct wm_rpc_call *call, void *arg),
			  void *arg)
{
	call->on_drain = cb;
	call->on_drain_arg = arg;
	if (wm_h2_stream_queued(&call->st) == 0)
		wm_h2_stream_tell_drained(&call->st);
}

/* ---- the answer ---- */

static void add_metadata(struct wm_rpc_call *call, struct wm_rpc_metadata *m, const char *key,
			 const char *value)
{
	if (!wm_rpc_metadata_add(m, key, value, strlen(value)))
		wm_warn(call->conn->server->log, "rpc.metadata", "method=%s left_out=%.64s",
			call->route->method->path, key);
}

void wm_rpc_call_add_header(struct wm_rpc_call *call, const char *key, const char *value)
{
	add_metadata(call, &call->headers, key, value);
}

void wm_rpc_call_add_trailer(struct wm_rpc_call *call, const char *key, const char *value)
{
	add_metadata(call, &call->trailers, key, value);
}

void wm_rpc_call_add_detail(struct wm_rpc_call *call, const ProtobufCMessage *detail)
{
	if (!wm_rpc_details_add(&call->details, detail))
		wm_warn(call->conn->server->log, "rpc.metadata", "method=%s left_out=%s",
			call->route->method->path, WM_RPC_DETAILS_KEY);
}

static void add_details(const struct wm_rpc_call *call, struct wm_rpc_fields *f)
{
	struct wm_buf out = {0};
	wm_rpc_details_encode(&call->status, &call->details, &out);
	wm_rpc_fields_add_bin(f, WM_RPC_DETAILS_KEY, out.data, out.len);
	wm_buf_fini(&out);
}

static void begin_answer(struct wm_rpc_call *call, struct wm_rpc_fields *f)
{
	wm_rpc_fields_add(f, ":status", "200");
	wm_rpc_fields_add(f, "content-type", "application/grpc");
	wm_rpc_fields_add(f, "grpc-accept-encoding", "identity, gzip");
	wm_rpc_fields_add_metadata(f, &call->headers);
}

void wm_rpc_call_send_headers(struct wm_rpc_call *call)
{
	if (call->st.responded || call->st.h2 == NULL)
		return;
	struct wm_rpc_fields f = {0};
	begin_answer(call, &f);
	/* Who asks compressed is answered so. */
	call->st.gzip = wm_streq(call->encoding, WM_RPC_GZIP) && wm_rpc_gzip_is_in(call->accepts);
	if (call->st.gzip)
		wm_rpc_fields_add(&f, "grpc-encoding", WM_RPC_GZIP);
	wm_h2_stream_respond(&call->st, &f, false);
	wm_rpc_fields_fini(&f);
}

void wm_rpc_call_put_trailers(struct wm_rpc_call *call, struct wm_rpc_fields *f)
{
	wm_rpc_fields_add_status(f, call->has_status ? &call->status : NULL);
	if (call->has_status && call->details.len > 0)
		add_details(call, f);
	wm_rpc_fields_add_metadata(f, &call->trailers);
}

/* Ends the answer: in trailers, or all of it in one block when nothing was sent before. */
static void end_answer(struct wm_rpc_call *call, const struct wm_err *err)
{
	struct wm_rpc_fields f = {0};
	if (call->st.h2 == NULL)
		return;
	call->answered = true;
	if (err != NULL) {
		call->has_status = true;
		call->status = *err;
	}
	if (err != NULL && !call->st.responded) {
		begin_answer(call, &f);
		wm_rpc_call_put_trailers(call, &f);
		wm_h2_stream_respond(&call->st, &f, true);
		wm_rpc_fields_fini(&f);
	} else {
		wm_rpc_call_send_headers(call);
		wm_h2_stream_end(&call->st);
	}
	wm_h2_stream_deafen(&call->st);
}

int wm_rpc_call_send(struct wm_rpc_call *call, const ProtobufCMessage *message, struct wm_err *err)
{
	const struct wm_rpc_server_opts *opts = &call->conn->port->opts;
	assert(!call->finished);
	if (call->cancelled || call->st.h2 == NULL)
		return wm_fail(err, WM_CANCELLED, "nobody listens any more");
	if (wm_h2_queued(call->st.h2) > opts->max_queued)
		return wm_fail(err, WM_RESOURCE_EXHAUSTED,
			       "%s reads too slowly: %zu bytes wait for it", call->conn->name,
			       wm_h2_queued(call->st.h2));
	wm_rpc_call_send_headers(call);
	call->sent = true;
	int rc = wm_h2_stream_send(&call->st, message, opts->max_message, err);
	call->route->stats.sent += rc == 0;
	return rc;
}

/* A method that answers once and did not is a mistake that the client must not mistake for OK. */
static bool is_mute(const struct wm_rpc_call *call)
{
	return !call->route->method->server_streaming && !call->sent;
}

void wm_rpc_call_finish(struct wm_rpc_call *call, const struct wm_err *err)
{
	struct wm_err mute;
	assert(!call->finished);
	call->finished = true;
	call->ended_ns = wm_clock_now();
	wm_timer_stop(&call->timer);
	if (call->st.h2 == NULL) {
		call_free(call);
		return;
	}
	if (call->cancelled) /* answered already, and the call goes with its stream */
		return;
	if (err == NULL && is_mute(call)) {
		(void)wm_fail(&mute, WM_INTERNAL, "%s ended without an answer",
			      call->route->method->path);
		err = &mute;
	}
	end_answer(call, err);
}

void wm_rpc_call_reply(struct wm_rpc_call *call, const ProtobufCMessage *message)
{
	struct wm_err err;
	int rc = wm_rpc_call_send(call, message, &err);
	wm_rpc_call_finish(call, rc == 0 ? NULL : &err);
}

/* ---- what happens to it ---- */

void wm_rpc_call_refuse(struct wm_rpc_call *call, const struct wm_err *err)
{
	call->finished = true;
	call->ended_ns = wm_clock_now();
	wm_timer_stop(&call->timer);
	end_answer(call, err);
}

void wm_rpc_call_cancel(struct wm_rpc_call *call, const struct wm_err *why, bool answer)
{
	if (call->cancelled || call->finished)
		return;
	if (!call->handed) {
		wm_rpc_call_refuse(call, why);
		return;
	}
	call->cancelled = true;
	wm_timer_stop(&call->timer);
	if (answer)
		end_answer(call, why);
	if (call->on_cancel != NULL)
		call->on_cancel(call, why, call->on_cancel_arg); /* last: it may finish the call */
}

void wm_rpc_call_over(struct wm_rpc_call *call, const struct wm_err *why)
{
	struct wm_err gone;
	if (!call->handed || call->finished) {
		call_free(call);
		return;
	}
	if (why == NULL) {
		(void)wm_fail(&gone, WM_CANCELLED, "the call is over");
		why = &gone;
	}
	wm_rpc_call_cancel(call, why, false);
}

void wm_rpc_call_take_drained(struct wm_rpc_call *call)
{
	void (*cb)(struct wm_rpc_call *c, void *arg) = call->on_drain;
	call->on_drain = NULL;
	if (cb != NULL && !call->finished && !call->cancelled)
		cb(call, call->on_drain_arg); /* last: it may finish the call */
}
