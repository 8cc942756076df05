/*
 * A call of either shape on its way: it waits for a connection, is opened, and ends once, by the
 * server's status or by whatever kept that from coming. Its owner is told from the loop; the struct
 * lives until that and until its stream is over.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "rpc/client_impl.h"
#include "rpc/decode.h"
#include "rpc/gzip.h"
#include "rpc/status.h"
#include <stdio.h>
#include <string.h>

#define USER_AGENT "webmesh"

static struct wm_rpc_client_call *call_of(struct wm_h2_stream *s)
{
	return wm_container_of(s, struct wm_rpc_client_call, st);
}

void wm_rpc_client_call_free(struct wm_rpc_client_call *call)
{
	wm_timer_stop(&call->timer);
	wm_defer_cancel(&call->tell);
	wm_list_remove(&call->waiting);
	wm_list_remove(&call->node);
	wm_h2_stream_fini(&call->st);
	wm_rpc_metadata_fini(&call->request);
	wm_rpc_metadata_fini(&call->headers);
	wm_rpc_metadata_fini(&call->trailers);
	wm_arena_fini(&call->message);
	wm_free(call);
}

/* ---- start ---- */

static int add_metadata(struct wm_rpc_client_call *call, const char *const *pairs,
			struct wm_err *err)
{
	for (; pairs != NULL && pairs[0] != NULL; pairs += 2) {
		if (!wm_rpc_metadata_add(&call->request, pairs[0], pairs[1], strlen(pairs[1])))
			return wm_fail(err, WM_INVALID_ARGUMENT,
				       "metadata \"%.64s\" may not be sent", pairs[0]);
	}
	return 0;
}

struct wm_rpc_client_call *wm_rpc_client_call_new(struct wm_rpc_channel *c,
						  const struct wm_pb_method *method,
						  const struct wm_rpc_call_opts *opts,
						  struct wm_err *err)
{
	struct wm_rpc_client_call *call = wm_alloc(sizeof(*call));
	wm_on_loop(c->loop);
	call->channel = c;
	call->method = method;
	call->st.gzip = c->opts.gzip;
	call->grpc_status = -1;
	call->timeout = opts == NULL ? 0 : opts->deadline_ns;
	call->deadline = INT64_MAX;
	if (call->timeout > 0 &&
	    __builtin_add_overflow(wm_loop_now(c->loop), call->timeout, &call->deadline))
		call->deadline = INT64_MAX;
	wm_arena_init(&call->message, 0);
	if (add_metadata(call, opts == NULL ? NULL : opts->metadata, err) != 0) {
		wm_rpc_client_call_free(call);
		return NULL;
	}
	return call;
}

void wm_rpc_client_call_add_metadata(struct wm_rpc_client_call *call, const char *key,
				     const char *value)
{
	if (!wm_rpc_metadata_add(&call->request, key, value, strlen(value)))
		wm_warn(call->channel->log, "rpc.metadata", "method=%s left_out=%.64s",
			call->method->path, key);
}

const char *wm_rpc_client_call_metadata(const struct wm_rpc_client_call *call, const char *key,
					size_t *len)
{
	const char *value = wm_rpc_metadata_find(&call->headers, key, len);
	return value != NULL ? value : wm_rpc_metadata_find(&call->trailers, key, len);
}

static void on_deadline(struct wm_timer *t)
{
	struct wm_rpc_client_call *call = wm_container_of(t, struct wm_rpc_client_call, timer);
	struct wm_err err;
	char after[40];
	(void)wm_format_duration(call->timeout, after, sizeof(after));
	(void)wm_fail(&err, WM_DEADLINE_EXCEEDED, "%s %s within %s",
		      call->st.id == 0 ? "no connection to" : "no answer from",
		      call->channel->target, after);
	wm_rpc_client_call_end(call, &err);
}

void wm_rpc_client_call_start(struct wm_rpc_client_call *call)
{
	struct wm_rpc_channel *c = call->channel;
	wm_list_push(&c->calls, &call->node);
	if (c->opts.credentials != NULL)
		c->opts.credentials(call, c->opts.credentials_arg);
	if (call->deadline != INT64_MAX)
		wm_timer_start(c->loop, &call->timer, call->timeout, on_deadline);
	wm_rpc_channel_enqueue(c, call);
}

static void add_timeout(struct wm_rpc_client_call *call, struct wm_rpc_fields *f)
{
	char text[WM_RPC_TIMEOUT_TEXT];
	if (call->deadline == INT64_MAX)
		return;
	int64_t left = call->deadline - wm_loop_now(call->channel->loop);
	wm_rpc_fields_add(f, "grpc-timeout",
			  wm_arena_strdup(&f->arena, wm_rpc_timeout_format(left, text)));
}

void wm_rpc_client_call_open(struct wm_rpc_client_call *call, struct wm_rpc_client_conn *cc)
{
	struct wm_rpc_channel *c = call->channel;
	struct wm_rpc_fields f = {0};
	struct wm_err err;
	wm_rpc_fields_add(&f, ":method", "POST");
	wm_rpc_fields_add(&f, ":scheme", c->opts.tls == NULL ? "http" : "https");
	wm_rpc_fields_add(&f, ":path", call->method->path);
	wm_rpc_fields_add(&f, ":authority", c->path == NULL ? c->target : c->host);
	wm_rpc_fields_add(&f, "te", "trailers");
	wm_rpc_fields_add(&f, "content-type", "application/grpc");
	wm_rpc_fields_add(&f, "user-agent", USER_AGENT);
	wm_rpc_fields_add(&f, "grpc-accept-encoding", "identity, gzip");
	if (call->st.gzip)
		wm_rpc_fields_add(&f, "grpc-encoding", WM_RPC_GZIP);
	add_timeout(call, &f);
	wm_rpc_fields_add_metadata(&f, &call->request);
	if (wm_h2_stream_open(cc->h2, &call->st, &f, &err) != 0)
		wm_rpc_client_call_end(call, &err);
	wm_rpc_fields_fini(&f);
}

/* ---- end ---- */

/* The callback is the last that touches what the owner embeds; the call itself may outlive it. */
static void tell_owner(struct wm_rpc_client_call *call)
{
	const struct wm_err *err = call->failed ? &call->err : NULL;
	if (call->unary != NULL) {
		call->unary->call = NULL;
		call->unary->done = call;
		call->unary->cb(call->unary, err);
	} else {
		call->stream->call = NULL;
		call->stream->done = call;
		call->stream->on_end(call->stream, err);
	}
}

static void release(struct wm_rpc_client_call *call)
{
	struct wm_rpc_channel *c = call->channel;
	wm_rpc_client_call_free(call);
	if (c != NULL) /* NULL: it was closed meanwhile */
		wm_rpc_channel_release(c);
}

static void on_tell(struct wm_defer *d)
{
	struct wm_rpc_client_call *call = wm_container_of(d, struct wm_rpc_client_call, tell);
	call->told = true;
	tell_owner(call);
	if (call->st.h2 == NULL)
		release(call);
	else
		call->freeable = true;
}

void wm_rpc_client_call_end(struct wm_rpc_client_call *call, const struct wm_err *err)
{
	if (call->ending)
		return;
	call->ending = true;
	call->failed = err != NULL;
	if (err != NULL)
		call->err = *err;
	wm_timer_stop(&call->timer);
	wm_list_remove(&call->waiting);
	if (call->st.h2 != NULL)
		wm_h2_stream_reset(&call->st, NGHTTP2_CANCEL);
	wm_defer(call->channel->loop, &call->tell, on_tell);
}

void wm_rpc_client_call_cancel(struct wm_rpc_client_call *call)
{
	struct wm_err err;
	(void)wm_fail(&err, WM_CANCELLED, "the call was cancelled");
	wm_rpc_client_call_end(call, &err);
}

/* ---- what the server says ---- */

static void note(char *out, size_t size, const char *value, size_t len)
{
	if (len >= size)
		len = size - 1;
	memcpy(out, value, len);
	out[len] = '\0';
}

static bool is_name(const char *name, size_t len, const char *wanted)
{
	return strlen(wanted) == len && memcmp(name, wanted, len) == 0;
}

void wm_rpc_client_call_take_field(struct wm_h2_stream *s, bool tail, const char *name,
				   size_t name_len, const char *value, size_t value_len)
{
	struct wm_rpc_client_call *call = call_of(s);
	char number[8];
	uint64_t n;
	if (is_name(name, name_len, ":status") || is_name(name, name_len, "grpc-status")) {
		note(number, sizeof(number), value, value_len);
		if (!wm_parse_u64(number, 0, 999, &n))
			n = 999; /* no status that anybody knows */
		if (name[0] == ':')
			call->http_status = (unsigned)n;
		else
			call->grpc_status = (int)n;
	} else if (is_name(name, name_len, "grpc-message")) {
		(void)wm_rpc_percent_decode(value, value_len, call->grpc_message,
					    sizeof(call->grpc_message));
	} else if (is_name(name, name_len, "grpc-encoding")) {
		note(call->encoding, sizeof(call->encoding), value, value_len);
	} else if (is_name(name, name_len, "content-type")) {
		note(call->content_type, sizeof(call->content_type), value, value_len);
	} else {
		(void)wm_rpc_metadata_decode(tail ? &call->trailers : &call->headers, name,
					     name_len, value, value_len);
	}
}

/* An answer that is not gRPC: some proxy or web server has taken the call. */
static bool is_alien(const struct wm_rpc_client_call *call, struct wm_err *err)
{
	if (call->grpc_status >= 0)
		return false;
	if (call->http_status != 200) {
		(void)wm_fail(err, wm_rpc_code_of_http(call->http_status),
			      "%s answered HTTP status %u instead of gRPC", call->channel->target,
			      call->http_status);
		return true;
	}
	if (!wm_str_starts(call->content_type, "application/grpc")) {
		(void)wm_fail(err, WM_UNKNOWN, "%s answered content-type \"%s\" instead of gRPC",
			      call->channel->target, call->content_type);
		return true;
	}
	return false;
}

void wm_rpc_client_call_take_head(struct wm_h2_stream *s)
{
	struct wm_rpc_client_call *call = call_of(s);
	struct wm_err err;
	if (s->header_overflow) {
		(void)wm_fail(&err, WM_RESOURCE_EXHAUSTED,
			      "the headers of %s are above the limit of %u bytes",
			      call->channel->target, WM_RPC_HEADER_MAX);
		wm_rpc_client_call_end(call, &err);
	} else if (is_alien(call, &err)) {
		wm_rpc_client_call_end(call, &err);
	} else if (call->stream != NULL && call->stream->on_headers != NULL) {
		call->stream->on_headers(call->stream);
	}
}

static int take_message(struct wm_rpc_client_call *call, const struct wm_rpc_frame *frame,
			struct wm_err *err)
{
	const ProtobufCMessageDescriptor *type = call->method->response;
	ProtobufCMessage *message;
	if (call->n_messages++ > 0 && !call->method->server_streaming)
		return wm_fail(err, WM_INTERNAL, "%s answered %s with more than one message",
			       call->channel->target, call->method->path);
	uint32_t max = call->channel->opts.max_message;
	if (call->unary != NULL)
		return wm_rpc_decode(&call->unary->arena, type, frame, call->encoding, max,
				     &call->unary->response, err);
	int rc = wm_rpc_decode(&call->message, type, frame, call->encoding, max, &message, err);
	if (rc == 0)
		call->stream->on_message(call->stream, message);
	wm_arena_reset(&call->message);
	return rc;
}

void wm_rpc_client_call_take_message(struct wm_h2_stream *s, const struct wm_rpc_frame *frame)
{
	struct wm_rpc_client_call *call = call_of(s);
	struct wm_err err;
	if (take_message(call, frame, &err) != 0)
		wm_rpc_client_call_end(call, &err);
}

void wm_rpc_client_call_take_bad(struct wm_h2_stream *s, const struct wm_err *err)
{
	struct wm_rpc_client_call *call = call_of(s);
	struct wm_err why = *err;
	(void)wm_wrap(&why, "answer of %s", call->channel->target);
	wm_rpc_client_call_end(call, &why);
}

void wm_rpc_client_call_take_end(struct wm_h2_stream *s)
{
	struct wm_rpc_client_call *call = call_of(s);
	struct wm_err err;
	if (call->grpc_status < 0) {
		(void)wm_fail(&err, WM_UNKNOWN, "%s ended the call without a status",
			      call->channel->target);
	} else if (call->grpc_status > 0) {
		enum wm_code code = wm_err_from_grpc((unsigned)call->grpc_status);
		(void)wm_fail(&err, code, "%s",
			      call->grpc_message[0] != '\0' ? call->grpc_message
							    : wm_err_name(code));
	} else if (!call->method->server_streaming && call->n_messages == 0) {
		(void)wm_fail(&err, WM_INTERNAL, "%s ended the call without an answer",
			      call->channel->target);
	} else {
		wm_rpc_client_call_end(call, NULL);
		return;
	}
	wm_rpc_client_call_end(call, &err);
}

void wm_rpc_client_call_take_drained(struct wm_h2_stream *s)
{
	struct wm_rpc_client_call *call = call_of(s);
	if (call->stream != NULL && call->stream->on_drain != NULL && !call->ending)
		call->stream->on_drain(call->stream);
}

void wm_rpc_client_call_take_over(struct wm_h2_stream *s, const struct wm_err *why)
{
	struct wm_rpc_client_call *call = call_of(s);
	struct wm_err err;
	if (call->freeable) {
		release(call);
		return;
	}
	if (why != NULL) {
		err = *why;
		(void)wm_wrap(&err, "%s", call->channel->target);
	} else {
		(void)wm_fail(&err, WM_INTERNAL, "%s ended the call without a status",
			      call->channel->target);
	}
	wm_rpc_client_call_end(call, &err);
}
