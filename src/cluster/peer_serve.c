/*
 * A snapshot on its way to another server: a chunk is read on the loop's pool, sent, and the next
 * one read when there is room for it. The descriptor is this call's own, so a newer snapshot may
 * take the file's place meanwhile.
 */
#include "cluster/peer_impl.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define AHEAD (2 * WM_PEER_CHUNK) /* bytes that wait for the reader before we read on */

struct serve {
	struct wm_list node;
	struct wm_peer_port *port; /* NULL: ended, and goes when the read is done */
	struct wm_rpc_call *call;
	char node_id[WM_IDENT_TEXT];
	int fd;
	uint64_t index, term, bytes, offset;
	struct wm_work work;
	bool is_reading;
	ssize_t n_read;
	int failure; /* errno of the read */
	uint8_t chunk[WM_PEER_CHUNK];
};

static void release(struct serve *s)
{
	(void)close(s->fd);
	wm_free(s);
}

/* The call is over; @s may be gone. */
static void end(struct serve *s, const struct wm_err *why)
{
	struct wm_peer_port *p = s->port;
	bool done = why == NULL;
	wm_list_remove(&s->node);
	p->n_serves--;
	p->stats.served += done;
	wm_info(p->opts.log, "snapshot.sent", "node=%s index=%llu bytes=%llu of=%llu", s->node_id,
		(unsigned long long)s->index, (unsigned long long)s->offset,
		(unsigned long long)s->bytes);
	s->port = NULL;
	wm_rpc_call_finish(s->call, why);
	if (!s->is_reading)
		release(s);
}

static void on_cancel(struct wm_rpc_call *call, const struct wm_err *why, void *arg)
{
	end(arg, why);
}

void wm_peer_serves_end(struct wm_peer_port *p, const char *node_id, const struct wm_err *why)
{
	struct wm_list *it, *next;
	wm_list_each_safe (it, next, &p->serves) {
		struct serve *s = wm_container_of(it, struct serve, node);
		if (node_id == NULL || wm_streq(s->node_id, node_id))
			end(s, why);
	}
}

static void run_read(struct wm_work *w)
{
	struct serve *s = wm_container_of(w, struct serve, work);
	do
		s->n_read = pread(s->fd, s->chunk, sizeof(s->chunk), (off_t)s->offset);
	while (s->n_read < 0 && errno == EINTR);
	s->failure = s->n_read < 0 ? errno : 0;
}

static void on_read(struct wm_work *w);

static void read_on(struct serve *s)
{
	s->is_reading = true;
	wm_work_start(s->port->opts.loop, &s->work, run_read, on_read);
}

static void on_drained(struct wm_rpc_call *call, void *arg)
{
	struct serve *s = arg;
	if (!s->is_reading)
		read_on(s);
}

static int check_read(const struct serve *s, struct wm_err *err)
{
	if (s->n_read < 0)
		return wm_fail_errno(err, s->failure, "cannot read the snapshot");
	if (s->n_read == 0 || s->offset + (uint64_t)s->n_read > s->bytes)
		return wm_fail(err, WM_DATA_LOSS, "the snapshot's file has another length");
	return wm_peer_check(s->port, s->call, err);
}

static int send_chunk(struct serve *s, struct wm_err *err)
{
	Webmesh__Peer__V1__SnapshotChunk c = WEBMESH__PEER__V1__SNAPSHOT_CHUNK__INIT;
	int rc = check_read(s, err);
	if (rc != 0)
		return rc;
	c.index = s->index;
	c.term = s->term;
	c.bytes = s->bytes;
	c.offset = s->offset;
	c.data.data = s->chunk;
	c.data.len = (size_t)s->n_read;
	rc = wm_rpc_call_send(s->call, &c.base, err);
	if (rc == 0)
		s->offset += c.data.len;
	return rc;
}

static void on_read(struct wm_work *w)
{
	struct serve *s = wm_container_of(w, struct serve, work);
	struct wm_err err;
	s->is_reading = false;
	if (s->port == NULL)
		return release(s);
	if (send_chunk(s, &err) != 0)
		return end(s, &err);
	if (s->offset == s->bytes)
		return end(s, NULL);
	if (wm_rpc_call_queued(s->call) >= AHEAD)
		wm_rpc_call_on_drain(s->call, on_drained, s);
	else
		read_on(s);
}

/* Where to begin: at the caller's place in the same snapshot, or at the beginning of another. */
static int place(struct serve *s, const Webmesh__Peer__V1__SnapshotRequest *r, struct wm_err *err)
{
	if (s->index < r->at_least)
		return wm_fail(err, WM_NOT_FOUND,
			       "the newest snapshot is of entry %llu, before entry %llu",
			       (unsigned long long)s->index, (unsigned long long)r->at_least);
	if (r->index == s->index && r->term == s->term && r->offset <= s->bytes)
		s->offset = r->offset;
	return 0;
}

static int open_serve(struct wm_peer_port *p, struct serve *s,
		      const Webmesh__Peer__V1__SnapshotRequest *r, struct wm_err *err)
{
	const struct wm_peer_port_hooks *h = &p->opts.hooks;
	if (p->is_stopping)
		return wm_fail(err, WM_UNAVAILABLE, "%s is stopping", p->node_id);
	int rc = wm_peer_check(p, s->call, err);
	if (rc == 0 && p->n_serves >= WM_PEER_SERVES)
		rc = wm_fail(err, WM_UNAVAILABLE, "%u servers fetch snapshots already",
			     p->n_serves);
	if (rc == 0)
		rc = h->share(h->arg, &s->fd, &s->bytes, &s->index, &s->term, err);
	return rc == 0 ? place(s, r, err) : rc;
}

void wm_peer_serve(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	struct wm_peer_port *p = arg;
	struct serve *s = wm_alloc(sizeof(*s));
	const char *caller = wm_rpc_call_identity(call);
	struct wm_err err;
	s->call = call;
	s->fd = -1;
	if (caller != NULL) { /* one of its own that it has given up makes room */
		(void)wm_str_copy(s->node_id, sizeof(s->node_id), caller);
		(void)wm_fail(&err, WM_ABORTED, "%s has asked again", caller);
		wm_peer_serves_end(p, caller, &err);
	}
	if (open_serve(p, s, (const Webmesh__Peer__V1__SnapshotRequest *)request, &err) != 0) {
		if (s->fd >= 0)
			(void)close(s->fd);
		wm_free(s);
		return wm_rpc_call_finish(call, &err);
	}
	s->port = p;
	p->n_serves++;
	wm_list_push(&p->serves, &s->node);
	wm_rpc_call_on_cancel(call, on_cancel, s);
	if (s->offset == s->bytes)
		return end(s, NULL);
	read_on(s);
}
