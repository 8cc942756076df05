#pragma once
/*
 * A batch of transactions as the bytes of one entry of a log that several servers read: its
 * transactions in order, and at the beginning of a history its identity. Version 1:
 *     u8 version, u8 flags (1: an incarnation follows), [16 bytes of incarnation,]
 *     then until the end transactions: varint operations, of each
 *     u8 kind (enum wm_txn_op_kind), varint length and bytes of the key,
 *     with IF_REVISION: varint revision; with IF_VALUE and PUT: varint length and bytes of the
 * value. What is decoded has been checked as wm_txn_check does. Pure; any thread.
 */
#include "base/buf.h"
#include "base/wire.h"
#include "store/txn.h"
#include <stdbool.h>

#define WM_TXN_BATCH_INCARNATION 16

struct wm_txn_batch_head {
	bool has_incarnation;
	uint8_t incarnation[WM_TXN_BATCH_INCARNATION]; /* taken by a state that has none */
};

/* Bytes that a head takes at most. */
#define WM_TXN_BATCH_HEAD 18
void wm_txn_batch_encode_head(struct wm_buf *out, const struct wm_txn_batch_head *h);
/* Appends a transaction that wm_txn_check accepts. */
void wm_txn_batch_encode(struct wm_buf *out, const struct wm_txn *t);
/* Bytes that wm_txn_batch_encode appends, or a few more. */
size_t wm_txn_batch_size(const struct wm_txn *t);

/*
 * Begins to read @data, which @w walks and which must outlive it. DATA_LOSS when it is no batch or
 * of a version that this program does not know.
 */
WM_MUST_CHECK int wm_txn_batch_decode_head(struct wm_wire *w, const void *data, size_t len,
					   struct wm_txn_batch_head *out, struct wm_err *err);
/* The next transaction, the caller's; *@out is NULL at the end. DATA_LOSS when it is malformed. */
WM_MUST_CHECK int wm_txn_batch_decode(struct wm_wire *w, struct wm_txn **out, struct wm_err *err);
