#include "store/env.h"

#include <string.h>

#include "base/rand.h"
#include "base/str.h"
#include "base/wire.h"

#define FORMAT  "1"
#define ORDERED "2" /* a log has the changes: nobody may write without it */

static MDB_val val(const void *p, size_t n)
{
	return (MDB_val){.mv_size = n, .mv_data = (void *)(uintptr_t)p};
}

static int put_meta(struct wm_env *e, MDB_txn *txn, const char *name, const void *p, size_t n)
{
	MDB_val k = val(name, strlen(name)), v = val(p, n);

	return mdb_put(txn, e->meta, &k, &v, 0);
}

static int get_meta(struct wm_env *e, MDB_txn *txn, const char *name, MDB_val *v)
{
	MDB_val k = val(name, strlen(name));

	return mdb_get(txn, e->meta, &k, v);
}

int wm_env_put_revision(struct wm_env *e, MDB_txn *txn, uint64_t revision)
{
	uint8_t bytes[8];
	struct wm_wire w;

	wm_wire_init_write(&w, bytes, sizeof(bytes));
	wm_wire_put_be64(&w, revision);
	return put_meta(e, txn, "revision", bytes, sizeof(bytes));
}

int wm_env_put_applied(struct wm_env *e, MDB_txn *txn, uint64_t index, uint64_t term)
{
	uint8_t bytes[16];
	struct wm_wire w;
	int rc = 0;

	if (!e->is_applied) /* the first: no program without the log may write from now on */
		rc = put_meta(e, txn, "format", ORDERED, strlen(ORDERED));
	wm_wire_init_write(&w, bytes, sizeof(bytes));
	wm_wire_put_be64(&w, index);
	wm_wire_put_be64(&w, term);
	return rc == 0 ? put_meta(e, txn, "applied", bytes, sizeof(bytes)) : rc;
}

int wm_env_put_incarnation(struct wm_env *e, MDB_txn *txn, const char *incarnation)
{
	return put_meta(e, txn, "incarnation", incarnation, strlen(incarnation));
}

static int found_nothing(struct wm_env *e, MDB_txn *txn)
{
	uint8_t id[(WM_INCARNATION_TEXT - 1) / 2];
	int rc;

	wm_rand_bytes(id, sizeof(id));
	wm_hex_format(id, sizeof(id), e->incarnation);
	rc = put_meta(e, txn, "format", FORMAT, strlen(FORMAT));
	if (rc == 0)
		rc = put_meta(e, txn, "incarnation", e->incarnation, strlen(e->incarnation));
	return rc == 0 ? wm_env_put_revision(e, txn, 0) : rc;
}

static bool is_text(const MDB_val *v, const char *text)
{
	return v->mv_size == strlen(text) && memcmp(v->mv_data, text, v->mv_size) == 0;
}

static int check_format(struct wm_env *e, const MDB_val *format, struct wm_err *err)
{
	e->is_applied = e->is_ordered && is_text(format, ORDERED);
	if (e->is_applied || is_text(format, FORMAT))
		return 0;
	return wm_fail(err, WM_DATA_LOSS,
		       "%s: the state has format %.*s, this program knows %s: install the version "
		       "that wrote it",
		       e->m.path, (int)(format->mv_size < 16 ? format->mv_size : 16),
		       (const char *)format->mv_data, e->is_ordered ? "1 and 2" : FORMAT);
}

/* @applied is absent in a state that no log has written. */
static int take_meta(struct wm_env *e, const MDB_val *incarnation, const MDB_val *revision,
		     const MDB_val *applied)
{
	struct wm_wire w;

	if (incarnation->mv_size > sizeof(e->incarnation) - 1 || revision->mv_size != 8 ||
	    (applied->mv_size != 0 && applied->mv_size != 16))
		return MDB_CORRUPTED;
	memcpy(e->incarnation, incarnation->mv_data, incarnation->mv_size);
	e->incarnation[incarnation->mv_size] = '\0';
	wm_wire_init_read(&w, revision->mv_data, revision->mv_size);
	e->revision = wm_wire_get_be64(&w);
	wm_wire_init_read(&w, applied->mv_data, applied->mv_size);
	e->applied_index = wm_wire_get_be64(&w);
	e->applied_term = wm_wire_get_be64(&w);
	return 0;
}

int wm_env_read_meta(struct wm_env *e, MDB_txn *txn, struct wm_err *err)
{
	MDB_val format, incarnation, revision, applied = {0};
	int rc = get_meta(e, txn, "format", &format);

	if (rc == MDB_NOTFOUND)
		rc = found_nothing(e, txn);
	else if (rc == 0 && check_format(e, &format, err) != 0)
		return WM_DATA_LOSS;
	if (rc == 0)
		rc = get_meta(e, txn, "incarnation", &incarnation);
	if (rc == 0)
		rc = get_meta(e, txn, "revision", &revision);
	if (rc == 0 && e->is_applied)
		rc = get_meta(e, txn, "applied", &applied);
	if (rc == 0)
		rc = take_meta(e, &incarnation, &revision, &applied);
	else if (rc == MDB_NOTFOUND)
		rc = MDB_CORRUPTED;
	return rc == 0 ? 0 : wm_env_fail(e, rc, "cannot read its identity", err);
}

int wm_env_reload(struct wm_env *e, struct wm_err *err)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(e->m.env, NULL, MDB_RDONLY, &txn);

	if (rc != 0)
		return wm_env_fail(e, rc, "cannot begin to read", err);
	rc = wm_env_read_meta(e, txn, err);
	mdb_txn_abort(txn);
	return rc;
}
