#include "wg/seen.h"
#include <string.h>
#include "base/mem.h"

struct wm_wg_seen_peer *wm_wg_seen_find(const struct wm_wg_seen *s,
					const uint8_t public_key[WM_WG_KEY])
{
	return wm_map_find_n(&s->peers, public_key, WM_WG_KEY);
}

struct wm_wg_seen_peer *wm_wg_seen_put(struct wm_wg_seen *s, const uint8_t public_key[WM_WG_KEY])
{
	struct wm_wg_seen_peer *p = wm_wg_seen_find(s, public_key);
	if (p != NULL)
		return p;
	p = wm_alloc(sizeof(*p));
	memcpy(p->public_key, public_key, WM_WG_KEY);
	wm_map_put_n(&s->peers, public_key, WM_WG_KEY, p);
	return p;
}

static void keep_bytes(struct wm_wg_seen *s, const struct wm_wg_seen_peer *p)
{
	s->gone_rx += p->rx_bytes;
	s->gone_tx += p->tx_bytes;
}

/* Those that this look has not found. */
static void drop_gone(struct wm_wg_seen *s)
{
	struct wm_map_entry *e;
	wm_map_each (e, &s->peers) {
		struct wm_wg_seen_peer *p = e->value;
		if (p->look == s->look)
			continue;
		keep_bytes(s, p);
		wm_map_drop_n(&s->peers, p->public_key, WM_WG_KEY);
		wm_free(p);
	}
}

/* True when it has had a handshake since. */
static bool update_peer(struct wm_wg_seen *s, const struct wm_wg_peer_config *now,
			struct wm_wg_seen_news *news)
{
	struct wm_wg_seen_peer *p = wm_wg_seen_put(s, now->public_key);
	/* It went and came back between two looks. */
	if (now->rx_bytes < p->rx_bytes || now->tx_bytes < p->tx_bytes)
		keep_bytes(s, p);
	bool has_news = now->last_handshake_wall_ns != 0 &&
			now->last_handshake_wall_ns != p->handshake_wall_ns;
	memcpy(news->public_key, now->public_key, WM_WG_KEY);
	news->from = now->endpoint;
	news->by_peer = !p->is_greeted;
	p->handshake_wall_ns = now->last_handshake_wall_ns;
	p->rx_bytes = now->rx_bytes;
	p->tx_bytes = now->tx_bytes;
	p->keepalive_s = now->keepalive_s;
	p->has_endpoint = now->has_endpoint;
	p->is_greeted = p->is_greeted && !has_news;
	p->look = s->look;
	return has_news;
}

void wm_wg_seen_update(struct wm_wg_seen *s, const struct wm_wg_config *now,
		       struct wm_wg_seen_news **news, size_t *n_news)
{
	struct wm_wg_seen_news *list = NULL;
	size_t n = 0;
	s->look++;
	for (size_t i = 0; i < now->n_peers; i++) {
		struct wm_wg_seen_news one;
		if (!update_peer(s, &now->peers[i], &one))
			continue;
		if (list == NULL)
			list = wm_calloc(now->n_peers - i, sizeof(*list));
		list[n++] = one;
	}
	drop_gone(s);
	*news = list;
	*n_news = n;
}

bool wm_wg_seen_wants_greeting(const struct wm_wg_seen *s)
{
	struct wm_map_entry *e;
	wm_map_each (e, &s->peers)
		if (((const struct wm_wg_seen_peer *)e->value)->wants_greeting)
			return true;
	return false;
}

void wm_wg_seen_traffic(const struct wm_wg_seen *s, uint64_t *rx, uint64_t *tx)
{
	struct wm_map_entry *e;
	*rx = s->gone_rx;
	*tx = s->gone_tx;
	wm_map_each (e, &s->peers) {
		const struct wm_wg_seen_peer *p = e->value;
		*rx += p->rx_bytes;
		*tx += p->tx_bytes;
	}
}

void wm_wg_seen_fini(struct wm_wg_seen *s)
{
	struct wm_map_entry *e;
	wm_map_each (e, &s->peers)
		wm_free(e->value);
	wm_map_fini(&s->peers);
}
