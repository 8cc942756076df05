#include "store/env.h"

static int open_tables(struct wm_env *e, struct wm_err *err)
{
	MDB_txn *txn;
	int code;
	int rc = mdb_txn_begin(e->m.env, NULL, 0, &txn);

	if (rc != 0)
		return wm_env_fail(e, rc, "cannot begin to write", err);
	rc = mdb_dbi_open(txn, "kv", MDB_CREATE, &e->kv);
	if (rc == 0)
		rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &e->meta);
	code = rc == 0 ? wm_env_read_meta(e, txn, err)
		       : wm_env_fail(e, rc, "cannot open its tables", err);
	if (code != 0) {
		mdb_txn_abort(txn);
		return code;
	}
	rc = mdb_txn_commit(txn);
	return rc == 0 ? 0 : wm_env_fail(e, rc, "cannot write", err);
}

int wm_env_open(struct wm_env *e, const struct wm_env_opts *o, struct wm_err *err)
{
	const struct wm_mdb_opts mdb = {
		.path = o->path,
		.lock = "store.lock",
		.map_limit = o->map_limit,
		.whole_map = o->ordered,
		.tables = 2,
		.prepare = o->prepare,
		.arg = o->arg,
	};
	int rc;

	*e = (struct wm_env){.is_ordered = o->ordered};
	rc = wm_mdb_open(&e->m, &mdb, err);
	if (rc != 0)
		return rc;
	rc = open_tables(e, err);
	if (rc != 0)
		wm_env_close(e);
	return rc;
}

void wm_env_unsync(struct wm_env *e)
{
	(void)mdb_env_set_flags(e->m.env, MDB_NOSYNC, 1);
}

void wm_env_close(struct wm_env *e)
{
	wm_mdb_close(&e->m);
	*e = (struct wm_env){0};
}

int wm_env_fail(const struct wm_env *e, int rc, const char *what, struct wm_err *err)
{
	return wm_mdb_fail(&e->m, rc, what, err);
}
