/*
 * A call of either shape on its way: it waits for a connection, is opened, perhaps more than once
 * (client_retry.c), and ends once, by the server's status (client_answer.c) or by whatever kept
 * that from coming. Its owner is told from the loop; the struct lives until that and until its
 * stream is over.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "pb/message.h"
#include "pb/status.h"
#include "rpc/client_impl.h"
#include "rpc/details.h"
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
	wm_timer_stop(&call->pause);
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

static void take_opts(struct wm_rpc_client_call *call, const struct wm_rpc_call_opts *opts)
{
	call->timeout = opts->deadline_ns;
	call->wait_for_ready = opts->wait_for_ready;
	if (call->timeout > 0 && __builtin_add_overflow(wm_loop_now(call->channel->loop),
							call->timeout, &call->deadline))
		call->deadline = INT64_MAX;
	if (opts->retry == NULL)
		return;
	call->retry = *opts->retry;
	call->backoff = (struct wm_backoff){.first_ns = call->retry.pause_ns,
					    .max_ns = call->retry.max_ns,
					    .growth_percent = call->retry.growth_percent};
}

struct wm_rpc_client_call *wm_rpc_client_call_new(struct wm_rpc_channel *c,
						  const struct wm_pb_method *method,
						  const struct wm_rpc_call_opts *opts,
						  struct wm_err *err)
{
	static const struct wm_rpc_call_opts none;
	struct wm_rpc_client_call *call = wm_alloc(sizeof(*call));
	wm_on_loop(c->loop);
	if (opts == NULL)
		opts = &none;
	call->channel = c;
	call->method = method;
	call->st.gzip = c->opts.gzip;
	call->st.keep = true;
	call->grpc_status = -1;
	call->deadline = INT64_MAX;
	take_opts(call, opts);
	wm_arena_init(&call->message, 0);
	if (add_metadata(call, opts->metadata, err) != 0) {
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

const struct Google__Rpc__Status *wm_rpc_client_call_details(const struct wm_rpc_client_call *call,
							     struct wm_arena *a)
{
	ProtobufCMessage *status;
	size_t len;
	const char *bytes = wm_rpc_client_call_metadata(call, WM_RPC_DETAILS_KEY, &len);
	if (bytes == NULL ||
	    wm_pb_decode(a, &google__rpc__status__descriptor, bytes, len, &status, NULL) != 0)
		return NULL;
	return (const Google__Rpc__Status *)status;
}

/* Why there is no connection, as far as is known. */
static const char *reason_of(const struct wm_rpc_channel *c)
{
	return c->round.reason.text[0] != '\0' ? c->round.reason.text : c->reason.text;
}

/* Says what was waited for, and what went wrong before. */
static void on_deadline(struct wm_timer *t)
{
	struct wm_rpc_client_call *call = wm_container_of(t, struct wm_rpc_client_call, timer);
	struct wm_rpc_channel *c = call->channel;
	struct wm_err err;
	char after[40];
	(void)wm_format_duration(call->timeout, after, sizeof(after));
	bool asked = call->target != NULL;
	const char *last = call->n_attempts > 0 ? call->err.text : asked ? "" : reason_of(c);
	const struct wm_rpc_target *to = asked ? call->target : &c->targets[0];
	(void)wm_fail(&err, WM_DEADLINE_EXCEEDED, "%s %s within %s%s%.350s",
		      asked ? "no answer from" : "no connection to", to->text, after,
		      last[0] != '\0' ? "; " : "", last);
	wm_rpc_client_call_end(call, &err);
}

void wm_rpc_client_call_start(struct wm_rpc_client_call *call)
{
	struct wm_rpc_channel *c = call->channel;
	c->stats->calls++;
	wm_list_push(&c->calls, &call->node);
	if (c->opts.credentials != NULL)
		c->opts.credentials(call, c->opts.credentials_arg);
	if (call->deadline != INT64_MAX)
		wm_timer_start(c->loop, &call->timer, call->timeout, on_deadline);
	wm_rpc_channel_enqueue(c, call);
}

const char *wm_rpc_client_call_target(const struct wm_rpc_client_call *call)
{
	return call->target == NULL ? NULL : call->target->text;
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

static void add_attempts(struct wm_rpc_client_call *call, struct wm_rpc_fields *f)
{
	char text[16];
	if (call->n_attempts == 0)
		return;
	(void)snprintf(text, sizeof(text), "%u", call->n_attempts);
	wm_rpc_fields_add(f, "grpc-previous-rpc-attempts", wm_arena_strdup(&f->arena, text));
}

int wm_rpc_client_call_open(struct wm_rpc_client_call *call, struct wm_rpc_client_conn *cc,
			    struct wm_err *err)
{
	struct wm_rpc_channel *c = call->channel;
	struct wm_rpc_fields f = {0};
	wm_rpc_fields_add(&f, ":method", "POST");
	wm_rpc_fields_add(&f, ":scheme", c->opts.tls == NULL ? "http" : "https");
	wm_rpc_fields_add(&f, ":path", call->method->path);
	wm_rpc_fields_add(&f, ":authority",
			  cc->target->path == NULL ? cc->target->text : cc->target->host);
	wm_rpc_fields_add(&f, "te", "trailers");
	wm_rpc_fields_add(&f, "content-type", "application/grpc");
	wm_rpc_fields_add(&f, "user-agent", USER_AGENT);
	wm_rpc_fields_add(&f, "grpc-accept-encoding", "identity, gzip");
	if (call->st.gzip)
		wm_rpc_fields_add(&f, "grpc-encoding", WM_RPC_GZIP);
	add_timeout(call, &f);
	add_attempts(call, &f);
	wm_rpc_fields_add_metadata(&f, &call->request);
	int rc = wm_h2_stream_open(cc->h2, &call->st, &f, err);
	wm_rpc_fields_fini(&f);
	if (rc != 0)
		return rc;
	call->conn = cc;
	call->target = cc->target;
	wm_rpc_client_conn_add_call(cc);
	return 0;
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

void wm_rpc_client_call_part(struct wm_rpc_client_call *call)
{
	wm_list_remove(&call->node);
	call->channel = NULL;
}

void wm_rpc_client_call_end(struct wm_rpc_client_call *call, const struct wm_err *err)
{
	if (call->ending)
		return;
	call->ending = true;
	call->failed = err != NULL;
	if (err != NULL)
		call->err = *err;
	call->channel->stats->ended[err == NULL ? 0 : wm_rpc_status_of_code(err->code)]++;
	wm_timer_stop(&call->timer);
	wm_timer_stop(&call->pause);
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

void wm_rpc_client_call_take_drained(struct wm_h2_stream *s)
{
	struct wm_rpc_client_call *call = call_of(s);
	if (call->stream != NULL && call->stream->on_drain != NULL && !call->ending)
		call->stream->on_drain(call->stream);
}

static void leave_connection(struct wm_rpc_client_call *call)
{
	if (call->conn != NULL)
		wm_rpc_client_conn_remove_call(call->conn);
	call->conn = NULL;
}

void wm_rpc_client_call_take_over(struct wm_h2_stream *s, const struct wm_err *why)
{
	struct wm_rpc_client_call *call = call_of(s);
	const struct wm_rpc_target *target = call->target;
	bool connected = wm_h2_is_open(call->conn->h2);
	struct wm_err err;
	leave_connection(call);
	if (call->freeable) {
		release(call);
		return;
	}
	if (call->ending)
		return;
	if (call->retrying) {
		wm_rpc_client_call_again(call);
		return;
	}
	if (why != NULL) {
		err = *why;
		(void)wm_wrap(&err, "%s", target->text);
	} else {
		(void)wm_fail(&err, WM_INTERNAL, "%s ended the call without a status",
			      target->text);
	}
	wm_rpc_client_call_lost(call, connected, &err);
}
