#pragma once
/*
 * A consistent state to read from: an LMDB read transaction that is made once and then renewed
 * again and again, so that looking at a newer state can fail for want of nothing. One thread at a
 * time; it may move between threads.
 */
#include "store/env.h"

struct wm_snapshot {
	struct wm_env *env;
	MDB_txn *txn;
	MDB_cursor *cursor; /* for single gets */
	uint64_t revision;
	bool active;
	struct wm_snapshot *next; /* for whoever keeps free ones */
};
WM_MUST_CHECK int wm_snapshot_open(struct wm_env *e, struct wm_snapshot *s, struct wm_err *err);
void wm_snapshot_close(struct wm_snapshot *s);
/* Looks at the newest committed state, which the caller knows to be @revision. An LMDB code. */
int wm_snapshot_renew(struct wm_snapshot *s, uint64_t revision);
/* Lets go of the state; its pages may be used again. */
void wm_snapshot_release(struct wm_snapshot *s);
