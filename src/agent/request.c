/* What this node says of itself: to a server that it joins, or to the state that it founds. */
#include "agent/internal.h"
#include "agent/options.h"
#include "base/str.h"
#include "conf/conf.h"

static V1__FeaturePort *feature(struct wm_arena *arena, V1__Feature what, uint16_t port)
{
	V1__FeaturePort *f = wm_arena_alloc(arena, sizeof(*f));
	v1__feature_port__init(f);
	f->feature = what;
	f->port = port;
	return f;
}

/* The API port that the others are told: as given, else where the API really listens. */
static uint16_t advertised_port(const struct wm_agent *a)
{
	const struct wm_node_options *o = a->options;
	if (wm_conf_is_given(o->conf, "mesh.grpc-advertise-port") &&
	    o->mesh_grpc_advertise_port != 0)
		return o->mesh_grpc_advertise_port;
	return a->api.port;
}

static void add_features(const struct wm_agent *a, struct wm_arena *arena, V1__JoinRequest *req)
{
	const struct wm_node_options *o = a->options;
	uint16_t port = advertised_port(a);
	req->features = wm_arena_alloc(arena, 4 * sizeof(*req->features));
	if (o->services_metrics_enabled)
		req->features[req->n_features++] = feature(arena, V1__FEATURE__METRICS,
							   o->services_metrics_listen_address.port);
	if (port == 0)
		return;
	req->features[req->n_features++] = feature(arena, V1__FEATURE__NODES, port);
	if (!o->bootstrap_enabled)
		return;
	req->features[req->n_features++] = feature(arena, V1__FEATURE__MEMBERSHIP, port);
	if (o->services_api_mesh_enabled)
		req->features[req->n_features++] = feature(arena, V1__FEATURE__MESH_API, port);
}

/* The primary endpoint with the WireGuard port first, then those that were given or detected. */
static void add_endpoints(const struct wm_node_options *o, struct wm_arena *arena,
			  V1__JoinRequest *req)
{
	size_t n = o->wireguard_endpoints.n;
	req->wireguardendpoints = wm_arena_alloc(arena, (n + 1) * sizeof(char *));
	char first[WM_ENDPOINT_TEXT] = "";
	if (wm_addr_is_valid(&o->mesh_primary_endpoint)) {
		char text[WM_ADDR_TEXT];
		struct wm_endpoint e = {.addr = o->mesh_primary_endpoint,
					.port = o->wireguard_listen_port};
		req->primaryendpoint =
			wm_arena_strdup(arena, wm_addr_format(&o->mesh_primary_endpoint, text));
		wm_endpoint_format(&e, first);
		req->wireguardendpoints[req->n_wireguardendpoints++] =
			wm_arena_strdup(arena, first);
	}
	for (size_t i = 0; i < n; i++)
		if (!wm_streq(o->wireguard_endpoints.items[i], first))
			req->wireguardendpoints[req->n_wireguardendpoints++] =
				wm_arena_strdup(arena, o->wireguard_endpoints.items[i]);
}

V1__JoinRequest *wm_agent_join_request(struct wm_agent *a, struct wm_arena *arena)
{
	const struct wm_node_options *o = a->options;
	V1__JoinRequest *req = wm_arena_alloc(arena, sizeof(*req));
	v1__join_request__init(req);
	req->id = wm_arena_strdup(arena, a->identity.node_id);
	req->publickey = wm_arena_strdup(arena, a->identity.public_text);
	req->zoneawarenessid = wm_arena_strdup(arena, o->mesh_zone_awareness_id);
	req->assignipv4 = !o->mesh_disable_ipv4;
	req->preferstorageipv6 = o->mesh_storage_prefer_ipv6 && !o->mesh_disable_ipv6;
	req->asvoter = o->mesh_request_vote;
	req->asobserver = o->mesh_request_observer;
	req->routes = wm_arena_alloc(arena, (o->mesh_routes.n + 1) * sizeof(char *));
	for (size_t i = 0; i < o->mesh_routes.n; i++)
		req->routes[req->n_routes++] = wm_arena_strdup(arena, o->mesh_routes.items[i]);
	add_endpoints(o, arena, req);
	add_features(a, arena, req);
	return req;
}
