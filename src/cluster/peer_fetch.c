/*
 * Fetching a snapshot: chunks come by a connection of its own and are written on the loop's pool;
 * while more wait for the disk than they should, the stream is paused, which the server feels. When
 * the connection breaks, what has come is written, and the next request says where it ended; if the
 * server has a newer snapshot by then, the file begins anew. Whether the bytes are any good is for
 * the cluster to find out.
 */
#include "cluster/peer_impl.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define PAUSE_NS     (50 * WM_NS_PER_MS)
#define PAUSE_MAX_NS WM_NS_PER_S
#define STUCK_NS     (10 * WM_NS_PER_S)
#define SAY_NS       (5 * WM_NS_PER_S) /* between two lines about the progress */
#define REST_NS      WM_NS_PER_S       /* a failure is not told before: it is tried again then */
#define WAITING_MAX  (4 * WM_PEER_CHUNK)

struct wm_peer_fetch {
	struct wm_peer_port *port; /* NULL: dropped, and goes when the disk is done */
	char node_id[WM_IDENT_TEXT];
	uint64_t at_least;
	uint64_t index, term, bytes; /* of what comes; 0 until something did */
	uint64_t received;           /* bytes, written or not */
	int fd;
	struct wm_peer_way *way; /* NULL between two attempts */
	struct wm_buf waiting, writing;
	struct wm_work work;
	bool is_writing;
	bool anew;          /* the file is to be emptied before what waits is written */
	int failure;        /* errno of writing */
	uint64_t at;        /* where writing begins */
	bool is_over;       /* all has come, or it is given up: only the disk has to finish */
	struct wm_err why;  /* code 0: all has come */
	struct wm_err last; /* of an attempt */
	struct wm_backoff backoff;
	struct wm_timer again, stuck;
	int64_t began_at, said_at;
};

static void attempt(struct wm_peer_fetch *f);

/* ---- the end ---- */

static void release(struct wm_peer_fetch *f)
{
	wm_buf_fini(&f->waiting);
	wm_buf_fini(&f->writing);
	wm_free(f);
}

static void on_told(struct wm_timer *t)
{
	struct wm_peer_fetch *f = wm_container_of(t, struct wm_peer_fetch, again);
	struct wm_peer_port *p = f->port;
	int fd = f->fd;
	bool ok = f->why.code == 0;
	p->fetch = NULL;
	release(f);
	p->opts.hooks.fetched(p->opts.hooks.arg, fd, ok);
}

/* Nothing more comes, and nothing more is written. */
static void tell(struct wm_peer_fetch *f)
{
	struct wm_peer_port *p = f->port;
	char text[WM_ERR_TEXT];
	int64_t now = wm_loop_now(p->opts.loop);
	if (f->why.code == 0) {
		p->stats.fetched++;
		wm_info(p->opts.log, "snapshot.fetched", "from=%s index=%llu bytes=%llu ms=%lld",
			f->node_id, (unsigned long long)f->index, (unsigned long long)f->bytes,
			(long long)((now - f->began_at) / WM_NS_PER_MS));
	} else {
		p->stats.failed_fetches++;
		wm_warn(p->opts.log, "snapshot.not_fetched", "from=%s bytes=%llu of=%llu reason=%s",
			f->node_id, (unsigned long long)f->received, (unsigned long long)f->bytes,
			wm_log_quote(f->why.text, text, sizeof(text)));
	}
	wm_timer_start(p->opts.loop, &f->again, f->why.code == 0 ? 0 : REST_NS, on_told);
}

static void drop_way(struct wm_peer_fetch *f)
{
	wm_peer_way_close(wm_steal(f->way));
}

static void end(struct wm_peer_fetch *f, const struct wm_err *why)
{
	if (f->is_over)
		return;
	f->is_over = true;
	if (why != NULL)
		f->why = *why;
	wm_timer_stop(&f->again);
	wm_timer_stop(&f->stuck);
	drop_way(f);
	if (!f->is_writing)
		tell(f);
}

uint64_t wm_peer_fetch_bytes(const struct wm_peer_port *p)
{
	return p->fetch == NULL ? 0 : p->fetch->received;
}

void wm_peer_fetch_drop(struct wm_peer_port *p)
{
	struct wm_peer_fetch *f = p->fetch;
	if (f == NULL)
		return;
	p->fetch = NULL;
	f->port = NULL;
	wm_timer_stop(&f->again);
	wm_timer_stop(&f->stuck);
	drop_way(f);
	if (f->is_writing)
		return;
	(void)close(f->fd);
	release(f);
}

/* ---- the disk ---- */

static int write_all(int fd, const uint8_t *p, size_t n, uint64_t at)
{
	while (n > 0) {
		ssize_t done = pwrite(fd, p, n, (off_t)at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? errno : EIO;
		p += done;
		n -= (size_t)done;
		at += (uint64_t)done;
	}
	return 0;
}

static void run_write(struct wm_work *w)
{
	struct wm_peer_fetch *f = wm_container_of(w, struct wm_peer_fetch, work);
	f->failure = 0;
	if (f->anew && ftruncate(f->fd, 0) != 0)
		f->failure = errno;
	if (f->failure == 0)
		f->failure = write_all(f->fd, f->writing.data, f->writing.len, f->at);
}

static void on_written(struct wm_work *w);

static void write_on(struct wm_peer_fetch *f)
{
	struct wm_buf empty = f->writing;
	if (f->is_writing || f->waiting.len == 0)
		return;
	f->writing = f->waiting;
	f->waiting = empty;
	f->at = f->received - f->writing.len;
	f->is_writing = true;
	wm_work_start(f->port->opts.loop, &f->work, run_write, on_written);
}

static void later(struct wm_peer_fetch *f);

static void on_written(struct wm_work *w)
{
	struct wm_peer_fetch *f = wm_container_of(w, struct wm_peer_fetch, work);
	struct wm_err err;
	f->is_writing = false;
	f->anew = false;
	wm_buf_clear(&f->writing);
	if (f->port == NULL) {
		(void)close(f->fd);
		return release(f);
	}
	if (f->is_over)
		return tell(f);
	if (f->failure != 0) {
		(void)wm_fail_errno(&err, f->failure, "cannot write the snapshot");
		return end(f, &err);
	}
	if (f->way != NULL)
		wm_rpc_stream_pause(&f->way->stream, false);
	write_on(f);
	if (f->is_writing)
		return;
	if (f->bytes > 0 && f->received == f->bytes)
		end(f, NULL);
	else if (f->way == NULL && !wm_timer_is_running(&f->again))
		later(f);
}

/* ---- what comes ---- */

static void on_stuck(struct wm_timer *t)
{
	struct wm_peer_fetch *f = wm_container_of(t, struct wm_peer_fetch, stuck);
	struct wm_err err;
	(void)wm_fail(&err, WM_DEADLINE_EXCEEDED, "nothing has come from %s for a while%s%.200s",
		      f->node_id, f->last.code != 0 ? ": " : "", f->last.text);
	end(f, &err);
}

static void came_on(struct wm_peer_fetch *f)
{
	wm_timer_start(f->port->opts.loop, &f->stuck, STUCK_NS, on_stuck);
}

static void say_progress(struct wm_peer_fetch *f)
{
	int64_t now = wm_loop_now(f->port->opts.loop);
	if (now - f->said_at < SAY_NS)
		return;
	f->said_at = now;
	wm_info(f->port->opts.log, "snapshot.fetching",
		"from=%s index=%llu bytes=%llu of=%llu percent=%u", f->node_id,
		(unsigned long long)f->index, (unsigned long long)f->received,
		(unsigned long long)f->bytes,
		(unsigned)((double)f->received * 100 / (double)f->bytes));
}

/* A newer snapshot than the one of which we have the beginning. */
static bool begins_anew(const struct wm_peer_fetch *f, const Webmesh__Peer__V1__SnapshotChunk *c)
{
	return c->index != f->index || c->term != f->term || c->bytes != f->bytes;
}

static int take(struct wm_peer_fetch *f, const Webmesh__Peer__V1__SnapshotChunk *c,
		struct wm_err *err)
{
	if (begins_anew(f, c)) {
		if (c->index < f->at_least || c->index < f->index || c->bytes == 0 ||
		    c->offset != 0 || f->is_writing || f->waiting.len > 0)
			return wm_fail(err, WM_DATA_LOSS,
				       "%s sends a snapshot that was not asked for", f->node_id);
		f->index = c->index;
		f->term = c->term;
		f->bytes = c->bytes;
		f->received = 0;
		f->anew = true;
	}
	if (c->offset != f->received || c->data.len == 0 || c->data.len > f->bytes - f->received)
		return wm_fail(err, WM_DATA_LOSS, "%s sends pieces that do not fit", f->node_id);
	wm_buf_add(&f->waiting, c->data.data, c->data.len);
	f->received += c->data.len;
	return 0;
}

static void on_message(struct wm_rpc_stream *s, const ProtobufCMessage *message)
{
	struct wm_peer_way *w = wm_container_of(s, struct wm_peer_way, stream);
	struct wm_peer_fetch *f = w->owner;
	struct wm_err err;
	if (f == NULL)
		return;
	if (take(f, (const Webmesh__Peer__V1__SnapshotChunk *)message, &err) != 0)
		return end(f, &err);
	came_on(f);
	wm_backoff_reset(&f->backoff);
	say_progress(f);
	write_on(f);
	if (f->waiting.len > WAITING_MAX)
		wm_rpc_stream_pause(s, true);
}

/* ---- attempts ---- */

static void on_again(struct wm_timer *t)
{
	attempt(wm_container_of(t, struct wm_peer_fetch, again));
}

static void later(struct wm_peer_fetch *f)
{
	wm_timer_start(f->port->opts.loop, &f->again, wm_backoff_next(&f->backoff), on_again);
}

/* Waiting mends none of them: the next offer asks again. */
static bool is_final(const struct wm_err *err)
{
	return err->code == WM_NOT_FOUND || err->code == WM_DATA_LOSS ||
	       err->code == WM_UNIMPLEMENTED;
}

static void on_end(struct wm_rpc_stream *s, const struct wm_err *err)
{
	struct wm_peer_way *w = wm_container_of(s, struct wm_peer_way, stream);
	struct wm_peer_fetch *f = w->owner;
	wm_peer_way_ended(w);
	if (f == NULL)
		return;
	drop_way(f);
	if (err != NULL && is_final(err))
		return end(f, err);
	if (err != NULL)
		f->last = *err;
	bool is_whole = f->bytes > 0 && f->received == f->bytes;
	if (f->is_writing)
		return; /* goes on when that is done */
	if (is_whole)
		end(f, NULL);
	else
		later(f);
}

static int ask(struct wm_peer_fetch *f, struct wm_err *err)
{
	const struct wm_pb_method *m = wm_pb_method_find("/webmesh.peer.v1.Peer/Snapshot");
	Webmesh__Peer__V1__SnapshotRequest r = WEBMESH__PEER__V1__SNAPSHOT_REQUEST__INIT;
	struct wm_rpc_stream *s = &f->way->stream;
	r.at_least = f->at_least;
	r.index = f->index;
	r.term = f->term;
	r.offset = f->received;
	*s = (struct wm_rpc_stream){.on_message = on_message, .on_end = on_end};
	int rc = wm_rpc_stream_start(f->way->channel, s, m, NULL, err);
	if (rc != 0)
		return rc;
	f->way->may_free = false;
	if (wm_rpc_stream_send(s, &r.base, err) == 0)
		wm_rpc_stream_half_close(s);
	else
		wm_rpc_stream_cancel(s);
	return 0;
}

static void attempt(struct wm_peer_fetch *f)
{
	const struct wm_peer_port_hooks *h = &f->port->opts.hooks;
	struct wm_peer to;
	struct wm_err err;
	if (!h->find(h->arg, f->node_id, &to))
		return later(f);
	f->way = wm_peer_way_new(f->port, &to);
	if (f->way == NULL)
		return later(f);
	f->way->owner = f;
	if (ask(f, &err) == 0)
		return;
	drop_way(f);
	later(f);
}

void wm_peer_port_fetch(struct wm_peer_port *p, const struct wm_peer_fetch_wish *wish)
{
	const struct wm_peer_port_hooks *h = &p->opts.hooks;
	if (p->is_stopping || p->fetch != NULL)
		return;
	struct wm_peer_fetch *f = wm_alloc(sizeof(*f));
	p->fetch = f;
	f->port = p;
	f->at_least = wish->index;
	f->began_at = wm_loop_now(p->opts.loop);
	f->fd = -1;
	f->backoff = (struct wm_backoff){
		.first_ns = PAUSE_NS, .max_ns = PAUSE_MAX_NS, .growth_percent = 160};
	(void)wm_str_copy(f->node_id, sizeof(f->node_id), wish->node_id);
	if (h->fetch_open(h->arg, &f->fd, &f->why) != 0) {
		f->is_over = true;
		return tell(f);
	}
	came_on(f);
	attempt(f);
}
