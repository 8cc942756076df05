/*
 * One turn of the thread: wait for proposals and for a free snapshot; take them; begin; apply each;
 * commit; renew the snapshot; post. What can go wrong:
 *   - the map is full: abort, ask the loop to grow it (it alone knows that no view is open), begin
 *     again. At the limit of the map the proposals of the batch are tried one by one, so that a
 *     large one does not take small ones with it;
 *   - the disk is full or fails: abort; every proposal of the batch ends with that error. LMDB has
 *     changed nothing, and the loop goes on reading the snapshot it has.
 */
#include "store/writer.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/apply.h"

#define SNAPSHOTS     4 /* one the loop reads, the others on their way or being made */
#define BATCH_MAX     1024
#define BATCH_BYTES   (16u * 1024 * 1024)
#define WAITING_MAX   8192
#define WAITING_BYTES (96u * 1024 * 1024)
#define STACK_SIZE    (512u * 1024)

struct wm_writer {
	struct wm_loop *loop;
	struct wm_env *env;
	struct wm_writer_hooks hooks;
	pthread_t thread;
	struct wm_pulse pulse;
	struct wm_snapshot snapshots[SNAPSHOTS];
	uint64_t revision; /* newest committed; write thread */

	/*
	 * Hands proposals over, and snapshots back. A message would not do: the thread must wait.
	 */
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	struct wm_list waiting;
	size_t n_waiting, bytes_waiting;
	struct wm_snapshot *free_snapshots;
	bool stop;
	bool grown; /* the loop has answered */
	int grow_code;
	struct wm_err grow_err;
	struct wm_post grow_post;
	struct wm_post stop_post;
};

static void finish(struct wm_propose *p, int code)
{
	p->code = code;
	if (code != 0)
		p->revision = 0;
}

/* ---- growing the map ---- */

static void on_grow_post(struct wm_post *post)
{
	struct wm_writer *w = wm_container_of(post, struct wm_writer, grow_post);
	struct wm_err err = {0};
	int code = w->hooks.on_grow(w->hooks.arg, &err);

	pthread_mutex_lock(&w->lock);
	w->grown = true;
	w->grow_code = code;
	w->grow_err = err;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

static int grow(struct wm_writer *w, struct wm_err *err)
{
	int code;

	w->grown = false;
	wm_loop_post(w->loop, &w->grow_post, on_grow_post);
	pthread_mutex_lock(&w->lock);
	while (!w->grown)
		pthread_cond_wait(&w->wake, &w->lock);
	code = w->grow_code;
	wm_err_copy(err, &w->grow_err);
	pthread_mutex_unlock(&w->lock);
	return code;
}

/* ---- applying ---- */

/* Applies [@from, @to) of @list; an LMDB code. On 0 each has its code and revision. */
static int apply_range(struct wm_writer *w, MDB_txn *mdb, struct wm_list *from, struct wm_list *to)
{
	uint64_t revision = w->revision;
	int rc = 0;

	for (struct wm_list *it = from; it != to; it = it->next) {
		struct wm_propose *p = wm_container_of(it, struct wm_propose, node);
		const char *failed = "";

		switch (wm_apply(w->env, mdb, p->txn, revision + 1, &failed, &rc)) {
		case WM_APPLIED:
			revision += wm_txn_changes(p->txn) > 0;
			p->revision = revision;
			finish(p, 0);
			break;
		case WM_APPLIED_NOT:
			strncpy(p->failed, failed, sizeof(p->failed) - 1);
			finish(p, WM_FAILED_PRECONDITION);
			break;
		case WM_APPLIED_BROKEN: return rc;
		}
	}
	rc = revision == w->revision ? 0 : wm_env_put_revision(w->env, mdb, revision);
	if (rc == 0)
		w->revision = revision;
	return rc;
}

/* One write transaction; all or nothing. An LMDB code. */
static int commit_range(struct wm_writer *w, struct wm_list *from, struct wm_list *to)
{
	uint64_t before = w->revision;
	MDB_txn *mdb;
	int rc = mdb_txn_begin(w->env->mdb, NULL, 0, &mdb);

	if (rc != 0)
		return rc;
	rc = apply_range(w, mdb, from, to);
	if (rc == 0 && w->revision != before)
		rc = mdb_txn_commit(mdb);
	else
		mdb_txn_abort(mdb);
	if (rc != 0)
		w->revision = before;
	return rc;
}

static int commit_growing(struct wm_writer *w, struct wm_list *from, struct wm_list *to,
			  struct wm_err *err)
{
	for (;;) {
		int rc = commit_range(w, from, to);
		int code;

		if (rc == 0)
			return 0;
		if (rc != MDB_MAP_FULL)
			return wm_env_fail(w->env, rc, "cannot write", err);
		code = grow(w, err);
		if (code != 0)
			return code;
	}
}

static void write_one_by_one(struct wm_writer *w, struct wm_batch *b)
{
	struct wm_list *it, *next;

	wm_list_each_safe (it, next, &b->proposals) {
		int code = commit_growing(w, it, next, &b->err);

		if (code != 0)
			finish(wm_container_of(it, struct wm_propose, node), code);
	}
}

static void write_batch(struct wm_writer *w, struct wm_batch *b)
{
	struct wm_list *it;
	int code = commit_growing(w, b->proposals.next, &b->proposals, &b->err);

	if (code == WM_RESOURCE_EXHAUSTED && b->proposals.next->next != &b->proposals) {
		write_one_by_one(w, b);
	} else if (code != 0) {
		wm_list_each (it, &b->proposals)
			finish(wm_container_of(it, struct wm_propose, node), code);
	}
}

/* ---- the thread ---- */

static void on_batch_post(struct wm_post *post)
{
	struct wm_batch *b = wm_container_of(post, struct wm_batch, post);

	b->writer->hooks.on_batch(b->writer->hooks.arg, b);
}

/* Waits for work and a free snapshot; NULL when it is time to stop. */
static struct wm_batch *take_batch(struct wm_writer *w)
{
	struct wm_batch *b = wm_alloc(sizeof(*b));
	size_t bytes = 0;

	b->writer = w;
	wm_list_init(&b->proposals);
	pthread_mutex_lock(&w->lock);
	wm_pulse_show(&w->pulse);
	while (!w->stop && (wm_list_is_empty(&w->waiting) || w->free_snapshots == NULL)) {
		pthread_cond_wait(&w->wake, &w->lock);
		wm_pulse_show(&w->pulse);
	}
	for (unsigned n = 0; !w->stop && n < BATCH_MAX && bytes < BATCH_BYTES; n++) {
		struct wm_list *node = wm_list_first(&w->waiting);

		if (node == NULL)
			break;
		wm_list_remove(node);
		wm_list_push(&b->proposals, node);
		bytes += wm_txn_size(wm_container_of(node, struct wm_propose, node)->txn);
		w->n_waiting--;
	}
	w->bytes_waiting -= bytes;
	pthread_mutex_unlock(&w->lock);
	if (wm_list_is_empty(&b->proposals)) {
		wm_free(b);
		return NULL;
	}
	return b;
}

static struct wm_snapshot *take_snapshot(struct wm_writer *w)
{
	struct wm_snapshot *s;

	pthread_mutex_lock(&w->lock);
	s = w->free_snapshots;
	w->free_snapshots = s->next;
	pthread_mutex_unlock(&w->lock);
	return s;
}

/*
 * A renewal needs no memory and no place in LMDB's table of readers, which this snapshot has had
 * since it was made: it cannot fail after a commit that succeeded.
 */
static void attach_snapshot(struct wm_writer *w, struct wm_batch *b)
{
	int rc;

	b->snapshot = take_snapshot(w);
	rc = wm_snapshot_renew(b->snapshot, w->revision);
	assert(rc == 0);
	(void)rc;
}

static void on_stop_post(struct wm_post *post)
{
	struct wm_writer *w = wm_container_of(post, struct wm_writer, stop_post);

	pthread_join(w->thread, NULL);
	w->hooks.on_stopped(w->hooks.arg);
}

static void *run(void *arg)
{
	struct wm_writer *w = arg;
	struct wm_batch *b;

	while ((b = take_batch(w)) != NULL) {
		uint64_t before = w->revision;
		int64_t began = wm_clock_now();

		write_batch(w, b);
		b->took_ns = wm_clock_now() - began;
		if (w->revision != before)
			attach_snapshot(w, b);
		wm_loop_post(w->loop, &b->post, on_batch_post);
	}
	wm_loop_post(w->loop, &w->stop_post, on_stop_post);
	return NULL;
}

/* ---- the loop's side ---- */

static int open_snapshots(struct wm_writer *w, struct wm_err *err)
{
	for (unsigned i = 0; i < SNAPSHOTS; i++) {
		struct wm_snapshot *s = &w->snapshots[i];
		int rc = wm_snapshot_open(w->env, s, err);

		if (rc != 0)
			return rc;
		if (i == 0)
			continue; /* the loop's */
		wm_snapshot_release(s);
		s->next = w->free_snapshots;
		w->free_snapshots = s;
	}
	return 0;
}

int wm_writer_start(struct wm_loop *loop, struct wm_env *env, const struct wm_writer_hooks *hooks,
		    struct wm_writer **out, struct wm_err *err)
{
	struct wm_writer *w = wm_alloc(sizeof(*w));
	int rc;

	w->loop = loop;
	w->env = env;
	w->hooks = *hooks;
	w->revision = env->revision;
	wm_str_copy(w->pulse.name, sizeof(w->pulse.name), "store-writer");
	wm_list_init(&w->waiting);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	rc = open_snapshots(w, err);
	if (rc == 0)
		rc = wm_thread_start(&w->thread, w->pulse.name, STACK_SIZE, run, w, err);
	if (rc != 0) {
		wm_writer_free(w);
		return rc;
	}
	*out = w;
	return 0;
}

struct wm_snapshot *wm_writer_first_snapshot(struct wm_writer *w)
{
	return &w->snapshots[0];
}

struct wm_pulse *wm_writer_ask(struct wm_writer *w)
{
	pthread_mutex_lock(&w->lock);
	wm_pulse_ask(&w->pulse);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	return &w->pulse;
}

int wm_writer_push(struct wm_writer *w, struct wm_propose *p, struct wm_err *err)
{
	size_t size = wm_txn_size(p->txn);
	bool full;

	pthread_mutex_lock(&w->lock);
	full = w->n_waiting >= WAITING_MAX || w->bytes_waiting + size > WAITING_BYTES;
	if (!full) {
		wm_list_push(&w->waiting, &p->node);
		w->n_waiting++;
		w->bytes_waiting += size;
		pthread_cond_signal(&w->wake);
	}
	pthread_mutex_unlock(&w->lock);
	if (full)
		return wm_fail(err, WM_RESOURCE_EXHAUSTED,
			       "too many changes wait to be written: try again later");
	return 0;
}

void wm_writer_release(struct wm_writer *w, struct wm_batch *b, struct wm_snapshot *s)
{
	wm_free(b);
	if (s == NULL)
		return;
	wm_snapshot_release(s);
	pthread_mutex_lock(&w->lock);
	s->next = w->free_snapshots;
	w->free_snapshots = s;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

void wm_writer_stop(struct wm_writer *w, struct wm_list *unwritten)
{
	struct wm_list *node;

	pthread_mutex_lock(&w->lock);
	w->stop = true;
	while ((node = wm_list_first(&w->waiting)) != NULL) {
		wm_list_remove(node);
		wm_list_push(unwritten, node);
	}
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

void wm_writer_free(struct wm_writer *w)
{
	for (unsigned i = 0; i < SNAPSHOTS; i++)
		wm_snapshot_close(&w->snapshots[i]);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	wm_free(w);
}
