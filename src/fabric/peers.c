#include "fabric/peers.h"

#include <string.h>

#include "base/str.h"
#include "crypto/key.h"

static int public_key_of(const V1__MeshNode *node, uint8_t out[WM_WG_KEY], struct wm_err *err)
{
	struct wm_pubkey key;
	int code = wm_pubkey_parse(node->publickey, strlen(node->publickey), &key, err);

	return code != 0 ? code : wm_pubkey_wireguard(&key, out, err);
}

/* "" and "invalid Prefix" are a Go node's way to say that there is none. */
static bool is_absent(const char *text)
{
	return wm_str_is_empty(text) || wm_streq(text, "invalid Prefix");
}

static unsigned add_prefixes(struct wm_desired *d, struct wm_desired_peer *p, char **texts,
			     size_t n,
			     void (*add)(struct wm_desired *d, struct wm_desired_peer *p,
					 const struct wm_prefix *prefix))
{
	struct wm_prefix prefix;
	unsigned skipped = 0;

	for (size_t i = 0; i < n; i++) {
		if (is_absent(texts[i]))
			continue;
		if (wm_prefix_parse(texts[i], &prefix))
			add(d, p, &prefix);
		else
			skipped++;
	}
	return skipped;
}

int wm_desired_add_wire(struct wm_desired *d, const V1__WireGuardPeer *peer, unsigned *skipped,
			struct wm_err *err)
{
	const V1__MeshNode *node = peer->node;
	uint8_t key[WM_WG_KEY];
	struct wm_desired_peer *p;
	unsigned bad;
	int code;

	if (node == NULL || wm_str_is_empty(node->id))
		return wm_fail(err, WM_INVALID_ARGUMENT, "a peer without an ID");
	code = public_key_of(node, key, err);
	if (code != 0) {
		if (err != NULL)
			err->code = WM_INVALID_ARGUMENT;
		wm_wrap(err, "peer %.64s", node->id);
		return WM_INVALID_ARGUMENT;
	}
	p = wm_desired_add_peer(d, node->id, key);
	wm_desired_set_endpoint(d, p, node->primaryendpoint, node->zoneawarenessid);
	for (size_t i = 0; i < node->n_wireguardendpoints; i++)
		wm_desired_add_candidate(d, p, node->wireguardendpoints[i]);
	bad = add_prefixes(d, p, peer->allowedips, peer->n_allowedips, wm_desired_add_allowed);
	bad += add_prefixes(d, p, peer->allowedroutes, peer->n_allowedroutes, wm_desired_add_route);
	if (skipped != NULL)
		*skipped += bad;
	return 0;
}
