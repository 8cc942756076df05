/* Leaving: everything that a join made goes in one transaction, whatever state the record is in. */
#include <string.h>

#include "base/str.h"
#include "crypto/key.h"
#include "mesh/edges.h"
#include "mesh/join.h"
#include "mesh/join_parts.h"
#include "mesh/nodes.h"
#include "mesh/paths.h"
#include "mesh/record.h"
#include "mesh/routes.h"

struct build {
	struct wm_view *v;
	const char *id;
	struct wm_txn *t;
};

static bool is_own(const struct build *s, const struct wm_kv *kv)
{
	return kv->value_len == strlen(s->id) && memcmp(kv->value, s->id, kv->value_len) == 0;
}

static int count_edge(void *arg, const struct wm_kv *kv)
{
	unsigned *n = arg;

	return ++*n > 1; /* more than one is all that matters */
}

/*
 * A node that never joined and is known only because we named it as a direct peer: it goes with the
 * last edge that led to it, for nobody could ever ask for its removal.
 */
static bool is_orphan(const struct build *s, const char *id)
{
	struct wm_arena a;
	V1__MeshNode *node;
	unsigned edges = 0;
	bool orphan;

	wm_arena_init(&a, 0);
	orphan = wm_node_get(&a, s->v, id, &node, NULL, NULL) == 0 &&
		 wm_str_is_empty(node->publickey);
	wm_arena_fini(&a);
	if (orphan)
		(void)wm_view_scan(s->v, wm_path_edges_of(id).text, count_edge, &edges, NULL);
	return orphan && edges <= 1;
}

static int drop_edge(void *arg, const struct wm_kv *kv)
{
	struct build *s = arg;
	struct wm_path_parts parts;

	if (wm_path_parse(kv->key, &parts) != WM_PATH_IS_EDGE) {
		wm_txn_delete(s->t, kv->key);
		return 0;
	}
	wm_edge_drop(s->t, parts.name, parts.target);
	if (is_orphan(s, parts.target)) {
		wm_record_guard(s->t, s->v, wm_path_node(parts.target).text);
		wm_txn_delete(s->t, wm_path_node(parts.target).text);
	}
	return 0;
}

static int drop_own(void *arg, const struct wm_kv *kv)
{
	struct build *s = arg;

	if (!is_own(s, kv))
		return 0;
	wm_txn_if_revision(s->t, kv->key, kv->revision);
	wm_txn_delete(s->t, kv->key);
	return 0;
}

static void drop_route(struct build *s)
{
	char name[WM_ID_MAX + 1];

	wm_mesh_route_drop(s->t, wm_mesh_route_auto_name(s->id, name));
}

static int build(struct build *s, struct wm_err *err)
{
	int rc;

	wm_record_guard(s->t, s->v, wm_path_node(s->id).text);
	wm_txn_delete(s->t, wm_path_node(s->id).text);
	wm_edges_guard(s->t, s->v);
	rc = wm_view_scan(s->v, wm_path_edges_of(s->id).text, drop_edge, s, err);
	if (rc == 0)
		rc = wm_view_scan(s->v, WM_PATH_LEASES, drop_own, s, err);
	if (rc == 0)
		rc = wm_view_scan(s->v, WM_PATH_PUBKEYS, drop_own, s, err);
	drop_route(s);
	return rc;
}

int wm_leave_build(struct wm_view *v, const char *node_id, struct wm_txn **out, struct wm_err *err)
{
	struct build s = {.v = v, .id = node_id};
	int rc = wm_node_id_check(node_id, "id", err);

	*out = NULL;
	if (rc != 0 || !wm_view_has(v, wm_path_node(node_id).text))
		return rc;
	s.t = wm_txn_new();
	rc = build(&s, err);
	if (rc == 0)
		*out = s.t;
	else
		wm_txn_free(s.t);
	return rc;
}
