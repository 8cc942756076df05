/*
 * The machine's life and its plain events. How a step goes is in machine_step.c, what peers send
 * comes in through machine_receive.c, and each of the things that libraft lacks has its own file.
 */
#include "base/mem.h"
#include "cluster/machine_impl.h"
#include <stdio.h>
#include <string.h>

#ifdef WM_MACHINE_DEFECTS
enum wm_defect wm_machine_defect;
#endif

static int check_opts(const struct wm_machine_opts *o, struct wm_err *err)
{
	if (o->id == 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "a member needs an ID");
	if (!wm_ident_is_node(o->node_id, strlen(o->node_id)))
		return wm_fail(err, WM_INVALID_ARGUMENT, "malformed node ID");
	if (o->election_ms < 50 || o->election_ms > 60000)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "the election timeout must be between 50 ms and 60 s, not %u ms",
			       o->election_ms);
	if (o->heartbeat_ms < 5 || o->heartbeat_ms > o->election_ms / 3)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "a heartbeat of %u ms is not between 5 ms and a third of the "
			       "election timeout of %u ms",
			       o->heartbeat_ms, o->election_ms);
	return 0;
}

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
	return value != 0 ? value : otherwise;
}

static struct wm_machine *new_machine(const struct wm_machine_opts *o,
				      const struct wm_machine_io *io, void *arg, int64_t now)
{
	struct wm_machine *m = wm_alloc(sizeof(*m));

	m->opts = *o;
	m->opts.election_ms = or_default(o->election_ms, WM_MACHINE_ELECTION_MS);
	m->opts.heartbeat_ms = or_default(o->heartbeat_ms, WM_MACHINE_HEARTBEAT_MS);
	m->opts.retry_ms = or_default(o->retry_ms, 1000);
	m->opts.catch_up_ms = or_default(o->catch_up_ms, 5000);
	snprintf(m->node_id, sizeof(m->node_id), "%s", o->node_id);
	m->opts.node_id = m->node_id;
	m->io = io;
	m->arg = arg;
	m->now = m->opened = m->fired = now;
	m->scratch = wm_calloc(WM_FRAME_ENTRIES_MAX, sizeof(*m->scratch));
	m->told = (struct wm_machine_role){.state = WM_MACHINE_DOWN, .leader_node = ""};
	return m;
}

int wm_machine_open(const struct wm_machine_opts *opts, const struct wm_machine_io *io, void *arg,
		    int64_t now_ms, struct wm_machine **out, struct wm_err *err)
{
	struct wm_machine *m = new_machine(opts, io, arg, now_ms);
	int rv = check_opts(&m->opts, err);

	if (rv == 0)
		rv = wm_machine_start(m, err);
	if (rv != 0) {
		wm_machine_close(m);
		return rv;
	}
	wm_machine_end(m);
	*out = m;
	return 0;
}

void wm_machine_close(struct wm_machine *m)
{
	if (m == NULL)
		return;
	wm_machine_forget(m);
	wm_configuration_fini(&m->newest);
	wm_configuration_fini(&m->committed);
	wm_snapshot_meta_fini(&m->snapshot);
	wm_snapshot_meta_fini(&m->ready);
	wm_buf_fini(&m->reads);
	wm_buf_fini(&m->out);
	wm_free(m->scratch);
	wm_free(m);
}

void wm_machine_begin(struct wm_machine *m, int64_t now)
{
	if (now > m->now)
		m->now = now;
}

int wm_machine_break(struct wm_machine *m, const struct wm_err *why)
{
	if (m->failure == 0) {
		m->failure = why->code;
		m->why = *why;
	}
	return m->failure;
}

void wm_machine_alarm(struct wm_machine *m, enum wm_machine_alarm alarm, const char *node_id,
		      const struct wm_err *why)
{
	m->io->alarm(m->arg, alarm, node_id, why);
}

static void go_down(struct wm_machine *m)
{
	struct wm_err why = m->why, lost;

	wm_machine_forget(m);
	m->failure = 0;
	m->retry_at = m->now + m->opts.retry_ms;
	wm_fail(&lost, WM_UNAVAILABLE, "the disk failed: %.400s", why.text);
	wm_machine_drop_leadership(m, &lost);
	wm_machine_update_role(m);
	if (m->is_stopped) {
		wm_machine_alarm(m, WM_ALARM_TWO_HISTORIES, "", &why);
		return;
	}
	m->counts[WM_COUNT_DISK_FAILURES]++;
	wm_machine_alarm(m, WM_ALARM_DISK, "", &why);
}

void wm_machine_end(struct wm_machine *m)
{
	if (m->failure == 0 && m->is_up) {
		wm_machine_pump_members(m);
		wm_machine_pump_transfer(m);
		wm_machine_pump_reads(m);
	}
	if (m->failure != 0)
		go_down(m);
}

bool wm_machine_leads(const struct wm_machine *m)
{
	return m->is_up && m->raft.state == RAFT_LEADER;
}

bool wm_machine_is_sole(const struct wm_machine *m)
{
	const struct wm_member *self = wm_configuration_find(&m->newest, m->opts.id);

	return self != NULL && self->role == WM_MEMBER_VOTER &&
	       wm_configuration_voters(&m->newest) == 1;
}

uint64_t wm_machine_capacity(struct wm_machine *m)
{
	return m->io->capacity != NULL ? m->io->capacity(m->arg) : UINT64_MAX;
}

struct wm_peer *wm_machine_peer(struct wm_machine *m, uint64_t id)
{
	for (size_t i = 0; i < m->newest.n; i++) {
		if (m->peers[i].id == id)
			return &m->peers[i];
	}
	return NULL;
}

int64_t wm_machine_due(const struct wm_machine *m)
{
	if (!m->is_up)
		return m->is_stopped ? INT64_MAX : m->retry_at;
	int64_t due = (int64_t)raft_timeout(&m->raft);

	/* libraft may want it again at once; a pause lets frames in between. */
	if (due < m->fired + m->opts.heartbeat_ms / 2)
		due = m->fired + m->opts.heartbeat_ms / 2;
	if (m->transfer.is_on && due > m->transfer.since + m->opts.election_ms)
		due = m->transfer.since + m->opts.election_ms;
	if (m->n_asked > 0 && due > m->asked_at + m->opts.heartbeat_ms)
		due = m->asked_at + m->opts.heartbeat_ms;
	return due > m->now ? due : m->now + 1;
}

static void start_again(struct wm_machine *m)
{
	struct wm_err err;

	if (wm_machine_start(m, &err) != 0)
		wm_machine_break(m, &err);
}

static void time_out(struct wm_machine *m)
{
	m->fired = m->now;
	/*
	 * libraft would lead in the term that it has seen, which may be another's; a start takes
	 * the next one.
	 */
	if (m->raft.state == RAFT_FOLLOWER && wm_machine_is_sole(m)) {
		wm_machine_forget(m);
		start_again(m);
		return;
	}
	struct raft_event event = {.type = RAFT_TIMEOUT};

	wm_machine_step(m, &event);
}

void wm_machine_tick(struct wm_machine *m, int64_t now_ms)
{
	wm_machine_begin(m, now_ms);
	if (!m->is_up && !m->is_stopped && m->now >= m->retry_at)
		start_again(m);
	else if (m->is_up && m->now >= (int64_t)raft_timeout(&m->raft))
		time_out(m);
	if (m->is_up && m->failure == 0)
		wm_machine_flee(m);
	wm_machine_end(m);
}

/* A majority of the voters, as far as they say, has room for more. */
static bool has_majority_room(struct wm_machine *m)
{
	size_t low = 0;

	for (size_t i = 0; i < m->newest.n; i++) {
		const struct wm_peer *p = &m->peers[i];

		low += m->newest.members[i].role == WM_MEMBER_VOTER && p->id != m->opts.id &&
		       p->has_capacity && p->capacity < m->opts.reserve / 1024;
	}
	return low <= (wm_configuration_voters(&m->newest) - 1) / 2;
}

static int check_proposal(struct wm_machine *m, size_t len, struct wm_err *err)
{
	if (len > WM_MACHINE_ENTRY_MAX)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%zu bytes are more than %u", len,
			       WM_MACHINE_ENTRY_MAX);
	if (!wm_machine_leads(m))
		return wm_fail(err, WM_FAILED_PRECONDITION, "not the leader");
	if (m->transfer.is_on)
		return wm_fail(err, WM_FAILED_PRECONDITION, "leadership is being handed over");
	if (m->open_first != 0 && (raft_last_index(&m->raft) - m->open_first + 1 >= WM_OPEN_MAX ||
				   m->open_bytes + len > WM_OPEN_BYTES_MAX))
		return wm_fail(err, WM_RESOURCE_EXHAUSTED, "too many proposals wait");
	if (m->opts.reserve != 0 && wm_machine_capacity(m) < m->opts.reserve)
		return wm_fail(err, WM_RESOURCE_EXHAUSTED, "the disk is nearly full");
	if (m->opts.reserve != 0 && !has_majority_room(m))
		return wm_fail(err, WM_RESOURCE_EXHAUSTED,
			       "the disks of a majority are nearly full");
	return 0;
}

int wm_machine_propose(struct wm_machine *m, int64_t now_ms, const void *data, size_t len,
		       uint64_t *index, uint64_t *term, struct wm_err *err)
{
	int refused, rv;

	wm_machine_begin(m, now_ms);
	rv = check_proposal(m, len, err);
	if (rv != 0)
		return rv;
	*index = raft_last_index(&m->raft) + 1;
	*term = raft_current_term(&m->raft);
	if (m->open_first == 0)
		m->open_first = *index;
	m->open_last = *index;
	m->open_len[*index % WM_OPEN_MAX] = (uint32_t)len;
	m->open_bytes += len;
	m->counts[WM_COUNT_PROPOSALS]++;
	rv = wm_machine_submit(m, WM_ENTRY_COMMAND, data, len, &refused);
	if (rv == 0 && refused != 0)
		rv = wm_fail(&m->why, WM_INTERNAL, "libraft refused a proposal: %s",
			     raft_strerror(refused));
	if (rv != 0) {
		wm_machine_break(m, &m->why);
		wm_fail(err, WM_UNAVAILABLE, "%.400s", m->why.text);
		wm_machine_end(m);
		return WM_UNAVAILABLE;
	}
	wm_machine_end(m);
	return 0;
}
