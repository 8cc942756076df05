#include "cluster/disk_impl.h"

#include <string.h>

#include "base/wire.h"

#define FORMAT 1

static int read_vote(struct wm_disk *d, MDB_txn *txn)
{
	struct wm_wire w;
	int rc = wm_disk_record_get(txn, d->meta, "vote", &w);

	if (rc == MDB_NOTFOUND)
		return 0;
	d->found.term = wm_wire_get_be64(&w);
	d->found.vote = wm_wire_get_be64(&w);
	return rc == 0 && !wm_wire_ok(&w) ? MDB_CORRUPTED : rc;
}

static int read_snapshot(struct wm_disk *d, MDB_txn *txn)
{
	struct wm_wire w;
	uint64_t configuration;
	int rc = wm_disk_record_get(txn, d->meta, "snapshot", &w);

	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return rc;
	d->snapshot.index = wm_wire_get_be64(&w);
	d->snapshot.term = wm_wire_get_be64(&w);
	configuration = wm_wire_get_be64(&w);
	if (!wm_wire_ok(&w) ||
	    wm_configuration_decode(w.pos, wm_wire_left(&w), &d->snapshot.configuration, NULL) != 0)
		return MDB_CORRUPTED;
	d->snapshot.configuration.index = configuration;
	d->found.snapshot = &d->snapshot;
	return 0;
}

static int read_rest(struct wm_disk *d, MDB_txn *txn)
{
	struct wm_wire w;
	int rc = wm_disk_record_get(txn, d->meta, "id", &w);

	if (rc == 0)
		d->id = wm_wire_get_be64(&w);
	else if (rc != MDB_NOTFOUND)
		return rc;
	rc = wm_disk_record_get(txn, d->meta, "boot", &w);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc == 0 && wm_wire_left(&w) >= sizeof(d->boot))
		return MDB_CORRUPTED;
	if (rc == 0) {
		d->boot[wm_wire_left(&w)] = '\0';
		memcpy(d->boot, w.pos, wm_wire_left(&w));
	}
	return rc;
}

/* Every entry once: nothing missing between them, no term that falls, every sum right. */
static int read_log(struct wm_disk *d, MDB_txn *txn)
{
	uint64_t base = d->found.snapshot != NULL ? d->snapshot.index : 0, term = 0;
	MDB_cursor *c;
	MDB_val k, v;
	int rc = mdb_cursor_open(txn, d->log, &c);

	d->found.first = base + 1;
	d->found.last = base;
	d->bytes = 0;
	if (rc != 0)
		return rc;
	for (rc = mdb_cursor_get(c, &k, &v, MDB_FIRST); rc == 0;
	     rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
		struct wm_entry e;

		rc = wm_disk_entry_get(&k, &v, &e);
		if (rc == 0 && d->bytes != 0 && (e.index != d->found.last + 1 || e.term < term))
			rc = MDB_CORRUPTED;
		if (rc != 0)
			break;
		if (d->bytes == 0)
			d->found.first = e.index;
		d->found.last = e.index;
		term = e.term;
		d->bytes += v.mv_size;
	}
	mdb_cursor_close(c);
	if (rc == MDB_NOTFOUND && d->found.first > base + 1)
		return MDB_CORRUPTED; /* what the log begins with is nowhere */
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int check_format(struct wm_disk *d, MDB_txn *txn, struct wm_err *err)
{
	uint8_t format[4] = {0, 0, 0, FORMAT};
	uint32_t found;
	struct wm_wire w;
	int rc = wm_disk_record_get(txn, d->meta, "format", &w);

	if (rc == MDB_NOTFOUND)
		rc = wm_disk_record_put(txn, d->meta, "format", format, sizeof(format), NULL, 0);
	else if (rc == 0 && (found = wm_wire_get_be32(&w)) != FORMAT)
		return wm_fail(err, WM_DATA_LOSS,
			       "%s: the log has format %u, this program knows %d: install the "
			       "version that wrote it",
			       d->m.path, found, FORMAT);
	return rc == 0 ? 0 : wm_disk_fail(d, rc, "cannot read its format", err);
}

static int read_all(struct wm_disk *d, MDB_txn *txn, struct wm_err *err)
{
	int rc = check_format(d, txn, err);

	if (rc != 0)
		return rc;
	rc = read_vote(d, txn);
	if (rc == 0)
		rc = read_snapshot(d, txn);
	if (rc == 0)
		rc = read_rest(d, txn);
	if (rc == 0)
		rc = read_log(d, txn);
	return rc == 0 ? 0 : wm_disk_fail(d, rc, "cannot read the log", err);
}

int wm_disk_open_tables(struct wm_disk *d, struct wm_err *err)
{
	MDB_txn *txn;
	int code, rc = mdb_txn_begin(d->m.env, NULL, 0, &txn);

	if (rc != 0)
		return wm_disk_fail(d, rc, "cannot begin to write", err);
	rc = mdb_dbi_open(txn, "log", MDB_CREATE, &d->log);
	if (rc == 0)
		rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &d->meta);
	code = rc == 0 ? read_all(d, txn, err) : wm_disk_fail(d, rc, "cannot open its tables", err);
	if (code != 0) {
		mdb_txn_abort(txn);
		return code;
	}
	rc = mdb_txn_commit(txn);
	if (rc == 0)
		rc = mdb_txn_begin(d->m.env, NULL, MDB_RDONLY, &d->reader);
	if (rc != 0)
		return wm_disk_fail(d, rc, "cannot write", err);
	mdb_txn_reset(d->reader);
	return 0;
}
