/*
 * Snapshots: taken by the driver at an index of ours, offered by a description, fetched by the
 * other's driver, and given to libraft only when all of it is there, for it cannot stop an
 * installation nor stand for election during one.
 */
#include "cluster/machine_impl.h"
#include <stdio.h>
#include <string.h>

void wm_snapshot_meta_fini(struct wm_snapshot_meta *meta)
{
	wm_configuration_fini(&meta->configuration);
	*meta = (struct wm_snapshot_meta){0};
}

void wm_snapshot_meta_copy(struct wm_snapshot_meta *to, const struct wm_snapshot_meta *from)
{
	to->index = from->index;
	to->term = from->term;
	wm_configuration_copy(&to->configuration, &from->configuration);
}

/* ---- taking ---- */

int wm_machine_snapshot_begin(struct wm_machine *m, struct wm_snapshot_meta *out,
			      struct wm_err *err)
{
	*out = (struct wm_snapshot_meta){0};
	if (!m->is_up)
		return wm_fail(err, WM_FAILED_PRECONDITION, "the log is not available");
	if (m->applied == m->snapshot.index)
		return wm_fail(err, WM_FAILED_PRECONDITION, "nothing new to keep");
	/* After a start libraft has to hear first how much is committed. */
	if (m->cursor < m->applied)
		return wm_fail(err, WM_FAILED_PRECONDITION, "not yet: no leader was heard");
	out->index = m->applied;
	out->term = m->applied_term;
	wm_configuration_copy(&out->configuration, &m->committed);
	return 0;
}

static int check_taken(struct wm_machine *m, const struct wm_snapshot_meta *meta,
		       struct wm_err *err)
{
	uint64_t term;

	if (!m->is_up)
		return wm_fail(err, WM_FAILED_PRECONDITION, "the log is not available");
	if (meta->index <= m->snapshot.index || meta->index > m->cursor || meta->index < m->first)
		return wm_fail(err, WM_FAILED_PRECONDITION, "a newer snapshot is there");
	if (wm_machine_term_of(m, meta->index, &term) != 0 || term != meta->term)
		return wm_fail(err, WM_FAILED_PRECONDITION, "it is not of this log");
	return 0;
}

int wm_machine_snapshot_taken(struct wm_machine *m, int64_t now_ms,
			      const struct wm_snapshot_meta *meta, uint32_t trailing,
			      uint64_t *keep, struct wm_err *err)
{
	struct raft_event event = {.type = RAFT_SNAPSHOT};
	struct raft_snapshot_metadata *to = &event.snapshot.metadata;

	wm_machine_begin(m, now_ms);
	int rv = check_taken(m, meta, err);

	if (rv != 0) {
		wm_machine_end(m);
		return rv;
	}
	to->index = meta->index;
	to->term = meta->term;
	to->configuration = wm_machine_to_raft(&meta->configuration);
	to->configuration_index = meta->configuration.index;
	event.snapshot.trailing = trailing;
	wm_snapshot_meta_copy(&m->snapshot, meta);
	if (meta->index > trailing && meta->index - trailing >= m->first)
		m->first = meta->index - trailing + 1;
	m->counts[WM_COUNT_SNAPSHOTS_TAKEN]++;
	wm_machine_step(m, &event);
	*keep = m->first;
	wm_machine_end(m);
	return 0;
}

/* ---- getting ---- */

static struct raft_message to_message(struct wm_machine *m, const struct wm_snapshot_meta *meta,
				      uint64_t from, const char *node_id, uint64_t term)
{
	struct raft_message msg = {
		.type = RAFT_INSTALL_SNAPSHOT,
		.server_id = from,
		.server_address = node_id,
	};

	msg.install_snapshot.term = term;
	msg.install_snapshot.last_index = meta->index;
	msg.install_snapshot.last_term = meta->term;
	msg.install_snapshot.conf = wm_machine_to_raft(&meta->configuration);
	msg.install_snapshot.conf_index = meta->configuration.index;
	return msg;
}

static int deliver(struct wm_machine *m, const struct wm_snapshot_meta *meta)
{
	struct raft_message msg =
		to_message(m, meta, m->offer.from, m->offer.node_id, m->offer.term);
	struct raft_event event = {.type = RAFT_RECEIVE};

	event.receive.message = &msg;
	return wm_machine_step(m, &event);
}

/* Whether we lack what it holds. @conflict: our committed log has something else there. */
static int is_needed(struct wm_machine *m, const struct wm_snapshot_meta *meta, bool *needed,
		     bool *conflict)
{
	uint64_t term, done = m->applied > m->cursor ? m->applied : m->cursor;

	*needed = *conflict = false;
	if (meta->index <= m->snapshot.index)
		return 0;
	if (wm_machine_term_of(m, meta->index, &term) != 0)
		return m->failure;
	*needed = term != meta->term && meta->index > done;
	*conflict = term != 0 && term != meta->term && meta->index <= done;
	return 0;
}

/* Gives libraft what was fetched, if there is a leader in whose name, and a need. */
static void use_ready(struct wm_machine *m)
{
	bool needed, conflict;

	if (m->raft.state == RAFT_LEADER || m->offer.term != raft_current_term(&m->raft))
		return;
	m->has_ready = false;
	if (is_needed(m, &m->ready, &needed, &conflict) != 0 || !needed)
		return;
	deliver(m, &m->ready);
}

static void note_offer(struct wm_machine *m, const char *node_id, const struct wm_frame *f)
{
	m->offer.from = f->from;
	m->offer.term = f->term;
	snprintf(m->offer.node_id, sizeof(m->offer.node_id), "%s", node_id);
}

void wm_machine_offered(struct wm_machine *m, const char *node_id, struct wm_frame *f)
{
	struct wm_snapshot_meta meta = {f->index, f->index_term, f->snapshot};
	bool needed, conflict;
	struct wm_err why;

	note_offer(m, node_id, f);
	if (is_needed(m, &meta, &needed, &conflict) != 0)
		return;
	if (conflict) {
		wm_fail(&why, WM_DATA_LOSS, "the leader's snapshot differs from our log");
		m->is_stopped = true;
		wm_machine_break(m, &why);
	} else if (!needed) {
		deliver(m, &meta); /* libraft answers that we have it */
	} else if (m->has_ready) {
		use_ready(m);
	} else if (!m->is_fetching) {
		m->is_fetching = true;
		m->io->fetch(m->arg, node_id, &meta);
	}
}

void wm_machine_snapshot_ready(struct wm_machine *m, int64_t now_ms,
			       const struct wm_snapshot_meta *meta)
{
	wm_machine_begin(m, now_ms);
	m->is_fetching = false;
	wm_snapshot_meta_copy(&m->ready, meta);
	m->has_ready = true;
	if (m->is_up)
		use_ready(m);
	wm_machine_end(m);
}

void wm_machine_snapshot_failed(struct wm_machine *m)
{
	m->is_fetching = false;
}

static void move_to(struct wm_machine *m, const struct wm_snapshot_meta *meta)
{
	wm_snapshot_meta_copy(&m->snapshot, meta);
	wm_configuration_copy(&m->committed, &meta->configuration);
	m->first = meta->index + 1;
	m->last = m->cursor = m->applied = meta->index;
	m->applied_term = meta->term;
	m->counts[WM_COUNT_SNAPSHOTS_INSTALLED]++;
	m->io->on_configuration(m->arg, &m->committed);
}

int wm_machine_install(struct wm_machine *m, struct raft_update *update)
{
	struct raft_event event = {.type = RAFT_PERSISTED_SNAPSHOT};
	struct wm_err err = m->why;

	if (m->failure != 0 || m->io->install(m->arg, &m->ready, &err) != 0) {
		raft_configuration_close(&update->snapshot.metadata.configuration);
		return wm_machine_break(m, &err);
	}
	move_to(m, &m->ready);
	event.persisted_snapshot.metadata = update->snapshot.metadata;
	event.persisted_snapshot.last = true;
	int rv = wm_machine_step(m, &event);

	wm_machine_update_members(m);
	return rv;
}
