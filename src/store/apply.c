#include "store/apply.h"

#include <string.h>

#include "base/wire.h"
#include "store/kv.h"
#include "store/view.h"

static MDB_val key_of(const struct wm_txn *t, const struct wm_txn_op *op)
{
	return (MDB_val){
		.mv_size = (size_t)op->key_len + 1,
		.mv_data = (void *)(uintptr_t)wm_txn_key(t, op),
	};
}

static bool holds(const struct wm_txn *t, const struct wm_txn_op *op, const struct wm_kv *found)
{
	switch (op->kind) {
	case WM_TXN_IF_ABSENT: return found == NULL;
	case WM_TXN_IF_PRESENT: return found != NULL;
	case WM_TXN_IF_REVISION: return found != NULL && found->revision == op->revision;
	case WM_TXN_IF_VALUE:
		return found != NULL && found->value_len == op->value_len &&
		       memcmp(found->value, wm_txn_value(t, op), op->value_len) == 0;
	case WM_TXN_PUT:
	case WM_TXN_DELETE: break;
	}
	return true;
}

/* An LMDB code; *@held is set when it is 0. */
static int test(struct wm_env *e, MDB_txn *mdb, const struct wm_txn *t, const struct wm_txn_op *op,
		bool *held)
{
	MDB_val k = key_of(t, op), v;
	struct wm_kv found;
	int rc = mdb_get(mdb, e->kv, &k, &v);

	if (rc == MDB_NOTFOUND) {
		*held = holds(t, op, NULL);
		return 0;
	}
	if (rc != 0)
		return rc;
	if (!wm_stored_split(&v, &found))
		return MDB_CORRUPTED;
	*held = holds(t, op, &found);
	return 0;
}

static int put(struct wm_env *e, MDB_txn *mdb, const struct wm_txn *t, const struct wm_txn_op *op,
	       uint64_t revision)
{
	MDB_val k = key_of(t, op);
	MDB_val v = {.mv_size = (size_t)op->value_len + 8};
	struct wm_wire w;
	int rc = mdb_put(mdb, e->kv, &k, &v, MDB_RESERVE);

	if (rc != 0)
		return rc;
	wm_wire_init_write(&w, v.mv_data, v.mv_size);
	wm_wire_put_be64(&w, revision);
	wm_wire_put(&w, wm_txn_value(t, op), op->value_len);
	return 0;
}

static int change(struct wm_env *e, MDB_txn *mdb, const struct wm_txn *t, struct wm_txn_op *op,
		  uint64_t revision)
{
	MDB_val k = key_of(t, op);
	int rc;

	if (op->kind == WM_TXN_PUT)
		return put(e, mdb, t, op, revision);
	rc = mdb_del(mdb, e->kv, &k, NULL);
	op->idle = rc == MDB_NOTFOUND;
	return op->idle ? 0 : rc;
}

enum wm_applied wm_apply(struct wm_env *e, MDB_txn *mdb, struct wm_txn *t, uint64_t revision,
			 const char **failed, int *rc)
{
	for (size_t i = 0; i < t->n_ops; i++) {
		bool held = true;

		if (wm_txn_op_is_change(&t->ops[i]))
			continue;
		*rc = test(e, mdb, t, &t->ops[i], &held);
		if (*rc != 0)
			return WM_APPLIED_BROKEN;
		if (!held) {
			*failed = wm_txn_key(t, &t->ops[i]);
			return WM_APPLIED_NOT;
		}
	}
	for (size_t i = 0; i < t->n_ops; i++) {
		if (!wm_txn_op_is_change(&t->ops[i]))
			continue;
		*rc = change(e, mdb, t, &t->ops[i], revision);
		if (*rc != 0)
			return WM_APPLIED_BROKEN;
	}
	return WM_APPLIED;
}
