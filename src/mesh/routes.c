#include "mesh/routes.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crypto/hash.h"
#include "mesh/paths.h"
#include "mesh/record.h"

#define AUTO_SUFFIX "-auto"

int wm_mesh_route_get(struct wm_arena *a, struct wm_view *v, const char *name, V1__Route **out,
		      struct wm_err *err)
{
	ProtobufCMessage *m = NULL;
	int rc = wm_id_is_valid(name) ? wm_record_get(a, v, wm_path_route(name).text,
						      &v1__route__descriptor, &m, NULL, err)
				      : WM_NOT_FOUND;

	if (rc == WM_NOT_FOUND)
		return wm_fail(err, WM_NOT_FOUND, "route not found: %.80s", name);
	*out = (V1__Route *)m;
	return rc;
}

int wm_mesh_route_list(struct wm_arena *a, struct wm_view *v, V1__Route ***out, size_t *n,
		       struct wm_err *err)
{
	return wm_record_list(a, v, WM_PATH_ROUTES, &v1__route__descriptor, out, n, NULL, err);
}

int wm_mesh_route_cidr_check(const char *cidr, const struct wm_network *net, struct wm_prefix *out,
			     struct wm_err *err)
{
	struct wm_prefix p;

	if (!wm_prefix_parse(cidr, &p))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "route \"%.60s\" is not a prefix such as 10.1.0.0/16", cidr);
	/* A default route holds everything, the mesh too, and is meant to. */
	if (net != NULL && !wm_prefix_is_default(&p) &&
	    (wm_prefix_overlaps(&p, &net->v4) || wm_prefix_overlaps(&p, &net->v6)))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "route %s overlaps the mesh's own networks: offer other networks",
			       cidr);
	if (out != NULL)
		*out = p;
	return 0;
}

int wm_mesh_route_check(const V1__Route *r, struct wm_err *err)
{
	int rc = wm_id_check(r->name, "name", err);

	if (rc == 0)
		rc = wm_node_id_check(r->node, "node", err);
	if (rc == 0 && *r->nexthopnode != '\0')
		rc = wm_node_id_check(r->nexthopnode, "nextHopNode", err);
	if (rc == 0 && r->n_destinationcidrs == 0)
		rc = wm_fail(err, WM_INVALID_ARGUMENT, "destinationCIDRs: at least one is needed");
	for (size_t i = 0; rc == 0 && i < r->n_destinationcidrs; i++)
		rc = wm_mesh_route_cidr_check(r->destinationcidrs[i], NULL, NULL, err);
	return rc;
}

int wm_mesh_route_put(struct wm_txn *t, const V1__Route *r, struct wm_err *err)
{
	int rc = wm_mesh_route_check(r, err);

	return rc == 0 ? wm_record_put(t, wm_path_route(r->name).text, &r->base, err) : rc;
}

void wm_mesh_route_drop(struct wm_txn *t, const char *name)
{
	wm_txn_delete(t, wm_path_route(name).text);
}

char *wm_mesh_route_auto_name(const char *node_id, char out[WM_ID_MAX + 1])
{
	size_t len = strlen(node_id), keep;
	uint8_t hash[WM_SHA256_SIZE];
	char hex[9];

	if (len + strlen(AUTO_SUFFIX) <= WM_ID_MAX) {
		snprintf(out, WM_ID_MAX + 1, "%s" AUTO_SUFFIX, node_id);
		return out;
	}
	keep = WM_ID_MAX - strlen(AUTO_SUFFIX) - sizeof(hex);
	while (keep > 0 && ((unsigned char)node_id[keep] & 0xc0) == 0x80)
		keep--; /* not in the middle of a character */
	wm_hash_sha256(node_id, len, hash);
	wm_hex_format(hash, 4, hex);
	snprintf(out, WM_ID_MAX + 1, "%.*s-%s" AUTO_SUFFIX, (int)keep, node_id, hex);
	return out;
}

static bool offers(const V1__Route *r, const struct wm_prefix *wanted)
{
	for (size_t i = 0; i < r->n_destinationcidrs; i++) {
		struct wm_prefix p;

		if (wm_prefix_parse(r->destinationcidrs[i], &p) && wm_prefix_equal(&p, wanted))
			return true;
	}
	return false;
}

static bool node_offers(V1__Route *const *routes, size_t n, const char *node_id, const char *cidr)
{
	struct wm_prefix wanted;

	if (!wm_prefix_parse(cidr, &wanted))
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(routes[i]->node, node_id) == 0 && offers(routes[i], &wanted))
			return true;
	return false;
}

static int put_auto(struct wm_txn *t, struct wm_view *v, const char *node_id, char *const *cidrs,
		    size_t n, struct wm_err *err)
{
	V1__Route r = V1__ROUTE__INIT;
	char name[WM_ID_MAX + 1];

	r.name = wm_mesh_route_auto_name(node_id, name);
	r.node = (char *)(uintptr_t)node_id;
	r.n_destinationcidrs = n;
	r.destinationcidrs = (char **)(uintptr_t)cidrs;
	wm_record_guard(t, v, wm_path_route(name).text);
	return wm_mesh_route_put(t, &r, err);
}

int wm_mesh_route_auto_put(struct wm_txn *t, struct wm_view *v, const char *node_id,
			   char *const *cidrs, size_t n, bool *changed, struct wm_err *err)
{
	struct wm_arena a;
	V1__Route **routes;
	size_t n_routes, i;
	int rc;

	*changed = false;
	if (n == 0)
		return 0;
	wm_arena_init(&a, 0);
	rc = wm_mesh_route_list(&a, v, &routes, &n_routes, err);
	for (i = 0; rc == 0 && i < n; i++)
		if (!node_offers(routes, n_routes, node_id, cidrs[i]))
			break;
	if (rc == 0 && i < n) {
		rc = put_auto(t, v, node_id, cidrs, n, err);
		*changed = rc == 0;
	}
	wm_arena_fini(&a);
	return rc;
}
