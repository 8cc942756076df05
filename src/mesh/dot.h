#pragma once
/* The graph of the mesh for people: node IDs, undirected edges, and the text that dot(1) draws. */
#include "base/arena.h"
#include "pb/v1.h"
#include "store/kv.h"

/* The message lives in @a; nodes and edges are in key order. */
WM_MUST_CHECK int wm_dot_graph(struct wm_arena *a, struct wm_view *v, V1__MeshGraph **out,
			       struct wm_err *err);
