/*
 * What members send, from its bytes to libraft: decoded, filtered, cut in front of every change of
 * membership, and handed over.
 */
#include "cluster/machine_impl.h"
#include <string.h>

static struct wm_filter_view look(struct wm_machine *m, uint64_t from)
{
	const struct raft *r = &m->raft;
	struct wm_filter_view v = {
		.self = m->opts.id,
		.state = r->state == RAFT_LEADER      ? WM_MACHINE_LEADER
			 : r->state == RAFT_CANDIDATE ? WM_MACHINE_CANDIDATE
						      : WM_MACHINE_FOLLOWER,
		.in_pre_vote = r->state == RAFT_CANDIDATE && r->candidate_state.in_pre_vote,
		.is_sole = wm_machine_is_sole(m),
		.no_votes = m->now < m->votes_from && !WM_DEFECT(VOTE_AT_ONCE),
		.term = raft_current_term(r),
		.commit = raft_commit_index(r),
		.snapshot = m->snapshot.index,
		.first = m->first,
		.last = m->last,
		.c = &m->newest,
	};
	const struct wm_peer *p = wm_machine_peer(m, from);
	raft_index match;

	if (p != NULL && raft_match_index(r, from, &match) == 0) {
		v.match = match;
		v.success = p->success;
	}
	return v;
}

static void refuse(struct wm_machine *m, enum wm_verdict verdict, const char *node_id,
		   const struct wm_err *why)
{
	if (verdict != WM_VERDICT_DROP)
		m->counts[WM_COUNT_FRAMES_REFUSED]++;
	if (verdict == WM_VERDICT_REFUSE)
		wm_machine_alarm(m, WM_ALARM_REFUSED, node_id, why);
	else if (verdict == WM_VERDICT_TWO_LEADERS)
		wm_machine_alarm(m, WM_ALARM_TWO_LEADERS, node_id, why);
	else if (verdict == WM_VERDICT_LOST_DATA)
		wm_machine_alarm(m, WM_ALARM_LOST_DATA, node_id, why);
}

/* ---- entries ---- */

/* All entries of a message in one block, each pointing to it. */
static void *take_block(const struct wm_entry *from, size_t n, struct raft_entry *to)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++)
		size += from[i].len;
	uint8_t *block = wm_raft_alloc(size + 1), *at = block;

	for (size_t i = 0; i < n; i++) {
		to[i] = (struct raft_entry){
			.term = from[i].term,
			.type = from[i].kind == WM_ENTRY_CHANGE    ? RAFT_CHANGE
				: from[i].kind == WM_ENTRY_BARRIER ? RAFT_BARRIER
								   : RAFT_COMMAND,
			.buf = {at, from[i].len},
			.batch = block,
		};
		if (from[i].len > 0)
			memcpy(at, from[i].data, from[i].len);
		at += from[i].len;
	}
	return block;
}

/* @n entries from @at on, as a message of their own. */
static int deliver_part(struct wm_machine *m, const char *node_id, const struct wm_frame *f,
			size_t at, size_t n, uint64_t commit)
{
	struct raft_message msg = {
		.type = RAFT_APPEND_ENTRIES,
		.server_id = f->from,
		.server_address = node_id,
	};
	struct raft_append_entries *a = &msg.append_entries;
	struct raft_event event = {.type = RAFT_RECEIVE};
	struct raft_entry *entries = n > 0 ? wm_raft_alloc(n * sizeof(*entries)) : NULL;

	a->term = f->term;
	a->prev_log_index = f->index + at;
	a->prev_log_term = at > 0 ? f->entries[at - 1].term : f->index_term;
	a->leader_commit = commit;
	a->entries = entries;
	a->n_entries = (unsigned)n;
	if (n > 0)
		take_block(f->entries + at, n, entries);
	event.receive.message = &msg;
	int rv = wm_machine_step(m, &event);

	raft_free(entries);
	return rv;
}

/*
 * libraft records a change under the index of the first entry of its message, so a change begins a
 * message. And it rolls back to the last configuration that it was told to be committed, which the
 * change before this one may not be yet: but it is, for otherwise no leader would have made this
 * one. That is said first, in a message without entries.
 */
static int deliver_before_change(struct wm_machine *m, const char *node_id,
				 const struct wm_frame *f, size_t at)
{
	uint64_t open = m->raft.configuration_uncommitted_index;

	if (f->entries[at].kind != WM_ENTRY_CHANGE || open == 0 || open > f->index + at)
		return 0;
	return deliver_part(m, node_id, f, at, 0, f->commit > open ? f->commit : open);
}

static int deliver_entries(struct wm_machine *m, const char *node_id, const struct wm_frame *f)
{
	size_t at = 0;
	int rv = 0;

	if (f->n_entries == 0 || WM_DEFECT(NO_SPLIT))
		return deliver_part(m, node_id, f, 0, f->n_entries, f->commit);
	while (rv == 0 && at < f->n_entries) {
		size_t n = 1;

		while (at + n < f->n_entries && f->entries[at + n].kind != WM_ENTRY_CHANGE)
			n++;
		rv = deliver_before_change(m, node_id, f, at);
		if (rv == 0)
			rv = deliver_part(m, node_id, f, at, n, f->commit);
		at += n;
	}
	return rv;
}

/* The lowest entry of ours that can be compared with another's, 0 when all can. */
static int find_base(struct wm_machine *m, uint64_t *base, uint64_t *term)
{
	*base = *term = 0;
	if (m->first == 1)
		return 0;
	*base = m->snapshot.index + 1 == m->first ? m->snapshot.index : m->first;
	return wm_machine_term_of(m, *base, term);
}

static void receive_append(struct wm_machine *m, const char *node_id,
			   const struct wm_filter_view *v, struct wm_frame *f)
{
	uint64_t base, term;

	if (find_base(m, &base, &term) != 0)
		return;
	if (!WM_DEFECT(NO_FILTER))
		wm_filter_trim(v, base, term, f);
	if (deliver_entries(m, node_id, f) != 0)
		return;
	if (m->is_up && m->raft.state == RAFT_FOLLOWER && f->term == raft_current_term(&m->raft)) {
		m->heard = m->now;
		m->leader_id = f->from;
		strcpy(m->leader_node, node_id);
		wm_machine_update_role(m);
	}
}

/* ---- the rest ---- */

static void deliver(struct wm_machine *m, struct raft_message *msg)
{
	struct raft_event event = {.type = RAFT_RECEIVE};

	event.receive.message = msg;
	wm_machine_step(m, &event);
}

static void receive_result(struct wm_machine *m, struct raft_message *msg, const struct wm_frame *f)
{
	struct wm_peer *p = wm_machine_peer(m, f->from);

	if (p != NULL && f->term == raft_current_term(&m->raft) && f->number <= m->number) {
		if (f->number > p->echoed)
			p->echoed = f->number;
		if (f->rejected == 0)
			p->success = m->number;
	}
	msg->type = RAFT_APPEND_ENTRIES_RESULT;
	msg->append_entries_result = (struct raft_append_entries_result){
		.version = 2,
		.term = f->term,
		.rejected = f->rejected,
		.last_log_index = f->last,
		.features = f->features,
		.capacity = f->capacity,
	};
	deliver(m, msg);
}

/* Our own place in libraft's configuration, if we are an observer there. */
static struct raft_server *find_observing_self(struct wm_machine *m)
{
	struct raft_configuration *c = &m->raft.configuration;

	for (unsigned i = 0; i < c->n; i++) {
		if (c->servers[i].id == m->opts.id && c->servers[i].role == RAFT_STANDBY)
			return &c->servers[i];
	}
	return NULL;
}

/*
 * libraft has no vote for who knows of itself as an observer only. But the candidate may know of a
 * promotion that did not reach us: of one voter and a second that was just made, neither could be
 * elected ever again. Who may vote is the candidate's to know (Raft's dissertation, 4.1), so for
 * this one message we are a voter. An observer's patience never ends in libraft, so that is ours
 * too.
 */
static void receive_vote(struct wm_machine *m, struct raft_message *msg, const struct wm_frame *f)
{
	struct raft_server *self = m->raft.state == RAFT_FOLLOWER ? find_observing_self(m) : NULL;

	msg->type = RAFT_REQUEST_VOTE;
	msg->request_vote = (struct raft_request_vote){
		.version = 2,
		.term = f->term,
		.candidate_id = f->from,
		.last_log_index = f->index,
		.last_log_term = f->index_term,
		.disrupt_leader = f->disrupt,
		.pre_vote = f->pre_vote,
	};
	if (self != NULL)
		self->role = RAFT_VOTER;
	if (self != NULL && m->now - m->heard >= 2 * (int64_t)m->opts.election_ms)
		m->raft.follower_state.current_leader.id = 0;
	deliver(m, msg);
	if (self != NULL)
		self->role = RAFT_STANDBY;
}

static void receive_vote_result(struct wm_machine *m, struct raft_message *msg,
				const struct wm_frame *f)
{
	msg->type = RAFT_REQUEST_VOTE_RESULT;
	msg->request_vote_result = (struct raft_request_vote_result){
		.version = 2,
		.term = f->term,
		.vote_granted = f->granted,
		.pre_vote = f->pre_vote,
		.features = f->features,
		.capacity = f->capacity,
	};
	deliver(m, msg);
}

static void receive_timeout_now(struct wm_machine *m, struct raft_message *msg,
				const struct wm_frame *f)
{
	msg->type = RAFT_TIMEOUT_NOW;
	msg->timeout_now = (struct raft_timeout_now){
		.term = f->term,
		.last_log_index = f->index,
		.last_log_term = f->index_term,
	};
	deliver(m, msg);
}

static void dispatch(struct wm_machine *m, const char *node_id, const struct wm_filter_view *v,
		     struct wm_frame *f)
{
	struct raft_message msg = {.server_id = f->from, .server_address = node_id};

	switch (f->kind) {
	case WM_FRAME_APPEND: receive_append(m, node_id, v, f); break;
	case WM_FRAME_APPEND_RESULT: receive_result(m, &msg, f); break;
	case WM_FRAME_VOTE: receive_vote(m, &msg, f); break;
	case WM_FRAME_VOTE_RESULT: receive_vote_result(m, &msg, f); break;
	case WM_FRAME_SNAPSHOT: wm_machine_offered(m, node_id, f); break;
	case WM_FRAME_TIMEOUT_NOW: receive_timeout_now(m, &msg, f); break;
	case WM_FRAME_ASK: wm_machine_answer(m, node_id, f); break;
	case WM_FRAME_ANSWER: wm_machine_answered(m, f); break;
	}
}

static void note_contact(struct wm_machine *m, const struct wm_frame *f)
{
	struct wm_peer *p = wm_machine_peer(m, f->from);

	if (p == NULL)
		return;
	p->contact = m->now;
	if (f->features & 1) {
		p->has_capacity = true;
		p->capacity = f->capacity;
	}
}

static void receive(struct wm_machine *m, const char *node_id, const uint8_t *frame, size_t len)
{
	struct wm_frame f;
	struct wm_err why;

	m->counts[WM_COUNT_FRAMES_IN]++;
	if (wm_frame_decode(frame, len, &f, &why) != 0) {
		refuse(m, WM_VERDICT_REFUSE, node_id, &why);
		return;
	}
	struct wm_filter_view v = look(m, f.from);
	enum wm_verdict verdict = wm_filter_check(&v, node_id, &f, &why);

	if (verdict == WM_VERDICT_PASS || WM_DEFECT(NO_FILTER)) {
		note_contact(m, &f);
		m->answering = f.number;
		m->answering_old = f.term < v.term;
		dispatch(m, node_id, &v, &f);
	} else {
		refuse(m, verdict, node_id, &why);
	}
	wm_frame_fini(&f);
}

void wm_machine_receive(struct wm_machine *m, int64_t now_ms, const char *node_id,
			const uint8_t *frame, size_t len)
{
	wm_machine_begin(m, now_ms);
	if (!m->is_up || !wm_ident_is_node(node_id, strlen(node_id)))
		return;
	receive(m, node_id, frame, len);
	wm_machine_end(m);
}
