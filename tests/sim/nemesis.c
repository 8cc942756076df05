/* What is done to the nodes: to their links, disks and power, and to who they are. */
#include "sim.h"
#include <string.h>

static struct sim_node *any_up(struct sim_world *w)
{
	for (unsigned i = 0; i < 10; i++) {
		struct sim_node *n = &w->nodes[sim_below(&w->rng, SIM_SLOTS)];

		if (n->m != NULL && wm_configuration_find(&w->configuration, n->id) != NULL)
			return n;
	}
	return NULL;
}

/* ---- links ---- */

static void heal(struct sim_world *w)
{
	memset(w->blocked, 0, sizeof(w->blocked));
	sim_counts[SIM_heals]++;
	sim_say(w, "links heal");
}

/* A group of random size on one side; whether most voters are with the leader makes the name. */
static void part(struct sim_world *w)
{
	uint64_t group = sim_next(&w->rng);
	struct sim_node *leader = sim_leader(w);
	size_t with = 0, voters = wm_configuration_voters(&w->configuration);

	for (unsigned i = 0; i < SIM_SLOTS; i++) {
		const struct wm_member *m =
			wm_configuration_find(&w->configuration, w->nodes[i].id);

		for (unsigned j = 0; j < SIM_SLOTS; j++)
			w->blocked[i][j] = (group >> i & 1) != (group >> j & 1);
		with += leader != NULL && m != NULL && m->role == WM_MEMBER_VOTER &&
			(group >> i & 1) == (group >> leader->slot & 1);
	}
	sim_counts[with > voters / 2 ? SIM_majority_partitions : SIM_minority_partitions]++;
	sim_say(w, "partition %x", (unsigned)(group & 0x7f));
}

static void part_one_way(struct sim_world *w)
{
	unsigned from = (unsigned)sim_below(&w->rng, SIM_SLOTS);
	uint64_t whom = sim_next(&w->rng);

	memset(w->blocked, 0, sizeof(w->blocked));
	for (unsigned i = 0; i < SIM_SLOTS; i++) {
		if (sim_chance(&w->rng, 2))
			w->blocked[from][i] = whom >> i & 1;
		else
			w->blocked[i][from] = whom >> i & 1;
	}
	sim_counts[SIM_one_way_partitions]++;
	sim_say(w, "one-way partition around n%u", from + 1);
}

/* Two halves that one node sees both of. */
static void bridge(struct sim_world *w)
{
	unsigned middle = (unsigned)sim_below(&w->rng, SIM_SLOTS);

	part(w);
	for (unsigned i = 0; i < SIM_SLOTS; i++)
		w->blocked[i][middle] = w->blocked[middle][i] = false;
	sim_counts[SIM_bridges]++;
	sim_say(w, "but for n%u", middle + 1);
}

/* ---- disks and power ---- */

/* Nothing is about to make the quorum smaller. */
static bool is_stable(struct sim_world *w)
{
	struct sim_node *leader = sim_leader(w);
	struct wm_machine_status s;

	if (leader == NULL || wm_configuration_voters(&w->configuration) < 3)
		return false;
	wm_machine_status(leader->m, &s);
	return !s.changing && s.configuration_index == w->configuration.index;
}

static void lose_disk(struct sim_world *w, struct sim_node *n)
{
	const struct wm_member *m = wm_configuration_find(&w->configuration, n->id);

	/*
	 * One at a time, all others sound, and no other about to lose its vote for its silence:
	 * more than that nobody promises to survive.
	 */
	if (m == NULL || !is_stable(w) || w->opts.purge_ms != 0)
		return;
	for (unsigned i = 0; i < SIM_SLOTS; i++) {
		const struct sim_node *other = &w->nodes[i];

		if (other->is_lost || (other->m == NULL && other != n))
			return;
	}
	sim_say(w, "%s loses its disk", n->node_id);
	sim_counts[SIM_disks_lost]++;
	sim_node_crash(n);
	sim_disk_wipe(&n->disk);
	n->is_lost = true;
	if (sim_defect != SIM_DEFECT_SAME_ID)
		n->id = ++w->next_id * 1000 + n->slot + 1;
}

static void hurt(struct sim_world *w, struct sim_node *n)
{
	switch (sim_below(&w->rng, 9)) {
	case 0:
	case 1: sim_node_crash(n); break;
	case 2:
	case 3: n->crash_in_persist = 1 + (unsigned)sim_below(&w->rng, 10); break;
	case 4: n->slow_until = w->now + sim_below(&w->rng, 1500000); break;
	case 5: n->fail_persists = 1 + (unsigned)sim_below(&w->rng, 3); break;
	case 6: n->is_full = true; break;
	case 7: n->fail_applies = 1; break;
	case 8:
		n->busy_until = w->now + sim_below(&w->rng, 2000000);
		sim_counts[SIM_pauses]++;
		break;
	}
}

static void comfort(struct sim_world *w)
{
	for (unsigned i = 0; i < SIM_SLOTS; i++) {
		struct sim_node *n = &w->nodes[i];

		n->is_full = false;
		n->slow_until = n->fail_persists = n->fail_applies = n->crash_in_persist = 0;
	}
}

static void transfer(struct sim_world *w)
{
	struct sim_node *n = sim_leader(w), *to = any_up(w);
	struct wm_err err;

	if (n == NULL || to == NULL || n->busy_until > w->now)
		return;
	sim_counts[SIM_transfers_asked]++;
	sim_say(w, "%s is asked to hand over", n->node_id);
	if (wm_machine_transfer(n->m, sim_node_clock(n), sim_chance(&w->rng, 2) ? 0 : to->id,
				&err) != 0)
		sim_say(w, "it refuses: %s", err.text);
	sim_node_settle(n);
}

void sim_nemesis(struct sim_world *w)
{
	struct sim_event e = {.kind = SIM_NEMESIS};
	struct sim_node *n = any_up(w);

	if (w->is_calm)
		return;
	sim_schedule(w, 20000 + sim_below(&w->rng, 600000), e);
	switch (sim_below(&w->rng, 16)) {
	case 0: part(w); break;
	case 1: part_one_way(w); break;
	case 2: bridge(w); break;
	case 3:
	case 4:
	case 5: heal(w); break;
	case 6:
	case 7: transfer(w); break;
	case 8: comfort(w); break;
	case 9:
		if (n != NULL)
			lose_disk(w, n);
		break;
	default:
		/* Those who lead more often than others: they have more to lose. */
		if (sim_chance(&w->rng, 2) && sim_leader(w) != NULL)
			n = sim_leader(w);
		if (n != NULL)
			hurt(w, n);
		break;
	}
}

/* ---- membership ---- */

static void change(struct sim_node *leader, enum wm_change_kind kind, uint64_t id,
		   const char *node_id)
{
	struct wm_member_change c = {kind, id, node_id};
	struct wm_err err;
	enum wm_change_kind before = leader->change_kind;

	leader->change_kind = kind;
	sim_say(leader->w, "%s is asked for change %d of %llx", leader->node_id, (int)kind,
		(unsigned long long)id);
	if (wm_machine_change(leader->m, sim_node_clock(leader), &c, ++leader->change_token,
			      &err) != 0) {
		leader->change_kind = before;
		sim_say(leader->w, "it refuses: %s", err.text);
	}
	sim_node_settle(leader);
}

static bool has_lost(const struct sim_world *w)
{
	for (unsigned i = 0; i < SIM_SLOTS; i++) {
		if (w->nodes[i].is_lost)
			return true;
	}
	return false;
}

static void change_member(struct sim_world *w, struct sim_node *leader, struct sim_node *n,
			  const struct wm_member *m)
{
	size_t voters = wm_configuration_voters(&w->configuration);
	/* Towards as many as there were at first, but not straight. */
	bool more = voters < w->n_initial || sim_chance(&w->rng, 3);
	/* Who began alone is alone again now and then. */
	size_t least = w->n_initial == 1 ? 1 : 2;

	if (m->role == WM_MEMBER_OBSERVER && more)
		change(leader, WM_CHANGE_PROMOTE, m->id, NULL);
	else if (m->role == WM_MEMBER_OBSERVER && sim_chance(&w->rng, 3))
		change(leader, WM_CHANGE_REMOVE, m->id, NULL);
	else if (m->role == WM_MEMBER_VOTER && voters > least && !has_lost(w) &&
		 sim_chance(&w->rng, 3))
		change(leader, sim_chance(&w->rng, 2) ? WM_CHANGE_DEMOTE : WM_CHANGE_REMOVE, m->id,
		       NULL);
}

/* A node that was removed comes back as a new one. */
static void renew(struct sim_world *w, struct sim_node *n)
{
	if (n->disk.term == 0 || n->m == NULL || sim_chance(&w->rng, 2))
		return;
	sim_node_crash(n);
	sim_disk_wipe(&n->disk);
	n->id = ++w->next_id * 1000 + n->slot + 1;
}

void sim_admin(struct sim_world *w)
{
	struct sim_event e = {.kind = SIM_ADMIN};
	struct sim_node *leader = sim_leader(w);
	struct sim_node *n = &w->nodes[sim_below(&w->rng, SIM_SLOTS)];
	const struct wm_member *m = wm_configuration_find(&w->configuration, n->id);
	const struct wm_member *as = wm_configuration_find_node(&w->configuration, n->node_id);

	if (w->is_calm)
		return;
	sim_schedule(w, 50000 + sim_below(&w->rng, 700000), e);
	if (as == NULL && n->is_lost)
		n->is_lost = false;
	if (leader == NULL || leader->busy_until > w->now)
		return;
	if (m != NULL) {
		change_member(w, leader, n, m);
	} else if (as != NULL) {
		change(leader, WM_CHANGE_REMOVE, as->id, NULL);
	} else {
		renew(w, n);
		if (n->m != NULL && n->disk.term == 0)
			change(leader, WM_CHANGE_ADD, n->id, n->node_id);
	}
}

/* ---- the end ---- */

static bool is_settled(struct sim_world *w)
{
	for (size_t i = 0; i < w->configuration.n; i++) {
		for (unsigned s = 0; s < SIM_SLOTS; s++) {
			const struct sim_node *n = &w->nodes[s];

			if (n->id == w->configuration.members[i].id &&
			    (n->m == NULL || n->disk.state.applied != w->n_committed))
				return false;
		}
	}
	return sim_leader(w) != NULL;
}

/* Membership can still be changed, by one who is not even there. */
static void check_change(struct sim_world *w)
{
	struct sim_node *leader = sim_leader(w);
	uint64_t id = ++w->next_id * 1000, until = w->now + 10000000;

	change(leader, WM_CHANGE_ADD, id, "nobody");
	while (w->now < until && wm_configuration_find(&w->configuration, id) == NULL &&
	       sim_step(w))
		;
	if (wm_configuration_find(&w->configuration, id) == NULL)
		sim_fail(w, "no member can be added any more");
}

/* No more faults: a while to come right with clients, then one without. */
void sim_calm(struct sim_world *w)
{
	uint64_t until;

	w->is_calm = true;
	w->drop_one_in = w->double_one_in = w->delay_one_in = 0;
	heal(w);
	comfort(w);
	sim_say(w, "calm");
	for (until = w->now + 6000000; w->now < until && sim_step(w);)
		;
	w->has_clients = false;
	for (until = w->now + 20000000; w->now < until && !is_settled(w) && sim_step(w);)
		;
	if (!w->failed)
		sim_check_end(w);
	if (!w->failed)
		check_change(w);
}
