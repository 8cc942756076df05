/*
 * Who may be affected by what a delta has gathered. The rules stand at the head of graph_apply.c.
 */
#include <string.h>

#include "base/mem.h"
#include "mesh/graph_parts.h"

void wm_graph_delta_fini(struct wm_graph_delta *d)
{
	wm_map_fini(&d->touched);
	*d = (struct wm_graph_delta){0};
}

void wm_graph_delta_clear(struct wm_graph_delta *d)
{
	wm_graph_delta_fini(d);
}

bool wm_graph_delta_is_empty(const struct wm_graph_delta *d)
{
	return !d->all && d->touched.count == 0;
}

static void flood(struct wm_vertex *start, uint32_t component, struct wm_vertex **stack)
{
	uint32_t n = 0;

	start->component = component;
	stack[n++] = start;
	while (n > 0) {
		struct wm_vertex *v = stack[--n];

		for (uint32_t i = 0; i < v->n_links; i++) {
			struct wm_vertex *to = v->links[i].to;

			if (to->component == component)
				continue;
			to->component = component;
			stack[n++] = to;
		}
	}
}

/* Numbers the connected parts of the mesh, from 1. */
static void find_components(struct wm_graph *g)
{
	struct wm_vertex **stack;
	uint32_t component = 0;

	if (g->components_known)
		return;
	stack = wm_calloc(g->n_vertices + 1, sizeof(struct wm_vertex *));
	for (uint32_t i = 0; i < g->n_vertices; i++)
		g->vertices[i]->component = 0;
	for (uint32_t i = 0; i < g->n_vertices; i++)
		if (g->vertices[i]->component == 0)
			flood(g->vertices[i], ++component, stack);
	wm_free(stack);
	g->components_known = true;
}

static uintptr_t touched(const struct wm_graph_delta *d, const char *id)
{
	return (uintptr_t)wm_map_find(&d->touched, id);
}

static bool reach_changed_near(struct wm_graph *g, const struct wm_graph_delta *d,
			       const struct wm_vertex *v)
{
	struct wm_map_entry *e;

	find_components(g);
	wm_map_each (e, &d->touched) {
		const struct wm_vertex *other = wm_vertex_find(g, e->key);

		if (((uintptr_t)e->value & WM_TOUCH_REACH) != 0 && other != NULL &&
		    other->component == v->component)
			return true;
	}
	return false;
}

bool wm_graph_affects(struct wm_graph *g, const struct wm_graph_delta *d, const char *node_id)
{
	const struct wm_vertex *v;

	if (d->all || touched(d, node_id) != 0)
		return true;
	v = wm_vertex_find(g, node_id);
	if (v == NULL || d->touched.count == 0)
		return false;
	for (uint32_t i = 0; i < v->n_links; i++)
		if ((touched(d, v->links[i].to->id) & WM_TOUCH_RECORD) != 0)
			return true;
	return (v->n_links > 1 || d->reach) && reach_changed_near(g, d, v);
}
