#include "wg/wish.h"

#define PEERS_MAX 100000

static int check_peer(const struct wm_wg_peer_config *p, size_t at, struct wm_err *err)
{
	if (p->has_endpoint && (!wm_addr_is_valid(&p->endpoint.addr) || p->endpoint.port == 0 ||
				wm_addr_is_unspecified(&p->endpoint.addr)))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "peer %zu: its endpoint is not an address and port", at + 1);
	for (size_t i = 0; i < p->n_allowed; i++)
		if (!wm_prefix_is_valid(&p->allowed[i].prefix))
			return wm_fail(err, WM_INVALID_ARGUMENT,
				       "peer %zu: allowed address %zu is not a prefix", at + 1,
				       i + 1);
	return 0;
}

/* How many peers there may be afterwards: all that the wish may add count as new. */
static size_t count_peers(const struct wm_wg_config *wish, size_t n_peers)
{
	size_t n = wish->replace_peers ? 0 : n_peers;
	for (size_t i = 0; i < wish->n_peers; i++)
		n += (wish->peers[i].flags & (WM_WG_PEER_REMOVE | WM_WG_PEER_UPDATE_ONLY)) == 0;
	return n;
}

int wm_wg_wish_check(const struct wm_wg_config *wish, size_t n_peers, struct wm_err *err)
{
	int rc = 0;
	if (count_peers(wish, n_peers) > PEERS_MAX)
		return wm_fail(err, WM_RESOURCE_EXHAUSTED, "more than %d peers", PEERS_MAX);
	for (size_t i = 0; rc == 0 && i < wish->n_peers; i++)
		rc = check_peer(&wish->peers[i], i, err);
	return rc;
}
