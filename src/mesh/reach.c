/*
 * Dijkstra's algorithm from the node itself. The next hop of a path is the neighbour that begins
 * it; since every node on it goes by the same distances, each hop comes strictly nearer (in weight,
 * or at equal weight in hops) and no packet goes in circles. A path may lead through another
 * neighbour of the node: that is what makes the distances those of the mesh and not of the node
 * alone.
 */
#include "mesh/reach.h"

#include <string.h>

struct step {
	uint64_t weight;
	uint32_t hops;
	uint32_t via;   /* index of the neighbour; valid when hops > 0 */
	uint32_t place; /* in the heap + 1; 0 = not in it */
	bool done;
	bool asked, usable; /* what the ACLs say, asked once */
};

struct search {
	struct wm_graph *g;
	const struct wm_vertex *self;
	struct step *steps; /* by index of vertices */
	uint32_t *heap;
	uint32_t n;
};

static const char *id_of(const struct search *s, uint32_t index)
{
	return s->g->vertices[index]->id;
}

static int compare(const struct search *s, uint32_t a, uint32_t b)
{
	const struct step *x = &s->steps[a], *y = &s->steps[b];

	if (x->weight != y->weight)
		return x->weight < y->weight ? -1 : 1;
	if (x->hops != y->hops)
		return x->hops < y->hops ? -1 : 1;
	return strcmp(id_of(s, a), id_of(s, b));
}

static void place(struct search *s, uint32_t at, uint32_t index)
{
	s->heap[at] = index;
	s->steps[index].place = at + 1;
}

static void sift_up(struct search *s, uint32_t at)
{
	uint32_t index = s->heap[at];

	while (at > 0 && compare(s, index, s->heap[(at - 1) / 2]) < 0) {
		place(s, at, s->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(s, at, index);
}

static void sift_down(struct search *s, uint32_t at)
{
	uint32_t index = s->heap[at];

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= s->n)
			break;
		if (child + 1 < s->n && compare(s, s->heap[child + 1], s->heap[child]) < 0)
			child++;
		if (compare(s, index, s->heap[child]) <= 0)
			break;
		place(s, at, s->heap[child]);
		at = child;
	}
	place(s, at, index);
}

static uint32_t take_nearest(struct search *s)
{
	uint32_t nearest = s->heap[0];

	s->steps[nearest].place = 0;
	s->steps[nearest].done = true;
	s->heap[0] = s->heap[--s->n];
	if (s->n > 0)
		sift_down(s, 0);
	return nearest;
}

static bool is_usable(struct search *s, const struct wm_vertex *v)
{
	struct step *step = &s->steps[v->index];
	struct wm_acl_node from, to;

	if (step->asked)
		return step->usable;
	from = wm_vertex_acl(s->self);
	to = wm_vertex_acl(v);
	step->asked = true;
	step->usable = v != s->self && v->present && v->has_key &&
		       wm_acls_allow_nodes(wm_graph_acls(s->g), &from, &to);
	return step->usable;
}

/* Offers @to a path that ends with a step from @from. */
static void relax(struct search *s, const struct wm_vertex *from, const struct wm_link *link)
{
	const struct step *base = &s->steps[from->index];
	struct step *to = &s->steps[link->to->index];
	struct step offer;
	bool nearer;

	if (to->done || !is_usable(s, link->to))
		return;
	offer = *to;
	offer.weight = base->weight + (uint64_t)wm_pair_weight(link->pair);
	offer.hops = base->hops + 1;
	offer.via = from == s->self ? link->to->index : base->via;
	nearer = to->hops == 0 || offer.weight < to->weight ||
		 (offer.weight == to->weight &&
		  (offer.hops < to->hops ||
		   (offer.hops == to->hops && strcmp(id_of(s, offer.via), id_of(s, to->via)) < 0)));
	if (!nearer)
		return;
	*to = offer;
	if (to->place == 0)
		place(s, s->n++, link->to->index);
	sift_up(s, to->place - 1);
}

static void relax_all(struct search *s, const struct wm_vertex *from)
{
	for (uint32_t i = 0; i < from->n_links; i++)
		relax(s, from, &from->links[i]);
}

struct wm_reached *wm_reach(struct wm_graph *g, const struct wm_vertex *self, struct wm_arena *a,
			    size_t *n)
{
	struct search s = {
		.g = g,
		.self = self,
		.steps = wm_arena_alloc(a, g->n_vertices * sizeof(*s.steps)),
		.heap = wm_arena_alloc(a, g->n_vertices * sizeof(*s.heap)),
	};
	struct wm_reached *reached = wm_arena_alloc(a, g->n_vertices * sizeof(*reached));

	*n = 0;
	s.steps[self->index].done = true;
	relax_all(&s, self);
	while (s.n > 0) {
		const struct wm_vertex *v = g->vertices[take_nearest(&s)];
		bool linked = wm_vertex_link(self, v->id) != NULL;

		reached[*n].node = v;
		reached[*n].via = linked ? v : g->vertices[s.steps[v->index].via];
		++*n;
		relax_all(&s, v);
	}
	return reached;
}
