#include "cluster/copy.h"

#include <string.h>

#include "base/wire.h"
#include "store/view.h"

#define STEP (4u * 1024 * 1024) /* bytes of records in one write transaction */

/* ---- out ---- */

static int copy_records(struct wm_env *env, MDB_cursor *c, struct wm_snapshot_writer *w,
			const atomic_bool *stop, struct wm_err *err)
{
	MDB_val k, v;
	int rc = mdb_cursor_get(c, &k, &v, MDB_FIRST);

	for (; rc == 0; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
		struct wm_kv kv = {.key = k.mv_data, .key_len = k.mv_size - 1};
		int code;

		if (stop != NULL && atomic_load_explicit(stop, memory_order_relaxed))
			return wm_fail(err, WM_CANCELLED, "the snapshot was given up");
		if (k.mv_size < 2 || !wm_stored_split(&v, &kv))
			return wm_env_fail(env, MDB_CORRUPTED, "reading", err);
		code = wm_snapshot_write(w, &kv, err);
		if (code != 0)
			return code;
	}
	return rc == MDB_NOTFOUND ? 0 : wm_env_fail(env, rc, "reading", err);
}

int wm_copy_state(struct wm_env *env, MDB_txn *txn, const struct wm_snapshot_head *head, int fd,
		  const atomic_bool *stop, uint64_t *bytes, struct wm_err *err)
{
	struct wm_snapshot_writer w;
	MDB_cursor *c;
	int rc = mdb_cursor_open(txn, env->kv, &c);

	if (rc != 0)
		return wm_env_fail(env, rc, "cannot begin to read", err);
	rc = wm_snapshot_write_head(&w, fd, head, err);
	if (rc == 0)
		rc = copy_records(env, c, &w, stop, err);
	if (rc == 0)
		rc = wm_snapshot_write_end(&w, err);
	*bytes = w.bytes;
	wm_snapshot_writer_fini(&w);
	mdb_cursor_close(c);
	return rc;
}

/* ---- in ---- */

struct load {
	struct wm_env *env;
	struct wm_pulse *pulse;
	MDB_txn *txn;
	size_t bytes;
};

static int begin(struct load *l, struct wm_err *err)
{
	int rc = mdb_txn_begin(l->env->m.env, NULL, 0, &l->txn);

	l->bytes = 0;
	if (l->pulse != NULL)
		wm_pulse_show(l->pulse);
	return rc == 0 ? 0 : wm_env_fail(l->env, rc, "cannot begin to write", err);
}

static int commit(struct load *l, struct wm_err *err)
{
	int rc = mdb_txn_commit(l->txn);

	l->txn = NULL;
	return rc == 0 ? 0 : wm_env_fail(l->env, rc, "cannot write", err);
}

static int load_record(void *arg, const struct wm_kv *kv, struct wm_err *err)
{
	struct load *l = arg;
	MDB_val k = {.mv_size = kv->key_len + 1, .mv_data = (void *)(uintptr_t)kv->key};
	MDB_val v = {.mv_size = kv->value_len + 8};
	struct wm_wire w;
	int rc = mdb_put(l->txn, l->env->kv, &k, &v, MDB_RESERVE | MDB_APPEND);

	if (rc != 0)
		return wm_env_fail(l->env, rc, "cannot write", err);
	wm_wire_init_write(&w, v.mv_data, v.mv_size);
	wm_wire_put_be64(&w, kv->revision);
	wm_wire_put(&w, kv->value, kv->value_len);
	l->bytes += k.mv_size + v.mv_size;
	if (l->bytes < STEP)
		return 0;
	rc = commit(l, err);
	return rc == 0 ? begin(l, err) : rc;
}

/* The state is empty and says that it holds nothing of the log. */
static int clear(struct load *l, struct wm_err *err)
{
	int rc = begin(l, err);

	if (rc != 0)
		return rc;
	rc = mdb_drop(l->txn, l->env->kv, 0);
	if (rc == 0)
		rc = wm_env_put_applied(l->env, l->txn, 0, 0);
	if (rc != 0)
		return wm_env_fail(l->env, rc, "cannot empty the state", err);
	rc = commit(l, err);
	return rc == 0 ? begin(l, err) : rc;
}

static int put_place(struct load *l, const struct wm_snapshot_head *head, struct wm_err *err)
{
	int rc = wm_env_put_revision(l->env, l->txn, head->revision);

	if (rc == 0)
		rc = wm_env_put_incarnation(l->env, l->txn, head->incarnation);
	if (rc == 0)
		rc = wm_env_put_applied(l->env, l->txn, head->meta.index, head->meta.term);
	return rc == 0 ? commit(l, err) : wm_env_fail(l->env, rc, "cannot write", err);
}

int wm_load_state(struct wm_env *env, int fd, struct wm_pulse *pulse, struct wm_err *err)
{
	struct load l = {.env = env, .pulse = pulse};
	struct wm_snapshot_reader reader = {.arg = &l, .on_record = load_record};
	struct wm_snapshot_head head = {0};
	int rc = clear(&l, err);

	if (rc == 0)
		rc = wm_snapshot_read(fd, &head, &reader, err);
	if (rc == 0) {
		rc = put_place(&l, &head, err);
		wm_snapshot_head_fini(&head);
	}
	if (l.txn != NULL)
		mdb_txn_abort(l.txn);
	return rc == 0 ? wm_env_reload(env, err) : rc;
}

int wm_verify_snapshot(int fd, struct wm_snapshot_head *head, struct wm_err *err)
{
	struct wm_snapshot_reader nobody = {0};

	return wm_snapshot_read(fd, head, &nobody, err);
}
