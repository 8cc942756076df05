#include "store/snapshot.h"

#include <stddef.h>

int wm_snapshot_open(struct wm_env *e, struct wm_snapshot *s, struct wm_err *err)
{
	int rc;

	*s = (struct wm_snapshot){.env = e, .revision = e->revision};
	rc = mdb_txn_begin(e->m.env, NULL, MDB_RDONLY, &s->txn);
	if (rc == 0)
		rc = mdb_cursor_open(s->txn, e->kv, &s->cursor);
	if (rc != 0) {
		wm_snapshot_close(s);
		return wm_env_fail(e, rc, "cannot begin to read", err);
	}
	s->active = true;
	return 0;
}

void wm_snapshot_close(struct wm_snapshot *s)
{
	if (s->cursor != NULL)
		mdb_cursor_close(s->cursor);
	if (s->txn != NULL)
		mdb_txn_abort(s->txn);
	*s = (struct wm_snapshot){0};
}

int wm_snapshot_renew(struct wm_snapshot *s, uint64_t revision)
{
	int rc = mdb_txn_renew(s->txn);

	if (rc == 0)
		rc = mdb_cursor_renew(s->txn, s->cursor);
	if (rc == 0) {
		s->active = true;
		s->revision = revision;
	}
	return rc;
}

void wm_snapshot_release(struct wm_snapshot *s)
{
	if (s->active)
		mdb_txn_reset(s->txn);
	s->active = false;
}

int wm_snapshot_pool_open(struct wm_env *e, struct wm_snapshot_pool *p, struct wm_err *err)
{
	for (unsigned i = 0; i < WM_SNAPSHOTS; i++) {
		int rc = wm_snapshot_open(e, &p->all[i], err);

		if (rc != 0)
			return rc;
		if (i == 0)
			continue;
		wm_snapshot_release(&p->all[i]);
		wm_snapshot_pool_give(p, &p->all[i]);
	}
	return 0;
}

void wm_snapshot_pool_close(struct wm_snapshot_pool *p)
{
	for (unsigned i = 0; i < WM_SNAPSHOTS; i++)
		wm_snapshot_close(&p->all[i]);
	p->unused = NULL;
}

struct wm_snapshot *wm_snapshot_pool_take(struct wm_snapshot_pool *p)
{
	struct wm_snapshot *s = p->unused;

	if (s != NULL)
		p->unused = s->next;
	return s;
}

void wm_snapshot_pool_give(struct wm_snapshot_pool *p, struct wm_snapshot *s)
{
	s->next = p->unused;
	p->unused = s;
}
