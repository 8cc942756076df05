/* What the server says of a call: headers, messages, and how it ended. */
#include "base/mem.h"
#include "base/str.h"
#include "rpc/client_impl.h"
#include "rpc/decode.h"
#include "rpc/status.h"
#include <string.h>

static struct wm_rpc_client_call *call_of(struct wm_h2_stream *s)
{
	return wm_container_of(s, struct wm_rpc_client_call, st);
}

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
		call->status_only |= name[0] != ':' && !tail;
	} else if (is_name(name, name_len, "grpc-message")) {
		(void)wm_rpc_percent_decode(value, value_len, call->grpc_message,
					    sizeof(call->grpc_message));
	} else if (is_name(name, name_len, "grpc-retry-pushback-ms")) {
		note(number, sizeof(number), value, value_len);
		call->has_pushback = true;
		call->pushback_ms = wm_parse_u64(number, 0, 9999999, &n) ? (int64_t)n : -1;
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
			      "%s answered HTTP status %u instead of gRPC", call->target->text,
			      call->http_status);
		return true;
	}
	if (!wm_str_starts(call->content_type, "application/grpc")) {
		(void)wm_fail(err, WM_UNKNOWN, "%s answered content-type \"%s\" instead of gRPC",
			      call->target->text, call->content_type);
		return true;
	}
	return false;
}

/* From here on the call is this attempt: its owner sees what the server says. */
static void take_headers(struct wm_rpc_client_call *call)
{
	wm_h2_stream_forget(&call->st);
	if (call->stream != NULL && call->stream->on_headers != NULL)
		call->stream->on_headers(call->stream);
}

void wm_rpc_client_call_take_head(struct wm_h2_stream *s)
{
	struct wm_rpc_client_call *call = call_of(s);
	struct wm_err err;
	wm_rpc_channel_proved(call->channel, call->conn);
	if (s->header_overflow) {
		(void)wm_fail(&err, WM_RESOURCE_EXHAUSTED,
			      "the headers of %s are above the limit of %u bytes",
			      call->target->text, WM_RPC_HEADER_MAX);
		wm_rpc_client_call_end(call, &err);
	} else if (is_alien(call, &err)) {
		wm_rpc_client_call_settle(call, &err);
	} else if (!call->status_only) {
		take_headers(call);
	}
}

static int take_message(struct wm_rpc_client_call *call, const struct wm_rpc_frame *frame,
			struct wm_err *err)
{
	const ProtobufCMessageDescriptor *type = call->method->response;
	ProtobufCMessage *message;
	if (call->n_messages++ > 0 && !call->method->server_streaming)
		return wm_fail(err, WM_INTERNAL, "%s answered %s with more than one message",
			       call->target->text, call->method->path);
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
	(void)wm_wrap(&why, "answer of %s", call->target->text);
	wm_rpc_client_call_end(call, &why);
}

void wm_rpc_client_call_take_end(struct wm_h2_stream *s)
{
	struct wm_rpc_client_call *call = call_of(s);
	struct wm_err err;
	if (call->grpc_status < 0) {
		(void)wm_fail(&err, WM_UNKNOWN, "%s ended the call without a status",
			      call->target->text);
	} else if (call->grpc_status > 0) {
		enum wm_code code = wm_err_from_grpc((unsigned)call->grpc_status);
		(void)wm_fail(&err, code, "%s",
			      call->grpc_message[0] != '\0' ? call->grpc_message
							    : wm_err_name(code));
	} else if (!call->method->server_streaming && call->n_messages == 0) {
		(void)wm_fail(&err, WM_INTERNAL, "%s ended the call without an answer",
			      call->target->text);
	} else {
		wm_rpc_client_call_settle(call, NULL);
		return;
	}
	wm_rpc_client_call_settle(call, &err);
}
