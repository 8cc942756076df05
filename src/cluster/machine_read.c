/*
 * Reads that see all that was acknowledged before them. A leader may serve one when
 *   (a) what its log held at its election is committed and applied, so that nothing that earlier
 *       leaders acknowledged is missing, and
 *   (b) no later leader can have acknowledged anything, which is so if it is the only voter; or
 *       a majority has said, after the read came, that this is still its term; or its lease runs.
 * The lease: a follower that hears of a leader votes for nobody before E has passed on its own
 * clock, nor in its first E after a start. So from the moment when the leader sent the newest frame
 * that a majority has answered, E passes before anybody can be elected; clocks may differ by an
 * eighth. It is void in a term in which leadership was to be handed over, as that is the one
 * election that nobody waits for.
 */
#include "cluster/machine_impl.h"
#include <string.h>

static size_t count_reads(const struct wm_machine *m)
{
	return m->reads.len / sizeof(uint64_t);
}

static bool is_ready(const struct wm_machine *m)
{
	return WM_DEFECT(READ_UNCOMMITTED) || m->cursor >= m->noted;
}

/* The @i-th newest of what the voters have said is said by a majority, us included. */
static bool has_majority(const struct wm_machine *m,
			 bool (*has)(const struct wm_machine *m, const struct wm_peer *p))
{
	size_t n = 0;

	for (size_t i = 0; i < m->newest.n; i++) {
		if (m->newest.members[i].role != WM_MEMBER_VOTER)
			continue;
		n += m->peers[i].id == m->opts.id || has(m, &m->peers[i]);
	}
	return n > wm_configuration_voters(&m->newest) / 2;
}

static bool has_answered(const struct wm_machine *m, const struct wm_peer *p)
{
	return p->answer >= m->ask_number;
}

static bool is_in_lease(const struct wm_machine *m, const struct wm_peer *p)
{
	int64_t sent = m->opened + (int64_t)(p->echoed >> 20);
	int64_t length = m->opts.election_ms - m->opts.election_ms / 8;

	return p->echoed != 0 && m->now < sent + length;
}

static bool has_lease(const struct wm_machine *m)
{
	if (m->opts.no_lease || (m->lease_void && !WM_DEFECT(KEEP_LEASE)))
		return false;
	return has_majority(m, is_in_lease);
}

static void serve(struct wm_machine *m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t token;

		memcpy(&token, m->reads.data + i * sizeof(token), sizeof(token));
		m->io->readable(m->arg, token, NULL);
	}
	wm_buf_consume(&m->reads, n * sizeof(uint64_t));
	m->n_asked = 0;
}

void wm_machine_fail_reads(struct wm_machine *m, const struct wm_err *why)
{
	size_t n = count_reads(m);

	for (size_t i = 0; i < n; i++) {
		uint64_t token;

		memcpy(&token, m->reads.data + i * sizeof(token), sizeof(token));
		m->io->readable(m->arg, token, why);
	}
	wm_buf_clear(&m->reads);
	m->n_asked = 0;
}

static void ask(struct wm_machine *m, bool again)
{
	uint64_t number = 0;

	for (size_t i = 0; i < m->newest.n; i++) {
		const struct wm_member *to = &m->newest.members[i];
		struct wm_frame f = {.kind = WM_FRAME_ASK, .term = raft_current_term(&m->raft)};

		if (to->role != WM_MEMBER_VOTER || to->id == m->opts.id ||
		    (again && has_answered(m, &m->peers[i])))
			continue;
		wm_machine_send_frame(m, to->id, to->node_id, &f);
		if (number == 0)
			number = f.number;
	}
	/* Asked again, an answer to the first time is as good. */
	if (!again)
		m->ask_number = number;
	m->asked_at = m->now;
}

void wm_machine_pump_reads(struct wm_machine *m)
{
	if (!wm_machine_leads(m) || count_reads(m) == 0 || !is_ready(m))
		return;
	if (wm_machine_is_sole(m) || WM_DEFECT(NO_ROUND)) {
		serve(m, count_reads(m));
		return;
	}
	if (has_lease(m)) {
		m->counts[WM_COUNT_LEASE_READS] += count_reads(m);
		serve(m, count_reads(m));
		return;
	}
	if (m->n_asked > 0 && has_majority(m, has_answered)) {
		m->counts[WM_COUNT_ASKED_READS] += m->n_asked;
		serve(m, m->n_asked);
	}
	if (m->n_asked > 0 && m->now >= m->asked_at + m->opts.heartbeat_ms)
		ask(m, true);
	if (m->n_asked == 0 && count_reads(m) > 0) {
		m->n_asked = count_reads(m);
		ask(m, false);
	}
}

void wm_machine_answer(struct wm_machine *m, const char *node_id, const struct wm_frame *f)
{
	struct wm_frame answer = {.kind = WM_FRAME_ANSWER, .term = raft_current_term(&m->raft)};

	wm_machine_send_frame(m, f->from, node_id, &answer);
}

void wm_machine_answered(struct wm_machine *m, const struct wm_frame *f)
{
	struct wm_peer *p = wm_machine_peer(m, f->from);

	if (p != NULL && f->number <= m->number && f->number > p->answer)
		p->answer = f->number;
}

int wm_machine_read(struct wm_machine *m, int64_t now_ms, uint64_t token, struct wm_err *err)
{
	wm_machine_begin(m, now_ms);
	/* Down, but nobody else can write either. */
	if (!m->is_up && !m->is_stopped && wm_machine_is_sole(m)) {
		m->io->readable(m->arg, token, NULL);
		return 0;
	}
	if (!wm_machine_leads(m))
		return wm_fail(err, WM_FAILED_PRECONDITION, "not the leader");
	wm_buf_add(&m->reads, &token, sizeof(token));
	wm_machine_end(m);
	return 0;
}
