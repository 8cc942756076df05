/*
 * Figure 8 of the Raft paper: an entry of an old term that a majority has may still be overwritten,
 * so a leader must not count it as committed before one of its own term is.
 *   (a) S1 leads, its entry A reaches S2 only.
 *   (b) S1 crashes; S5 leads by the votes of S3 and S4, and has an entry B at the same index.
 *   (c) S5 crashes; S1 leads again and brings A to S3: a majority has it. It must not be committed.
 *   (d) S1 crashes; S5 leads by the votes of S2, S3 and S4, and B takes the place of A.
 */
#include "cluster/frame.h"
#include "sim.h"
#include <string.h>

#define S1     0u
#define S2     1u
#define S3     2u
#define S4     3u
#define S5     4u
#define BIT(s) (1u << (s))

/* Entries of this term do not get through. */
static uint64_t held_back;

static bool hold_back(struct sim_world *w, unsigned from, unsigned to, const uint8_t *frame,
		      size_t len)
{
	struct wm_frame f;
	bool hold = false;

	if (held_back == 0 || wm_frame_decode(frame, len, &f, NULL) != 0)
		return false;
	for (size_t i = 0; f.kind == WM_FRAME_APPEND && i < f.n_entries; i++)
		hold |= f.entries[i].term == held_back;
	wm_frame_fini(&f);
	return hold;
}

/* Only @middle speaks with @others: nobody else can win an election. */
static void star(struct sim_world *w, unsigned middle, unsigned others)
{
	memset(w->blocked, 1, sizeof(w->blocked));
	for (unsigned i = 0; i < SIM_SLOTS; i++) {
		if (others & BIT(i))
			w->blocked[i][middle] = w->blocked[middle][i] = false;
	}
}

static bool leads(struct sim_world *w, unsigned slot)
{
	return w->nodes[slot].m != NULL && sim_node_leads(&w->nodes[slot]) &&
	       sim_leader(w) == &w->nodes[slot];
}

static void until_leader(struct sim_world *w, unsigned slot)
{
	for (uint64_t end = w->now + 60000000; !leads(w, slot) && w->now < end && sim_step(w);)
		;
	if (!leads(w, slot))
		sim_fail(w, "n%u does not become the leader", slot + 1);
}

static void run(struct sim_world *w, uint64_t us)
{
	for (uint64_t end = w->now + us; w->now < end && sim_step(w);)
		;
}

static uint64_t term_at(const struct sim_world *w, unsigned slot, uint64_t index)
{
	const struct sim_disk *d = &w->nodes[slot].disk;

	return index >= d->first && index <= d->last ? d->log[index - d->base].term : 0;
}

/* Large, so that what comes behind it travels in a frame of its own. */
static uint64_t propose(struct sim_world *w, unsigned slot)
{
	struct sim_node *n = &w->nodes[slot];

	if (w->failed)
		return 0;
	sim_node_propose(n, 600000);
	sim_node_settle(n);
	return n->disk.last;
}

static void play(struct sim_world *w)
{
	/* (a) */
	star(w, S1, BIT(S2) | BIT(S3) | BIT(S4) | BIT(S5));
	until_leader(w, S1);
	run(w, 300000);
	star(w, S1, BIT(S2));
	uint64_t index = propose(w, S1), term_a = term_at(w, S1, index);

	run(w, 20000);
	if (term_a == 0 || term_at(w, S2, index) != term_a || term_at(w, S3, index) != 0)
		sim_fail(w, "A is not where it should be");
	/* (b) */
	sim_node_crash(&w->nodes[S1]);
	star(w, S5, BIT(S3) | BIT(S4));
	until_leader(w, S5);
	star(w, S5, 0);
	propose(w, S5);
	uint64_t term_b = term_at(w, S5, index);

	if (term_b <= term_a)
		sim_fail(w, "B is not where it should be");
	/* (c) */
	sim_node_crash(&w->nodes[S5]);
	star(w, S1, BIT(S2) | BIT(S3) | BIT(S4));
	w->blocked[S1][S4] = false;
	until_leader(w, S1);
	held_back = w->nodes[S1].disk.term;
	w->blocked[S1][S4] = true;
	run(w, 100000);
	if (term_at(w, S3, index) != term_a || term_at(w, S1, index + 1) != held_back)
		sim_fail(w, "A has not come to S3");
	if (w->n_committed >= index)
		sim_fail(w, "an entry of an old term was committed by counting");
	/* (d) */
	sim_node_crash(&w->nodes[S1]);
	held_back = 0;
	star(w, S5, BIT(S2) | BIT(S3) | BIT(S4));
	until_leader(w, S5);
	run(w, 500000);
	if (w->n_committed < index || w->committed[index].term != term_b)
		sim_fail(w, "B has not taken the place of A");
}

bool sim_figure8(bool trace)
{
	static struct sim_world world;
	struct sim_world *w = &world;

	sim_open(w, 8, 5, trace);
	w->opts.election_ms = 400;
	w->drop = hold_back;
	held_back = 0;
	for (unsigned i = 0; i < 5; i++)
		sim_node_start(&w->nodes[i]);
	play(w);
	if (!w->failed)
		sim_calm(w);
	bool good = !w->failed;

	sim_close(w);
	return good;
}
