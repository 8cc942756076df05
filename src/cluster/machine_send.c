/* libraft's messages become frames. It names entries by their indexes only: they come from here. */
#include "cluster/machine_impl.h"
#include <string.h>

/* 20 bits count within a millisecond; the rest is the time since opening, which leases go by. */
static uint64_t next_number(struct wm_machine *m)
{
	uint64_t now = (uint64_t)(m->now - m->opened) << 20;

	m->number = m->number + 1 > now ? m->number + 1 : now + 1;
	return m->number;
}

static bool is_answer(enum wm_frame_kind kind)
{
	return kind == WM_FRAME_APPEND_RESULT || kind == WM_FRAME_VOTE_RESULT ||
	       kind == WM_FRAME_ANSWER;
}

void wm_machine_send_frame(struct wm_machine *m, uint64_t to, const char *node_id,
			   struct wm_frame *f)
{
	f->from = m->opts.id;
	f->to = to;
	/* An earlier life of the leader counted otherwise: its numbers go back to nobody. */
	if (is_answer(f->kind))
		f->number = m->answering_old ? 0 : m->answering;
	else
		f->number = next_number(m);
	wm_buf_clear(&m->out);
	wm_frame_encode(f, &m->out);
	m->counts[WM_COUNT_FRAMES_OUT]++;
	m->io->send(m->arg, node_id, m->out.data, m->out.len);
}

/* What is not durable yet, and the durable log before it. */
struct source {
	uint64_t fresh_first;
	const struct wm_entry *fresh;
	size_t n_fresh;
};

/* From @first on as many of @*n entries as fit into a frame, at least one. */
static int get_entries(struct wm_machine *m, const struct source *s, uint64_t first,
		       struct wm_entry *out, size_t *n)
{
	size_t bytes = 0, got = 0;

	if (s->n_fresh == 0 || first < s->fresh_first) {
		if (s->n_fresh > 0 && first + *n > s->fresh_first)
			*n = (size_t)(s->fresh_first - first);
		return wm_machine_log(m, first, WM_FRAME_TARGET, out, n);
	}
	for (; got < *n; got++) {
		out[got] = s->fresh[first - s->fresh_first + got];
		bytes += out[got].len + WM_FRAME_ENTRY_SIZE;
		if (got > 0 && bytes > WM_FRAME_TARGET)
			break;
	}
	*n = got;
	return 0;
}

/*
 * One message, or several valid ones when it is long. What is beyond all measure is left out, as if
 * the network had lost it: the answer to what did go brings the rest.
 */
static int send_append(struct wm_machine *m, const struct raft_message *msg, const struct source *s)
{
	const struct raft_append_entries *a = &msg->append_entries;
	size_t left = a->n_entries, bytes = 0;
	struct wm_frame f = {
		.kind = WM_FRAME_APPEND,
		.term = a->term,
		.index = a->prev_log_index,
		.index_term = a->prev_log_term,
		.commit = a->leader_commit,
		.entries = m->scratch,
	};

	do {
		f.n_entries = left < WM_FRAME_ENTRIES_MAX ? left : WM_FRAME_ENTRIES_MAX;
		if (left > 0 && get_entries(m, s, f.index + 1, f.entries, &f.n_entries) != 0)
			return m->failure;
		wm_machine_send_frame(m, msg->server_id, msg->server_address, &f);
		bytes += m->out.len;
		left -= f.n_entries;
		f.index += f.n_entries;
		if (f.n_entries > 0)
			f.index_term = f.entries[f.n_entries - 1].term;
	} while (left > 0 && bytes < WM_MESSAGE_TARGET);
	return 0;
}

/* The offer of our newest snapshot, which is at least the one that libraft means. */
static void send_offer(struct wm_machine *m, const struct raft_message *msg)
{
	struct wm_frame f = {
		.kind = WM_FRAME_SNAPSHOT,
		.term = msg->install_snapshot.term,
		.index = m->snapshot.index,
		.index_term = m->snapshot.term,
		.snapshot = m->snapshot.configuration, /* borrowed */
	};

	m->counts[WM_COUNT_SNAPSHOTS_OFFERED]++;
	wm_machine_send_frame(m, msg->server_id, msg->server_address, &f);
}

static void send_append_result(struct wm_machine *m, const struct raft_message *msg)
{
	const struct raft_append_entries_result *r = &msg->append_entries_result;
	struct wm_frame f = {
		.kind = WM_FRAME_APPEND_RESULT,
		.term = r->term,
		.rejected = r->rejected,
		.last = r->last_log_index,
		.features = r->features,
		.capacity = r->capacity,
	};

	/* libraft leaves it uninitialised in an answer to an earlier term, where nobody reads it.
	 */
	if (m->answering_old)
		f.last = 0;
	wm_machine_send_frame(m, msg->server_id, msg->server_address, &f);
}

static void send_vote(struct wm_machine *m, const struct raft_message *msg)
{
	const struct raft_request_vote *v = &msg->request_vote;
	struct wm_frame f = {
		.kind = WM_FRAME_VOTE,
		.term = v->term,
		.index = v->last_log_index,
		.index_term = v->last_log_term,
		.pre_vote = v->pre_vote,
		.disrupt = v->disrupt_leader,
	};

	wm_machine_send_frame(m, msg->server_id, msg->server_address, &f);
}

static void send_vote_result(struct wm_machine *m, const struct raft_message *msg)
{
	const struct raft_request_vote_result *v = &msg->request_vote_result;
	struct wm_frame f = {
		.kind = WM_FRAME_VOTE_RESULT,
		.term = v->term,
		.pre_vote = v->pre_vote,
		.granted = v->vote_granted,
		.features = v->features,
		.capacity = v->capacity,
	};

	/*
	 * libraft repeats the term that a trial asked for. Who has the best log and an old term
	 * would never hear of ours, ask for a term that is gone for ever, and nobody would lead.
	 */
	if (v->pre_vote && !v->vote_granted && raft_current_term(&m->raft) > v->term)
		f.term = raft_current_term(&m->raft);
	wm_machine_send_frame(m, msg->server_id, msg->server_address, &f);
}

static void send_timeout_now(struct wm_machine *m, const struct raft_message *msg)
{
	struct wm_frame f = {
		.kind = WM_FRAME_TIMEOUT_NOW,
		.term = msg->timeout_now.term,
		.index = msg->timeout_now.last_log_index,
		.index_term = msg->timeout_now.last_log_term,
	};

	wm_machine_send_frame(m, msg->server_id, msg->server_address, &f);
}

static int send_one(struct wm_machine *m, const struct raft_message *msg, const struct source *s)
{
	switch (msg->type) {
	case RAFT_APPEND_ENTRIES: return send_append(m, msg, s);
	case RAFT_APPEND_ENTRIES_RESULT: send_append_result(m, msg); break;
	case RAFT_REQUEST_VOTE: send_vote(m, msg); break;
	case RAFT_REQUEST_VOTE_RESULT: send_vote_result(m, msg); break;
	case RAFT_INSTALL_SNAPSHOT: send_offer(m, msg); break;
	case RAFT_TIMEOUT_NOW: send_timeout_now(m, msg); break;
	}
	return 0;
}

int wm_machine_send(struct wm_machine *m, const struct raft_update *update, uint64_t fresh_first,
		    const struct wm_entry *fresh, size_t n_fresh)
{
	struct source s = {fresh_first, fresh, n_fresh};
	int rv = 0;

	if (!(update->flags & (RAFT_UPDATE_MESSAGES)))
		return 0;
	for (unsigned i = 0; i < update->messages.n && rv == 0; i++)
		rv = send_one(m, &update->messages.batch[i], &s);
	return rv;
}
