/* What nghttp2 tells while it takes bytes in: noted in the stream, told to its owner later. */
#include "base/mem.h"
#include "base/str.h"
#include "rpc/h2_impl.h"
#include "rpc/status.h"
#include <stdlib.h>
#include <string.h>

/* A header block this much above its limit is not worth an answer. */
#define HEADERS_CUT_OFF (4 * WM_RPC_HEADER_MAX)

static struct wm_h2_stream *find(nghttp2_session *session, int32_t id)
{
	return id == 0 ? NULL : nghttp2_session_get_stream_user_data(session, id);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct wm_h2 *h = arg;
	struct wm_h2_stream *s = find(session, frame->hd.stream_id);
	if (s != NULL) {
		s->header_bytes = 0;
		s->interim = false;
		h->heading = s;
		return 0;
	}
	if (!h->server || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	s = h->failing ? NULL : h->events->on_begin(h->arg);
	if (s == NULL) {
		(void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
						NGHTTP2_REFUSED_STREAM);
		return 0;
	}
	s->id = frame->hd.stream_id;
	(void)nghttp2_session_set_stream_user_data(session, s->id, s);
	wm_h2_attach(h, s);
	h->heading = s;
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *arg)
{
	struct wm_h2 *h = arg;
	struct wm_h2_stream *s = find(session, frame->hd.stream_id);
	if (s == NULL)
		return 0;
	s->header_bytes += (uint32_t)(name_len + value_len + 32);
	if (s->header_bytes > HEADERS_CUT_OFF) {
		wm_h2_flooded(h, WM_FLOOD_HEADERS);
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* no more of them */
	}
	if (s->header_bytes > WM_RPC_HEADER_MAX) {
		s->header_overflow = true;
		return 0;
	}
	if (name_len == 7 && memcmp(name, ":status", 7) == 0)
		s->interim = value_len > 0 && value[0] == '1';
	if (!s->interim)
		h->events->on_field(s, s->has_head, (const char *)name, name_len,
				    (const char *)value, value_len);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
		   void *arg)
{
	struct wm_h2_stream *s = find(session, id);
	/* The connection's window never waits for one slow stream: budgets bound what is held. */
	(void)nghttp2_session_consume_connection(session, n);
	if (s != NULL)
		wm_h2_stream_take(s, p, n);
	return 0;
}

static void note_goaway(struct wm_h2 *h, const nghttp2_goaway *g)
{
	char text[128] = "";
	h->goaway_came = true;
	if (h->goaway == NULL) /* it may say so twice: soon, and now */
		h->goaway = wm_alloc(sizeof(*h->goaway));
	(void)wm_rpc_percent_decode((const char *)g->opaque_data, g->opaque_data_len, text,
				    sizeof(text));
	if (g->error_code == NGHTTP2_NO_ERROR)
		(void)wm_fail(h->goaway, WM_UNAVAILABLE, "the peer ends the connection");
	else
		(void)wm_fail(h->goaway, WM_UNAVAILABLE, "the peer ends the connection: %s%s%s",
			      nghttp2_http2_strerror(g->error_code), text[0] != '\0' ? ", " : "",
			      text);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct wm_h2 *h = arg;
	struct wm_h2_stream *s = find(session, frame->hd.stream_id);
	if (frame->hd.type == NGHTTP2_HEADERS)
		h->heading = NULL;
	if (frame->hd.type == NGHTTP2_HEADERS && s != NULL && !s->interim)
		s->has_head = true;
	if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
		h->settings_came = true;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		note_goaway(h, &frame->goaway);
	if (h->stats != NULL) {
		h->stats->resets_in += frame->hd.type == NGHTTP2_RST_STREAM;
		h->stats->pings_in += frame->hd.type == NGHTTP2_PING;
	}
	if (s == NULL)
		return 0;
	bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
	if (carries && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
		s->has_end = true;
	wm_h2_mark(s);
	return 0;
}

/* A server that has ended its answer wants no more of the request. */
static void end_request(nghttp2_session *session, int32_t id)
{
	struct wm_h2_stream *s = find(session, id);
	if (s != NULL && !s->has_end)
		(void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
}

static void charge(struct wm_h2 *h, enum wm_flood kind, unsigned cost)
{
	if (wm_h2_guard_charge(&h->guard, cost, wm_loop_now(h->loop)))
		wm_h2_flooded(h, kind);
}

/* Data that is there leaves in large frames, unless the peer gives us too little of a window. */
static void judge_window(struct wm_h2 *h, const nghttp2_frame *frame)
{
	const struct wm_h2_stream *s = find(h->session, frame->hd.stream_id);
	bool more = s != NULL && wm_h2_stream_queued(s) > 0;
	if (more && frame->hd.length < WM_H2_DRIBBLE)
		charge(h, WM_FLOOD_DRIBBLE, WM_H2_COST_DEAR);
	else
		wm_h2_guard_refund(&h->guard);
}

/* From here on nobody can say that the peer has not seen it. */
static int on_frame_leaves(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct wm_h2_stream *s = find(session, frame->hd.stream_id);
	if (s != NULL && frame->hd.type == NGHTTP2_HEADERS)
		s->sent = true;
	return 0;
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct wm_h2 *h = arg;
	bool is_reset = frame->hd.type == NGHTTP2_RST_STREAM;
	bool reset = is_reset && frame->rst_stream.error_code != NGHTTP2_NO_ERROR;
	if (is_reset)
		wm_h2_guard_note_reset(&h->guard, frame->hd.stream_id);
	if (frame->hd.type == NGHTTP2_DATA)
		judge_window(h, frame);
	if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
		h->broken = true;
	if (h->stats != NULL) {
		h->stats->goaways_out += frame->hd.type == NGHTTP2_GOAWAY;
		h->stats->resets_out += reset;
	}
	if (!h->server)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
		end_request(session, frame->hd.stream_id);
	/* A mistake that makes us reset a stream costs the client what its own reset would. */
	if (reset)
		charge(h, WM_FLOOD_MISTAKE, WM_H2_COST_DEAR);
	return 0;
}

/* A request was refused before it became a stream of ours; what else it sends is on its way. */
static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int code,
			    void *arg)
{
	struct wm_h2 *h = arg;
	if (frame->hd.stream_id != 0)
		wm_h2_guard_note_reset(&h->guard, frame->hd.stream_id);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct wm_h2_stream *s = find(session, id);
	if (s == NULL)
		return 0;
	(void)nghttp2_session_set_stream_user_data(session, id, NULL);
	s->closed = true;
	s->close_code = code;
	if (s->h2->heading == s)
		s->h2->heading = NULL;
	wm_h2_mark(s);
	return 0;
}

static int on_complaint(nghttp2_session *session, int code, const char *msg, size_t len, void *arg)
{
	struct wm_h2 *h = arg;
	wm_str_copy(h->said, sizeof(h->said), msg);
	return 0;
}

nghttp2_session_callbacks *wm_h2_callbacks(void)
{
	static nghttp2_session_callbacks *made;
	if (made != NULL)
		return made;
	if (nghttp2_session_callbacks_new(&made) != 0)
		abort(); /* memory is gone */
	nghttp2_session_callbacks_set_on_begin_headers_callback(made, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(made, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(made, on_frame);
	nghttp2_session_callbacks_set_before_frame_send_callback(made, on_frame_leaves);
	nghttp2_session_callbacks_set_on_frame_send_callback(made, on_frame_sent);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, on_invalid_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(made, on_stream_close);
	nghttp2_session_callbacks_set_error_callback2(made, on_complaint);
	return made;
}
