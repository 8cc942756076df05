/* Streams: what has come is told in order (headers, messages, end), what is to go is queued. */
#include "base/mem.h"
#include "rpc/h2_impl.h"
#include "rpc/status.h"
#include <string.h>

#define HELD_MAX (32u << 20) /* received and undelivered on one connection */
#define KEEP_BUF (16u << 10) /* an emptied buffer above this is given back */
#define SKIP_MAX (64u << 10) /* of a body that nobody reads, before its end is not awaited */

static void shrink(struct wm_buf *b)
{
	if (b->cap > KEEP_BUF)
		wm_buf_fini(b);
	else
		wm_buf_clear(b);
}

/* ---- in ---- */

static void account(struct wm_h2 *h, ssize_t n)
{
	h->held += (size_t)n;
	if (h->budget != NULL)
		h->budget->used += (size_t)n;
}

static bool fits_budget(const struct wm_h2 *h, size_t n)
{
	if (h->held + n > HELD_MAX)
		return false;
	return h->budget == NULL || h->budget->used + n <= h->budget->limit;
}

void wm_h2_stream_take(struct wm_h2_stream *s, const uint8_t *p, size_t n)
{
	struct wm_h2 *h = s->h2;
	if (s->deaf || s->over_budget || s->skips) {
		(void)nghttp2_session_consume_stream(h->session, s->id, n);
		s->skipped += n;
		return;
	}
	s->in_owed += n;
	if (fits_budget(h, n)) {
		account(h, (ssize_t)n);
		wm_buf_add(&s->in, p, n);
	} else {
		s->over_budget = true;
	}
}

static void drop_in(struct wm_h2_stream *s)
{
	account(s->h2, -(ssize_t)s->in.len);
	wm_buf_fini(&s->in);
}

/* Lets the peer send as much again as it has sent. */
static void give_window(struct wm_h2_stream *s)
{
	if (s->in_owed > 0 && !s->closed)
		(void)nghttp2_session_consume_stream(s->h2->session, s->id, s->in_owed);
	s->in_owed = 0;
}

static void bad(struct wm_h2_stream *s, const struct wm_err *err)
{
	wm_h2_stream_deafen(s);
	s->h2->events->on_bad(s, err);
}

/* Tells the whole messages that are there. */
static void tell_messages(struct wm_h2_stream *s)
{
	struct wm_h2 *h = s->h2;
	struct wm_rpc_frame frame;
	struct wm_err err;
	uint32_t max = s->max_message != 0 ? s->max_message : h->max_message;
	size_t at = 0;
	int rc = 0;
	while (!s->paused && !s->deaf) {
		rc = wm_rpc_frame_decode(s->in.data, s->in.len, &at, max, &frame, &err);
		if (rc <= 0)
			break;
		h->events->on_message(s, &frame);
	}
	if (s->deaf) /* a callback lost interest */
		return;
	account(h, -(ssize_t)at);
	wm_buf_consume(&s->in, at);
	if (s->in.len == 0)
		shrink(&s->in);
	if (rc < 0)
		bad(s, &err);
	else if (!s->paused)
		give_window(s);
}

static void tell_end(struct wm_h2_stream *s)
{
	struct wm_err err;
	s->told_end = true;
	if (s->in.len == 0) {
		s->h2->events->on_end(s);
		return;
	}
	(void)wm_fail(&err, WM_INTERNAL, "the stream ended in the middle of a message");
	bad(s, &err);
}

static void tell_over_budget(struct wm_h2_stream *s)
{
	struct wm_err err;
	(void)wm_fail(&err, WM_RESOURCE_EXHAUSTED,
		      "more than %u bytes of messages wait to be taken, here or in all", HELD_MAX);
	bad(s, &err);
}

/* True when nothing is left to be told before the end of the stream is. */
static bool is_over(const struct wm_h2_stream *s)
{
	if (!s->closed)
		return false;
	return s->deaf || s->told_end || !s->has_end || s->close_code != NGHTTP2_NO_ERROR;
}

void wm_h2_stream_tell(struct wm_h2_stream *s)
{
	struct wm_h2 *h = s->h2;
	if (s->has_head && !s->told_head && !s->deaf) {
		s->told_head = true;
		h->events->on_head(s);
	}
	if (s->told_head && !s->deaf && !s->paused && !s->skips)
		tell_messages(s);
	if (s->over_budget && !s->deaf)
		tell_over_budget(s);
	bool has_end = s->has_end || s->skipped > SKIP_MAX;
	if (has_end && !s->told_end && s->told_head && !s->deaf && !s->paused)
		tell_end(s);
	if (s->deaf)
		drop_in(s);
	if (s->drained && !s->closed) {
		s->drained = false;
		h->events->on_drained(s);
	}
	if (!is_over(s))
		return;
	struct wm_err err;
	bool clean = s->close_code == NGHTTP2_NO_ERROR && s->has_end;
	if (!clean)
		(void)wm_fail(&err, wm_rpc_code_of_reset(s->close_code),
			      s->close_code == NGHTTP2_CANCEL ? "the peer cancelled the call"
							      : "the peer reset the call: %s",
			      nghttp2_http2_strerror(s->close_code));
	wm_h2_stream_over(s, clean ? NULL : &err);
}

void wm_h2_refuse_unsent(struct wm_h2 *h)
{
	struct wm_list *it;
	wm_list_each (it, &h->streams) {
		struct wm_h2_stream *s = wm_container_of(it, struct wm_h2_stream, node);
		if (s->sent || s->closed)
			continue;
		(void)nghttp2_session_set_stream_user_data(h->session, s->id, NULL);
		(void)nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, s->id,
						NGHTTP2_CANCEL);
		s->closed = true;
		s->close_code = NGHTTP2_REFUSED_STREAM;
		wm_h2_mark(s);
	}
}

void wm_h2_stream_over(struct wm_h2_stream *s, const struct wm_err *why)
{
	struct wm_h2 *h = s->h2;
	drop_in(s);
	h->out_bytes -= wm_h2_stream_queued(s);
	if (!s->closed)
		(void)nghttp2_session_set_stream_user_data(h->session, s->id, NULL);
	if (h->heading == s)
		h->heading = NULL;
	wm_list_remove(&s->node);
	wm_list_remove(&s->ready);
	s->h2 = NULL;
	h->events->on_over(s, why); /* last: the stream may be gone */
}

void wm_h2_stream_tell_drained(struct wm_h2_stream *s)
{
	s->drained = true;
	wm_h2_mark(s);
}

void wm_h2_stream_pause(struct wm_h2_stream *s, bool paused)
{
	if (s->paused && !paused)
		wm_h2_mark(s);
	s->paused = paused;
}

void wm_h2_stream_deafen(struct wm_h2_stream *s)
{
	if (s->deaf)
		return;
	s->deaf = true;
	if (s->h2 != NULL) {
		give_window(s);
		wm_h2_mark(s);
	}
}

void wm_h2_stream_skip(struct wm_h2_stream *s)
{
	s->skips = true;
	s->skipped += s->in.len;
	drop_in(s);
	give_window(s);
	wm_h2_mark(s);
}

/* ---- out ---- */

size_t wm_h2_stream_queued(const struct wm_h2_stream *s)
{
	return s->out.len - s->out_at;
}

static void drop_sent(struct wm_h2_stream *s)
{
	wm_buf_consume(&s->out, s->out_at);
	s->out_at = 0;
}

void wm_h2_stream_forget(struct wm_h2_stream *s)
{
	s->keep = false;
	drop_sent(s);
	if (s->out.len == 0)
		shrink(&s->out);
}

void wm_h2_stream_rewind(struct wm_h2_stream *s)
{
	wm_buf_fini(&s->in);
	*s = (struct wm_h2_stream){
		.out = s->out,
		.out_end = s->out_end,
		.gzip = s->gzip,
		.keep = s->keep,
		.max_message = s->max_message,
		.paused = s->paused,
	};
}

static void submit_trailers(struct wm_h2_stream *s)
{
	struct wm_rpc_fields f = {0};
	s->h2->events->on_trailers(s, &f);
	(void)nghttp2_submit_trailer(s->h2->session, s->id, f.nv, f.n);
	wm_rpc_fields_fini(&f);
}

ssize_t wm_h2_stream_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size,
			  uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct wm_h2_stream *s = source->ptr;
	size_t left = wm_h2_stream_queued(s);
	size_t n = left < size ? left : size;
	if (left == 0 && !s->out_end) {
		s->out_deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n > 0)
		memcpy(buf, s->out.data + s->out_at, n);
	s->out_at += n;
	s->h2->out_bytes -= n;
	if (n < left)
		return (ssize_t)n;
	if (!s->keep) {
		s->out_at = 0;
		shrink(&s->out);
	}
	s->drained = true;
	wm_h2_mark(s);
	if (s->out_end) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (s->h2->server && !s->plain) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			submit_trailers(s);
		}
	}
	return (ssize_t)n;
}

static nghttp2_data_provider provider_of(struct wm_h2_stream *s)
{
	return (nghttp2_data_provider){.source.ptr = s, .read_callback = wm_h2_stream_read};
}

/* nghttp2 stops asking when there was nothing to send; this makes it ask again. */
static void wake(struct wm_h2_stream *s)
{
	if (s->h2 == NULL)
		return;
	if (s->out_deferred && !s->closed) {
		s->out_deferred = false;
		(void)nghttp2_session_resume_data(s->h2->session, s->id);
	}
	wm_h2_schedule(s->h2);
}

int wm_h2_stream_open(struct wm_h2 *h, struct wm_h2_stream *s, const struct wm_rpc_fields *f,
		      struct wm_err *err)
{
	nghttp2_data_provider provider = provider_of(s);
	int32_t id = h->failing || h->lost
			     ? NGHTTP2_ERR_START_STREAM_NOT_ALLOWED
			     : nghttp2_submit_request(h->session, NULL, f->nv, f->n, &provider, s);
	if (id < 0)
		return wm_fail(err, WM_UNAVAILABLE, "the connection takes no more calls: %s",
			       nghttp2_strerror(id));
	s->id = id;
	wm_h2_attach(h, s);
	wm_h2_schedule(h);
	return 0;
}

void wm_h2_stream_respond(struct wm_h2_stream *s, const struct wm_rpc_fields *f, bool end)
{
	if (s->h2 == NULL || s->responded)
		return;
	nghttp2_data_provider provider = provider_of(s);
	s->responded = true;
	(void)nghttp2_submit_response(s->h2->session, s->id, f->nv, f->n, end ? NULL : &provider);
	wm_h2_schedule(s->h2);
}

void wm_h2_stream_respond_text(struct wm_h2_stream *s, const struct wm_rpc_fields *f,
			       const char *text)
{
	if (s->h2 == NULL || s->responded)
		return;
	size_t len = strlen(text);
	s->plain = s->out_end = true;
	s->h2->out_bytes += len;
	wm_buf_add(&s->out, text, len);
	wm_h2_stream_respond(s, f, false);
}

int wm_h2_stream_send(struct wm_h2_stream *s, const ProtobufCMessage *m, uint32_t max,
		      struct wm_err *err)
{
	/* What has been sent is dropped once it is the larger part. */
	if (!s->keep && s->out_at >= s->out.len / 2)
		drop_sent(s);
	size_t before = s->out.len;
	int rc = wm_rpc_frame_encode(m, max, s->gzip, &s->out, err);
	if (rc != 0)
		return rc;
	if (s->h2 != NULL)
		s->h2->out_bytes += s->out.len - before;
	s->drained = false;
	wake(s);
	return 0;
}

void wm_h2_stream_end(struct wm_h2_stream *s)
{
	s->out_end = true;
	wake(s);
}

void wm_h2_stream_reset(struct wm_h2_stream *s, uint32_t code)
{
	wm_h2_stream_deafen(s);
	if (s->h2 == NULL || s->closed)
		return;
	(void)nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, code);
	wm_h2_schedule(s->h2);
}

void wm_h2_stream_fini(struct wm_h2_stream *s)
{
	wm_buf_fini(&s->in);
	wm_buf_fini(&s->out);
	s->out_at = 0;
}
