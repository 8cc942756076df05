#pragma once
/*
 * A consistent state to read from: an LMDB read transaction that is made once and then renewed
 * again and again, so that looking at a newer state can fail for want of nothing. One thread at a
 * time; it may move between threads.
 */
#include "store/env.h"

/* As many as a thread that writes and a loop that reads need at once. */
#define WM_SNAPSHOTS 4

struct wm_snapshot {
	struct wm_env *env;
	MDB_txn *txn;
	MDB_cursor *cursor; /* for single gets */
	uint64_t revision;
	bool active;
	struct wm_snapshot *next; /* of the free ones in a pool */
};
WM_MUST_CHECK int wm_snapshot_open(struct wm_env *e, struct wm_snapshot *s, struct wm_err *err);
void wm_snapshot_close(struct wm_snapshot *s);
/* Looks at the newest committed state, which the caller knows to be @revision. An LMDB code. */
int wm_snapshot_renew(struct wm_snapshot *s, uint64_t revision);
/* Lets go of the state; its pages may be used again. */
void wm_snapshot_release(struct wm_snapshot *s);

/* Those of one store. Whoever shares it between threads has a lock for it. */
struct wm_snapshot_pool {
	struct wm_snapshot all[WM_SNAPSHOTS];
	struct wm_snapshot *unused; /* NULL when all are looked at */
};
/* Opens all; the first stays active and is the caller's, the others are unused. */
WM_MUST_CHECK int wm_snapshot_pool_open(struct wm_env *e, struct wm_snapshot_pool *p,
					struct wm_err *err);
void wm_snapshot_pool_close(struct wm_snapshot_pool *p);
/* One that is unused, or NULL. */
struct wm_snapshot *wm_snapshot_pool_take(struct wm_snapshot_pool *p);
/* Takes back one that was released. */
void wm_snapshot_pool_give(struct wm_snapshot_pool *p, struct wm_snapshot *s);
