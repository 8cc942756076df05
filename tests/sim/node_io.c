/* One node: what its machine asks for. */
#include "base/mem.h"
#include "sim.h"
#include <stdio.h>
#include <string.h>

static struct sim_node *of(void *arg)
{
	return arg;
}

/* ---- what the machine asks for ---- */

static int io_load(void *arg, struct wm_machine_disk *out, struct wm_err *err)
{
	return sim_disk_load(of(arg), out, err);
}

static int io_persist(void *arg, const struct wm_persist *p, struct wm_err *err)
{
	return sim_disk_persist(of(arg), p, err);
}

static int io_read(void *arg, uint64_t first, size_t max_bytes, struct wm_entry *out, size_t *n,
		   struct wm_err *err)
{
	return sim_disk_read(of(arg), first, max_bytes, out, n, err);
}

static int io_install(void *arg, const struct wm_snapshot_meta *meta, struct wm_err *err)
{
	int rv = sim_disk_install(of(arg), meta, err);

	if (rv == 0)
		sim_check_state(of(arg), &of(arg)->disk.state);
	return rv;
}

static int io_apply(void *arg, const struct wm_entry *entries, size_t count, struct wm_err *err)
{
	struct sim_node *n = of(arg);
	struct sim_world *w = n->w;

	if (n->is_crashing)
		return wm_fail(err, WM_INTERNAL, "crashed");
	if (n->fail_applies > 0) {
		n->fail_applies--;
		sim_counts[SIM_failed_applies]++;
		return wm_fail(err, WM_INTERNAL, "I/O error");
	}
	for (size_t i = 0; i < count && !w->failed; i++) {
		struct sim_state *s = &n->disk.state;

		sim_check_apply(n, &entries[i], s);
		if (entries[i].kind != WM_ENTRY_COMMAND)
			continue;
		uint64_t op;

		memcpy(&op, entries[i].data, sizeof(op));
		if (w->ops[op].is_open && w->ops[op].slot == n->slot && w->ops[op].life == n->life)
			sim_op_done(n, op, entries[i].index);
	}
	return 0;
}

static unsigned slot_of(const struct sim_world *w, const char *node_id)
{
	for (unsigned i = 0; i < SIM_SLOTS; i++) {
		if (strcmp(w->nodes[i].node_id, node_id) == 0)
			return i;
	}
	return SIM_SLOTS;
}

/* How long a frame is on its way: mostly a little, sometimes long, now and then behind others. */
static uint64_t travel(struct sim_world *w, unsigned from, unsigned to)
{
	uint64_t delay = 200 + sim_below(&w->rng, 1500);

	if (w->delay_one_in != 0 && sim_chance(&w->rng, w->delay_one_in)) {
		delay += sim_below(&w->rng, sim_chance(&w->rng, 8) ? 3000000 : 200000);
		sim_counts[SIM_delayed]++;
	}
	if (w->now + delay < w->last_at[from][to])
		sim_counts[SIM_reordered]++;
	else
		w->last_at[from][to] = w->now + delay;
	return delay;
}

static void put_on_wire(struct sim_node *n, unsigned to, const uint8_t *frame, size_t len)
{
	struct sim_world *w = n->w;
	struct sim_event e = {.kind = SIM_FRAME, .slot = to, .from = n->slot};

	e.life = w->nodes[to].life;
	e.data = wm_memdup(frame, len);
	e.len = len;
	sim_schedule(w, n->elapsed + travel(w, n->slot, to), e);
}

static void io_send(void *arg, const char *node_id, const uint8_t *frame, size_t len)
{
	struct sim_node *n = of(arg);
	struct sim_world *w = n->w;
	unsigned to = slot_of(w, node_id);

	if (n->is_crashing || to == SIM_SLOTS)
		return;
	if (len > WM_MACHINE_FRAME_MAX)
		sim_fail(w, "%s sends a frame of %zu bytes", n->node_id, len);
	if (w->blocked[n->slot][to] || (w->drop != NULL && w->drop(w, n->slot, to, frame, len)) ||
	    (w->drop_one_in != 0 && sim_chance(&w->rng, w->drop_one_in))) {
		sim_counts[SIM_dropped]++;
		return;
	}
	put_on_wire(n, to, frame, len);
	if (w->double_one_in != 0 && sim_chance(&w->rng, w->double_one_in)) {
		sim_counts[SIM_doubled]++;
		put_on_wire(n, to, frame, len);
	}
}

static void io_fetch(void *arg, const char *node_id, const struct wm_snapshot_meta *meta)
{
	struct sim_node *n = of(arg);
	struct sim_event e = {.kind = SIM_FETCHED, .slot = n->slot, .life = n->life};

	e.from = slot_of(n->w, node_id);
	e.a = meta->index;
	sim_schedule(n->w, n->elapsed + 2000 + sim_below(&n->w->rng, 100000), e);
}

static void io_role(void *arg, const struct wm_machine_role *role)
{
	struct sim_node *n = of(arg);
	static const char *const names[] = {"down", "follower", "candidate", "leader"};

	if (n->is_crashing)
		return;
	sim_say(n->w, "%s is %s in term %llu, leader %s", n->node_id, names[role->state],
		(unsigned long long)role->term, role->leader_node);
	if (role->state == WM_MACHINE_LEADER)
		sim_check_leader(n, role->term);
}

static void io_configuration(void *arg, const struct wm_configuration *c)
{
	struct sim_node *n = of(arg);
	struct sim_world *w = n->w;

	if (c->index > w->configuration.index) {
		wm_configuration_copy(&w->configuration, c);
		sim_say(w, "configuration %llu: %zu members, %zu voters",
			(unsigned long long)c->index, c->n, wm_configuration_voters(c));
	}
}

static void io_lost(void *arg, uint64_t first, uint64_t last, const struct wm_err *why)
{
	struct sim_node *n = of(arg);
	struct sim_world *w = n->w;

	for (uint64_t i = 1; i <= w->n_ops; i++) {
		struct sim_op *op = &w->ops[i];

		if (op->is_open && !op->is_read && op->slot == n->slot && op->life == n->life)
			sim_op_unknown(n, i);
	}
}

static void io_readable(void *arg, uint64_t token, const struct wm_err *err)
{
	struct sim_node *n = of(arg);

	if (n->is_crashing)
		return;
	if (err != NULL)
		sim_op_refused(n->w, token);
	else
		sim_op_done(n, token, n->disk.state.applied);
}

static void io_changed(void *arg, uint64_t token, const struct wm_err *err)
{
	struct sim_node *n = of(arg);
	static const enum sim_count counts[] = {SIM_adds, SIM_promotes, SIM_demotes, SIM_removes};

	if (err != NULL)
		sim_counts[SIM_changes_failed]++;
	else
		sim_counts[counts[n->change_kind]]++;
	sim_say(n->w, "%s: change %d ended: %s", n->node_id, (int)n->change_kind,
		err != NULL ? err->text : "done");
}

static void io_transferred(void *arg, const struct wm_err *err)
{
	sim_counts[err != NULL ? SIM_transfers_aborted : SIM_transfers]++;
	sim_say(of(arg)->w, "%s handed over: %s", of(arg)->node_id,
		err != NULL ? err->text : "done");
}

static void io_alarm(void *arg, enum wm_machine_alarm alarm, const char *node_id,
		     const struct wm_err *why)
{
	struct sim_node *n = of(arg);

	sim_say(n->w, "%s: alarm %d about %s: %s", n->node_id, (int)alarm, node_id, why->text);
	/* All are sound here: but for disks there is nothing to be alarmed about. */
	if (alarm != WM_ALARM_DISK && !n->is_crashing)
		sim_fail(n->w, "%s raises alarm %d about %s: %s", n->node_id, (int)alarm, node_id,
			 why->text);
	if (alarm == WM_ALARM_DISK && why->code == WM_DATA_LOSS && !n->is_crashing)
		sim_fail(n->w, "%s finds its disk damaged: %s", n->node_id, why->text);
}

static uint64_t io_capacity(void *arg)
{
	return of(arg)->is_full ? 0 : 1u << 30;
}

const struct wm_machine_io sim_node_io = {
	.load = io_load,
	.persist = io_persist,
	.read = io_read,
	.apply = io_apply,
	.install = io_install,
	.send = io_send,
	.fetch = io_fetch,
	.on_role = io_role,
	.on_configuration = io_configuration,
	.lost = io_lost,
	.readable = io_readable,
	.changed = io_changed,
	.transferred = io_transferred,
	.alarm = io_alarm,
	.capacity = io_capacity,
};
