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

#define BATCH_MAX     1024
#define BATCH_BYTES   (16u * 1024 * 1024)
#define WAITING_MAX   8192
#define WAITING_BYTES (96u * 1024 * 1024)
#define STACK_SIZE    (512u * 1024)

struct wm_writer {
	struct wm_engine engine;
	struct wm_loop *loop;
	struct wm_env *env;
	struct wm_engine_hooks hooks;
	pthread_t thread;
	struct wm_pulse pulse;
	uint64_t revision; /* newest committed; write thread */

	/*
	 * Hands proposals over, and snapshots back. A message would not do: the thread must wait.
	 */
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	struct wm_list waiting;
	size_t n_waiting, bytes_waiting;
	struct wm_snapshot_pool snapshots;
	bool stop;
	bool grown; /* the loop has answered */
	int grow_code;
	struct wm_err grow_err;
	struct wm_post grow_post;
	struct wm_post stop_post;
};

static struct wm_writer *writer_of(struct wm_engine *e)
{
	return wm_container_of(e, struct wm_writer, engine);
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
			wm_propose_end(p, 0, revision);
			break;
		case WM_APPLIED_NOT:
			strncpy(p->failed, failed, sizeof(p->failed) - 1);
			wm_propose_end(p, WM_FAILED_PRECONDITION, 0);
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
	int rc = mdb_txn_begin(w->env->m.env, NULL, 0, &mdb);

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
			wm_propose_end(wm_container_of(it, struct wm_propose, node), code, 0);
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
			wm_propose_end(wm_container_of(it, struct wm_propose, node), code, 0);
	}
}

/* What took effect leaves its proposal: the history keeps it. */
static void collect_changes(struct wm_batch *b)
{
	struct wm_list *it;

	wm_list_each (it, &b->proposals) {
		struct wm_propose *p = wm_container_of(it, struct wm_propose, node);

		if (p->code == 0 && wm_txn_changes(p->txn) > 0)
			wm_batch_add_change(b, wm_steal(p->txn));
	}
}

/* ---- the thread ---- */

static void on_batch_post(struct wm_post *post)
{
	struct wm_batch *b = wm_container_of(post, struct wm_batch, post);
	struct wm_writer *w = writer_of(b->engine);

	w->hooks.on_batch(w->hooks.arg, b);
}

/* Waits for work and a free snapshot; NULL when it is time to stop. */
static struct wm_batch *take_batch(struct wm_writer *w)
{
	struct wm_batch *b = wm_batch_new(&w->engine);
	size_t bytes = 0;

	pthread_mutex_lock(&w->lock);
	wm_pulse_show(&w->pulse);
	while (!w->stop && (wm_list_is_empty(&w->waiting) || w->snapshots.unused == NULL)) {
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
		wm_batch_free(b);
		return NULL;
	}
	return b;
}

/*
 * A renewal needs no memory and no place in LMDB's table of readers, which this snapshot has had
 * since it was made: it cannot fail after a commit that succeeded.
 */
static void attach_snapshot(struct wm_writer *w, struct wm_batch *b)
{
	int rc;

	pthread_mutex_lock(&w->lock);
	b->snapshot = wm_snapshot_pool_take(&w->snapshots);
	pthread_mutex_unlock(&w->lock);
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
		b->ill = b->err.code != 0;
		if (w->revision != before) {
			attach_snapshot(w, b);
			collect_changes(b);
		}
		wm_loop_post(w->loop, &b->post, on_batch_post);
	}
	wm_loop_post(w->loop, &w->stop_post, on_stop_post);
	return NULL;
}

/* ---- the loop's side ---- */

static struct wm_pulse *ask(struct wm_engine *e)
{
	struct wm_writer *w = writer_of(e);

	pthread_mutex_lock(&w->lock);
	wm_pulse_ask(&w->pulse);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	return &w->pulse;
}

static int push(struct wm_engine *e, struct wm_propose *p, struct wm_err *err)
{
	struct wm_writer *w = writer_of(e);
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

static void release(struct wm_engine *e, struct wm_batch *b, struct wm_snapshot *s)
{
	struct wm_writer *w = writer_of(e);

	wm_batch_free(b);
	if (s == NULL)
		return;
	wm_snapshot_release(s);
	pthread_mutex_lock(&w->lock);
	wm_snapshot_pool_give(&w->snapshots, s);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

static void stop(struct wm_engine *e, struct wm_list *unwritten)
{
	struct wm_writer *w = writer_of(e);
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

static void free_writer(struct wm_engine *e)
{
	struct wm_writer *w = writer_of(e);

	wm_snapshot_pool_close(&w->snapshots);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	wm_free(w);
}

static const struct wm_engine_ops ops = {
	.push = push,
	.release = release,
	.ask = ask,
	.stop = stop,
	.free = free_writer,
};

int wm_writer_start(struct wm_loop *loop, struct wm_env *env, const struct wm_engine_hooks *hooks,
		    struct wm_engine **out, struct wm_err *err)
{
	struct wm_writer *w = wm_alloc(sizeof(*w));
	int rc;

	w->loop = loop;
	w->env = env;
	w->hooks = *hooks;
	w->revision = env->revision;
	w->engine.ops = &ops;
	w->engine.first = &w->snapshots.all[0];
	wm_str_copy(w->pulse.name, sizeof(w->pulse.name), "store-writer");
	wm_list_init(&w->waiting);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	rc = wm_snapshot_pool_open(env, &w->snapshots, err);
	if (rc == 0)
		rc = wm_thread_start(&w->thread, w->pulse.name, STACK_SIZE, run, w, err);
	if (rc != 0) {
		free_writer(&w->engine);
		return rc;
	}
	*out = &w->engine;
	return 0;
}
