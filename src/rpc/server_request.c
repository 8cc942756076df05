/*
 * How a request becomes a call: its headers are noted field by field, judged when they are complete
 * (HTTP first, then gRPC, then who may call), and its messages are decoded and handed on. Whatever
 * is wrong ends the call with a status before a handler has heard of it.
 */
#include "rpc/server_impl.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "rpc/decode.h"
#include "rpc/status.h"
#include <string.h>
#include <strings.h>

#define PATH_MAX_LEN 512

struct wm_rpc_call *wm_rpc_call_new(struct wm_rpc_server_conn *sc)
{
	struct wm_rpc_call *call = wm_alloc(sizeof(*call));
	call->conn = sc;
	call->deadline = INT64_MAX;
	wm_arena_init(&call->arena, 0);
	wm_arena_init(&call->message, 0);
	wm_list_push(&sc->calls, &call->node);
	sc->server->stats.calls++;
	sc->server->stats.streams++;
	return call;
}

/* ---- headers ---- */

/* Keeps what fits: a value that does not is none that we know. */
static void note(char *out, size_t size, const char *value, size_t len)
{
	if (len >= size)
		len = size - 1;
	memcpy(out, value, len);
	out[len] = '\0';
}

void wm_rpc_call_take_field(struct wm_rpc_call *call, const char *name, size_t name_len,
			    const char *value, size_t value_len)
{
	const struct {
		const char *name;
		char *out;
		size_t size;
	} known[] = {
		{":method", call->http_method, sizeof(call->http_method)},
		{"content-type", call->content_type, sizeof(call->content_type)},
		{"grpc-encoding", call->encoding, sizeof(call->encoding)},
		{"grpc-accept-encoding", call->accepts, sizeof(call->accepts)},
		{"grpc-timeout", call->timeout, sizeof(call->timeout)},
	};
	for (size_t i = 0; i < WM_ARRAY_LEN(known); i++) {
		if (strlen(known[i].name) == name_len &&
		    memcmp(known[i].name, name, name_len) == 0) {
			note(known[i].out, known[i].size, value, value_len);
			return;
		}
	}
	if (name_len == 5 && memcmp(name, ":path", 5) == 0 && call->path == NULL)
		call->path = wm_strndup(value, value_len < PATH_MAX_LEN ? value_len : PATH_MAX_LEN);
	else
		(void)wm_rpc_metadata_decode(&call->request, name, name_len, value, value_len);
}

static bool is_grpc(const char *type)
{
	static const char *const known[] = {"application/grpc", "application/grpc+proto"};
	size_t n = strcspn(type, "; ");
	for (size_t i = 0; i < WM_ARRAY_LEN(known); i++) {
		if (strlen(known[i]) == n && strncasecmp(type, known[i], n) == 0)
			return true;
	}
	return false;
}

static const char *http_refusal(const struct wm_rpc_call *call)
{
	if (strcmp(call->http_method, "POST") != 0)
		return "gRPC calls are made with POST";
	if (!is_grpc(call->content_type))
		return "the content-type of gRPC calls is application/grpc";
	return NULL;
}

/* A request that is no gRPC is answered as HTTP has it: when it is complete, and with a text. */
static void refuse_http(struct wm_rpc_call *call, const char *text)
{
	struct wm_rpc_fields f = {0};
	struct wm_err err;
	bool is_post = strcmp(call->http_method, "POST") == 0;
	(void)wm_fail(&err, WM_INVALID_ARGUMENT, "%s", text);
	wm_rpc_fields_add(&f, ":status", is_post ? "415" : "405");
	wm_rpc_fields_add(&f, "content-type", "text/plain");
	if (!is_post)
		wm_rpc_fields_add(&f, "allow", "POST");
	wm_rpc_fields_add_status(&f, &err);
	wm_h2_stream_respond_text(&call->st, &f, "this port speaks gRPC over HTTP/2\n");
	wm_h2_stream_deafen(&call->st);
	call->finished = true;
	call->answered = call->has_status = true;
	call->status = err;
	wm_rpc_fields_fini(&f);
}

static void on_deadline(struct wm_timer *t)
{
	struct wm_rpc_call *call = wm_container_of(t, struct wm_rpc_call, timer);
	struct wm_err why;
	(void)wm_fail(&why, WM_DEADLINE_EXCEEDED, "the call's deadline has passed");
	wm_rpc_call_cancel(call, &why, true);
}

static int take_timeout(struct wm_rpc_call *call, struct wm_err *err)
{
	struct wm_loop *loop = call->conn->server->loop;
	int64_t ns;
	if (call->timeout[0] == '\0')
		return 0;
	if (!wm_rpc_timeout_parse(call->timeout, strlen(call->timeout), &ns))
		return wm_fail(err, WM_INVALID_ARGUMENT, "malformed grpc-timeout \"%s\"",
			       call->timeout);
	if (__builtin_add_overflow(wm_loop_now(loop), ns, &call->deadline)) {
		call->deadline = INT64_MAX;
		return 0;
	}
	wm_timer_start(loop, &call->timer, ns, on_deadline);
	return 0;
}

static uint32_t max_message(const struct wm_rpc_call *call)
{
	uint32_t own = call->handler->max_message;
	return own != 0 ? own : call->conn->port->opts.max_message;
}

static int judge(struct wm_rpc_call *call, struct wm_err *err)
{
	const struct wm_rpc_server *s = call->conn->server;
	const struct wm_rpc_server_opts *opts = &call->conn->port->opts;
	const char *path = call->path == NULL ? "" : call->path;
	if (take_timeout(call, err) != 0)
		return err->code;
	call->route = wm_map_find(&s->routes, path);
	if (call->route == NULL)
		return wm_fail(err, WM_UNIMPLEMENTED, "unknown method %.200s", path);
	call->began_ns = wm_clock_now();
	call->route->stats.started++;
	wm_rpc_call_hand_to(call, call->route->handler, call->route->arg);
	if (opts->gate != NULL && opts->gate(call, opts->gate_arg, err) != 0)
		return err->code;
	call->st.max_message = max_message(call);
	return 0;
}

void wm_rpc_call_take_head(struct wm_rpc_call *call)
{
	struct wm_err err = {0};
	if (call->st.header_overflow)
		(void)wm_fail(&err, WM_RESOURCE_EXHAUSTED,
			      "request headers are above the limit of %u bytes", WM_RPC_HEADER_MAX);
	else if (http_refusal(call) != NULL)
		wm_h2_stream_skip(&call->st);
	else
		(void)judge(call, &err);
	if (err.code != 0) {
		wm_rpc_call_refuse(call, &err);
		return;
	}
	if (call->st.skips || !call->route->method->client_streaming)
		return;
	call->handed = true;
	if (call->handler->on_open != NULL)
		call->handler->on_open(call, call->handler_arg);
}

/* ---- messages ---- */

void wm_rpc_call_take_message(struct wm_rpc_call *call, const struct wm_rpc_frame *frame)
{
	const struct wm_pb_method *method = call->route->method;
	bool streaming = method->client_streaming;
	struct wm_arena *arena = streaming ? &call->message : &call->arena;
	ProtobufCMessage *message;
	struct wm_err err;
	if (!streaming && call->first != NULL) {
		(void)wm_fail(&err, WM_INVALID_ARGUMENT, "%s takes one message, more came",
			      method->path);
	} else if (wm_rpc_decode(arena, method->request, frame, call->encoding,
				 call->st.max_message, &message, &err) == 0) {
		call->route->stats.received++;
		if (!streaming) {
			call->first = message;
		} else {
			call->handler->on_message(call, message, call->handler_arg);
			wm_arena_reset(&call->message);
		}
		return;
	}
	wm_rpc_call_cancel(call, &err, true);
}

void wm_rpc_call_take_end(struct wm_rpc_call *call)
{
	struct wm_err err;
	if (call->st.skips) {
		refuse_http(call, http_refusal(call));
		return;
	}
	const struct wm_rpc_handler *handler = call->handler;
	if (call->route->method->client_streaming) {
		if (handler->on_half_close != NULL)
			handler->on_half_close(call, call->handler_arg);
	} else if (call->first == NULL) {
		(void)wm_fail(&err, WM_INVALID_ARGUMENT, "the request ended without a message");
		wm_rpc_call_refuse(call, &err);
	} else {
		call->handed = true;
		handler->on_request(call, call->first, call->handler_arg);
	}
}
