/* A disk that does what it promises, or fails, or is cut off from its power in the middle. */
#include "base/mem.h"
#include "sim.h"
#include <string.h>

static void free_from(struct sim_disk *d, uint64_t index)
{
	for (uint64_t i = index < d->base ? d->base : index; i <= d->last; i++) {
		wm_free(d->log[i - d->base].data);
		d->log[i - d->base] = (struct sim_entry){0};
	}
}

void sim_disk_wipe(struct sim_disk *d)
{
	if (d->log != NULL)
		free_from(d, d->base);
	wm_free(d->log);
	wm_snapshot_meta_fini(&d->meta);
	*d = (struct sim_disk){.first = 1, .base = 1};
}

int sim_disk_load(struct sim_node *n, struct wm_machine_disk *out, struct wm_err *err)
{
	struct sim_disk *d = &n->disk;

	if (n->is_crashing)
		return wm_fail(err, WM_INTERNAL, "crashed");
	if (sim_defect == SIM_DEFECT_APPLY_TWICE && d->state.applied > d->snapshot.applied + 1)
		d->state.applied--;
	*out = (struct wm_machine_disk){
		.term = d->term,
		.vote = d->vote,
		.first = d->first,
		.last = d->last,
		.applied = d->state.applied,
		.snapshot = d->has_snapshot ? &d->meta : NULL,
	};
	return 0;
}

static void put(struct sim_disk *d, const struct wm_entry *e)
{
	uint64_t at = e->index - d->base;

	if (at >= d->cap) {
		d->cap = d->cap < 64 ? 128 : d->cap * 2;
		d->log = wm_realloc(d->log, d->cap * sizeof(*d->log));
	}
	d->log[at] = (struct sim_entry){e->term, e->kind, (uint32_t)e->len, NULL};
	if (e->len > 0)
		d->log[at].data = wm_memdup(e->data, e->len);
}

static void remember_undo(struct sim_disk *d, const struct wm_persist *p)
{
	d->has_undo = false;
	if (sim_defect == SIM_DEFECT_VOTE_UNSYNCED && p->has_vote && p->n == 0) {
		d->has_undo = true;
		d->undo_term = d->term;
		d->undo_vote = d->vote;
		d->undo_last = 0;
	} else if (sim_defect == SIM_DEFECT_LOG_UNSYNCED && p->n > 0 && p->first == d->last + 1 &&
		   d->last >= d->first) {
		d->has_undo = true;
		d->undo_term = 0;
		d->undo_last = d->last;
	}
}

static void write_all(struct sim_node *n, const struct wm_persist *p)
{
	struct sim_disk *d = &n->disk;

	remember_undo(d, p);
	if (p->has_vote) {
		if (p->term == d->term && d->vote != 0 && p->vote != d->vote)
			sim_fail(n->w, "%s votes twice in term %llu", n->node_id,
				 (unsigned long long)p->term);
		if (p->term < d->term)
			sim_fail(n->w, "%s goes back to term %llu", n->node_id,
				 (unsigned long long)p->term);
		d->term = p->term;
		d->vote = p->vote;
	}
	if (p->n == 0)
		return;
	if (p->first > d->last + 1 || p->first < d->first)
		sim_fail(n->w, "%s leaves a hole in its log: %llu behind %llu", n->node_id,
			 (unsigned long long)p->first, (unsigned long long)d->last);
	uint64_t end = p->first + p->n - 1;

	if (sim_defect == SIM_DEFECT_KEEP_TAIL && end < d->last) {
		for (size_t i = 0; i < p->n; i++) {
			wm_free(d->log[p->entries[i].index - d->base].data);
			put(d, &p->entries[i]);
		}
		return;
	}
	if (p->first <= d->last)
		free_from(d, p->first);
	for (size_t i = 0; i < p->n; i++)
		put(d, &p->entries[i]);
	d->last = end;
}

int sim_disk_persist(struct sim_node *n, const struct wm_persist *p, struct wm_err *err)
{
	struct sim_world *w = n->w;

	if (n->is_crashing)
		return wm_fail(err, WM_INTERNAL, "crashed");
	n->elapsed += 50 + sim_below(&w->rng, 300);
	if (w->now < n->slow_until) {
		n->elapsed += 1000 + sim_below(&w->rng, 200000);
		sim_counts[SIM_slow_disks]++;
	}
	if (n->crash_in_persist > 0 && --n->crash_in_persist == 0) {
		sim_counts[SIM_crashes_in_persist]++;
		n->is_crashing = true;
		if (sim_chance(&w->rng, 2))
			write_all(n, p);
		return wm_fail(err, WM_INTERNAL, "crashed");
	}
	if (n->is_full && (p->n > 0 || sim_chance(&w->rng, 2))) {
		sim_counts[SIM_full_disks]++;
		return wm_fail(err, WM_RESOURCE_EXHAUSTED, "disk full");
	}
	if (n->fail_persists > 0) {
		n->fail_persists--;
		sim_counts[SIM_failed_writes]++;
		if (sim_chance(&w->rng, 2))
			write_all(n, p);
		return wm_fail(err, WM_INTERNAL, "I/O error");
	}
	write_all(n, p);
	return 0;
}

int sim_disk_read(struct sim_node *n, uint64_t first, size_t max_bytes, struct wm_entry *out,
		  size_t *count, struct wm_err *err)
{
	struct sim_disk *d = &n->disk;
	size_t got = 0, bytes = 0;

	if (first < d->first || first > d->last) {
		sim_fail(n->w, "%s reads entry %llu of %llu to %llu", n->node_id,
			 (unsigned long long)first, (unsigned long long)d->first,
			 (unsigned long long)d->last);
		return wm_fail(err, WM_INTERNAL, "no such entry");
	}
	for (; got < *count && first + got <= d->last; got++) {
		const struct sim_entry *e = &d->log[first + got - d->base];

		bytes += e->len;
		if (got > 0 && bytes > max_bytes)
			break;
		out[got] = (struct wm_entry){first + got, e->term, e->kind, e->data, e->len};
	}
	*count = got;
	return 0;
}

static void copy_meta(struct wm_snapshot_meta *to, const struct wm_snapshot_meta *from)
{
	to->index = from->index;
	to->term = from->term;
	wm_configuration_copy(&to->configuration, &from->configuration);
}

int sim_disk_install(struct sim_node *n, const struct wm_snapshot_meta *meta, struct wm_err *err)
{
	struct sim_disk *d = &n->disk;
	struct sim_world *w = n->w;

	if (n->is_crashing)
		return wm_fail(err, WM_INTERNAL, "crashed");
	if (n->fail_persists > 0 && sim_chance(&w->rng, 2)) {
		n->fail_persists--;
		return wm_fail(err, WM_INTERNAL, "I/O error");
	}
	copy_meta(&d->meta, meta);
	d->has_snapshot = true;
	if (d->incoming.applied != meta->index)
		sim_fail(w, "%s installs another snapshot than it fetched", n->node_id);
	d->snapshot = d->incoming;
	d->state = d->snapshot;
	d->has_undo = false;
	if (sim_defect != SIM_DEFECT_KEEP_LOG || d->last <= meta->index) {
		free_from(d, d->base);
		d->base = d->first = meta->index + 1;
		d->last = meta->index;
	}
	sim_counts[SIM_snapshots_installed]++;
	return 0;
}

void sim_disk_cut(struct sim_node *n)
{
	struct sim_disk *d = &n->disk;

	if (d->has_undo && d->undo_term != 0) {
		d->term = d->undo_term;
		d->vote = d->undo_vote;
	} else if (d->has_undo && d->undo_last != 0 && d->undo_last + 1 >= d->first) {
		free_from(d, d->undo_last + 1);
		d->last = d->undo_last;
		if (d->state.applied > d->last)
			d->state = d->snapshot;
	}
	d->has_undo = false;
	/* The state is written without syncs between snapshots, or with them. */
	if (!n->w->state_is_synced && d->state.applied > d->snapshot.applied) {
		sim_counts[SIM_lost_unsynced_state]++;
		d->state = d->snapshot;
	}
}

void sim_disk_trim(struct sim_disk *d, uint64_t keep)
{
	for (uint64_t i = d->first; i < keep && i <= d->last; i++) {
		wm_free(d->log[i - d->base].data);
		d->log[i - d->base] = (struct sim_entry){0};
	}
	if (keep > d->first)
		d->first = keep;
}
