/*
 * What consensus promises. Positions in the committed log order everything: an operation that began
 * after another was answered must not be before it. As every write is there once, at its index, and
 * every read says up to which index it saw, that is linearizability.
 */
#include "base/mem.h"
#include "sim.h"
#include <string.h>

void sim_check_leader(struct sim_node *n, uint64_t term)
{
	struct sim_world *w = n->w;

	if (term >= w->cap_leaders) {
		size_t cap = (size_t)term + 1024;

		w->leaders = wm_realloc(w->leaders, cap * sizeof(*w->leaders));
		memset(w->leaders + w->cap_leaders, 0,
		       (cap - w->cap_leaders) * sizeof(*w->leaders));
		w->cap_leaders = cap;
	}
	if (w->leaders[term] != 0 && w->leaders[term] != n->id)
		sim_fail(w, "two leaders in term %llu", (unsigned long long)term);
	w->leaders[term] = n->id;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t x = (a ^ b) * 0x9e3779b97f4a7c15u;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	return x ^ x >> 32;
}

static uint64_t digest(const struct wm_entry *e)
{
	uint64_t h = mix(e->term, (uint64_t)e->kind + e->len);

	for (size_t i = 0; i < e->len && i < 512; i++)
		h = mix(h, e->data[i]);
	return h;
}

static struct sim_committed *committed_at(struct sim_world *w, uint64_t index)
{
	if (index >= w->cap_committed) {
		size_t cap = (size_t)index * 2 + 1024;

		w->committed = wm_realloc(w->committed, cap * sizeof(*w->committed));
		memset(w->committed + w->cap_committed, 0,
		       (cap - w->cap_committed) * sizeof(*w->committed));
		w->cap_committed = cap;
	}
	return &w->committed[index];
}

static void check_new_write(struct sim_node *n, const struct wm_entry *e, struct sim_committed *c)
{
	struct sim_world *w = n->w;

	memcpy(&c->op, e->data, sizeof(c->op));
	if (c->op == 0 || c->op > w->n_ops) {
		sim_fail(w, "entry %llu holds nothing that was written",
			 (unsigned long long)e->index);
		return;
	}
	struct sim_op *op = &w->ops[c->op];

	if (op->is_refused)
		sim_fail(w, "write %llu was refused and is at %llu", (unsigned long long)c->op,
			 (unsigned long long)e->index);
	if (op->index != 0 && op->index != e->index)
		sim_fail(w, "write %llu is at %llu and at %llu", (unsigned long long)c->op,
			 (unsigned long long)op->index, (unsigned long long)e->index);
	op->index = e->index;
}

void sim_check_apply(struct sim_node *n, const struct wm_entry *e, struct sim_state *s)
{
	struct sim_world *w = n->w;
	struct sim_committed *c = committed_at(w, e->index);

	if (e->index != s->applied + 1)
		sim_fail(w, "%s applies %llu after %llu", n->node_id, (unsigned long long)e->index,
			 (unsigned long long)s->applied);
	s->applied = e->index;
	s->chain = mix(s->chain, digest(e));
	s->count += e->kind == WM_ENTRY_COMMAND;
	if (e->index > w->n_committed) {
		if (e->index != w->n_committed + 1)
			sim_fail(w, "%s applies %llu, but nobody %llu", n->node_id,
				 (unsigned long long)e->index,
				 (unsigned long long)w->n_committed + 1);
		w->n_committed = e->index;
		c->term = e->term;
		c->chain = s->chain;
		sim_counts[SIM_committed]++;
		if (e->kind == WM_ENTRY_COMMAND)
			check_new_write(n, e, c);
	}
	if (c->term != e->term || c->chain != s->chain)
		sim_fail(w, "%s applies another entry %llu (term %llu, others %llu)", n->node_id,
			 (unsigned long long)e->index, (unsigned long long)e->term,
			 (unsigned long long)c->term);
}

void sim_check_state(struct sim_node *n, const struct sim_state *s)
{
	if (s->applied > n->w->n_committed || n->w->committed[s->applied].chain != s->chain)
		sim_fail(n->w, "%s has another state at %llu", n->node_id,
			 (unsigned long long)s->applied);
}

/* ---- operations ---- */

uint64_t sim_op_begin(struct sim_node *n, bool is_read)
{
	struct sim_world *w = n->w;

	if (w->n_ops + 1 >= SIM_OPS_MAX)
		sim_fail(w, "more operations than there is room for");
	else
		w->n_ops++;
	w->ops[w->n_ops] = (struct sim_op){
		.is_read = is_read,
		.is_open = true,
		.slot = n->slot,
		.life = n->life,
		.floor = w->max_done,
	};
	return w->n_ops;
}

void sim_op_refused(struct sim_world *w, uint64_t op)
{
	struct sim_op *o = &w->ops[op];

	o->is_open = false;
	sim_counts[o->is_read ? SIM_reads_refused : SIM_writes_refused]++;
	if (o->is_read)
		return;
	o->is_refused = true;
	if (o->index != 0)
		sim_fail(w, "write %llu is at %llu and is refused", (unsigned long long)op,
			 (unsigned long long)o->index);
}

void sim_op_unknown(struct sim_node *n, uint64_t op)
{
	n->w->ops[op].is_open = false;
	sim_counts[SIM_writes_unknown]++;
}

void sim_op_done(struct sim_node *n, uint64_t op, uint64_t position)
{
	struct sim_world *w = n->w;
	struct sim_op *o = &w->ops[op];
	struct sim_event e = {.kind = SIM_DONE, .a = position};

	o->is_open = false;
	sim_counts[o->is_read ? SIM_reads_done : SIM_writes_done]++;
	if (o->is_read ? position < o->floor : position <= o->floor)
		sim_fail(w, "%s %llu is answered at %llu, and something before it at %llu",
			 o->is_read ? "read" : "write", (unsigned long long)op,
			 (unsigned long long)position, (unsigned long long)o->floor);
	if (!o->is_read && position <= w->n_committed && w->committed[position].op != op &&
	    sim_defect != SIM_DEFECT_ACK_EARLY)
		sim_fail(w, "write %llu is acknowledged at %llu, where another is",
			 (unsigned long long)op, (unsigned long long)position);
	o->index = position;
	/* Others may count on it when the answer has arrived. */
	sim_schedule(w, n->elapsed + 100, e);
}

static void check_alike(struct sim_world *w, const struct sim_node *n)
{
	if (n->m == NULL) {
		sim_fail(w, "%s is still down", n->node_id);
		return;
	}
	if (n->disk.state.applied != w->n_committed ||
	    n->disk.state.chain != w->committed[w->n_committed].chain)
		sim_fail(w, "%s has come to %llu, others to %llu", n->node_id,
			 (unsigned long long)n->disk.state.applied,
			 (unsigned long long)w->n_committed);
}

/* How everybody stands, for whoever has to find out why. */
static void show(struct sim_world *w)
{
	static const char *const states[] = {"down", "follower", "candidate", "leader"};

	for (unsigned i = 0; i < SIM_SLOTS; i++) {
		const struct sim_node *n = &w->nodes[i];
		struct wm_machine_status s = {0};

		if (n->m != NULL)
			wm_machine_status(n->m, &s);
		sim_say(w, "%s (%llx) %s: term %llu, log %llu to %llu of term %llu, commit %llu",
			n->node_id, (unsigned long long)n->id, states[s.role.state],
			(unsigned long long)n->disk.term, (unsigned long long)n->disk.first,
			(unsigned long long)n->disk.last,
			(unsigned long long)(n->disk.last >= n->disk.first
						     ? n->disk.log[n->disk.last - n->disk.base].term
						     : n->disk.meta.term),
			(unsigned long long)s.commit);
		for (size_t j = 0; j < s.n_members; j++)
			sim_say(w, "    goes by %s (%llx) %s", s.members[j].node_id,
				(unsigned long long)s.members[j].id,
				s.members[j].role == WM_MEMBER_VOTER ? "voter" : "observer");
	}
}

/* After the calm: all members are alike, and what was acknowledged is there. */
void sim_check_end(struct sim_world *w)
{
	show(w);
	if (sim_leader(w) == NULL)
		sim_fail(w, "nobody leads though all is well");
	for (size_t i = 0; i < w->configuration.n; i++) {
		const struct wm_member *member = &w->configuration.members[i];

		for (unsigned s = 0; s < SIM_SLOTS && !w->failed; s++) {
			if (w->nodes[s].id == member->id)
				check_alike(w, &w->nodes[s]);
		}
	}
	for (uint64_t i = 1; i <= w->n_ops && !w->failed; i++) {
		const struct sim_op *o = &w->ops[i];

		if (!o->is_read && !o->is_open && o->index != 0 &&
		    (o->index > w->n_committed || w->committed[o->index].op != i))
			sim_fail(w, "write %llu was acknowledged at %llu and is gone",
				 (unsigned long long)i, (unsigned long long)o->index);
	}
}
