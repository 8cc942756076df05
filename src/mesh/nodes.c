#include "mesh/nodes.h"

#include <string.h>

#include "base/str.h"
#include "crypto/key.h"
#include "mesh/paths.h"
#include "mesh/record.h"

int wm_node_get(struct wm_arena *a, struct wm_view *v, const char *id, V1__MeshNode **out,
		uint64_t *revision, struct wm_err *err)
{
	ProtobufCMessage *m = NULL;
	int rc = wm_node_id_is_valid(id)
			 ? wm_record_get(a, v, wm_path_node(id).text, &v1__mesh_node__descriptor,
					 &m, revision, err)
			 : WM_NOT_FOUND;

	if (rc == WM_NOT_FOUND)
		return wm_fail(err, WM_NOT_FOUND, "node not found: %.80s", id);
	*out = (V1__MeshNode *)m;
	return rc;
}

int wm_node_by_key(struct wm_arena *a, struct wm_view *v, const char *public_key,
		   V1__MeshNode **out, struct wm_err *err)
{
	char peer_id[WM_PEER_ID_TEXT], id[WM_ID_MAX + 1];
	struct wm_pubkey key;
	struct wm_kv kv;
	int rc = wm_pubkey_parse(public_key, strlen(public_key), &key, err);

	if (rc != 0)
		return rc;
	wm_pubkey_format_id(&key, peer_id);
	rc = wm_view_get(v, wm_path_pubkey(peer_id).text, &kv, err);
	if (rc != 0 || kv.value_len > WM_ID_MAX)
		return wm_fail(err, WM_NOT_FOUND, "node not found: nobody holds the key %s",
			       peer_id);
	memcpy(id, kv.value, kv.value_len);
	id[kv.value_len] = '\0';
	return wm_node_get(a, v, id, out, NULL, err);
}

int wm_node_list(struct wm_arena *a, struct wm_view *v, V1__MeshNode ***out, size_t *n,
		 struct wm_err *err)
{
	return wm_record_list(a, v, WM_PATH_NODES, &v1__mesh_node__descriptor, out, n, NULL, err);
}

static int check_address(const char *text, uint8_t family, const char *field, struct wm_err *err)
{
	struct wm_prefix p;

	if (*text == '\0' || (wm_prefix_parse(text, &p) && p.addr.family == family))
		return 0;
	return wm_fail(err, WM_INVALID_ARGUMENT, "%s \"%.60s\" is not an IPv%d prefix", field, text,
		       family);
}

int wm_node_check(const V1__MeshNode *node, struct wm_err *err)
{
	struct wm_pubkey key;
	int rc = wm_node_id_check(node->id, "id", err);

	if (rc == 0 && *node->publickey != '\0' &&
	    wm_pubkey_parse(node->publickey, strlen(node->publickey), &key, err) != 0)
		rc = wm_wrap(err, "publicKey");
	if (rc == 0)
		rc = check_address(node->privateipv4, WM_IPV4, "privateIPv4", err);
	if (rc == 0)
		rc = check_address(node->privateipv6, WM_IPV6, "privateIPv6", err);
	return rc;
}

static bool has_text(char *const *texts, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(texts[i], text) == 0)
			return true;
	return false;
}

int wm_node_put(struct wm_txn *t, const V1__MeshNode *node, struct wm_err *err)
{
	struct wm_arena a;
	V1__MeshNode copy = *node;
	int rc = wm_node_check(node, err);

	if (rc != 0)
		return rc;
	wm_arena_init(&a, 0);
	copy.n_wireguardendpoints = 0;
	copy.wireguardendpoints = NULL;
	for (size_t i = 0; i < node->n_wireguardendpoints; i++)
		if (!has_text(copy.wireguardendpoints, copy.n_wireguardendpoints,
			      node->wireguardendpoints[i]))
			wm_pb_append(&a, &copy.n_wireguardendpoints, &copy.wireguardendpoints,
				     node->wireguardendpoints[i]);
	rc = wm_record_put(t, wm_path_node(node->id).text, &copy.base, err);
	wm_arena_fini(&a);
	return rc;
}

const char *wm_node_text(const char *stored)
{
	return strcmp(stored, "invalid IP") == 0 || strcmp(stored, "invalid Prefix") == 0 ? ""
											  : stored;
}

bool wm_node_ipv4(const V1__MeshNode *node, struct wm_prefix *out)
{
	struct wm_prefix p;

	if (!wm_prefix_parse(node->privateipv4, &p) || p.addr.family != WM_IPV4)
		return false;
	*out = p;
	return true;
}

bool wm_node_ipv6(const V1__MeshNode *node, struct wm_prefix *out)
{
	struct wm_prefix p;

	if (!wm_prefix_parse(node->privateipv6, &p) || p.addr.family != WM_IPV6)
		return false;
	*out = p;
	return true;
}

bool wm_node_has_key(const V1__MeshNode *node)
{
	struct wm_pubkey key;

	return wm_pubkey_parse(node->publickey, strlen(node->publickey), &key, NULL) == 0;
}

bool wm_node_is_public(const V1__MeshNode *node)
{
	return *wm_node_text(node->primaryendpoint) != '\0';
}

static const V1__FeaturePort *find_feature(const V1__MeshNode *node, V1__Feature feature)
{
	for (size_t i = 0; i < node->n_features; i++)
		if (node->features[i]->feature == feature)
			return node->features[i];
	return NULL;
}

uint16_t wm_node_feature_port(const V1__MeshNode *node, V1__Feature feature)
{
	const V1__FeaturePort *f = find_feature(node, feature);

	return f != NULL && f->port > 0 && f->port <= UINT16_MAX ? (uint16_t)f->port : 0;
}

bool wm_node_has_feature(const V1__MeshNode *node, V1__Feature feature)
{
	return find_feature(node, feature) != NULL;
}

/* The address, or the name, of "host:port" is exactly @host. */
static bool has_host(const char *endpoint, const char *host)
{
	char found[256];
	uint16_t port;
	struct wm_addr a, b;

	if (!wm_host_port_parse(endpoint, found, sizeof(found), &port))
		return false;
	if (wm_addr_parse(found, &a) && wm_addr_parse(host, &b))
		return wm_addr_equal(&a, &b);
	return strcmp(found, host) == 0;
}

const char *wm_node_wireguard_endpoint(const V1__MeshNode *node)
{
	const char *primary = wm_node_text(node->primaryendpoint);

	for (size_t i = 0; *primary != '\0' && i < node->n_wireguardendpoints; i++)
		if (has_host(node->wireguardendpoints[i], primary))
			return node->wireguardendpoints[i];
	return node->n_wireguardendpoints > 0 ? node->wireguardendpoints[0] : "";
}
