#pragma once
/*
 * The state into a snapshot's file, and a snapshot's file into the state. Both go in small steps: a
 * copy reads one consistent LMDB read transaction while others write; a load replaces the state in
 * several write transactions, of which the first takes its place in the log away, so that one which
 * is cut short is seen for what it is and done again.
 */
#include "base/pulse.h"
#include "cluster/snapshot_file.h"
#include <stdatomic.h>

/*
 * Writes what @txn (of @env, read only) shows to @fd and syncs it. CANCELLED when @stop (may be
 * NULL) became true meanwhile. *@bytes is the file's length. Any thread.
 */
WM_MUST_CHECK int wm_copy_state(struct wm_env *env, MDB_txn *txn,
				const struct wm_snapshot_head *head, int fd,
				const atomic_bool *stop, uint64_t *bytes, struct wm_err *err);
/*
 * Replaces the state by the snapshot in @fd, and reads its place again (wm_env_reload). @pulse (may
 * be NULL) is shown between the steps. The thread that writes.
 */
WM_MUST_CHECK int wm_load_state(struct wm_env *env, int fd, struct wm_pulse *pulse,
				struct wm_err *err);
/* Reads the snapshot in @fd to its end. @head is zeroed; fini it after success. Any thread. */
WM_MUST_CHECK int wm_verify_snapshot(int fd, struct wm_snapshot_head *head, struct wm_err *err);
