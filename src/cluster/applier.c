#include "cluster/applier.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/apply.h"
#include "store/txn_codec.h"

/* Of changes that a loop which is behind can still hear of; beyond it has to look anew. */
#define UNTOLD_MAX (32u * 1024 * 1024)

/* A transaction that took effect in the LMDB transaction that runs. */
struct effect {
	struct wm_txn *txn;
	struct wm_propose *owner; /* NULL = decoded, ours to free */
};

struct step {
	MDB_txn *mdb;
	struct effect *effects;
	size_t n, cap;
	uint64_t revision;
	char incarnation[WM_INCARNATION_TEXT]; /* "" = as before */
};

void wm_applier_init(struct wm_applier *a, struct wm_env *env, struct wm_engine *engine)
{
	*a = (struct wm_applier){
		.env = env,
		.engine = engine,
		.revision = env->revision,
		.index = env->applied_index,
		.term = env->applied_term,
		.batch = wm_batch_new(engine),
	};
	wm_list_init(&a->pending);
	wm_list_init(&a->refused);
}

void wm_applier_fini(struct wm_applier *a)
{
	wm_batch_free(a->batch);
	*a = (struct wm_applier){0};
}

/* ---- one step ---- */

static void add_effect(struct step *s, struct wm_txn *txn, struct wm_propose *owner)
{
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 64 : s->cap * 2;
		s->effects = wm_realloc(s->effects, s->cap * sizeof(*s->effects));
	}
	s->effects[s->n++] = (struct effect){txn, owner};
}

/* An LMDB code; on 0 @owner, if any, has its result. */
static int apply_one(struct wm_applier *a, struct step *s, struct wm_txn *t,
		     struct wm_propose *owner, bool *took)
{
	const char *failed = "";
	int rc = 0;

	*took = false;
	switch (wm_apply(a->env, s->mdb, t, s->revision + 1, &failed, &rc)) {
	case WM_APPLIED:
		*took = wm_txn_changes(t) > 0;
		s->revision += *took;
		if (*took)
			add_effect(s, t, owner);
		if (owner != NULL)
			wm_propose_end(owner, 0, s->revision);
		return 0;
	case WM_APPLIED_NOT:
		if (owner != NULL) {
			wm_str_copy(owner->failed, sizeof(owner->failed), failed);
			wm_propose_end(owner, WM_FAILED_PRECONDITION, 0);
		}
		return 0;
	case WM_APPLIED_BROKEN: break;
	}
	return rc;
}

static int apply_own(struct wm_applier *a, struct step *s, struct wm_pending *p)
{
	struct wm_list *it;
	bool took;
	int rc = 0;

	p->applied = true;
	wm_list_each (it, &p->proposals) {
		struct wm_propose *own = wm_container_of(it, struct wm_propose, node);

		rc = apply_one(a, s, own->txn, own, &took);
		if (rc != 0)
			break;
	}
	return rc;
}

static int apply_foreign(struct wm_applier *a, struct step *s, struct wm_wire *w, int *rc,
			 struct wm_err *err)
{
	for (;;) {
		struct wm_txn *t;
		bool took;
		int code = wm_txn_batch_decode(w, &t, err);

		if (code != 0 || t == NULL)
			return code;
		*rc = apply_one(a, s, t, NULL, &took);
		if (!took)
			wm_txn_free(t);
		if (*rc != 0)
			return 0;
	}
}

static struct wm_pending *find_pending(struct wm_applier *a, const struct wm_entry *e)
{
	struct wm_list *it;

	wm_list_each (it, &a->pending) {
		struct wm_pending *p = wm_container_of(it, struct wm_pending, node);

		if (p->index == e->index && p->term == e->term)
			return p;
	}
	return NULL;
}

/* 0 with an LMDB code in *@rc, or a code for bytes that are none of ours. */
static int apply_entry(struct wm_applier *a, struct step *s, const struct wm_entry *e, int *rc,
		       struct wm_err *err)
{
	struct wm_txn_batch_head head;
	struct wm_pending *own = find_pending(a, e);
	struct wm_wire w;
	int code = wm_txn_batch_decode_head(&w, e->data, e->len, &head, err);

	if (code != 0)
		return code;
	if (head.has_incarnation && a->env->incarnation[0] == '\0' && s->incarnation[0] == '\0') {
		wm_hex_format(head.incarnation, sizeof(head.incarnation), s->incarnation);
		*rc = wm_env_put_incarnation(a->env, s->mdb, s->incarnation);
	}
	if (*rc == 0 && own != NULL)
		*rc = apply_own(a, s, own);
	else if (*rc == 0)
		code = apply_foreign(a, s, &w, rc, err);
	return code;
}

static int apply_all(struct wm_applier *a, struct step *s, const struct wm_entry *entries, size_t n,
		     int *rc, struct wm_err *err)
{
	for (size_t i = 0; i < n && *rc == 0; i++) {
		int code;

		assert(entries[i].index == a->index + 1 + i);
		if (entries[i].kind != WM_ENTRY_COMMAND)
			continue;
		code = apply_entry(a, s, &entries[i], rc, err);
		if (code != 0)
			return wm_wrap(err, "entry %llu", (unsigned long long)entries[i].index);
	}
	if (*rc == 0 && s->revision != a->revision)
		*rc = wm_env_put_revision(a->env, s->mdb, s->revision);
	if (*rc == 0)
		*rc = wm_env_put_applied(a->env, s->mdb, entries[n - 1].index, entries[n - 1].term);
	return 0;
}

/* ---- what came of it ---- */

static void undo(struct wm_applier *a, struct step *s)
{
	struct wm_list *it;

	for (size_t i = 0; i < s->n; i++)
		if (s->effects[i].owner == NULL)
			wm_txn_free(s->effects[i].txn);
	wm_list_each (it, &a->pending)
		wm_container_of(it, struct wm_pending, node)->applied = false;
}

static void note_effects(struct wm_applier *a, const struct step *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct effect *e = &s->effects[i];

		if (e->owner != NULL)
			e->owner->txn = NULL;
		a->bytes += wm_txn_size(e->txn);
		wm_batch_add_change(a->batch, e->txn);
	}
	if (a->batch->gap || a->bytes > UNTOLD_MAX)
		wm_applier_forget_changes(a);
}

static void settle(struct wm_applier *a, const struct step *s, const struct wm_entry *last)
{
	a->moved = a->moved || s->revision != a->revision;
	a->revision = s->revision;
	a->index = last->index;
	a->term = last->term;
	a->env->is_applied = true;
	if (s->incarnation[0] != '\0') {
		memcpy(a->env->incarnation, s->incarnation, sizeof(s->incarnation));
		memcpy(a->batch->incarnation, s->incarnation, sizeof(s->incarnation));
		a->moved = true;
	}
	note_effects(a, s);
	wm_applier_settle(a);
}

static void note_size(struct wm_applier *a, MDB_txn *mdb)
{
	MDB_stat st;

	if (mdb_stat(mdb, a->env->kv, &st) == 0)
		a->used_bytes = (st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages) *
				(uint64_t)st.ms_psize;
}

int wm_applier_apply(struct wm_applier *a, const struct wm_entry *entries, size_t n,
		     struct wm_err *err)
{
	struct step s = {.revision = a->revision};
	int code = 0, rc = mdb_txn_begin(a->env->m.env, NULL, 0, &s.mdb);

	if (rc != 0)
		return wm_env_fail(a->env, rc, "cannot begin to write", err);
	code = apply_all(a, &s, entries, n, &rc, err);
	note_size(a, s.mdb);
	if (code == 0 && rc == 0)
		rc = mdb_txn_commit(s.mdb);
	else
		mdb_txn_abort(s.mdb);
	if (code == 0 && rc != 0)
		code = wm_env_fail(a->env, rc, "cannot write", err);
	if (code == 0)
		settle(a, &s, &entries[n - 1]);
	else
		undo(a, &s);
	wm_free(s.effects);
	return code;
}
