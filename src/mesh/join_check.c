/* What a request must be like before anything is read or built. */
#include <string.h>

#include "base/str.h"
#include "mesh/ids.h"
#include "mesh/join.h"
#include "mesh/join_parts.h"

#define DIRECT_PEERS_MAX 256

static int check_direct_peers(const V1__JoinRequest *req, struct wm_err *err)
{
	int rc = 0;

	if (req->n_directpeers > DIRECT_PEERS_MAX)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "directPeers: %zu are too many, at most %d", req->n_directpeers,
			       DIRECT_PEERS_MAX);
	for (size_t i = 0; rc == 0 && i < req->n_directpeers; i++) {
		const V1__JoinRequest__DirectPeersEntry *peer = req->directpeers[i];

		rc = wm_node_id_check(peer->key, "directPeers", err);
		if (rc == 0 && wm_streq(peer->key, req->id))
			rc = wm_fail(err, WM_INVALID_ARGUMENT,
				     "directPeers: %s is the joining node itself", req->id);
		if (rc == 0 && (peer->value < V1__CONNECT_PROTOCOL__CONNECT_NATIVE ||
				peer->value > V1__CONNECT_PROTOCOL__CONNECT_LIBP2P))
			rc = wm_fail(err, WM_INVALID_ARGUMENT,
				     "directPeers: protocol %d for %s is unknown", (int)peer->value,
				     peer->key);
	}
	return rc;
}

int wm_join_check(const V1__JoinRequest *req, const struct wm_network *net, struct wm_err *err)
{
	int rc = wm_node_id_check(req->id, "id", err);

	if (rc == 0)
		rc = wm_join_check_routes(req->routes, req->n_routes, net, err);
	if (rc == 0)
		rc = wm_join_check_key(req->publickey, err);
	if (rc == 0)
		rc = wm_join_check_endpoints(req->primaryendpoint, req->wireguardendpoints,
					     req->n_wireguardendpoints, err);
	if (rc == 0 && req->asvoter && req->asobserver)
		rc = wm_fail(err, WM_INVALID_ARGUMENT,
			     "asVoter and asObserver exclude each other: choose one");
	if (rc == 0)
		rc = wm_join_check_features(req->features, req->n_features,
					    req->asvoter || req->asobserver, err);
	if (rc == 0)
		rc = wm_join_check_texts(req->zoneawarenessid, req->multiaddrs, req->n_multiaddrs,
					 err);
	return rc == 0 ? check_direct_peers(req, err) : rc;
}

int wm_update_check(const V1__UpdateRequest *req, const struct wm_network *net, struct wm_err *err)
{
	int rc = wm_node_id_check(req->id, "id", err);

	if (rc == 0)
		rc = wm_join_check_routes(req->routes, req->n_routes, net, err);
	if (rc == 0 && *req->publickey != '\0')
		rc = wm_join_check_key(req->publickey, err);
	if (rc == 0)
		rc = wm_join_check_endpoints(req->primaryendpoint, req->wireguardendpoints,
					     req->n_wireguardendpoints, err);
	if (rc == 0)
		rc = wm_join_check_features(req->features, req->n_features, false, err);
	if (rc == 0)
		rc = wm_join_check_texts(req->zoneawarenessid, req->multiaddrs, req->n_multiaddrs,
					 err);
	return rc;
}

static void add(struct wm_rbac_action *list, size_t *n, V1__RuleResource resource, const char *name)
{
	list[(*n)++] = (struct wm_rbac_action){
		.resource = resource,
		.verb = V1__RULE_VERB__VERB_PUT,
		.name = name,
	};
}

void wm_join_actions(struct wm_arena *a, const V1__JoinRequest *req, struct wm_rbac_action **out,
		     size_t *n)
{
	struct wm_rbac_action *list = wm_arena_alloc(a, (3 + req->n_directpeers) * sizeof(*list));

	*n = 0;
	if (req->asvoter)
		add(list, n, V1__RULE_RESOURCE__RESOURCE_VOTES, NULL);
	if (req->asobserver)
		add(list, n, V1__RULE_RESOURCE__RESOURCE_OBSERVERS, NULL);
	if (req->n_routes > 0)
		add(list, n, V1__RULE_RESOURCE__RESOURCE_ROUTES, NULL);
	for (size_t i = 0; i < req->n_directpeers; i++)
		add(list, n, V1__RULE_RESOURCE__RESOURCE_EDGES, req->directpeers[i]->key);
	*out = list;
}

void wm_update_actions(struct wm_arena *a, const V1__UpdateRequest *req,
		       struct wm_rbac_action **out, size_t *n)
{
	struct wm_rbac_action *list = wm_arena_alloc(a, 2 * sizeof(*list));

	*n = 0;
	if (req->asvoter)
		add(list, n, V1__RULE_RESOURCE__RESOURCE_VOTES, NULL);
	if (req->n_routes > 0)
		add(list, n, V1__RULE_RESOURCE__RESOURCE_ROUTES, NULL);
	*out = list;
}
