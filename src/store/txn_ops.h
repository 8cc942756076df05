#pragma once
/*
 * The inside of a transaction, for those who apply one. Conditions and changes are records of
 * offsets into one block of bytes, in the order in which they were added, so a transaction is three
 * allocations whatever its size. Keys and texts have a NUL behind them.
 */
#include "base/buf.h"
#include "store/txn.h"
#include <stdbool.h>

enum wm_txn_op_kind {
	WM_TXN_IF_ABSENT,
	WM_TXN_IF_PRESENT,
	WM_TXN_IF_REVISION,
	WM_TXN_IF_VALUE,
	WM_TXN_PUT,
	WM_TXN_DELETE,
};

struct wm_txn_op {
	enum wm_txn_op_kind kind;
	bool idle; /* a delete that found nothing; set by who applies */
	uint32_t key_len;
	uint32_t value_len;
	size_t key; /* offsets into bytes */
	size_t value;
	uint64_t revision;
};

struct wm_txn {
	struct wm_txn_op *ops;
	size_t n_ops, cap_ops;
	size_t n_changes;
	struct wm_buf bytes;
};

static inline bool wm_txn_op_is_change(const struct wm_txn_op *op)
{
	return op->kind == WM_TXN_PUT || op->kind == WM_TXN_DELETE;
}

static inline const char *wm_txn_key(const struct wm_txn *t, const struct wm_txn_op *op)
{
	return (const char *)t->bytes.data + op->key;
}

static inline const uint8_t *wm_txn_value(const struct wm_txn *t, const struct wm_txn_op *op)
{
	return t->bytes.data + op->value;
}

/* Bytes of memory that it holds. */
size_t wm_txn_size(const struct wm_txn *t);
