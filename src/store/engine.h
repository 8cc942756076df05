#pragma once
/*
 * What stands under a store: whoever brings proposals into an order, writes them, and posts what
 * became of them to the loop, together with a snapshot of exactly the state that they made. So the
 * loop always reads the state that it has told its watchers, whatever is being written meanwhile.
 * store/writer.h is one for a single process; consensus is another. Operations: loop thread.
 */
#include "base/pulse.h"
#include "loop/loop.h"
#include "store/snapshot.h"
#include "store/store.h"

struct wm_engine;

/* Belongs to the loop from on_batch on, until it is released. */
struct wm_batch {
	struct wm_post post;
	struct wm_engine *engine;
	struct wm_list proposals; /* struct wm_propose, in order, each with its code */
	/* The transactions that made the revisions since the last batch, one each, in order. */
	struct wm_txn **changes;
	size_t n_changes, cap_changes;
	bool gap;                     /* the state was replaced: there are no changes to tell */
	struct wm_snapshot *snapshot; /* NULL when nothing was written */
	char incarnation[WM_INCARNATION_TEXT]; /* "" = as before */
	int64_t took_ns;                       /* the writing of it */
	struct wm_err err; /* of those whose code is neither 0 nor FAILED_PRECONDITION */
	bool ill;          /* err says that writing fails */
};

struct wm_engine_ops {
	/* Queues a checked proposal. RESOURCE_EXHAUSTED when too much waits; UNAVAILABLE. */
	int (*push)(struct wm_engine *e, struct wm_propose *p, struct wm_err *err);
	/* Gives back a batch, and a snapshot that nobody looks at; either may be NULL. */
	void (*release)(struct wm_engine *e, struct wm_batch *b, struct wm_snapshot *s);
	/* Asks the thread whether it still makes progress, and wakes it. */
	struct wm_pulse *(*ask)(struct wm_engine *e);
	/* Finishes what is being written; what waits goes to @unwritten. on_stopped follows. */
	void (*stop)(struct wm_engine *e, struct wm_list *unwritten);
	/* After on_stopped. */
	void (*free)(struct wm_engine *e);
};

struct wm_engine {
	const struct wm_engine_ops *ops;
	struct wm_snapshot *first; /* of the state as it was found; the store's from the start */
};

struct wm_engine_hooks {
	/* A batch is through. */
	void (*on_batch)(void *arg, struct wm_batch *b);
	/* The map must grow: nobody on the loop's thread may be inside a transaction while
	 * wm_mdb_grow runs. Called on the loop; returns its result. */
	int (*on_grow)(void *arg, struct wm_err *err);
	/* The thread has ended after stop; the engine may be freed. */
	void (*on_stopped)(void *arg);
	void *arg;
};

/* Makes the engine of a store that opens; set in wm_store_opts. */
struct wm_engine_maker {
	/*
	 * The folder of the state is there and ours; its data is not open yet. What is in it may be
	 * thrown away by *@discard = true. Errors end the opening.
	 */
	int (*prepare)(void *arg, bool *discard, struct wm_err *err);
	/* @env is open and stays so until the engine was freed. */
	int (*start)(void *arg, struct wm_loop *loop, struct wm_env *env,
		     const struct wm_engine_hooks *hooks, struct wm_engine **out,
		     struct wm_err *err);
	void *arg;
};

/* An empty batch of @e. Any thread. */
struct wm_batch *wm_batch_new(struct wm_engine *e);
/* Takes @t, which made the next revision. */
void wm_batch_add_change(struct wm_batch *b, struct wm_txn *t);
/* Proposals must have left it; changes that are still there are freed. NULL is allowed. */
void wm_batch_free(struct wm_batch *b);
/* Writes down what became of a proposal. */
void wm_propose_end(struct wm_propose *p, int code, uint64_t revision);
