/*
 * Handing leadership over: no more proposals, wait until the other has all of ours, and let it
 * stand for election at once. libraft's own way of waiting ends in nothing while proposals come.
 */
#include "cluster/machine_impl.h"

/* How much of our log the voter has; 0 for whom we have not heard lately. */
static uint64_t match_of(struct wm_machine *m, size_t i)
{
	const struct wm_member *member = &m->newest.members[i];
	const struct wm_peer *p = &m->peers[i];
	raft_index match = 0;

	if (member->id == m->opts.id || member->role != WM_MEMBER_VOTER || p->contact < 0 ||
	    m->now - p->contact > m->opts.election_ms ||
	    raft_match_index(&m->raft, member->id, &match) != 0)
		return 0;
	return match;
}

static bool has_room(const struct wm_machine *m, size_t i)
{
	return m->opts.reserve == 0 || !m->peers[i].has_capacity ||
	       m->peers[i].capacity >= m->opts.reserve / 1024;
}

static uint64_t choose(struct wm_machine *m)
{
	uint64_t best = 0, most = 0;

	for (size_t i = 0; i < m->newest.n; i++) {
		uint64_t match = match_of(m, i);

		if (match > most && has_room(m, i)) {
			most = match;
			best = m->newest.members[i].id;
		}
	}
	return best;
}

static void begin(struct wm_machine *m, uint64_t to, bool is_silent)
{
	m->transfer.is_on = true;
	m->transfer.is_fired = false;
	m->transfer.is_silent = is_silent;
	m->transfer.to = to;
	m->transfer.since = m->now;
	m->lease_void = true;
	wm_machine_update_role(m);
}

void wm_machine_end_transfer(struct wm_machine *m, const struct wm_err *err)
{
	if (!m->transfer.is_on)
		return;
	m->transfer.is_on = false;
	if (err == NULL)
		m->counts[WM_COUNT_TRANSFERS]++;
	if (!m->transfer.is_silent)
		m->io->transferred(m->arg, err);
}

static void fire(struct wm_machine *m)
{
	struct raft_event event = {.type = RAFT_TRANSFER};
	int refused;

	event.transfer.server_id = m->transfer.to;
	m->transfer.is_fired = true;
	m->transfer.since = m->now;
	/* A refusal shows as what an abort shows: libraft hands over to nobody. */
	wm_machine_try(m, &event, &refused);
}

void wm_machine_pump_transfer(struct wm_machine *m)
{
	raft_index match;
	struct wm_err err;

	if (!m->transfer.is_on || !wm_machine_leads(m))
		return;
	if (!m->transfer.is_fired && raft_match_index(&m->raft, m->transfer.to, &match) == 0 &&
	    match == raft_last_index(&m->raft))
		fire(m);
	if (m->failure != 0 || !m->transfer.is_on)
		return;
	if (m->transfer.is_fired ? raft_transferee(&m->raft) == 0
				 : m->now - m->transfer.since >= m->opts.election_ms) {
		wm_fail(&err, WM_DEADLINE_EXCEEDED, "the other server did not take over in time");
		wm_machine_end_transfer(m, &err);
		wm_machine_update_role(m);
	}
}

int wm_machine_transfer(struct wm_machine *m, int64_t now_ms, uint64_t to, struct wm_err *err)
{
	const struct wm_member *member;

	wm_machine_begin(m, now_ms);
	if (!wm_machine_leads(m))
		return wm_fail(err, WM_FAILED_PRECONDITION, "not the leader");
	if (m->transfer.is_on)
		return wm_fail(err, WM_FAILED_PRECONDITION, "leadership is being handed over");
	if (to == 0) {
		to = choose(m);
		if (to == 0)
			return wm_fail(err, WM_FAILED_PRECONDITION,
				       "no other voter is there to take over");
	}
	member = wm_configuration_find(&m->newest, to);
	if (member == NULL || member->role != WM_MEMBER_VOTER || to == m->opts.id)
		return wm_fail(err, WM_NOT_FOUND, "no other voter has this ID");
	begin(m, to, false);
	wm_machine_end(m);
	return 0;
}

void wm_machine_flee(struct wm_machine *m)
{
	if (m->opts.reserve == 0 || !wm_machine_leads(m) || m->transfer.is_on ||
	    wm_machine_capacity(m) >= m->opts.reserve)
		return;
	uint64_t to = choose(m);

	if (to != 0)
		begin(m, to, true);
}
