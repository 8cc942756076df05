#pragma once
/*
 * The state of a mesh behind three verbs: propose a transaction and hear its result at a revision,
 * read at a revision, watch from a revision. The same for one durable server, for memory, and for
 * what orders changes among several (store/engine.h); nothing here assumes one server, so results
 * always arrive asynchronously. Loop thread only.
 */
#include "base/err.h"
#include "base/histogram.h"
#include "loop/loop.h"
#include "store/kv.h"
#include "store/txn.h"
#include <stdbool.h>
#include <stdint.h>

struct wm_engine_maker;
struct wm_log;
struct wm_pulse;
struct wm_store;

struct wm_store_opts {
	const char *path;   /* folder of the state; created 0700. NULL = in memory only */
	uint64_t map_limit; /* most bytes of state; 0 = 8 GiB (address space, not memory) */
	uint32_t history;   /* revisions kept in memory for watchers that resume; 0 = 4096 */
	/* Who orders and writes (store/engine.h); NULL = a thread of this process alone. */
	const struct wm_engine_maker *engine;
};

/*
 * Opens (or creates) the state. FAILED_PRECONDITION when another process holds it (names the
 * folder), DATA_LOSS when it is damaged or of a newer format (says which and what to do).
 */
WM_MUST_CHECK int wm_store_open(struct wm_loop *loop, struct wm_log *log,
				const struct wm_store_opts *opts, struct wm_store **out,
				struct wm_err *err);
/*
 * Waits for what is being written; open proposals end with UNAVAILABLE; then @done (may be NULL).
 */
void wm_store_close(struct wm_store *s, void (*done)(void *arg), void *arg);

/* Asks the thread that writes whether it still makes progress; its pulse is borrowed until close.
 */
struct wm_pulse *wm_store_ask(struct wm_store *s);

/* ---- propose: embedded request, contract of loop/loop.h ---- */
struct wm_propose {
	struct wm_list node; /* private */
	struct wm_txn *txn;  /* private */
	void (*cb)(struct wm_propose *p, const struct wm_err *err);
	int code;          /* private */
	uint64_t revision; /* on success: the state that contains it, durable and readable here */
	char failed[WM_KEY_MAX +
		    1]; /* on FAILED_PRECONDITION: the key whose condition did not hold */
};
/*
 * Takes @txn. Ends with: NULL, applied at @revision; FAILED_PRECONDITION, a condition did not hold
 * and nothing was changed; INVALID_ARGUMENT; RESOURCE_EXHAUSTED, too much is waiting or the disk or
 * map is full (nothing was changed); UNAVAILABLE, not applied and may be retried; UNKNOWN, nobody
 * here can tell whether it was applied (another server leads, or this one stops).
 */
void wm_store_propose(struct wm_store *s, struct wm_propose *p, struct wm_txn *txn,
		      void (*cb)(struct wm_propose *p, const struct wm_err *err));

/* ---- read ---- */
/*
 * A consistent view of the newest applied revision, the one that watchers were told last; close it
 * before returning to the loop.
 */
WM_MUST_CHECK int wm_store_view(struct wm_store *s, struct wm_view **out, struct wm_err *err);
/* The newest revision that views and watchers here have seen. */
uint64_t wm_store_revision(const struct wm_store *s);
/*
 * An identity of this history; a restore or a recovery changes it. 32 hex digits; "" where it comes
 * with the first change, which others made.
 */
const char *wm_store_incarnation(const struct wm_store *s);

/* What there is now, and what happened since it was opened. */
struct wm_store_stats {
	uint64_t revision;
	uint64_t keys;
	uint64_t bytes;      /* of the pages that keys and values take */
	uint64_t file_bytes; /* of all pages, those that are free again included */
	uint64_t file_limit; /* how far they may grow */
	uint64_t failed_batches;
	struct wm_histogram commits; /* batches of proposals, written and synced */
};
void wm_store_stats(struct wm_store *s, struct wm_store_stats *out);

/* ---- watch ---- */
struct wm_change {
	const char *key;
	const uint8_t *value; /* NULL = deleted */
	size_t value_len;
};
struct wm_watch {
	struct wm_list node; /* private */
	struct wm_store *store;
	char prefix[WM_KEY_MAX + 1];
	uint64_t next; /* private */
	/*
	 * One call per revision that touches the prefix, in order, each once. Everything is
	 * borrowed during the call. Views opened inside see at least @revision. A proposal's own
	 * callback runs after the watchers have seen its change.
	 */
	void (*on_changes)(struct wm_watch *w, uint64_t revision, const struct wm_change *changes,
			   size_t n);
	/* The watch is over (OUT_OF_RANGE: its start is no longer in the history; UNAVAILABLE: the
	 * store closes). It may be started again with a fresh view. */
	void (*on_end)(struct wm_watch *w, const struct wm_err *err);
};
/*
 * Reports every change after revision @after, never from inside this call. Set the two callbacks
 * before. A store that is closing reports nothing.
 */
void wm_store_watch(struct wm_store *s, struct wm_watch *w, const char *prefix, uint64_t after);
/* No callback runs any more. Harmless on a zeroed watch and on one that is over. */
void wm_watch_stop(struct wm_watch *w);
