#pragma once
/*
 * The write thread: the one place where state is written. It takes every proposal that waits,
 * applies them in order in one LMDB write transaction (one sync for all of them), and posts the
 * results to the loop together with a snapshot of exactly the state that they made. So the loop
 * always reads the state that it has told its watchers, whatever is being written meanwhile.
 * Functions: loop thread. A batch belongs to the loop from on_batch on, until wm_writer_release.
 */
#include "base/pulse.h"
#include "loop/loop.h"
#include "store/snapshot.h"
#include "store/store.h"

struct wm_writer;

struct wm_batch {
	struct wm_post post;
	struct wm_writer *writer;
	struct wm_list proposals;     /* struct wm_propose, in order, each with its code */
	struct wm_snapshot *snapshot; /* NULL when nothing was written */
	int64_t took_ns;              /* the writing of it */
	struct wm_err err;            /* of those whose code is neither 0 nor FAILED_PRECONDITION */
};

struct wm_writer_hooks {
	/* A batch is through. */
	void (*on_batch)(void *arg, struct wm_batch *b);
	/* The map must grow: nobody on the loop's thread may be inside a transaction while
	 * wm_env_grow runs. Called on the loop; returns its result. */
	int (*on_grow)(void *arg, struct wm_err *err);
	/* The thread has ended after wm_writer_stop; the writer may be freed. */
	void (*on_stopped)(void *arg);
	void *arg;
};

WM_MUST_CHECK int wm_writer_start(struct wm_loop *loop, struct wm_env *env,
				  const struct wm_writer_hooks *hooks, struct wm_writer **out,
				  struct wm_err *err);
/* Queues a checked proposal. RESOURCE_EXHAUSTED when too much is waiting. */
WM_MUST_CHECK int wm_writer_push(struct wm_writer *w, struct wm_propose *p, struct wm_err *err);
/* Asks the thread whether it still makes progress, and wakes it; it answers by its pulse. */
struct wm_pulse *wm_writer_ask(struct wm_writer *w);
/* Gives a batch and a snapshot that is no longer looked at back; either may be NULL. */
void wm_writer_release(struct wm_writer *w, struct wm_batch *b, struct wm_snapshot *s);
/* Finishes what is being written; what waits goes to @unwritten. on_stopped follows. */
void wm_writer_stop(struct wm_writer *w, struct wm_list *unwritten);
void wm_writer_free(struct wm_writer *w);
/* The snapshot of the state as it was found when opening. */
struct wm_snapshot *wm_writer_first_snapshot(struct wm_writer *w);
