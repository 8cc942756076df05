#include <string.h>
#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"
#include "wg/wish.h"

static void add(struct wm_wg_kernel_wish *k, const struct wm_wg_peer_config *p)
{
	k->config.peers[k->config.n_peers++] = *p;
}

static struct wm_wg_allowed *new_list(struct wm_wg_kernel_wish *k, size_t n)
{
	struct wm_wg_allowed *list = wm_calloc(n + 1, sizeof(*list));
	k->lists = wm_realloc(k->lists, (k->n_lists + 1) * sizeof(struct wm_wg_allowed *));
	k->lists[k->n_lists++] = list;
	return list;
}

/* ---- addresses that are taken from their peers ---- */

static bool has_allowed(const struct wm_wg_peer_config *p, const struct wm_prefix *prefix)
{
	struct wm_prefix wanted = wm_prefix_masked(prefix);
	for (size_t i = 0; i < p->n_allowed; i++) {
		struct wm_prefix have = wm_prefix_masked(&p->allowed[i].prefix);
		if (wm_prefix_equal(&have, &wanted))
			return true;
	}
	return false;
}

static size_t count_removals(const struct wm_wg_config *wish)
{
	size_t n = 0;
	for (size_t i = 0; i < wish->n_peers; i++)
		for (size_t j = 0; j < wish->peers[i].n_allowed; j++)
			n += wish->peers[i].allowed[j].remove;
	return n;
}

static void take_away(struct wm_wg_kernel_wish *k, const struct wm_wg_config *wish,
		      const struct wm_map *have)
{
	size_t most = count_removals(wish);
	struct wm_wg_peer_config taker = {.flags = WM_WG_PEER_REPLACE_ALLOWED};
	if (most == 0)
		return;
	taker.allowed = new_list(k, most);
	for (size_t i = 0; i < wish->n_peers; i++) {
		const struct wm_wg_peer_config *w = &wish->peers[i];
		const struct wm_wg_peer_config *p = wm_map_find_n(have, w->public_key, WM_WG_KEY);
		for (size_t j = 0; p != NULL && j < w->n_allowed; j++)
			if (w->allowed[j].remove && has_allowed(p, &w->allowed[j].prefix))
				taker.allowed[taker.n_allowed++].prefix = w->allowed[j].prefix;
	}
	if (taker.n_allowed == 0)
		return;
	wm_rand_bytes(taker.public_key, WM_WG_KEY); /* a key that nobody has */
	add(k, &taker);
	taker.flags = WM_WG_PEER_REMOVE;
	taker.n_allowed = 0;
	add(k, &taker);
}

/* ---- peers ---- */

static void remove_others(struct wm_wg_kernel_wish *k, const struct wm_wg_config *now,
			  const struct wm_map *wished)
{
	for (size_t i = 0; i < now->n_peers; i++) {
		struct wm_wg_peer_config gone = {.flags = WM_WG_PEER_REMOVE};
		if (wm_map_find_n(wished, now->peers[i].public_key, WM_WG_KEY) != NULL)
			continue;
		memcpy(gone.public_key, now->peers[i].public_key, WM_WG_KEY);
		add(k, &gone);
	}
}

/* Loses what the list does not give it. */
static void reset(struct wm_wg_peer_config *p)
{
	p->flags |= WM_WG_PEER_REPLACE_ALLOWED;
	p->has_psk = true;       /* all zero, unless it has one */
	p->has_keepalive = true; /* 0, unless it has one */
}

static void add_without_removals(struct wm_wg_kernel_wish *k, const struct wm_wg_peer_config *w,
				 bool is_reset)
{
	struct wm_wg_peer_config p = *w;
	size_t n = 0;
	for (size_t i = 0; i < w->n_allowed; i++)
		n += !w->allowed[i].remove;
	if (n < w->n_allowed) {
		p.allowed = new_list(k, n);
		p.n_allowed = 0;
		for (size_t i = 0; i < w->n_allowed; i++)
			if (!w->allowed[i].remove)
				p.allowed[p.n_allowed++] = w->allowed[i];
	}
	if (is_reset)
		reset(&p);
	add(k, &p);
	wm_wipe(&p, sizeof(p));
}

static void index_peers(struct wm_map *m, const struct wm_wg_config *c)
{
	for (size_t i = c->n_peers; i-- > 0;) /* the first of two stays */
		if ((c->peers[i].flags & WM_WG_PEER_REMOVE) == 0)
			wm_map_put_n(m, c->peers[i].public_key, WM_WG_KEY, &c->peers[i]);
}

void wm_wg_kernel_wish_init(struct wm_wg_kernel_wish *k, const struct wm_wg_config *wish,
			    const struct wm_wg_config *now)
{
	struct wm_map have = {.count = 0}, wished = {.count = 0};
	index_peers(&have, now);
	index_peers(&wished, wish);
	memset(k, 0, sizeof(*k));
	k->config = *wish;
	k->config.replace_peers = false;
	k->config.n_peers = 0;
	k->config.peers = wm_calloc(wish->n_peers + now->n_peers + 2, sizeof(*k->config.peers));
	take_away(k, wish, &have);
	if (wish->replace_peers)
		remove_others(k, now, &wished);
	for (size_t i = 0; i < wish->n_peers; i++) {
		const struct wm_wg_peer_config *w = &wish->peers[i];
		add_without_removals(k, w,
				     wish->replace_peers &&
					     wm_map_find_n(&wished, w->public_key, WM_WG_KEY) == w);
	}
	wm_map_fini(&have);
	wm_map_fini(&wished);
}

void wm_wg_kernel_wish_fini(struct wm_wg_kernel_wish *k)
{
	for (size_t i = 0; i < k->n_lists; i++)
		wm_free(k->lists[i]);
	wm_free(k->lists);
	wm_wipe(k->config.peers, k->config.n_peers * sizeof(*k->config.peers));
	wm_free(k->config.peers);
	wm_wipe(&k->config, sizeof(k->config));
	memset(k, 0, sizeof(*k));
}
