/*
 * Updating a node's record: only what is not empty in the request changes; edges are not touched.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "crypto/key.h"
#include "mesh/join.h"
#include "mesh/join_parts.h"
#include "mesh/nodes.h"
#include "mesh/paths.h"
#include "mesh/record.h"
#include "mesh/routes.h"
#include "pb/message.h"

struct build {
	struct wm_arena *a;
	struct wm_view *v;
	const V1__UpdateRequest *req;
	bool authenticated;
	struct wm_txn *t;
	struct wm_err *err;
};

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **sorted(struct wm_arena *a, char *const *texts, size_t n)
{
	char **copy = wm_arena_memdup(a, texts, n * sizeof(char *));

	qsort(copy, n, sizeof(char *), compare_texts);
	return copy;
}

static bool same_set(struct wm_arena *a, char *const *x, size_t n_x, char *const *y, size_t n_y)
{
	char **p, **q;

	if (n_x != n_y)
		return false;
	if (n_x == 0)
		return true;
	p = sorted(a, x, n_x);
	q = sorted(a, y, n_y);
	for (size_t i = 0; i < n_x; i++)
		if (strcmp(p[i], q[i]) != 0)
			return false;
	return true;
}

static void set_text(char **field, char *text)
{
	if (*text != '\0')
		*field = text;
}

static void apply_fields(struct build *s, V1__MeshNode *node)
{
	const V1__UpdateRequest *req = s->req;

	set_text(&node->publickey, req->publickey);
	if (*wm_node_text(req->primaryendpoint) != '\0')
		node->primaryendpoint = req->primaryendpoint;
	set_text(&node->zoneawarenessid, req->zoneawarenessid);
	if (req->n_wireguardendpoints > 0) {
		node->n_wireguardendpoints = req->n_wireguardendpoints;
		node->wireguardendpoints = req->wireguardendpoints;
	}
	if (req->n_features > 0) {
		node->n_features = req->n_features;
		node->features = req->features;
	}
	if (req->n_multiaddrs > 0 && !same_set(s->a, req->multiaddrs, req->n_multiaddrs,
					       node->multiaddrs, node->n_multiaddrs)) {
		node->n_multiaddrs = req->n_multiaddrs;
		node->multiaddrs = req->multiaddrs;
	}
}

static void forget_key(struct build *s, const char *public_key)
{
	char peer_id[WM_PEER_ID_TEXT];

	if (!wm_join_peer_id(public_key, peer_id))
		return;
	wm_record_guard(s->t, s->v, wm_path_pubkey(peer_id).text);
	wm_txn_delete(s->t, wm_path_pubkey(peer_id).text);
}

static int change_key(struct build *s, const V1__MeshNode *old)
{
	int rc;

	if (*s->req->publickey == '\0' || wm_streq(s->req->publickey, old->publickey))
		return 0;
	if (!s->authenticated)
		return wm_fail(
			s->err, WM_PERMISSION_DENIED,
			"publicKey of \"%s\" may be changed only by a caller who has proved to "
			"be that node",
			s->req->id);
	rc = wm_join_claim_key(s->t, s->v, s->req->publickey, s->req->id, s->err);
	if (rc == 0)
		forget_key(s, old->publickey);
	return rc;
}

static int build(struct build *s, bool *changed)
{
	V1__MeshNode *old, *node;
	uint64_t revision;
	struct wm_network net;
	int rc = wm_network_get(s->v, &net, s->err);

	if (rc != 0)
		return wm_fail(s->err, WM_UNAVAILABLE,
			       "the mesh is not bootstrapped yet: try again later");
	rc = wm_update_check(s->req, &net, s->err);
	if (rc == 0)
		rc = wm_node_get(s->a, s->v, s->req->id, &old, &revision, s->err);
	if (rc != 0)
		return rc;
	wm_txn_if_revision(s->t, wm_path_node(s->req->id).text, revision);
	node = wm_pb_copy(s->a, &old->base);
	apply_fields(s, node);
	rc = change_key(s, old);
	if (rc == 0)
		rc = wm_mesh_route_auto_put(s->t, s->v, s->req->id, s->req->routes,
					    s->req->n_routes, changed, s->err);
	if (rc != 0 || wm_pb_equal(&old->base, &node->base))
		return rc;
	*changed = true;
	node->primaryendpoint = wm_arena_strdup(s->a, wm_node_text(node->primaryendpoint));
	node->privateipv4 = wm_arena_strdup(s->a, wm_node_text(node->privateipv4));
	node->privateipv6 = wm_arena_strdup(s->a, wm_node_text(node->privateipv6));
	return wm_node_put(s->t, node, s->err);
}

int wm_update_build(struct wm_view *v, const V1__UpdateRequest *req, bool authenticated,
		    struct wm_txn **out, struct wm_err *err)
{
	struct wm_arena a;
	struct build s = {.a = &a, .v = v, .req = req, .authenticated = authenticated, .err = err};
	bool changed = false;
	int rc;

	*out = NULL;
	wm_arena_init(&a, 0);
	s.t = wm_txn_new();
	rc = build(&s, &changed);
	wm_arena_fini(&a);
	if (rc == 0 && changed)
		*out = s.t;
	else
		wm_txn_free(s.t);
	return rc;
}
