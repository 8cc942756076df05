#pragma once
/*
 * A transaction: conditions, puts and deletes that are applied in full, atomically, or not at all.
 * It owns copies of all it holds, is built by one thread and then handed to wm_store_propose. It
 * holds no clock and no chance: whoever proposes has put times and addresses into it.
 */
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

#define WM_TXN_OPS_MAX   65536              /* conditions and changes of one transaction */
#define WM_TXN_BYTES_MAX (64 * 1024 * 1024) /* of all its keys and values */

struct wm_txn;

struct wm_txn *wm_txn_new(void);
void wm_txn_free(struct wm_txn *t); /* NULL is allowed */

/* Conditions; all must hold at the moment of applying. */
void wm_txn_if_absent(struct wm_txn *t, const char *key);
void wm_txn_if_present(struct wm_txn *t, const char *key);
/* The key was last written at exactly this revision (as a view reported it). */
void wm_txn_if_revision(struct wm_txn *t, const char *key, uint64_t revision);
void wm_txn_if_value(struct wm_txn *t, const char *key, const void *value, size_t len);

/* Changes, in order; a later one to the same key wins. */
void wm_txn_put(struct wm_txn *t, const char *key, const void *value, size_t len);
void wm_txn_put_str(struct wm_txn *t, const char *key, const char *value);
void wm_txn_delete(struct wm_txn *t, const char *key); /* absent is fine */

size_t wm_txn_changes(const struct wm_txn *t);
/*
 * INVALID_ARGUMENT naming the key: empty or too long; value too large; more than WM_TXN_OPS_MAX
 * changes and conditions, or more than WM_TXN_BYTES_MAX bytes in all.
 */
WM_MUST_CHECK int wm_txn_check(const struct wm_txn *t, struct wm_err *err);
