#include "cluster/disk_record.h"

#include <string.h>

#include "crypto/hash.h"

#define SUM  16
#define HEAD (SUM + 1 + 8) /* of an entry: sum, kind, term */

static void sum_of(const MDB_val *key, const uint8_t *value, size_t n, uint8_t out[SUM])
{
	wm_hash_blake2s_mac(key->mv_data, key->mv_size, value + SUM, n - SUM, out, SUM);
}

static void seal(const MDB_val *key, MDB_val *value)
{
	sum_of(key, value->mv_data, value->mv_size, value->mv_data);
}

static bool is_sealed(const MDB_val *key, const MDB_val *value)
{
	uint8_t sum[SUM];

	if (key->mv_size == 0 || key->mv_size > 32 || value->mv_size < SUM)
		return false;
	sum_of(key, value->mv_data, value->mv_size, sum);
	return memcmp(sum, value->mv_data, SUM) == 0;
}

int wm_disk_record_put(MDB_txn *txn, MDB_dbi meta, const char *name, const void *a, size_t a_len,
		       const void *b, size_t b_len)
{
	MDB_val k = {.mv_size = strlen(name), .mv_data = (void *)(uintptr_t)name};
	MDB_val v = {.mv_size = SUM + a_len + b_len};
	int rc = mdb_put(txn, meta, &k, &v, MDB_RESERVE);

	if (rc != 0)
		return rc;
	if (a_len > 0)
		memcpy((uint8_t *)v.mv_data + SUM, a, a_len);
	if (b_len > 0)
		memcpy((uint8_t *)v.mv_data + SUM + a_len, b, b_len);
	seal(&k, &v);
	return 0;
}

int wm_disk_record_get(MDB_txn *txn, MDB_dbi meta, const char *name, struct wm_wire *w)
{
	MDB_val k = {.mv_size = strlen(name), .mv_data = (void *)(uintptr_t)name}, v;
	int rc = mdb_get(txn, meta, &k, &v);

	if (rc != 0)
		return rc;
	if (!is_sealed(&k, &v))
		return MDB_CORRUPTED;
	wm_wire_init_read(w, (uint8_t *)v.mv_data + SUM, v.mv_size - SUM);
	return 0;
}

static MDB_val index_key(uint64_t index, uint8_t bytes[8])
{
	struct wm_wire w;

	wm_wire_init_write(&w, bytes, 8);
	wm_wire_put_be64(&w, index);
	return (MDB_val){.mv_size = 8, .mv_data = bytes};
}

int wm_disk_entry_put(MDB_txn *txn, MDB_dbi log, const struct wm_entry *e, uint64_t *bytes)
{
	uint8_t key[8];
	MDB_val k = index_key(e->index, key), v = {.mv_size = HEAD + e->len};
	struct wm_wire w;
	int rc = mdb_put(txn, log, &k, &v, MDB_RESERVE | MDB_APPEND);

	if (rc != 0)
		return rc;
	wm_wire_init_write(&w, (uint8_t *)v.mv_data + SUM, v.mv_size - SUM);
	wm_wire_put_u8(&w, (uint8_t)e->kind);
	wm_wire_put_be64(&w, e->term);
	if (e->len > 0)
		wm_wire_put(&w, e->data, e->len);
	seal(&k, &v);
	*bytes += v.mv_size;
	return 0;
}

int wm_disk_entry_get(const MDB_val *key, const MDB_val *value, struct wm_entry *out)
{
	struct wm_wire w;
	unsigned kind;

	if (key->mv_size != 8 || value->mv_size < HEAD || !is_sealed(key, value))
		return MDB_CORRUPTED;
	wm_wire_init_read(&w, key->mv_data, key->mv_size);
	*out = (struct wm_entry){.index = wm_wire_get_be64(&w)};
	wm_wire_init_read(&w, (uint8_t *)value->mv_data + SUM, value->mv_size - SUM);
	kind = wm_wire_get_u8(&w);
	out->term = wm_wire_get_be64(&w);
	out->len = wm_wire_left(&w);
	out->data = w.pos;
	out->kind = (enum wm_entry_kind)kind;
	return kind >= WM_ENTRY_COMMAND && kind <= WM_ENTRY_CHANGE ? 0 : MDB_CORRUPTED;
}

int wm_disk_entry_find(MDB_txn *txn, MDB_dbi log, uint64_t index, struct wm_entry *out)
{
	uint8_t key[8];
	MDB_val k = index_key(index, key), v;
	int rc = mdb_get(txn, log, &k, &v);

	if (rc == 0)
		rc = wm_disk_entry_get(&k, &v, out);
	return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
}

int wm_disk_entry_drop(MDB_txn *txn, MDB_dbi log, uint64_t index, uint64_t *bytes)
{
	uint8_t key[8];
	MDB_val k = index_key(index, key), v;
	int rc = mdb_get(txn, log, &k, &v);

	if (rc != 0)
		return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
	*bytes -= v.mv_size;
	return mdb_del(txn, log, &k, NULL);
}
