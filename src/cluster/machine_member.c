/*
 * Who is a member: one change at a time, each of one member, made by the leader, never of itself.
 * libraft checks none of this. Before the first change of a leader something of its own term has to
 * be committed: else two leaders, each with a change that the other lacks, could both find a
 * majority (libraft writes such an entry only when it has something uncommitted).
 */
#include "base/mem.h"
#include "cluster/machine_impl.h"
#include <stdio.h>
#include <string.h>

static void end_change(struct wm_machine *m, const struct wm_err *err)
{
	bool is_purge = m->change.is_purge;

	m->change.phase = WM_CHANGE_IDLE;
	if (err == NULL)
		m->counts[is_purge ? WM_COUNT_PURGES : WM_COUNT_CHANGES]++;
	if (!is_purge)
		m->io->changed(m->arg, m->change.token, err);
}

static void take_out(struct wm_configuration *c, uint64_t id)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->members[i].id != id)
			continue;
		memmove(&c->members[i], &c->members[i + 1], (c->n - i - 1) * sizeof(*c->members));
		c->n--;
		return;
	}
}

static void set_role(struct wm_configuration *c, uint64_t id, enum wm_member_role role)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->members[i].id == id)
			c->members[i].role = role;
	}
}

/* The whole next configuration. */
static void make_next(const struct wm_machine *m, enum wm_change_kind kind, uint64_t id,
		      const char *node_id, struct wm_configuration *next)
{
	wm_configuration_copy(next, &m->newest);
	switch (kind) {
	case WM_CHANGE_ADD: wm_configuration_add(next, id, node_id, WM_MEMBER_OBSERVER); break;
	case WM_CHANGE_PROMOTE: set_role(next, id, WM_MEMBER_VOTER); break;
	case WM_CHANGE_DEMOTE: set_role(next, id, WM_MEMBER_OBSERVER); break;
	case WM_CHANGE_REMOVE: take_out(next, id); break;
	}
}

/* Those heard within the longest patience of a follower, and ourselves, are a majority of @c. */
static bool has_present_majority(struct wm_machine *m, const struct wm_configuration *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct wm_peer *p = wm_machine_peer(m, c->members[i].id);

		if (c->members[i].role != WM_MEMBER_VOTER || p == NULL)
			continue;
		n += p->id == m->opts.id ||
		     (p->contact >= 0 && m->now - p->contact <= 2 * (int64_t)m->opts.election_ms);
	}
	return n > wm_configuration_voters(c) / 2;
}

static int check_state(struct wm_machine *m, struct wm_err *err)
{
	if (!wm_machine_leads(m))
		return wm_fail(err, WM_FAILED_PRECONDITION, "not the leader");
	if (m->transfer.is_on)
		return wm_fail(err, WM_FAILED_PRECONDITION, "leadership is being handed over");
	if (m->change.phase != WM_CHANGE_IDLE || m->raft.configuration_uncommitted_index != 0)
		return wm_fail(err, WM_FAILED_PRECONDITION, "another change of membership runs");
	if (m->opts.reserve != 0 && wm_machine_capacity(m) < m->opts.reserve)
		return wm_fail(err, WM_RESOURCE_EXHAUSTED, "the disk is nearly full");
	return 0;
}

static int check_add(const struct wm_machine *m, const struct wm_member_change *c,
		     struct wm_err *err)
{
	if (c->id == 0 || c->node_id == NULL || !wm_ident_is_node(c->node_id, strlen(c->node_id)))
		return wm_fail(err, WM_INVALID_ARGUMENT, "a member needs an ID and a node ID");
	if (wm_configuration_find(&m->newest, c->id) != NULL)
		return wm_fail(err, WM_ALREADY_EXISTS, "the ID is a member's");
	if (wm_configuration_find_node(&m->newest, c->node_id) != NULL)
		return wm_fail(err, WM_ALREADY_EXISTS, "%s is a member, remove what it was first",
			       c->node_id);
	if (m->newest.n >= WM_MEMBERS_MAX)
		return wm_fail(err, WM_RESOURCE_EXHAUSTED, "there are %d members already",
			       WM_MEMBERS_MAX);
	return 0;
}

static int check_known(struct wm_machine *m, const struct wm_member_change *c, struct wm_err *err)
{
	const struct wm_member *member = wm_configuration_find(&m->newest, c->id);
	struct wm_configuration next = {0};
	bool good;

	if (member == NULL)
		return wm_fail(err, WM_NOT_FOUND, "no such member");
	if ((c->kind == WM_CHANGE_PROMOTE && member->role == WM_MEMBER_VOTER) ||
	    (c->kind == WM_CHANGE_DEMOTE && member->role == WM_MEMBER_OBSERVER))
		return wm_fail(err, WM_ALREADY_EXISTS, "%s has this role already", member->node_id);
	if (c->kind == WM_CHANGE_PROMOTE)
		return 0;
	if (c->id == m->opts.id)
		return wm_fail(err, WM_FAILED_PRECONDITION,
			       "the leader cannot take itself out: hand leadership over first");
	if (member->role == WM_MEMBER_OBSERVER)
		return 0;
	make_next(m, c->kind, c->id, NULL, &next);
	good = has_present_majority(m, &next);
	wm_configuration_fini(&next);
	if (!good)
		return wm_fail(err, WM_FAILED_PRECONDITION,
			       "too few voters are here to decide anything without %s",
			       member->node_id);
	return 0;
}

static void submit_change(struct wm_machine *m)
{
	struct wm_configuration next = {0};
	struct wm_buf bytes = {0};
	struct wm_err err;
	int refused = 0;

	make_next(m, m->change.kind, m->change.id, m->change.node_id, &next);
	int rv = wm_configuration_check_step(&m->newest, &next, &err);

	if (rv == 0) {
		wm_configuration_encode(&next, &bytes);
		m->change.phase = WM_CHANGE_SUBMITTED;
		m->change.index = raft_last_index(&m->raft) + 1;
		if (wm_machine_submit(m, WM_ENTRY_CHANGE, bytes.data, bytes.len, &refused) == 0 &&
		    refused != 0)
			rv = wm_fail(&err, WM_FAILED_PRECONDITION, "libraft refused it: %s",
				     raft_strerror(refused));
	}
	if (rv != 0)
		end_change(m, &err);
	wm_configuration_fini(&next);
	wm_buf_fini(&bytes);
}

/* libraft never ends the catching up of who has all, so that goes by without it. */
static void begin_catching(struct wm_machine *m)
{
	struct raft_event event = {.type = RAFT_CATCH_UP};
	raft_index match = 0;

	if (raft_match_index(&m->raft, m->change.id, &match) == 0 &&
	    match == raft_last_index(&m->raft)) {
		submit_change(m);
		return;
	}
	m->change.phase = WM_CHANGE_CATCHING;
	event.catch_up.server_id = m->change.id;
	wm_machine_step(m, &event);
}

static void pump_catching(struct wm_machine *m)
{
	int status = RAFT_CATCH_UP_NONE;
	struct wm_err err;

	if (raft_catch_up(&m->raft, m->change.id, &status) != 0)
		return;
	if (status == RAFT_CATCH_UP_FINISHED) {
		submit_change(m);
	} else if (status != RAFT_CATCH_UP_RUNNING) {
		wm_fail(&err, WM_DEADLINE_EXCEEDED, "the member does not catch up");
		end_change(m, &err);
	}
}

static void go_on(struct wm_machine *m)
{
	if (m->change.kind == WM_CHANGE_PROMOTE)
		begin_catching(m);
	else
		submit_change(m);
}

static void start_change(struct wm_machine *m)
{
	int refused;

	if (m->has_own_committed) {
		go_on(m);
		return;
	}
	m->change.phase = WM_CHANGE_BARRIER;
	if (raft_last_index(&m->raft) == raft_commit_index(&m->raft))
		wm_machine_submit(m, WM_ENTRY_BARRIER, NULL, 0, &refused);
}

int wm_machine_change(struct wm_machine *m, int64_t now_ms, const struct wm_member_change *change,
		      uint64_t token, struct wm_err *err)
{
	wm_machine_begin(m, now_ms);
	int rv = check_state(m, err);

	if (rv == 0)
		rv = change->kind == WM_CHANGE_ADD ? check_add(m, change, err)
						   : check_known(m, change, err);
	if (rv != 0)
		return rv;
	m->change.is_purge = false;
	m->change.kind = change->kind;
	m->change.id = change->id;
	m->change.token = token;
	snprintf(m->change.node_id, sizeof(m->change.node_id), "%s",
		 change->kind == WM_CHANGE_ADD ? change->node_id : "");
	start_change(m);
	wm_machine_end(m);
	return 0;
}

/* ---- purge ---- */

static uint64_t choose_gone(struct wm_machine *m)
{
	struct wm_purge_voter voters[WM_MEMBERS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < m->newest.n; i++) {
		const struct wm_peer *p = &m->peers[i];
		/* A new leader listens for the whole time before it judges. */
		int64_t since = p->contact > m->leader_since ? p->contact : m->leader_since;

		if (m->newest.members[i].role == WM_MEMBER_VOTER)
			voters[n++] =
				(struct wm_purge_voter){p->id, p->id == m->opts.id, m->now - since};
	}
	return wm_purge_choose(voters, n, m->opts.election_ms, m->opts.purge_ms);
}

static void pump_purge(struct wm_machine *m)
{
	uint64_t gone;
	struct wm_err err;

	if (m->opts.purge_ms == 0 || m->now < m->no_purge_before || check_state(m, &err) != 0)
		return;
	gone = choose_gone(m);
	if (gone == 0)
		return;
	m->no_purge_before = m->now + m->opts.election_ms;
	m->change.is_purge = true;
	m->change.kind = WM_CHANGE_DEMOTE;
	m->change.id = gone;
	start_change(m);
}

void wm_machine_pump_members(struct wm_machine *m)
{
	if (!wm_machine_leads(m))
		return;
	if (m->change.phase == WM_CHANGE_BARRIER && m->has_own_committed)
		go_on(m);
	else if (m->change.phase == WM_CHANGE_CATCHING)
		pump_catching(m);
	if (m->failure == 0 && m->change.phase == WM_CHANGE_SUBMITTED &&
	    m->cursor >= m->change.index)
		end_change(m, NULL);
	if (m->failure == 0 && m->change.phase == WM_CHANGE_IDLE)
		pump_purge(m);
}
