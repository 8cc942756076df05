/* Time, chance, and the order of events. */
#include "base/mem.h"
#include "sim.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

uint64_t sim_counts[SIM_N_COUNTS];
const char *const sim_count_names[SIM_N_COUNTS] = {
#define X(name) #name,
	SIM_COUNTS(X)
#undef X
};
enum sim_defect sim_defect;

/* splitmix64 */
uint64_t sim_next(struct sim_rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t sim_below(struct sim_rng *r, uint64_t n)
{
	return n == 0 ? 0 : sim_next(r) % n;
}

bool sim_chance(struct sim_rng *r, unsigned one_in)
{
	return sim_below(r, one_in) == 0;
}

void sim_say(struct sim_world *w, const char *fmt, ...)
{
	va_list args;

	if (!w->trace)
		return;
	printf("%10.3f ms  ", (double)w->now / 1000);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

void sim_fail(struct sim_world *w, const char *fmt, ...)
{
	va_list args;

	if (w->failed)
		return;
	w->failed = true;
	printf("seed %llu, event %llu, %.3f ms: ", (unsigned long long)w->seed,
	       (unsigned long long)w->n_events, (double)w->now / 1000);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

/* ---- the heap ---- */

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

void sim_schedule(struct sim_world *w, uint64_t delay, struct sim_event e)
{
	size_t i = w->n_heap++;

	if (w->n_heap > w->cap_heap) {
		w->cap_heap = w->cap_heap * 2 + 256;
		w->heap = wm_realloc(w->heap, w->cap_heap * sizeof(*w->heap));
	}
	e.at = w->now + delay;
	e.seq = ++w->seq;
	for (; i > 0 && is_before(&e, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = e;
}

static struct sim_event pop(struct sim_world *w)
{
	struct sim_event top = w->heap[0], last = w->heap[--w->n_heap];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= w->n_heap)
			break;
		if (child + 1 < w->n_heap && is_before(&w->heap[child + 1], &w->heap[child]))
			child++;
		if (!is_before(&w->heap[child], &last))
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	w->heap[i] = last;
	return top;
}

/* ---- events ---- */

/* Mostly whoever leads, sometimes anybody: who thinks to lead may be wrong. */
static void call_client(struct sim_world *w)
{
	struct sim_event e = {.kind = SIM_CLIENT};
	struct sim_node *n = NULL;

	sim_schedule(w, 500 + sim_below(&w->rng, 8000), e);
	if (!w->has_clients)
		return;
	if (sim_chance(&w->rng, 3))
		n = sim_leader(w);
	for (unsigned i = 0; n == NULL && i < 4; i++) {
		n = &w->nodes[sim_below(&w->rng, SIM_SLOTS)];
		if (!sim_node_leads(n))
			n = NULL;
	}
	if (n == NULL || n->m == NULL || n->busy_until > w->now)
		return;
	size_t len = 8 + sim_below(&w->rng, 24);

	if (w->has_large && sim_chance(&w->rng, 100))
		len = 1000 + sim_below(&w->rng, 400000);
	if (sim_chance(&w->rng, 3))
		sim_node_read(n);
	else
		sim_node_propose(n, len);
	sim_node_settle(n);
}

static void tick(struct sim_node *n)
{
	n->tick_at = 0;
	wm_machine_tick(n->m, sim_node_clock(n));
}

static void deliver(struct sim_world *w, struct sim_node *n, const struct sim_event *e)
{
	if (w->blocked[e->from][n->slot]) {
		sim_counts[SIM_dropped]++;
		return;
	}
	sim_counts[SIM_delivered]++;
	wm_machine_receive(n->m, sim_node_clock(n), w->nodes[e->from].node_id, e->data, e->len);
}

/* What happens inside one node. While it is busy, it waits. */
static void handle_inside(struct sim_world *w, struct sim_event *e)
{
	struct sim_node *n = &w->nodes[e->slot];

	if (n->m == NULL || n->life != e->life || (e->kind == SIM_TICK && e->a != n->tick_number))
		return;
	if (n->busy_until > w->now) {
		sim_schedule(w, n->busy_until - w->now, *e);
		e->data = NULL;
		return;
	}
	switch (e->kind) {
	case SIM_TICK: tick(n); break;
	case SIM_FRAME: deliver(w, n, e); break;
	case SIM_SNAPPED: sim_node_snapped(n, e->a); break;
	case SIM_FETCHED: sim_node_fetched(n, e); break;
	case SIM_CLIENT:
	case SIM_DONE:
	case SIM_NEMESIS:
	case SIM_ADMIN:
	case SIM_RESTART: break;
	}
	sim_node_settle(n);
}

static void handle(struct sim_world *w, struct sim_event *e)
{
	switch (e->kind) {
	case SIM_CLIENT: call_client(w); break;
	case SIM_DONE:
		if (e->a > w->max_done)
			w->max_done = e->a;
		break;
	case SIM_NEMESIS: sim_nemesis(w); break;
	case SIM_ADMIN: sim_admin(w); break;
	case SIM_RESTART:
		if (w->nodes[e->slot].life == e->life)
			sim_node_start(&w->nodes[e->slot]);
		break;
	case SIM_TICK:
	case SIM_FRAME:
	case SIM_SNAPPED:
	case SIM_FETCHED: handle_inside(w, e); break;
	}
}

bool sim_step(struct sim_world *w)
{
	if (w->n_heap == 0 || w->failed)
		return false;
	struct sim_event e = pop(w);

	w->now = e.at;
	w->n_events++;
	sim_counts[SIM_events]++;
	handle(w, &e);
	wm_free(e.data);
	return !w->failed;
}

/* ---- a world ---- */

static void set_up_node(struct sim_world *w, unsigned slot)
{
	struct sim_node *n = &w->nodes[slot];

	n->w = w;
	n->slot = slot;
	snprintf(n->node_id, sizeof(n->node_id), "n%u", slot + 1);
	n->id = ++w->next_id * 1000 + slot + 1;
	n->rate = (int64_t)sim_below(&w->rng, 80001) - 40000; /* 4 % fast or slow */
	n->start = (int64_t)sim_below(&w->rng, 1000000);
	sim_disk_wipe(&n->disk);
}

/* The first entry, as wm_machine_bootstrap writes it; here it goes to the disk by hand. */
static void bootstrap(struct sim_world *w)
{
	struct wm_configuration first = {0};
	struct wm_buf bytes = {0};
	struct wm_err err;

	for (unsigned i = 0; i < w->n_initial; i++)
		wm_configuration_add(&first, w->nodes[i].id, w->nodes[i].node_id, WM_MEMBER_VOTER);
	wm_configuration_encode(&first, &bytes);
	struct wm_entry entry = {1, 1, WM_ENTRY_CHANGE, bytes.data, bytes.len};
	struct wm_persist p = {.has_vote = true, .term = 1, .first = 1, .entries = &entry, .n = 1};

	for (unsigned i = 0; i < w->n_initial; i++) {
		if (sim_disk_persist(&w->nodes[i], &p, &err) != 0)
			sim_fail(w, "no start: %s", err.text);
		w->nodes[i].elapsed = 0;
	}
	wm_configuration_fini(&first);
	wm_buf_fini(&bytes);
}

void sim_open(struct sim_world *w, uint64_t seed, unsigned n_initial, bool trace)
{
	memset(w, 0, sizeof(*w));
	w->seed = seed;
	w->rng.state = seed * 0x2545f4914f6cdd1du + 99;
	w->trace = trace;
	w->n_initial = n_initial;
	w->opts.election_ms = 150;
	w->opts.heartbeat_ms = 30;
	w->opts.retry_ms = 200;
	w->opts.catch_up_ms = 1000;
	w->opts.reserve = 1 << 20;
	w->state_is_synced = true;
	w->ops = wm_calloc(SIM_OPS_MAX, sizeof(*w->ops));
	for (unsigned i = 0; i < SIM_SLOTS; i++)
		set_up_node(w, i);
	bootstrap(w);
}

void sim_close(struct sim_world *w)
{
	for (unsigned i = 0; i < SIM_SLOTS; i++) {
		if (w->nodes[i].m != NULL)
			sim_node_count(&w->nodes[i]);
		wm_machine_close(w->nodes[i].m);
		sim_disk_wipe(&w->nodes[i].disk);
	}
	for (size_t i = 0; i < w->n_heap; i++)
		wm_free(w->heap[i].data);
	wm_free(w->heap);
	wm_free(w->committed);
	wm_free(w->leaders);
	wm_free(w->ops);
	wm_configuration_fini(&w->configuration);
}

/* Each seed has its own weather. */
static void tune(struct sim_world *w)
{
	struct sim_rng *r = &w->rng;

	w->drop_one_in = sim_chance(r, 2) ? 0 : (unsigned)(5 + sim_below(r, 200));
	w->double_one_in = sim_chance(r, 2) ? 0 : (unsigned)(5 + sim_below(r, 100));
	w->delay_one_in = sim_chance(r, 2) ? 0 : (unsigned)(5 + sim_below(r, 100));
	w->state_is_synced = sim_chance(r, 2);
	w->has_large = sim_chance(r, 50);
	w->has_clients = true;
	w->snapshot_every = (unsigned)(10 + sim_below(r, 150));
	w->trailing = (unsigned)sim_below(r, 30);
	w->opts.no_lease = sim_chance(r, 3);
	w->opts.purge_ms = sim_chance(r, 3) ? 800 : 0;
}

bool sim_run(uint64_t seed, uint64_t events, bool trace)
{
	static struct sim_world world;
	struct sim_world *w = &world;
	struct sim_event client = {.kind = SIM_CLIENT}, nemesis = {.kind = SIM_NEMESIS},
			 admin = {.kind = SIM_ADMIN};
	bool good;

	sim_open(w, seed, seed % 8 == 5 ? 1 : seed % 2 == 0 ? 3 : 5, trace);
	tune(w);
	w->limit = events;
	for (unsigned i = 0; i < SIM_SLOTS; i++)
		sim_node_start(&w->nodes[i]);
	sim_schedule(w, 1000, client);
	sim_schedule(w, 500000, nemesis);
	sim_schedule(w, 400000, admin);
	while (sim_step(w) && w->n_events < events)
		;
	if (!w->failed)
		sim_calm(w);
	good = !w->failed;
	sim_close(w);
	return good;
}
