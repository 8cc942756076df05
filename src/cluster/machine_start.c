/*
 * A start: what is durable goes into libraft. The only voter writes the next term and its own vote
 * first: it leads inside the start, and would otherwise lead again in a term in which entries of
 * its that were never synced may have reached observers.
 */
#include "base/mem.h"
#include "cluster/machine_impl.h"
#include <string.h>

/* The log while it is being loaded. */
struct load {
	struct wm_machine_disk disk;
	struct raft_entry *entries;
	unsigned n;
	void *batch;                    /* the bytes of the changes; all entries point to it */
	struct wm_configuration newest; /* of the log, or of the snapshot */
};

static int check_disk(const struct wm_machine_disk *d, struct wm_err *err)
{
	uint64_t snapshot = d->snapshot != NULL ? d->snapshot->index : 0;
	bool good = d->term != 0 || (d->vote == 0 && d->last == 0 && snapshot == 0);

	good = good && d->first >= 1 && d->first <= snapshot + 1 && d->last + 1 >= d->first;
	good = good && d->last >= snapshot && d->applied >= snapshot && d->applied <= d->last;
	if (!good)
		return wm_fail(err, WM_DATA_LOSS,
			       "log and state do not fit: term %llu, log %llu to %llu, snapshot "
			       "%llu, applied %llu",
			       (unsigned long long)d->term, (unsigned long long)d->first,
			       (unsigned long long)d->last, (unsigned long long)snapshot,
			       (unsigned long long)d->applied);
	return 0;
}

static int load_change(struct wm_machine *m, struct load *l, const struct wm_entry *e,
		       struct wm_buf *bytes, struct wm_err *err)
{
	struct wm_configuration c;
	int rv = wm_configuration_decode(e->data, e->len, &c, err);

	if (rv != 0)
		return wm_fail(err, WM_DATA_LOSS, "entry %llu of the log is damaged",
			       (unsigned long long)e->index);
	c.index = e->index;
	if (e->index <= l->disk.applied && e->index > m->committed.index)
		wm_configuration_copy(&m->committed, &c);
	if (e->index > l->newest.index)
		wm_configuration_copy(&l->newest, &c);
	wm_configuration_fini(&c);
	/* An offset until all are there: the bytes move while they grow. */
	l->entries[l->n].buf = (struct raft_buffer){(void *)(uintptr_t)bytes->len, e->len};
	wm_buf_add(bytes, e->data, e->len);
	return 0;
}

static int load_entry(struct wm_machine *m, struct load *l, const struct wm_entry *e,
		      struct wm_buf *bytes, struct wm_err *err)
{
	if (e->index != l->disk.first + l->n || e->term == 0 ||
	    (l->n > 0 && e->term < l->entries[l->n - 1].term) || e->term > l->disk.term ||
	    (e->index == 1 && e->kind != WM_ENTRY_CHANGE))
		return wm_fail(err, WM_DATA_LOSS, "entry %llu of the log is damaged",
			       (unsigned long long)(l->disk.first + l->n));
	if (l->disk.snapshot != NULL && e->index == l->disk.snapshot->index &&
	    e->term != l->disk.snapshot->term)
		return wm_fail(err, WM_DATA_LOSS, "log and snapshot differ at entry %llu",
			       (unsigned long long)e->index);
	if (e->index == l->disk.applied)
		m->applied_term = e->term;
	l->entries[l->n] = (struct raft_entry){
		.term = e->term,
		.type = e->kind == WM_ENTRY_CHANGE    ? RAFT_CHANGE
			: e->kind == WM_ENTRY_BARRIER ? RAFT_BARRIER
						      : RAFT_COMMAND,
	};
	int rv = e->kind == WM_ENTRY_CHANGE ? load_change(m, l, e, bytes, err) : 0;

	if (rv == 0)
		l->n++;
	return rv;
}

static int read_log(struct wm_machine *m, struct load *l, struct wm_buf *bytes, struct wm_err *err)
{
	struct wm_entry batch[WM_READ_BATCH];
	uint64_t next = l->disk.first;
	int rv = 0;

	while (rv == 0 && next <= l->disk.last) {
		size_t n = WM_READ_BATCH;

		rv = m->io->read(m->arg, next, WM_FRAME_TARGET, batch, &n, err);
		if (rv == 0 && (n == 0 || n > l->disk.last - next + 1))
			rv = wm_fail(err, WM_DATA_LOSS, "entry %llu of the log is missing",
				     (unsigned long long)next);
		for (size_t i = 0; rv == 0 && i < n; i++)
			rv = load_entry(m, l, &batch[i], bytes, err);
		next += n;
	}
	return rv;
}

/* All entries point into one block, as libraft wants it. */
static void settle_batch(struct load *l, const struct wm_buf *bytes)
{
	if (l->n == 0)
		return;
	l->batch = wm_raft_alloc(bytes->len + 1);
	if (bytes->len > 0)
		memcpy(l->batch, bytes->data, bytes->len);
	for (unsigned i = 0; i < l->n; i++) {
		struct raft_entry *e = &l->entries[i];

		e->batch = l->batch;
		if (e->type == RAFT_CHANGE)
			e->buf.base = (uint8_t *)l->batch + (uintptr_t)e->buf.base;
		else
			e->buf = (struct raft_buffer){l->batch, 0};
	}
}

static int load_all(struct wm_machine *m, struct load *l, struct wm_err *err)
{
	struct wm_buf bytes = {0};
	int rv = m->io->load(m->arg, &l->disk, err);

	if (rv == 0)
		rv = check_disk(&l->disk, err);
	if (rv != 0)
		return rv;
	wm_configuration_fini(&m->committed);
	wm_snapshot_meta_fini(&m->snapshot);
	if (l->disk.snapshot != NULL) {
		wm_snapshot_meta_copy(&m->snapshot, l->disk.snapshot);
		wm_configuration_copy(&m->committed, &m->snapshot.configuration);
		wm_configuration_copy(&l->newest, &m->snapshot.configuration);
	}
	/* load's answer is borrowed: what it points to was copied. */
	m->applied_term = m->snapshot.term;
	l->disk.snapshot = m->snapshot.index != 0 ? &m->snapshot : NULL;
	l->entries = wm_calloc((size_t)(l->disk.last - l->disk.first + 1) + 1, sizeof(*l->entries));
	rv = read_log(m, l, &bytes, err);
	settle_batch(l, &bytes);
	wm_buf_fini(&bytes);
	return rv;
}

static bool is_sole_voter(const struct wm_machine *m, const struct wm_configuration *c)
{
	const struct wm_member *self = wm_configuration_find(c, m->opts.id);

	return self != NULL && self->role == WM_MEMBER_VOTER && wm_configuration_voters(c) == 1;
}

static int vote_for_self(struct wm_machine *m, struct load *l, struct wm_err *err)
{
	struct wm_persist p = {.has_vote = true, .term = l->disk.term + 1, .vote = m->opts.id};
	int rv;

	if (WM_DEFECT(OLD_TERM))
		return 0;
	m->counts[WM_COUNT_PERSISTS]++;
	rv = m->io->persist(m->arg, &p, err);
	if (rv == 0) {
		l->disk.term = p.term;
		l->disk.vote = p.vote;
	}
	return rv;
}

static void set_up(struct wm_machine *m)
{
	struct raft *r = &m->raft;
	uint64_t seed = m->opts.seed + 0x9e3779b97f4a7c15u * ++m->starts;

	memset(r, 0, sizeof(*r));
	/* It fails for lack of memory only, and then there is no going on. */
	if (raft_init(r, NULL, NULL, m->opts.id, m->node_id) != 0)
		abort();
	r->tracer = NULL;
	raft_seed(r, (unsigned)(seed ^ seed >> 32));
	raft_set_pre_vote(r, true);
	raft_set_election_timeout(r, m->opts.election_ms);
	raft_set_heartbeat_timeout(r, m->opts.heartbeat_ms);
	raft_set_max_inflight_entries(r, WM_INFLIGHT_MAX);
	raft_set_max_catch_up_round_duration(r, m->opts.catch_up_ms);
	/* It hears of snapshots by offers that repeat; libraft's own patience only delays them. */
	raft_set_install_snapshot_timeout(r, m->opts.election_ms * 4);
}

static void set_bounds(struct wm_machine *m, const struct load *l)
{
	m->first = l->disk.first;
	m->last = l->disk.last;
	m->applied = l->disk.applied;
	m->cursor = m->snapshot.index;
	m->fired = m->now;
	m->votes_from = m->now + m->opts.election_ms;
	m->is_up = true;
}

static int start_raft(struct wm_machine *m, struct load *l)
{
	struct raft_snapshot_metadata meta = {.index = m->snapshot.index, .term = m->snapshot.term};
	struct raft_event event = {.type = RAFT_START};

	event.start.term = l->disk.term;
	event.start.voted_for = l->disk.vote;
	event.start.start_index = l->disk.first;
	event.start.entries = l->n > 0 ? l->entries : NULL;
	event.start.n_entries = l->n;
	if (m->snapshot.index != 0) {
		meta.configuration = wm_machine_to_raft(&m->snapshot.configuration);
		meta.configuration_index = m->snapshot.configuration.index;
		event.start.metadata = &meta;
	}
	int refused;
	int rv = wm_machine_try(m, &event, &refused);

	/* libraft reads the entries inside the step; when that fails it has freed the block. */
	if (refused != 0)
		rv = wm_fail(&m->why, WM_INTERNAL, "libraft did not start: %s",
			     raft_strerror(refused));
	else
		raft_free(l->batch);
	return rv;
}

int wm_machine_start(struct wm_machine *m, struct wm_err *err)
{
	struct load l = {0};
	int rv = load_all(m, &l, err);

	if (rv == 0 && is_sole_voter(m, &l.newest))
		rv = vote_for_self(m, &l, err);
	if (rv == 0) {
		set_up(m);
		set_bounds(m, &l);
		rv = start_raft(m, &l);
		if (rv != 0) {
			wm_err_copy(err, &m->why);
			m->failure = 0;
			wm_machine_forget(m);
		}
	} else {
		raft_free(l.batch);
	}
	wm_configuration_fini(&l.newest);
	wm_free(l.entries);
	return rv;
}

void wm_machine_forget(struct wm_machine *m)
{
	if (!m->is_up)
		return;
	m->is_up = false;
	raft_close(&m->raft, NULL);
	m->leader_id = 0;
	m->leader_node[0] = '\0';
	m->offer.term = 0;
}
