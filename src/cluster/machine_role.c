/* What libraft has become, and who has to hear of it. */
#include "base/mem.h"
#include "cluster/machine_impl.h"
#include <stdio.h>
#include <string.h>

static enum wm_machine_state state_of(const struct wm_machine *m)
{
	if (!m->is_up)
		return WM_MACHINE_DOWN;
	return m->raft.state == RAFT_LEADER      ? WM_MACHINE_LEADER
	       : m->raft.state == RAFT_CANDIDATE ? WM_MACHINE_CANDIDATE
						 : WM_MACHINE_FOLLOWER;
}

static void lose_proposals(struct wm_machine *m, const struct wm_err *why)
{
	uint64_t first = m->open_first, last = m->open_last;

	m->open_first = m->open_last = m->open_bytes = 0;
	if (first != 0)
		m->io->lost(m->arg, first, last, why);
}

void wm_machine_drop_leadership(struct wm_machine *m, const struct wm_err *why)
{
	lose_proposals(m, why);
	wm_machine_fail_reads(m, why);
	if (m->change.phase != WM_CHANGE_IDLE) {
		m->change.phase = WM_CHANGE_IDLE;
		if (!m->change.is_purge)
			m->io->changed(m->arg, m->change.token, why);
	}
	/* Whoever handed over is content, whoever lost its disk is rid of it as well. */
	wm_machine_end_transfer(m, NULL);
}

void wm_machine_close_proposal(struct wm_machine *m, uint64_t index)
{
	if (m->open_first == 0)
		return;
	for (; m->open_first <= index && m->open_first <= m->open_last; m->open_first++) {
		uint32_t *len = &m->open_len[m->open_first % WM_OPEN_MAX];

		m->open_bytes -= *len;
		*len = 0;
	}
	if (m->open_first > m->open_last)
		m->open_first = m->open_last = 0;
}

static void begin_leadership(struct wm_machine *m)
{
	m->counts[WM_COUNT_LEADERSHIPS]++;
	m->noted = raft_last_index(&m->raft);
	m->leader_since = m->now;
	m->has_own_committed = false;
	m->lease_void = false;
	for (size_t i = 0; i < m->newest.n; i++)
		m->peers[i].echoed = m->peers[i].success = m->peers[i].answer = 0;
}

static void tell_role(struct wm_machine *m, const struct wm_machine_role *now)
{
	m->told = *now;
	m->io->on_role(m->arg, now);
}

void wm_machine_update_role(struct wm_machine *m)
{
	enum wm_machine_state state = state_of(m);
	uint64_t term = m->is_up ? raft_current_term(&m->raft) : m->told.term;
	bool was_leader = m->told.state == WM_MACHINE_LEADER;
	struct wm_err why;

	if (state == WM_MACHINE_LEADER) {
		m->leader_id = m->opts.id;
		snprintf(m->leader_node, sizeof(m->leader_node), "%s", m->node_id);
	} else if (term != m->told.term || was_leader) {
		m->leader_id = 0;
		m->leader_node[0] = '\0';
	}
	struct wm_machine_role now = {state, term, m->leader_id, m->leader_node,
				      m->transfer.is_on && state == WM_MACHINE_LEADER};

	if (was_leader && (state != WM_MACHINE_LEADER || term != m->told.term)) {
		wm_fail(&why, WM_UNAVAILABLE, "leadership was lost");
		wm_machine_drop_leadership(m, &why);
		now.transferring = false;
	}
	if (state == WM_MACHINE_LEADER && (!was_leader || term != m->told.term))
		begin_leadership(m);
	if (state == WM_MACHINE_CANDIDATE && m->told.state != state)
		m->counts[WM_COUNT_ELECTIONS]++;
	if (state != m->told.state || term != m->told.term || now.leader_id != m->told.leader_id ||
	    now.transferring != m->told.transferring)
		tell_role(m, &now);
}

static void take_configuration(struct wm_machine *m)
{
	const struct raft_configuration *c = &m->raft.configuration;

	wm_configuration_fini(&m->newest);
	for (unsigned i = 0; i < c->n && i < WM_MEMBERS_MAX; i++)
		wm_configuration_add(&m->newest, c->servers[i].id, c->servers[i].address,
				     c->servers[i].role == RAFT_VOTER ? WM_MEMBER_VOTER
								      : WM_MEMBER_OBSERVER);
	m->newest.index = m->raft.configuration_uncommitted_index != 0
				  ? m->raft.configuration_uncommitted_index
				  : m->raft.configuration_committed_index;
}

void wm_machine_update_members(struct wm_machine *m)
{
	struct wm_peer old[WM_MEMBERS_MAX];
	size_t n = m->newest.n;

	memcpy(old, m->peers, sizeof(old));
	take_configuration(m);
	for (size_t i = 0; i < m->newest.n; i++) {
		struct wm_peer *p = &m->peers[i];

		*p = (struct wm_peer){.id = m->newest.members[i].id, .contact = -1};
		for (size_t j = 0; j < n; j++) {
			if (old[j].id == p->id)
				*p = old[j];
		}
	}
}
