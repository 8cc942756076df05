#include "mesh/dot.h"

#include <string.h>

#include "base/buf.h"
#include "mesh/edges.h"
#include "mesh/nodes.h"
#include "mesh/paths.h"
#include "pb/message.h"

/* Quoted as DOT wants it. */
static void add_quoted(struct wm_buf *out, const char *text)
{
	wm_buf_add_str(out, "\"");
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			wm_buf_add_str(out, "\\");
		wm_buf_add(out, p, 1);
	}
	wm_buf_add_str(out, "\"");
}

static void add_vertex(struct wm_buf *out, const char *id)
{
	wm_buf_add_str(out, "\t");
	add_quoted(out, id);
	wm_buf_add_str(out, " [ weight=0 ];\n");
}

static void add_edge(struct wm_buf *out, const V1__MeshEdge *e)
{
	wm_buf_add_str(out, "\t");
	add_quoted(out, e->source);
	wm_buf_add_str(out, " -- ");
	add_quoted(out, e->target);
	wm_buf_add_str(out, " [ ");
	for (size_t i = 0; i < e->n_attributes; i++) {
		add_quoted(out, e->attributes[i]->key);
		wm_buf_add_str(out, "=");
		add_quoted(out, e->attributes[i]->value);
		wm_buf_add_str(out, ", ");
	}
	wm_buf_printf(out, "weight=%d ];\n", e->weight);
}

static char *draw(struct wm_arena *a, const V1__MeshGraph *m, V1__MeshEdge *const *edges)
{
	struct wm_buf out = {0};
	char *text;

	wm_buf_add_str(&out, "strict graph {\n");
	for (size_t i = 0; i < m->n_nodes; i++)
		add_vertex(&out, m->nodes[i]);
	for (size_t i = 0; i < m->n_edges; i++)
		add_edge(&out, edges[i]);
	wm_buf_add_str(&out, "}\n");
	text = wm_arena_strdup(a, wm_buf_str(&out));
	wm_buf_fini(&out);
	return text;
}

/* The message shows an edge without its attributes; the drawing shows them. */
static V1__MeshEdge *without_attributes(struct wm_arena *a, const V1__MeshEdge *e)
{
	V1__MeshEdge *plain = wm_pb_new(a, &v1__mesh_edge__descriptor);

	plain->source = e->source;
	plain->target = e->target;
	plain->weight = e->weight;
	return plain;
}

int wm_dot_graph(struct wm_arena *a, struct wm_view *v, V1__MeshGraph **out, struct wm_err *err)
{
	V1__MeshGraph *m = wm_pb_new(a, &v1__mesh_graph__descriptor);
	V1__MeshNode **nodes;
	V1__MeshEdge **edges;
	size_t n_nodes, n_edges;
	int rc = wm_node_list(a, v, &nodes, &n_nodes, err);

	if (rc == 0)
		rc = wm_edge_list(a, v, false, &edges, &n_edges, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < n_nodes; i++)
		wm_pb_append(a, &m->n_nodes, &m->nodes, nodes[i]->id);
	for (size_t i = 0; i < n_edges; i++)
		wm_pb_append(a, &m->n_edges, &m->edges, without_attributes(a, edges[i]));
	m->dot = draw(a, m, edges);
	*out = m;
	return 0;
}
