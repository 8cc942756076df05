#pragma once
/*
 * Applies transactions inside one LMDB write transaction: conditions first, then all changes, so a
 * transaction whose condition fails has changed nothing. Pure with respect to time and chance: two
 * servers that apply the same transactions in the same order hold the same state. Write thread.
 */
#include "store/env.h"
#include "store/txn_ops.h"

enum wm_applied {
	WM_APPLIED,        /* all changes are in the write transaction */
	WM_APPLIED_NOT,    /* a condition did not hold: *@failed says which */
	WM_APPLIED_BROKEN, /* the write transaction is unusable: abort it; *@rc says why */
};

/* @revision is what the changes get; *@failed is borrowed from @t, *@rc is an LMDB code. */
enum wm_applied wm_apply(struct wm_env *e, MDB_txn *mdb, struct wm_txn *t, uint64_t revision,
			 const char **failed, int *rc);
