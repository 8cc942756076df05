/*
 * Two tables. "log": index (8 bytes, big endian) -> sum, kind, term, data. "meta": a name -> sum
 * and value, with the names "format", "vote" (term, vote), "snapshot" (index, term, index of the
 * configuration, its bytes), "id" and "boot". A sum is BLAKE2s keyed with the record's own key.
 */
#include "cluster/disk_impl.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/wire.h"

/* Bytes of the log that may stay in this process's memory once they are written. */
#define FORGET (4u * 1024 * 1024)

int wm_disk_fail(struct wm_disk *d, int rc, const char *what, struct wm_err *err)
{
	d->failed = true;
	return wm_mdb_fail(&d->m, rc, what, err);
}

static void close_env(struct wm_disk *d)
{
	if (d->reader != NULL)
		mdb_txn_abort(wm_steal(d->reader));
	wm_mdb_close(&d->m);
	wm_configuration_fini(&d->snapshot.configuration);
	d->snapshot = (struct wm_snapshot_meta){0};
	d->found = (struct wm_machine_disk){0};
	d->id = 0;
	d->boot[0] = '\0';
}

static int open_env(struct wm_disk *d, struct wm_err *err)
{
	const struct wm_mdb_opts o = {
		.path = d->opts.path,
		.map_limit = d->opts.map_limit,
		.tables = 2,
		.whole_map = true,
	};
	int rc = wm_mdb_open(&d->m, &o, err);

	if (rc == 0)
		rc = wm_disk_open_tables(d, err);
	if (rc == 0)
		rc = wm_mdb_forget(&d->m, err);
	if (rc != 0)
		close_env(d);
	d->failed = rc != 0;
	return rc;
}

int wm_disk_open(const struct wm_disk_opts *opts, struct wm_disk **out, struct wm_err *err)
{
	struct wm_disk *d = wm_alloc(sizeof(*d));
	int rc;

	d->opts = *opts;
	if (opts->path != NULL)
		d->opts.path = wm_strdup(opts->path);
	rc = open_env(d, err);
	if (rc != 0) {
		wm_disk_close(d);
		return rc;
	}
	*out = d;
	return 0;
}

void wm_disk_close(struct wm_disk *d)
{
	if (d == NULL)
		return;
	close_env(d);
	wm_free((void *)(uintptr_t)d->opts.path);
	wm_free(d);
}

/* What was in memory only has nothing to be opened again. */
int wm_disk_load(struct wm_disk *d, struct wm_machine_disk *out, struct wm_err *err)
{
	int rc = 0;

	if (d->failed && d->opts.path != NULL) {
		close_env(d);
		rc = open_env(d, err);
	}
	if (rc == 0)
		*out = d->found;
	return rc;
}

/* ---- changes ---- */

static int forget_from(struct wm_disk *d, MDB_txn *txn, uint64_t first, uint64_t *bytes)
{
	int rc = 0;

	for (uint64_t i = d->found.last; rc == 0 && i >= first && i >= d->found.first; i--)
		rc = wm_disk_entry_drop(txn, d->log, i, bytes);
	return rc;
}

static int write_step(struct wm_disk *d, MDB_txn *txn, const struct wm_persist *p, uint64_t *bytes)
{
	uint8_t vote[16];
	struct wm_wire w;
	int rc = 0;

	wm_wire_init_write(&w, vote, sizeof(vote));
	wm_wire_put_be64(&w, p->term);
	wm_wire_put_be64(&w, p->vote);
	if (p->has_vote)
		rc = wm_disk_record_put(txn, d->meta, "vote", vote, sizeof(vote), NULL, 0);
	if (rc == 0 && p->first != 0)
		rc = forget_from(d, txn, p->first, bytes);
	for (size_t i = 0; rc == 0 && i < p->n; i++)
		rc = wm_disk_entry_put(txn, d->log, &p->entries[i], bytes);
	return rc;
}

static void note_step(struct wm_disk *d, const struct wm_persist *p, uint64_t bytes)
{
	if (p->has_vote) {
		d->found.term = p->term;
		d->found.vote = p->vote;
	}
	if (p->first != 0) {
		if (p->first < d->found.first)
			d->found.first = p->first;
		d->found.last = p->first + p->n - 1;
	}
	d->bytes = bytes;
}

static int begin(struct wm_disk *d, MDB_txn **txn, struct wm_err *err)
{
	int rc;

	if (d->failed && d->opts.path != NULL)
		return wm_fail(err, WM_UNAVAILABLE, "%s: the disk has failed", d->opts.path);
	mdb_txn_reset(d->reader);
	rc = mdb_txn_begin(d->m.env, NULL, 0, txn);
	return rc == 0 ? 0 : wm_disk_fail(d, rc, "cannot begin to write", err);
}

/* Ends a write that came as far as @rc. */
static int finish(struct wm_disk *d, MDB_txn *txn, int rc, struct wm_err *err)
{
	if (rc == 0)
		rc = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	return rc == 0 ? 0 : wm_disk_fail(d, rc, "cannot write the log", err);
}

/* What was written will hardly be read again: who lags a little reads it soon, or never. */
static int forget_pages(struct wm_disk *d, uint64_t written, struct wm_err *err)
{
	d->unforgotten += written;
	if (d->unforgotten < FORGET)
		return 0;
	d->unforgotten = 0;
	if (wm_mdb_forget(&d->m, err) == 0)
		return 0;
	d->failed = true;
	return err->code;
}

int wm_disk_persist(struct wm_disk *d, const struct wm_persist *p, struct wm_err *err)
{
	uint64_t bytes = d->bytes;
	MDB_txn *txn;
	uint64_t before = d->bytes;
	int rc = begin(d, &txn, err);

	assert(p->first == 0 || p->first <= d->found.last + 1);
	if (rc == 0)
		rc = finish(d, txn, write_step(d, txn, p, &bytes), err);
	if (rc != 0)
		return rc;
	note_step(d, p, bytes);
	return forget_pages(d, bytes > before ? bytes - before : 0, err);
}

static int write_snapshot(struct wm_disk *d, MDB_txn *txn, const struct wm_snapshot_meta *meta)
{
	struct wm_buf configuration = {0};
	uint8_t head[24];
	struct wm_wire w;
	int rc;

	wm_wire_init_write(&w, head, sizeof(head));
	wm_wire_put_be64(&w, meta->index);
	wm_wire_put_be64(&w, meta->term);
	wm_wire_put_be64(&w, meta->configuration.index);
	wm_configuration_encode(&meta->configuration, &configuration);
	rc = wm_disk_record_put(txn, d->meta, "snapshot", head, sizeof(head), configuration.data,
				configuration.len);
	wm_buf_fini(&configuration);
	return rc;
}

static void note_snapshot(struct wm_disk *d, const struct wm_snapshot_meta *meta)
{
	d->snapshot.index = meta->index;
	d->snapshot.term = meta->term;
	wm_configuration_copy(&d->snapshot.configuration, &meta->configuration);
	d->found.snapshot = &d->snapshot;
}

int wm_disk_put_snapshot(struct wm_disk *d, const struct wm_snapshot_meta *meta, uint64_t keep,
			 struct wm_err *err)
{
	bool drops = keep == meta->index + 1;
	uint64_t bytes = d->bytes;
	MDB_txn *txn;
	int rc = begin(d, &txn, err);

	assert(keep <= meta->index + 1);
	if (rc != 0)
		return rc;
	rc = write_snapshot(d, txn, meta);
	for (uint64_t i = d->found.first; rc == 0 && i <= d->found.last && (drops || i < keep); i++)
		rc = wm_disk_entry_drop(txn, d->log, i, &bytes);
	rc = finish(d, txn, rc, err);
	if (rc != 0)
		return rc;
	note_snapshot(d, meta);
	d->bytes = bytes;
	if (drops)
		d->found.last = meta->index;
	if (drops || keep > d->found.first)
		d->found.first = keep;
	return 0;
}

static int write_number(struct wm_disk *d, MDB_txn *txn, const char *name, uint64_t v)
{
	uint8_t bytes[8];
	struct wm_wire w;

	wm_wire_init_write(&w, bytes, sizeof(bytes));
	wm_wire_put_be64(&w, v);
	return wm_disk_record_put(txn, d->meta, name, bytes, sizeof(bytes), NULL, 0);
}

int wm_disk_found(struct wm_disk *d, uint64_t id, uint64_t term,
		  const struct wm_snapshot_meta *meta, struct wm_err *err)
{
	const struct wm_persist p = {.has_vote = true, .term = term};
	uint64_t bytes = 0;
	MDB_txn *txn;
	int rc = begin(d, &txn, err);

	assert(d->found.last == 0 && d->found.snapshot == NULL);
	if (rc != 0)
		return rc;
	rc = write_snapshot(d, txn, meta);
	if (rc == 0)
		rc = write_number(d, txn, "id", id);
	if (rc == 0)
		rc = write_step(d, txn, &p, &bytes);
	rc = finish(d, txn, rc, err);
	if (rc != 0)
		return rc;
	note_snapshot(d, meta);
	note_step(d, &p, 0);
	d->id = id;
	d->found.first = meta->index + 1;
	d->found.last = meta->index;
	return 0;
}

int wm_disk_put_id(struct wm_disk *d, uint64_t id, struct wm_err *err)
{
	MDB_txn *txn;
	int rc = begin(d, &txn, err);

	if (rc == 0)
		rc = finish(d, txn, write_number(d, txn, "id", id), err);
	if (rc == 0)
		d->id = id;
	return rc;
}

int wm_disk_put_unsynced_since(struct wm_disk *d, const char *boot, struct wm_err *err)
{
	MDB_txn *txn;
	int rc = begin(d, &txn, err);

	assert(strlen(boot) < sizeof(d->boot));
	if (rc == 0)
		rc = finish(d, txn,
			    wm_disk_record_put(txn, d->meta, "boot", boot, strlen(boot), NULL, 0),
			    err);
	if (rc == 0)
		strcpy(d->boot, boot);
	return rc;
}

/* ---- looking ---- */

int wm_disk_read(struct wm_disk *d, uint64_t first, size_t max_bytes, struct wm_entry *out,
		 size_t *n, struct wm_err *err)
{
	size_t bytes = 0, i = 0;
	int rc = 0;

	if (first < d->found.first || first > d->found.last)
		return wm_fail(err, WM_OUT_OF_RANGE, "entry %llu is not in the log",
			       (unsigned long long)first);
	mdb_txn_reset(d->reader);
	rc = mdb_txn_renew(d->reader);
	for (; rc == 0 && i < *n && first + i <= d->found.last; i++) {
		rc = wm_disk_entry_find(d->reader, d->log, first + i, &out[i]);
		bytes += rc == 0 ? out[i].len : 0;
		if (rc != 0 || (i > 0 && bytes > max_bytes))
			break;
	}
	*n = i;
	return rc == 0 ? 0 : wm_disk_fail(d, rc, "cannot read the log", err);
}

uint64_t wm_disk_id(const struct wm_disk *d)
{
	return d->id;
}

const char *wm_disk_unsynced_since(const struct wm_disk *d)
{
	return d->boot;
}

uint64_t wm_disk_bytes(const struct wm_disk *d)
{
	return d->bytes;
}
