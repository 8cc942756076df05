/*
 * One step of libraft and all that it asks for, in the order that makes it safe:
 *   1. term, vote and entries become durable, in one write;
 *   2. messages leave. Only a leader's own entries may leave before 1, to spare a follower's sync
 *      the wait for ours, and never with a change of membership among them: if a voter that the
 *      change takes away had it and we lost it, neither could be elected;
 *   3. libraft hears that the entries are durable, which is a step of its own;
 *   4. a snapshot is put in place, which is another;
 *   5. what is committed is applied, and libraft hears of each configuration in it, as more steps.
 * An error means that memory and disk may differ: everything returns, and the machine goes down.
 */
#include "base/mem.h"
#include "cluster/machine_impl.h"
#include <string.h>

static enum wm_entry_kind kind_of(enum raft_entry_type type)
{
	return type == RAFT_CHANGE    ? WM_ENTRY_CHANGE
	       : type == RAFT_BARRIER ? WM_ENTRY_BARRIER
				      : WM_ENTRY_COMMAND;
}

/* ---- 1 and 2 ---- */

struct fresh {
	uint64_t first;
	struct wm_entry *entries;
	size_t n;
	bool has_change;
	void *block; /* what libraft gives back to us with them */
};

static void take_entries(const struct raft_update *u, struct fresh *f)
{
	*f = (struct fresh){0};
	if (!(u->flags & (RAFT_UPDATE_ENTRIES)))
		return;
	f->first = u->entries.index;
	f->n = u->entries.n;
	f->entries = wm_calloc(f->n, sizeof(*f->entries));
	f->block = u->entries.batch[0].batch;
	for (size_t i = 0; i < f->n; i++) {
		const struct raft_entry *e = &u->entries.batch[i];

		f->entries[i] = (struct wm_entry){f->first + i, e->term, kind_of(e->type),
						  e->buf.base, e->buf.len};
		f->has_change |= e->type == RAFT_CHANGE;
	}
}

static int persist(struct wm_machine *m, bool has_vote, const struct fresh *f)
{
	struct wm_persist p = {
		.has_vote = has_vote,
		.term = raft_current_term(&m->raft),
		.vote = raft_voted_for(&m->raft),
		.first = f->first,
		.entries = f->entries,
		.n = f->n,
	};
	struct wm_err err;

	if (!has_vote && f->n == 0)
		return 0;
	m->counts[WM_COUNT_PERSISTS]++;
	m->counts[WM_COUNT_ENTRIES] += f->n;
	if (m->io->persist(m->arg, &p, &err) != 0)
		return wm_machine_break(m, &err);
	if (f->n > 0)
		m->last = f->first + f->n - 1;
	return 0;
}

static bool may_send_early(const struct wm_machine *m, bool has_vote, const struct fresh *f)
{
	if (WM_DEFECT(EARLY_VOTE) && has_vote)
		return true;
	return f->n > 0 && !f->has_change && !has_vote && m->raft.state == RAFT_LEADER &&
	       wm_configuration_voters(&m->newest) > 1;
}

static int write_and_send(struct wm_machine *m, const struct raft_update *u, const struct fresh *f)
{
	bool has_vote = u->flags & (RAFT_UPDATE_CURRENT_TERM | RAFT_UPDATE_VOTED_FOR);
	bool early = may_send_early(m, has_vote, f);
	int rv = 0;

	if (early)
		rv = wm_machine_send(m, u, f->first, f->entries, f->n);
	if (rv == 0)
		rv = persist(m, has_vote, f);
	if (rv == 0 && !early)
		rv = wm_machine_send(m, u, 0, NULL, 0);
	return rv;
}

/* ---- 5 ---- */

int wm_machine_log(struct wm_machine *m, uint64_t first, size_t max_bytes, struct wm_entry *out,
		   size_t *n)
{
	uint64_t last = first + *n - 1;
	struct wm_err err;

	if (m->io->read(m->arg, first, max_bytes, out, n, &err) != 0)
		return wm_machine_break(m, &err);
	if (*n > 0 && out[0].index == first && first + *n - 1 <= last)
		return 0;
	wm_fail(&err, WM_DATA_LOSS, "entry %llu of the log is missing", (unsigned long long)first);
	return wm_machine_break(m, &err);
}

int wm_machine_term_of(struct wm_machine *m, uint64_t index, uint64_t *term)
{
	struct wm_entry e;
	size_t n = 1;

	*term = 0;
	if (index != 0 && index == m->snapshot.index)
		*term = m->snapshot.term;
	else if (index >= m->first && index <= m->last) {
		if (wm_machine_log(m, index, 1, &e, &n) != 0)
			return m->failure;
		*term = e.term;
	}
	return 0;
}

struct raft_configuration wm_machine_to_raft(const struct wm_configuration *c)
{
	struct raft_configuration r;

	raft_configuration_init(&r);
	for (size_t i = 0; i < c->n; i++) {
		const struct wm_member *m = &c->members[i];

		/* Both checks are ours already, and without memory there is no going on. */
		if (raft_configuration_add(&r, m->id, m->node_id,
					   m->role == WM_MEMBER_VOTER ? RAFT_VOTER
								      : RAFT_STANDBY) != 0)
			abort();
	}
	return r;
}

static int apply(struct wm_machine *m, const struct wm_entry *entries, size_t n)
{
	struct wm_err err;

	while (n > 0 && entries->index <= m->applied) {
		entries++;
		n--;
	}
	if (n == 0)
		return 0;
	if (m->io->apply(m->arg, entries, n, &err) != 0)
		return wm_machine_break(m, &err);
	m->applied = entries[n - 1].index;
	m->applied_term = entries[n - 1].term;
	return 0;
}

/* libraft counts a change as open until it hears of it here, even if we had applied it before. */
static int commit_change(struct wm_machine *m, const struct wm_configuration *c)
{
	struct raft_event event = {.type = RAFT_CONFIGURATION};

	if (c->index > m->committed.index)
		wm_configuration_copy(&m->committed, c);
	m->io->on_configuration(m->arg, &m->committed);
	if (WM_DEFECT(NO_CONFIGURATION))
		return 0;
	event.configuration.index = c->index;
	event.configuration.conf = wm_machine_to_raft(c);
	return wm_machine_step(m, &event);
}

/* The entries up to the first change, which is decoded: they are borrowed and may go away. */
static int settle_some(struct wm_machine *m, uint64_t commit)
{
	struct wm_entry *batch = m->scratch;
	struct wm_configuration change = {0};
	struct wm_err err;
	size_t n =
		commit - m->cursor < WM_READ_BATCH ? (size_t)(commit - m->cursor) : WM_READ_BATCH;
	size_t end = 0;

	if (wm_machine_log(m, m->cursor + 1, WM_FRAME_TARGET, batch, &n) != 0)
		return m->failure;
	while (end < n && batch[end++].kind != WM_ENTRY_CHANGE)
		;
	const struct wm_entry *last = &batch[end - 1];
	uint64_t index = last->index, term = last->term;

	if (last->kind == WM_ENTRY_CHANGE) {
		if (wm_configuration_decode(last->data, last->len, &change, &err) != 0)
			return wm_machine_break(m, &err);
		change.index = index;
	}
	int rv = apply(m, batch, end);

	if (rv == 0) {
		m->cursor = index;
		m->has_own_committed |= wm_machine_leads(m) && term == raft_current_term(&m->raft);
		wm_machine_close_proposal(m, index);
		if (change.index != 0)
			rv = commit_change(m, &change);
	}
	wm_configuration_fini(&change);
	return rv;
}

static int settle(struct wm_machine *m)
{
	int rv = 0;

	if (m->is_settling)
		return 0;
	m->is_settling = true;
	while (rv == 0 && m->cursor < raft_commit_index(&m->raft))
		rv = settle_some(m, raft_commit_index(&m->raft));
	m->is_settling = false;
	return rv;
}

/* ---- the whole ---- */

static int absorb(struct wm_machine *m, struct raft_update *u)
{
	struct fresh f;

	take_entries(u, &f);
	if (u->flags & (RAFT_UPDATE_ENTRIES | RAFT_UPDATE_SNAPSHOT))
		wm_machine_update_members(m);
	int rv = write_and_send(m, u, &f);

	if (rv == 0 && f.n > 0) {
		struct raft_event event = {.type = RAFT_PERSISTED_ENTRIES};

		event.persisted_entries.index = f.first + f.n - 1;
		rv = wm_machine_step(m, &event);
	}
	raft_free(f.block);
	wm_free(f.entries);
	if (u->flags & RAFT_UPDATE_SNAPSHOT)
		rv = wm_machine_install(m, u);
	return rv;
}

int wm_machine_try(struct wm_machine *m, struct raft_event *event, int *refused)
{
	uint64_t kib = wm_machine_capacity(m) / 1024;
	struct raft_update update = {0};

	event->time = (raft_time)m->now;
	event->capacity = (unsigned short)(kib < UINT16_MAX ? kib : UINT16_MAX);
	*refused = raft_step(&m->raft, event, &update);
	if (*refused != 0)
		return 0;
	if (event->type == RAFT_START || event->type == RAFT_CONFIGURATION)
		wm_machine_update_members(m);
	wm_machine_update_role(m);
	int rv = absorb(m, &update);

	return rv != 0 ? rv : settle(m);
}

int wm_machine_step(struct wm_machine *m, struct raft_event *event)
{
	int refused;
	int rv = wm_machine_try(m, event, &refused);

	if (rv != 0 || refused == 0)
		return rv;
	m->is_stopped = refused == RAFT_SHUTDOWN;
	wm_fail(&m->why, refused == RAFT_SHUTDOWN ? WM_DATA_LOSS : WM_INTERNAL, "libraft: %s",
		refused == RAFT_SHUTDOWN ? "the leader's committed log differs from ours"
					 : raft_strerror(refused));
	m->failure = m->why.code;
	return m->failure;
}

int wm_machine_submit(struct wm_machine *m, enum wm_entry_kind kind, const void *data, size_t len,
		      int *refused)
{
	struct raft_event event = {.type = RAFT_SUBMIT};
	struct raft_entry e = {.term = raft_current_term(&m->raft)};
	int rv;

	e.type = kind == WM_ENTRY_CHANGE    ? RAFT_CHANGE
		 : kind == WM_ENTRY_BARRIER ? RAFT_BARRIER
					    : RAFT_COMMAND;
	e.batch = wm_raft_alloc(len + 1);
	e.buf = (struct raft_buffer){e.batch, len};
	if (len > 0)
		memcpy(e.batch, data, len);
	event.submit.entries = &e;
	event.submit.n = 1;
	rv = wm_machine_try(m, &event, refused);
	if (*refused != 0)
		raft_free(e.batch);
	return rv;
}
