/* One node: what the world does with it. */
#include "base/mem.h"
#include "sim.h"
#include <string.h>

int64_t sim_node_clock(const struct sim_node *n)
{
	int64_t us = (int64_t)(n->w->now + n->elapsed);

	return n->start + (us + us / 1000000 * n->rate) / 1000;
}

void sim_node_count(struct sim_node *n)
{
	struct wm_machine_status s;

	wm_machine_status(n->m, &s);
	sim_counts[SIM_elections] += s.counts[WM_COUNT_ELECTIONS];
	sim_counts[SIM_leaderships] += s.counts[WM_COUNT_LEADERSHIPS];
	sim_counts[SIM_lease_reads] += s.counts[WM_COUNT_LEASE_READS];
	sim_counts[SIM_asked_reads] += s.counts[WM_COUNT_ASKED_READS];
	sim_counts[SIM_purges] += s.counts[WM_COUNT_PURGES];
}

static void forget_ops(struct sim_node *n)
{
	struct sim_world *w = n->w;

	for (uint64_t i = 1; i <= w->n_ops; i++) {
		struct sim_op *op = &w->ops[i];

		if (!op->is_open || op->slot != n->slot || op->life != n->life)
			continue;
		if (op->is_read)
			sim_op_refused(w, i);
		else
			sim_op_unknown(n, i);
	}
}

void sim_node_crash(struct sim_node *n)
{
	struct sim_event e = {.kind = SIM_RESTART, .slot = n->slot};

	if (n->m == NULL)
		return;
	sim_say(n->w, "%s crashes", n->node_id);
	sim_counts[SIM_crashes]++;
	sim_node_count(n);
	wm_machine_close(n->m);
	n->m = NULL;
	forget_ops(n);
	n->life++;
	n->is_crashing = n->is_snapping = false;
	n->crash_in_persist = 0;
	n->elapsed = 0;
	sim_disk_cut(n);
	e.life = n->life;
	sim_schedule(n->w, 10000 + sim_below(&n->w->rng, 1500000), e);
}

void sim_node_settle(struct sim_node *n)
{
	struct sim_world *w = n->w;
	struct sim_event e = {.kind = SIM_TICK, .slot = n->slot};

	if (n->is_crashing) {
		sim_node_crash(n);
		return;
	}
	if (w->now + n->elapsed > n->busy_until)
		n->busy_until = w->now + n->elapsed;
	int64_t clock = sim_node_clock(n);
	int64_t wait = (wm_machine_due(n->m) - clock) * 1000;
	uint64_t at = n->busy_until + (wait > 1000 ? (uint64_t)wait : 1000);

	n->elapsed = 0;
	if (n->tick_at <= w->now || at < n->tick_at) {
		n->tick_at = at;
		e.life = n->life;
		e.a = ++n->tick_number;
		sim_schedule(w, at - w->now, e);
	}
}

static void take_snapshot(struct sim_node *n)
{
	struct sim_event e = {.kind = SIM_SNAPPED, .slot = n->slot, .life = n->life};

	n->is_snapping = true;
	e.a = n->disk.state.applied;
	sim_schedule(n->w, 1000 + sim_below(&n->w->rng, 30000), e);
}

/* The state is copied at once and becomes durable a moment later, when the log may have moved. */
void sim_node_snapped(struct sim_node *n, uint64_t index)
{
	struct wm_snapshot_meta meta;
	struct sim_disk *d = &n->disk;
	struct wm_err err;
	uint64_t keep;

	n->is_snapping = false;
	if (wm_machine_snapshot_begin(n->m, &meta, &err) != 0)
		return;
	wm_snapshot_meta_fini(&d->meta);
	d->meta = meta;
	d->snapshot = d->state;
	d->has_snapshot = true;
	if (wm_machine_snapshot_taken(n->m, sim_node_clock(n), &meta, n->w->trailing, &keep,
				      &err) != 0) {
		if (!n->is_crashing)
			sim_fail(n->w, "%s: a snapshot is refused: %s", n->node_id, err.text);
		return;
	}
	sim_counts[SIM_snapshots_taken]++;
	sim_disk_trim(d, keep);
	sim_say(n->w, "%s takes a snapshot at %llu, keeps %llu", n->node_id,
		(unsigned long long)meta.index, (unsigned long long)keep);
}

void sim_node_fetched(struct sim_node *n, const struct sim_event *e)
{
	struct sim_node *from = &n->w->nodes[e->from];
	struct sim_world *w = n->w;

	if (from->m == NULL || !from->disk.has_snapshot || from->disk.meta.index < e->a ||
	    w->blocked[from->slot][n->slot] || w->blocked[n->slot][from->slot]) {
		sim_counts[SIM_fetches_failed]++;
		wm_machine_snapshot_failed(n->m);
		return;
	}
	sim_counts[SIM_snapshots_fetched]++;
	n->disk.incoming = from->disk.snapshot;
	sim_say(w, "%s has fetched snapshot %llu", n->node_id,
		(unsigned long long)from->disk.meta.index);
	wm_machine_snapshot_ready(n->m, sim_node_clock(n), &from->disk.meta);
}

void sim_node_start(struct sim_node *n)
{
	struct sim_world *w = n->w;
	struct wm_machine_opts opts = w->opts;
	struct sim_event e = {.kind = SIM_RESTART, .slot = n->slot, .life = n->life};
	struct wm_err err;

	if (n->m != NULL)
		return;
	opts.id = n->id;
	opts.node_id = n->node_id;
	opts.seed = sim_next(&w->rng);
	sim_say(w, "%s starts as %llx: term %llu, log %llu to %llu, applied %llu", n->node_id,
		(unsigned long long)n->id, (unsigned long long)n->disk.term,
		(unsigned long long)n->disk.first, (unsigned long long)n->disk.last,
		(unsigned long long)n->disk.state.applied);
	n->tick_at = 0;
	if (wm_machine_open(&opts, &sim_node_io, n, sim_node_clock(n), &n->m, &err) != 0) {
		if (err.code == WM_DATA_LOSS)
			sim_fail(w, "%s does not start: %s", n->node_id, err.text);
		n->m = NULL;
		n->is_crashing = false;
		n->elapsed = 0;
		sim_schedule(w, 300000, e);
		return;
	}
	sim_counts[SIM_restarts]++;
	sim_node_settle(n);
}

bool sim_node_leads(const struct sim_node *n)
{
	struct wm_machine_status s;

	if (n->m == NULL)
		return false;
	wm_machine_status(n->m, &s);
	return s.role.state == WM_MACHINE_LEADER;
}

/* The leader of the newest term, if any. */
struct sim_node *sim_leader(struct sim_world *w)
{
	struct sim_node *best = NULL;
	uint64_t term = 0;

	for (unsigned i = 0; i < SIM_SLOTS; i++) {
		struct sim_node *n = &w->nodes[i];

		if (sim_node_leads(n) && n->disk.term > term) {
			term = n->disk.term;
			best = n;
		}
	}
	return best;
}

void sim_node_propose(struct sim_node *n, size_t len)
{
	uint64_t op = sim_op_begin(n, false), index, term;
	uint8_t small[64] = {0};
	uint8_t *data = len > sizeof(small) ? wm_alloc(len) : small;
	struct wm_err err;

	memcpy(data, &op, sizeof(op));
	sim_counts[SIM_writes]++;
	int rv = wm_machine_propose(n->m, sim_node_clock(n), data, len, &index, &term, &err);

	if (rv == WM_UNAVAILABLE)
		sim_op_unknown(n, op);
	else if (rv != 0)
		sim_op_refused(n->w, op);
	else if (sim_defect == SIM_DEFECT_ACK_EARLY && n->w->ops[op].is_open)
		sim_op_done(n, op, index);
	if (data != small)
		wm_free(data);
	if (!n->is_snapping && n->w->snapshot_every != 0 &&
	    n->disk.state.applied > n->disk.snapshot.applied + n->w->snapshot_every)
		take_snapshot(n);
}

void sim_node_read(struct sim_node *n)
{
	uint64_t op = sim_op_begin(n, true);
	struct wm_err err;

	if (wm_machine_read(n->m, sim_node_clock(n), op, &err) != 0)
		sim_op_refused(n->w, op);
	if (!n->is_snapping && n->w->snapshot_every != 0 &&
	    n->disk.state.applied > n->disk.snapshot.applied + n->w->snapshot_every)
		take_snapshot(n);
}
