/*
 * The life of a connection: bytes are fed, nghttp2 notes what they mean in the streams, and one
 * deferred call per turn (work) tells the owner, then lets nghttp2 encode what is to be sent and
 * writes it in one piece. The same deferred call is the only place where a connection dies, so that
 * nothing is freed beneath nghttp2 or beneath a callback. What can fail: the peer breaks the
 * protocol (nghttp2 says goodbye by itself and wants nothing more), floods us with control frames,
 * or the owner gives up (wm_h2_fail).
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "rpc/h2_impl.h"
#include <stdlib.h>

#define STREAM_WINDOW (128u << 10)
#define CONN_WINDOW   (1u << 20)
#define WIRE_FULL     (256u << 10) /* no more is encoded while this much has not gone */
#define WRITE_CHUNK   (64u << 10)
#define BLOCK_NS      (10 * WM_NS_PER_S) /* for all frames of a header block */
#define TURN_NS       (WM_NS_PER_MS / 5) /* of work for one connection while others wait */
#define UNSENT_SOON   512                /* frames that are sent before more is read */
#define UNSENT_MAX    4096 /* frames that a client leaves us with: some for each of its streams */

static void on_work(struct wm_defer *d);

void wm_h2_schedule(struct wm_h2 *h)
{
	if (!h->lost)
		wm_defer(h->loop, &h->work, on_work);
}

void wm_h2_mark(struct wm_h2_stream *s)
{
	if (s->h2 == NULL)
		return;
	if (!wm_list_is_linked(&s->ready))
		wm_list_push(&s->h2->ready, &s->ready);
	wm_h2_schedule(s->h2);
}

void wm_h2_attach(struct wm_h2 *h, struct wm_h2_stream *s)
{
	s->h2 = h;
	wm_list_push(&h->streams, &s->node);
	h->out_bytes += wm_h2_stream_queued(s);
}

/* ---- birth ---- */

static nghttp2_session *new_session(struct wm_h2 *h)
{
	nghttp2_option *option;
	nghttp2_session *session;
	if (nghttp2_option_new(&option) != 0)
		abort();
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_no_closed_streams(option, 1);
	nghttp2_option_set_max_outbound_ack(option, UNSENT_MAX);
#ifdef WM_HAVE_NGHTTP2_RESET_LIMIT
	/* Our own limit of resets is the stricter one for floods, and kinder to who cancels a lot.
	 */
	nghttp2_option_set_stream_reset_rate_limit(option, 2000, 1000);
#endif
	int rc = h->server ? nghttp2_session_server_new3(&session, wm_h2_callbacks(), h, option,
							 wm_h2_memory())
			   : nghttp2_session_client_new3(&session, wm_h2_callbacks(), h, option,
							 wm_h2_memory());
	nghttp2_option_del(option);
	if (rc != 0)
		abort(); /* memory is gone */
	return session;
}

static void greet(struct wm_h2 *h, const struct wm_h2_opts *opts)
{
	nghttp2_settings_entry entries[] = {
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, WM_RPC_HEADER_MAX},
		{h->server ? NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS : NGHTTP2_SETTINGS_ENABLE_PUSH,
		 h->server ? opts->max_streams : 0},
	};
	(void)nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, entries,
				      WM_ARRAY_LEN(entries));
	(void)nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, CONN_WINDOW);
}

struct wm_h2 *wm_h2_new(const struct wm_h2_opts *opts)
{
	struct wm_h2 *h = wm_alloc(sizeof(*h));
	h->loop = opts->loop;
	h->events = opts->events;
	h->arg = opts->arg;
	h->server = opts->server;
	h->budget = opts->budget;
	h->stats = opts->stats;
	h->max_message = opts->max_message;
	wm_list_init(&h->streams);
	wm_list_init(&h->ready);
	h->heard_at = wm_loop_now(h->loop);
	wm_h2_guard_init(&h->guard, h->server, h->heard_at);
	h->session = new_session(h);
	greet(h, opts);
	wm_h2_schedule(h);
	return h;
}

void wm_h2_free(struct wm_h2 *h)
{
	if (h == NULL)
		return;
	wm_defer_cancel(&h->work);
	wm_timer_stop(&h->block);
	nghttp2_session_del(h->session);
	wm_buf_fini(&h->out);
	wm_free(h->why);
	wm_free(h->goaway);
	wm_free(h);
}

/* ---- what may end it ---- */

/* The peer is told why, if it still reads, and what it sends is not looked at any more. */
static void cut_off(struct wm_h2 *h, uint32_t code, const char *why)
{
	h->cut_off = true;
	wm_timer_stop(&h->block);
	wm_str_copy(h->said, sizeof(h->said), why);
	(void)nghttp2_session_terminate_session(h->session, code);
	wm_h2_schedule(h);
}

void wm_h2_flooded(struct wm_h2 *h, enum wm_flood kind)
{
	if (h->cut_off)
		return;
	h->flooded = true;
	if (h->stats != NULL)
		h->stats->floods[kind]++;
	cut_off(h, NGHTTP2_ENHANCE_YOUR_CALM, wm_flood_sentence(kind));
}

static void fail_cut_off(struct wm_h2 *h)
{
	struct wm_err err;
	if (h->flooded)
		(void)wm_fail(&err, WM_RESOURCE_EXHAUSTED, "the peer floods us with %s", h->said);
	else
		(void)wm_fail(&err, WM_UNAVAILABLE, "the peer breaks HTTP/2: %s", h->said);
	wm_h2_fail(h, &err);
}

static void fail_broken(struct wm_h2 *h, int rc)
{
	struct wm_err err;
	h->broken = true;
	if (rc == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
		(void)wm_fail(&err, WM_UNAVAILABLE, "the peer does not speak HTTP/2");
	else
		(void)wm_fail(&err, WM_UNAVAILABLE, "broken HTTP/2: %s%s%s", nghttp2_strerror(rc),
			      h->said[0] != '\0' ? ": " : "", h->said);
	wm_h2_fail(h, &err);
}

static void on_block_late(struct wm_timer *t)
{
	struct wm_h2 *h = wm_container_of(t, struct wm_h2, block);
	wm_h2_flooded(h, WM_FLOOD_SLOW_HEADERS);
}

/* Headers come whole, as a rule, and then there is nothing to watch. */
static void watch_block(struct wm_h2 *h)
{
	bool open = h->guard.in_block || h->heading != NULL;
	if (!open)
		wm_timer_stop(&h->block);
	else if (!wm_timer_is_running(&h->block))
		wm_timer_start(h->loop, &h->block, BLOCK_NS, on_block_late);
}

/* ---- out ---- */

static void write_out(struct wm_h2 *h)
{
	if (h->out.len > 0)
		h->events->write(h->arg, h->out.data, h->out.len);
	if (h->stats != NULL)
		h->stats->bytes_out += h->out.len;
	wm_buf_clear(&h->out);
}

static void flush(struct wm_h2 *h)
{
	ssize_t n = 0;
	while (h->events->queued(h->arg) < WIRE_FULL) {
		const uint8_t *p;
		n = nghttp2_session_mem_send(h->session, &p);
		if (n <= 0)
			break;
		wm_buf_add(&h->out, p, (size_t)n);
		if (h->out.len >= WRITE_CHUNK)
			write_out(h);
	}
	write_out(h);
	wm_buf_fini(&h->out); /* an idle connection holds no buffer */
	if (n < 0)
		fail_broken(h, (int)n);
}

/* ---- what came ---- */

/* Whether the peer may send this frame; it is cut off if not. */
static void judge(struct wm_h2 *h, const struct wm_h2_frame_head *head)
{
	enum wm_flood kind;
	if (wm_h2_guard_is_flood(&h->guard, head, h->heard_at, &kind)) {
		wm_h2_flooded(h, kind);
		return;
	}
	if (!h->server || h->said_goaway || h->goaway_came) /* then nghttp2 passes over streams */
		return;
	bool open = nghttp2_session_find_stream(h->session, head->stream) != NULL;
	uint32_t code = wm_h2_guard_judge(&h->guard, head, open);
	if (code != 0)
		cut_off(h, code, "a frame on a stream that is over");
}

/* nghttp2 takes a frame, or a part of it. */
static void take(struct wm_h2 *h, const uint8_t *p, size_t n)
{
	ssize_t rc = nghttp2_session_mem_recv(h->session, p, n);
	/* nghttp2 counts the answers to pings and settings only, not those to refused streams. */
	size_t unsent = nghttp2_session_get_outbound_queue_size(h->session);
	if (rc >= 0 && unsent > UNSENT_SOON && !h->cut_off)
		flush(h);
	if (rc == NGHTTP2_ERR_FLOODED || (rc >= 0 && unsent > UNSENT_MAX && h->server)) {
		wm_h2_flooded(h, WM_FLOOD_UNREAD);
		fail_cut_off(h); /* who does not read is told nothing */
	} else if (rc < 0) {
		fail_broken(h, (int)rc);
	}
}

void wm_h2_feed(struct wm_h2 *h, const void *p, size_t n)
{
	const uint8_t *at = p;
	struct wm_h2_frame_head head;
	size_t piece;
	h->heard_at = wm_loop_now(h->loop);
	for (; n > 0 && !h->failing && !h->lost && !h->cut_off; at += piece, n -= piece) {
		if (wm_h2_guard_cut(&h->guard, at, n, &piece, &head))
			judge(h, &head);
		if (!h->cut_off)
			take(h, at, piece);
		if (h->stats != NULL)
			h->stats->bytes_in += piece;
	}
	if (!h->failing && !h->cut_off)
		watch_block(h);
	wm_h2_schedule(h);
}

void wm_h2_resume(struct wm_h2 *h)
{
	wm_h2_schedule(h);
}

/* ---- telling, and the end ---- */

static void tell_connection(struct wm_h2 *h)
{
	if (h->settings_came && !h->settings_told && !h->failing) {
		h->settings_told = true;
		h->events->on_settings(h->arg);
	}
	if (h->goaway_came && !h->goaway_told) {
		h->goaway_told = true;
		if (!h->server)
			wm_h2_refuse_unsent(h);
		h->events->on_goaway(h->arg, h->goaway);
	}
}

/* True when there is no more to tell; what takes too long goes on in the loop's next turn. */
static bool tell_streams(struct wm_h2 *h)
{
	int64_t end = wm_clock_now() + TURN_NS;
	struct wm_list *it;
	/* Who is cut off gets no answer, so nothing is worked on for it. */
	while (!h->cut_off && (it = wm_list_first(&h->ready)) != NULL) {
		wm_list_remove(it);
		wm_h2_stream_tell(wm_container_of(it, struct wm_h2_stream, ready));
		if (!wm_list_is_empty(&h->ready) && wm_clock_now() >= end)
			return false;
	}
	return true;
}

/* The peer floods us, nghttp2 has said goodbye, or both sides have and no stream is left. */
static void notice_end(struct wm_h2 *h)
{
	if (h->cut_off) /* whether it reads that or not */
		fail_cut_off(h);
	if (nghttp2_session_want_read(h->session) || nghttp2_session_want_write(h->session))
		return;
	struct wm_err err;
	if (h->goaway_came)
		err = *h->goaway;
	else if (h->said[0] != '\0')
		(void)wm_fail(&err, WM_UNAVAILABLE, "the peer breaks HTTP/2: %s", h->said);
	else
		(void)wm_fail(&err, WM_UNAVAILABLE, "the connection was ended");
	wm_h2_fail(h, &err);
}

static void on_work(struct wm_defer *d)
{
	struct wm_h2 *h = wm_container_of(d, struct wm_h2, work);
	h->busy = true;
	tell_connection(h);
	bool all = tell_streams(h); /* of a failed connection too: what came before counts */
	if (!h->failing)
		flush(h);
	if (!h->failing)
		notice_end(h);
	h->busy = false;
	if (!all)
		wm_h2_schedule(h);
	else if (h->failing)
		wm_h2_bury(h);
}

bool wm_h2_is_open(const struct wm_h2 *h)
{
	return !h->failing && !h->lost && !h->goaway_came;
}

bool wm_h2_is_flooded(const struct wm_h2 *h)
{
	return h->flooded;
}

bool wm_h2_is_broken(const struct wm_h2 *h)
{
	return h->broken || h->said[0] != '\0';
}

bool wm_h2_is_calm(const struct wm_h2 *h)
{
	return wm_h2_guard_is_calm(&h->guard, h->heard_at);
}

void wm_h2_fail(struct wm_h2 *h, const struct wm_err *why)
{
	if (h->failing || h->lost)
		return;
	h->failing = true;
	h->why = wm_memdup(why, sizeof(*why));
	wm_h2_schedule(h);
}

void wm_h2_abort(struct wm_h2 *h, const struct wm_err *why)
{
	wm_h2_fail(h, why);
	h->aborted = true;
	if (!h->busy && !h->lost)
		wm_h2_bury(h); /* last: the connection may be gone */
}

void wm_h2_goaway(struct wm_h2 *h, bool final)
{
	if (h->failing || h->lost)
		return;
	if (final)
		(void)nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
					    nghttp2_session_get_last_proc_stream_id(h->session),
					    NGHTTP2_NO_ERROR, NULL, 0);
	else
		(void)nghttp2_submit_shutdown_notice(h->session);
	h->said_goaway = true;
	wm_h2_schedule(h);
}

void wm_h2_ping(struct wm_h2 *h)
{
	if (h->failing || h->lost)
		return;
	(void)nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL);
	wm_h2_schedule(h);
}

int64_t wm_h2_heard_at(const struct wm_h2 *h)
{
	return h->heard_at;
}

size_t wm_h2_queued(const struct wm_h2 *h)
{
	return h->out_bytes + h->events->queued(h->arg);
}
