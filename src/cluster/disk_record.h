#pragma once
/*
 * The records of a disk (cluster/disk.h), each behind the checksum that ties it to its key. All
 * return LMDB codes: MDB_CORRUPTED when the checksum is wrong.
 */
#include "base/wire.h"
#include "cluster/machine.h"
#include <lmdb.h>

/* Writes @a then @b under @name. */
int wm_disk_record_put(MDB_txn *txn, MDB_dbi meta, const char *name, const void *a, size_t a_len,
		       const void *b, size_t b_len);
/* @w walks the value, borrowed until the transaction changes something. */
int wm_disk_record_get(MDB_txn *txn, MDB_dbi meta, const char *name, struct wm_wire *w);

/* Appends; *@bytes grows by what it takes. */
int wm_disk_entry_put(MDB_txn *txn, MDB_dbi log, const struct wm_entry *e, uint64_t *bytes);
/* The entry in a record as a cursor shows it; borrowed from it. */
int wm_disk_entry_get(const MDB_val *key, const MDB_val *value, struct wm_entry *out);
int wm_disk_entry_find(MDB_txn *txn, MDB_dbi log, uint64_t index, struct wm_entry *out);
/* Removes it; *@bytes shrinks by what it took. */
int wm_disk_entry_drop(MDB_txn *txn, MDB_dbi log, uint64_t index, uint64_t *bytes);
