#include "mesh/join_parts.h"

#include <string.h>

#include "base/clock.h"
#include "crypto/key.h"
#include "mesh/nodes.h"
#include "mesh/paths.h"
#include "mesh/routes.h"
#include "pb/message.h"

#define ENDPOINTS_MAX  64
#define ROUTES_MAX     256
#define FEATURES_MAX   64
#define MULTIADDRS_MAX 64
#define TEXT_MAX       512
#define ZONE_MAX       128

bool wm_join_peer_id(const char *public_key, char *out)
{
	struct wm_pubkey key;

	if (wm_pubkey_parse(public_key, strlen(public_key), &key, NULL) != 0)
		return false;
	wm_pubkey_format_id(&key, out);
	return true;
}

int wm_join_ipv6(const struct wm_network *net, const char *public_key, struct wm_prefix *out,
		 struct wm_err *err)
{
	struct wm_pubkey key;
	int rc = wm_pubkey_parse(public_key, strlen(public_key), &key, err);

	return rc == 0 ? wm_ipv6_of_key(&net->v6, &key, out, err) : rc;
}

static Google__Protobuf__Timestamp *timestamp(struct wm_arena *a, int64_t ns)
{
	Google__Protobuf__Timestamp *m = wm_pb_new(a, &google__protobuf__timestamp__descriptor);

	m->seconds = ns / WM_NS_PER_S;
	m->nanos = (int32_t)(ns % WM_NS_PER_S);
	return m;
}

V1__MeshNode *wm_join_node(struct wm_arena *a, const V1__JoinRequest *req, const struct wm_addr *v4,
			   const struct wm_prefix *v6, int64_t joined_at_ns)
{
	V1__MeshNode *node = wm_pb_new(a, &v1__mesh_node__descriptor);
	struct wm_prefix host = wm_prefix_of_addr(v4);
	char text[WM_PREFIX_TEXT];

	node->id = req->id;
	node->publickey = req->publickey;
	node->primaryendpoint = wm_arena_strdup(a, wm_node_text(req->primaryendpoint));
	node->n_wireguardendpoints = req->n_wireguardendpoints;
	node->wireguardendpoints = req->wireguardendpoints;
	node->zoneawarenessid = req->zoneawarenessid;
	if (v4->family == WM_IPV4)
		node->privateipv4 = wm_arena_strdup(a, wm_prefix_format(&host, text));
	node->privateipv6 = wm_arena_strdup(a, wm_prefix_format(v6, text));
	node->n_features = req->n_features;
	node->features = req->features;
	node->n_multiaddrs = req->n_multiaddrs;
	node->multiaddrs = req->multiaddrs;
	node->joinedat = timestamp(a, joined_at_ns);
	return node;
}

void wm_join_put_key(struct wm_txn *t, const char *public_key, const char *node_id)
{
	char peer_id[WM_PEER_ID_TEXT];

	if (!wm_join_peer_id(public_key, peer_id))
		return;
	wm_txn_if_absent(t, wm_path_pubkey(peer_id).text);
	wm_txn_put_str(t, wm_path_pubkey(peer_id).text, node_id);
}

int wm_join_claim_key(struct wm_txn *t, struct wm_view *v, const char *public_key,
		      const char *node_id, struct wm_err *err)
{
	char peer_id[WM_PEER_ID_TEXT];
	struct wm_kv kv;

	if (!wm_join_peer_id(public_key, peer_id))
		return wm_join_check_key(public_key, err);
	if (wm_view_get(v, wm_path_pubkey(peer_id).text, &kv, NULL) != 0) {
		wm_join_put_key(t, public_key, node_id);
		return 0;
	}
	if (kv.value_len != strlen(node_id) || memcmp(kv.value, node_id, kv.value_len) != 0)
		return wm_fail(
			err, WM_ALREADY_EXISTS,
			"publicKey is that of the node \"%.*s\": every node needs a key of its "
			"own, so generate one for \"%s\"",
			(int)(kv.value_len < WM_ID_MAX ? kv.value_len : WM_ID_MAX),
			(const char *)kv.value, node_id);
	wm_txn_if_revision(t, wm_path_pubkey(peer_id).text, kv.revision);
	return 0;
}

void wm_join_put_lease(struct wm_txn *t, const char *node_id, const struct wm_addr *addr)
{
	const uint8_t *b = addr->bytes;
	uint32_t number = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];

	wm_txn_if_absent(t, wm_path_lease(number).text);
	wm_txn_put_str(t, wm_path_lease(number).text, node_id);
}

int wm_join_check_key(const char *public_key, struct wm_err *err)
{
	struct wm_pubkey key;
	uint8_t wireguard[WM_X25519_SIZE];
	int rc = wm_pubkey_parse(public_key, strlen(public_key), &key, err);

	if (rc == 0)
		rc = wm_pubkey_wireguard(&key, wireguard, err);
	if (rc == 0)
		return 0;
	wm_wrap(err, "publicKey");
	if (err != NULL)
		err->code = WM_INVALID_ARGUMENT;
	return WM_INVALID_ARGUMENT;
}

static int check_count(size_t n, size_t most, const char *field, struct wm_err *err)
{
	if (n <= most)
		return 0;
	return wm_fail(err, WM_INVALID_ARGUMENT, "%s: %zu are too many, at most %zu", field, n,
		       most);
}

int wm_join_check_endpoints(const char *primary, char *const *endpoints, size_t n,
			    struct wm_err *err)
{
	char host[256];
	struct wm_addr addr;
	uint16_t port;

	if (*wm_node_text(primary) != '\0' && !wm_addr_parse(primary, &addr))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "primaryEndpoint \"%.60s\" is not an IP address (without a port)",
			       primary);
	for (size_t i = 0; i < n; i++)
		if (!wm_host_port_parse(endpoints[i], host, sizeof(host), &port))
			return wm_fail(err, WM_INVALID_ARGUMENT,
				       "wireguardEndpoints: \"%.60s\" is not address:port",
				       endpoints[i]);
	return check_count(n, ENDPOINTS_MAX, "wireguardEndpoints", err);
}

int wm_join_check_routes(char *const *routes, size_t n, const struct wm_network *net,
			 struct wm_err *err)
{
	int rc = check_count(n, ROUTES_MAX, "routes", err);

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = wm_mesh_route_cidr_check(routes[i], net, NULL, err);
	return rc;
}

int wm_join_check_features(V1__FeaturePort *const *features, size_t n, bool storage,
			   struct wm_err *err)
{
	bool provides = false;
	int rc = check_count(n, FEATURES_MAX, "features", err);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (features[i]->port < 0 || features[i]->port > UINT16_MAX)
			rc = wm_fail(err, WM_INVALID_ARGUMENT,
				     "features: port %d is none, 0 to 65535 are",
				     features[i]->port);
		provides |= features[i]->feature == V1__FEATURE__STORAGE_PROVIDER &&
			    features[i]->port > 0;
	}
	if (rc == 0 && storage && !provides)
		rc = wm_fail(
			err, WM_INVALID_ARGUMENT,
			"features: a voter or observer must offer STORAGE_PROVIDER with its port");
	return rc;
}

int wm_join_check_texts(const char *zone, char *const *multiaddrs, size_t n, struct wm_err *err)
{
	int rc = check_count(n, MULTIADDRS_MAX, "multiaddrs", err);

	if (rc == 0 && strlen(zone) > ZONE_MAX)
		rc = wm_fail(err, WM_INVALID_ARGUMENT,
			     "zoneAwarenessID is longer than %d bytes: choose a shorter one",
			     ZONE_MAX);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (strlen(multiaddrs[i]) > TEXT_MAX)
			rc = wm_fail(err, WM_INVALID_ARGUMENT,
				     "multiaddrs: one is longer than %d bytes", TEXT_MAX);
	return rc;
}
