/*
 * The loop's side of a store. A batch comes back from the engine; then, in this order: its
 * snapshot becomes the one that views show, its transactions enter the history, watchers are told
 * all of them, and only then do the proposals' callbacks run. What fails before it reaches the
 * thread is answered from a deferred call, since no callback runs inside wm_store_propose.
 */
#include "store/store.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/engine.h"
#include "store/env.h"
#include "store/history.h"
#include "store/txn_ops.h"
#include "store/view.h"
#include "store/writer.h"

#define HISTORY_DEFAULT 4096

struct wm_store {
	struct wm_loop *loop;
	struct wm_log *log;
	struct wm_env env;
	struct wm_engine *engine;
	struct wm_snapshot *snapshot; /* what views show */
	char incarnation[WM_INCARNATION_TEXT];
	unsigned views; /* open ones */
	struct wm_history history;
	struct wm_list watches;
	struct wm_watch *telling; /* the one whose callback runs; NULL when it was stopped in it */
	struct wm_list refused;   /* proposals to be answered from the deferred call */
	struct wm_defer answer;
	struct wm_defer pump;
	bool closing;
	bool stopped; /* the write thread has ended */
	bool writing_fails;
	uint64_t failed_batches;
	struct wm_histogram commits;
	void (*closed)(void *arg);
	void *closed_arg;
};

/* ---- watches ---- */

static void end_watch(struct wm_watch *w, enum wm_code code, const char *text)
{
	struct wm_err err;

	wm_fail(&err, code, "%s", text);
	wm_watch_stop(w);
	if (w->on_end != NULL)
		w->on_end(w, &err);
}

/* Tells one watch all that it has not seen. It may be stopped, freed or started again meanwhile. */
static void tell(struct wm_store *s, struct wm_watch *w)
{
	if (!wm_history_has(&s->history, w->next)) {
		end_watch(
			w, WM_OUT_OF_RANGE,
			"the watch begins where the history no longer reaches: read the state and "
			"watch from there");
		return;
	}
	s->telling = w;
	while (s->telling == w && w->next <= s->snapshot->revision) {
		const struct wm_change *changes;
		uint64_t revision = w->next++;
		size_t n = wm_history_changes(&s->history, revision, w->prefix, &changes);

		if (n > 0)
			w->on_changes(w, revision, changes, n);
	}
	s->telling = NULL;
}

static void move_all(struct wm_list *from, struct wm_list *to)
{
	struct wm_list *node;

	wm_list_init(to);
	while ((node = wm_list_first(from)) != NULL) {
		wm_list_remove(node);
		wm_list_push(to, node);
	}
}

static void pump(struct wm_store *s)
{
	struct wm_list turn, *node;

	move_all(&s->watches, &turn);
	while ((node = wm_list_first(&turn)) != NULL) {
		wm_list_remove(node);
		wm_list_push(&s->watches, node);
		tell(s, wm_container_of(node, struct wm_watch, node));
	}
	wm_history_trim(&s->history);
}

static void on_pump(struct wm_defer *d)
{
	pump(wm_container_of(d, struct wm_store, pump));
}

void wm_store_watch(struct wm_store *s, struct wm_watch *w, const char *prefix, uint64_t after)
{
	wm_on_loop(s->loop);
	assert(strlen(prefix) <= WM_KEY_MAX && !wm_list_is_linked(&w->node));
	w->store = s;
	w->next = after == UINT64_MAX ? after : after + 1;
	memcpy(w->prefix, prefix, strlen(prefix) + 1);
	wm_list_push(&s->watches, &w->node);
	wm_defer(s->loop, &s->pump, on_pump);
}

void wm_watch_stop(struct wm_watch *w)
{
	if (w->store != NULL && w->store->telling == w)
		w->store->telling = NULL;
	wm_list_remove(&w->node);
}

/* ---- results ---- */

static void answer(struct wm_store *s, struct wm_propose *p, const struct wm_err *batch_err)
{
	struct wm_err err;

	wm_txn_free(wm_steal(p->txn));
	if (p->code == 0) {
		p->cb(p, NULL);
		return;
	}
	if (p->code == WM_FAILED_PRECONDITION)
		wm_fail(&err, WM_FAILED_PRECONDITION, "%s was changed by somebody else meanwhile",
			p->failed);
	else
		wm_err_copy(&err, batch_err);
	err.code = p->code;
	p->cb(p, &err);
}

/* How writing goes. */
static void note_health(struct wm_store *s, const struct wm_batch *b)
{
	bool fails = b->ill;

	s->failed_batches += fails;
	if (b->snapshot != NULL)
		wm_histogram_add(&s->commits, b->took_ns);
	if (fails && !s->writing_fails)
		wm_error(s->log, "store.write_failed", "error=\"%s\"", b->err.text);
	if (b->err.code != 0 && !fails)
		return; /* it has nothing to do with writing */
	if (!fails && s->writing_fails)
		wm_info(s->log, "store.write_resumed", "revision=%llu",
			(unsigned long long)s->snapshot->revision);
	s->writing_fails = fails;
}

static void keep_history(struct wm_store *s, struct wm_batch *b)
{
	if (b->incarnation[0] != '\0')
		wm_str_copy(s->incarnation, sizeof(s->incarnation), b->incarnation);
	if (b->gap)
		wm_history_reset(&s->history, b->snapshot->revision);
	for (size_t i = 0; i < b->n_changes; i++)
		wm_history_add(&s->history, b->changes[i]);
	b->n_changes = 0;
}

static void on_batch(void *arg, struct wm_batch *b)
{
	struct wm_store *s = arg;
	struct wm_snapshot *old = NULL;
	struct wm_list *node;

	assert(s->views == 0);
	if (b->snapshot != NULL) {
		old = s->snapshot;
		s->snapshot = b->snapshot;
		keep_history(s, b);
	}
	s->engine->ops->release(s->engine, NULL, old);
	note_health(s, b);
	pump(s);
	while ((node = wm_list_first(&b->proposals)) != NULL) {
		wm_list_remove(node);
		answer(s, wm_container_of(node, struct wm_propose, node), &b->err);
	}
	s->engine->ops->release(s->engine, b, NULL);
}

static int on_grow(void *arg, struct wm_err *err)
{
	struct wm_store *s = arg;
	uint64_t revision = s->snapshot->revision;
	int code, rc;

	assert(s->views == 0);
	wm_snapshot_release(s->snapshot);
	code = wm_mdb_grow(&s->env.m, err);
	rc = wm_snapshot_renew(s->snapshot, revision);
	assert(rc == 0); /* nothing was committed, and its place among the readers is kept */
	(void)rc;
	if (code == 0)
		wm_debug(s->log, "store.grown", "mib=%zu", s->env.m.map_size >> 20);
	return code;
}

/* ---- proposals ---- */

static void on_answer(struct wm_defer *d)
{
	struct wm_store *s = wm_container_of(d, struct wm_store, answer);
	struct wm_list turn, *node;

	move_all(&s->refused, &turn);
	while ((node = wm_list_first(&turn)) != NULL) {
		struct wm_propose *p = wm_container_of(node, struct wm_propose, node);
		struct wm_err err;

		wm_list_remove(node);
		wm_fail(&err, (enum wm_code)p->code, "%s", p->failed);
		p->failed[0] = '\0';
		wm_txn_free(wm_steal(p->txn));
		p->cb(p, &err);
	}
}

static void refuse(struct wm_store *s, struct wm_propose *p, const struct wm_err *err)
{
	p->code = err->code;
	wm_str_copy(p->failed, sizeof(p->failed), err->text);
	wm_list_push(&s->refused, &p->node);
	wm_defer(s->loop, &s->answer, on_answer);
}

void wm_store_propose(struct wm_store *s, struct wm_propose *p, struct wm_txn *txn,
		      void (*cb)(struct wm_propose *p, const struct wm_err *err))
{
	struct wm_err err;

	wm_on_loop(s->loop);
	*p = (struct wm_propose){.txn = txn, .cb = cb};
	if (s->closing)
		wm_fail(&err, WM_UNAVAILABLE, "the state is being closed");
	else if (wm_txn_check(txn, &err) == 0 && s->engine->ops->push(s->engine, p, &err) == 0)
		return;
	refuse(s, p, &err);
}

/* ---- reading ---- */

int wm_store_view(struct wm_store *s, struct wm_view **out, struct wm_err *err)
{
	wm_on_loop(s->loop);
	if (s->stopped)
		return wm_fail(err, WM_UNAVAILABLE, "the state is closed");
	*out = wm_snapshot_view(s->snapshot, &s->views);
	return 0;
}

uint64_t wm_store_revision(const struct wm_store *s)
{
	return s->snapshot->revision;
}

const char *wm_store_incarnation(const struct wm_store *s)
{
	return s->incarnation;
}

void wm_store_stats(struct wm_store *s, struct wm_store_stats *out)
{
	MDB_stat kv;
	MDB_envinfo info;

	wm_on_loop(s->loop);
	*out = (struct wm_store_stats){
		.revision = s->snapshot->revision,
		.file_limit = s->env.m.map_limit,
		.failed_batches = s->failed_batches,
		.commits = s->commits,
	};
	if (s->stopped || mdb_stat(s->snapshot->txn, s->env.kv, &kv) != 0 ||
	    mdb_env_info(s->env.m.env, &info) != 0)
		return;
	out->keys = kv.ms_entries;
	out->bytes = (kv.ms_branch_pages + kv.ms_leaf_pages + kv.ms_overflow_pages) *
		     (uint64_t)kv.ms_psize;
	out->file_bytes = (info.me_last_pgno + 1) * (uint64_t)kv.ms_psize;
}

/* ---- life ---- */

static void end_watches(struct wm_store *s)
{
	struct wm_list turn, *node;

	move_all(&s->watches, &turn);
	while ((node = wm_list_first(&turn)) != NULL)
		end_watch(wm_container_of(node, struct wm_watch, node), WM_UNAVAILABLE,
			  "the state is being closed");
}

/* The last callback of all: what was refused while closing has been answered before. */
static void on_closed(struct wm_defer *d)
{
	struct wm_store *s = wm_container_of(d, struct wm_store, answer);
	void (*closed)(void *arg) = s->closed;
	void *arg = s->closed_arg;
	struct wm_list late;

	on_answer(d);
	wm_defer_cancel(&s->answer);
	if (!wm_list_is_empty(&s->refused)) { /* proposed again from inside an answer */
		wm_defer(s->loop, &s->answer, on_closed);
		return;
	}
	assert(s->views == 0);
	move_all(&s->watches, &late);
	while (!wm_list_is_empty(&late))
		wm_list_remove(wm_list_first(&late));
	wm_defer_cancel(&s->pump);
	wm_history_fini(&s->history);
	s->engine->ops->free(s->engine);
	wm_env_close(&s->env);
	wm_free(s);
	if (closed != NULL)
		closed(arg);
}

static void on_stopped(void *arg)
{
	struct wm_store *s = arg;

	s->stopped = true;
	end_watches(s);
	wm_defer_cancel(&s->answer);
	wm_defer(s->loop, &s->answer, on_closed);
}

struct wm_pulse *wm_store_ask(struct wm_store *s)
{
	wm_on_loop(s->loop);
	return s->engine->ops->ask(s->engine);
}

void wm_store_close(struct wm_store *s, void (*done)(void *arg), void *arg)
{
	struct wm_list unwritten, *node;
	struct wm_err err;

	wm_on_loop(s->loop);
	assert(!s->closing);
	s->closing = true;
	s->closed = done;
	s->closed_arg = arg;
	wm_list_init(&unwritten);
	s->engine->ops->stop(s->engine, &unwritten);
	wm_fail(&err, WM_UNAVAILABLE, "the state is being closed");
	while ((node = wm_list_first(&unwritten)) != NULL) {
		wm_list_remove(node);
		refuse(s, wm_container_of(node, struct wm_propose, node), &err);
	}
}

static int start(struct wm_store *s, const struct wm_store_opts *opts, struct wm_err *err)
{
	const struct wm_engine_hooks hooks = {
		.on_batch = on_batch,
		.on_grow = on_grow,
		.on_stopped = on_stopped,
		.arg = s,
	};
	const struct wm_engine_maker *maker = opts->engine;
	const struct wm_env_opts env = {
		.path = opts->path,
		.map_limit = opts->map_limit,
		.ordered = maker != NULL,
		.prepare = maker != NULL ? maker->prepare : NULL,
		.arg = maker != NULL ? maker->arg : NULL,
	};
	int rc = wm_env_open(&s->env, &env, err);

	if (rc != 0)
		return rc;
	rc = maker == NULL ? wm_writer_start(s->loop, &s->env, &hooks, &s->engine, err)
			   : maker->start(maker->arg, s->loop, &s->env, &hooks, &s->engine, err);
	if (rc != 0)
		wm_env_close(&s->env);
	return rc;
}

int wm_store_open(struct wm_loop *loop, struct wm_log *log, const struct wm_store_opts *opts,
		  struct wm_store **out, struct wm_err *err)
{
	struct wm_store *s = wm_alloc(sizeof(*s));
	int rc;

	wm_on_loop(loop);
	s->loop = loop;
	s->log = log;
	wm_list_init(&s->watches);
	wm_list_init(&s->refused);
	rc = start(s, opts, err);
	if (rc != 0) {
		wm_free(s);
		return rc;
	}
	s->snapshot = s->engine->first;
	wm_str_copy(s->incarnation, sizeof(s->incarnation), s->env.incarnation);
	wm_history_init(&s->history, s->snapshot->revision,
			opts->history != 0 ? opts->history : HISTORY_DEFAULT);
	wm_debug(log, "store.open", "path=%s revision=%llu", s->env.m.path,
		 (unsigned long long)s->snapshot->revision);
	*out = s;
	return 0;
}
