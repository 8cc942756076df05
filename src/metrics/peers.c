/* WireGuard's peers, one by one: in the order of their names, so that which ones are shown does not
 * change from scrape to scrape where there are too many. */
#include "metrics/scrape.h"
#include "base/clock.h"
#include "base/mem.h"
#include "crypto/key.h"
#include <stdlib.h>
#include <string.h>

#define CONNECTED_NS (180 * WM_NS_PER_S) /* Reject-After-Time of the WireGuard paper */

static char *name_of(const struct wm_scrape *s, const struct wm_wg_peer_config *p)
{
	const char *id =
		s->src.fabric != NULL ? wm_fabric_peer_id(s->src.fabric, p->public_key) : NULL;
	char key[WM_WG_KEY_TEXT];
	return wm_strdup(id != NULL ? id : wm_wg_key_format(p->public_key, key));
}

static int by_name(const void *a, const void *b)
{
	const struct wm_scrape_peer *x = a, *y = b;
	return strcmp(x->name, y->name);
}

void wm_scrape_sort_peers(struct wm_scrape *s)
{
	qsort(s->peers, s->n_peers, sizeof(*s->peers), by_name);
	s->n_shown = s->n_peers < WM_METRICS_PEERS_MAX ? s->n_peers : WM_METRICS_PEERS_MAX;
}

void wm_scrape_gather_peers(struct wm_scrape *s)
{
	s->wg = wm_wg_device_get(s->src.device, false);
	s->n_peers = s->wg->n_peers;
	s->peers = wm_calloc(s->n_peers + 1, sizeof(*s->peers));
	for (size_t i = 0; i < s->n_peers; i++) {
		s->peers[i].config = &s->wg->peers[i];
		s->peers[i].name = name_of(s, s->peers[i].config);
	}
	wm_scrape_sort_peers(s);
}

void wm_scrape_peers(struct wm_metrics_family *f, const struct wm_scrape *s,
		     wm_scrape_of_peer *each)
{
	for (size_t i = 0; i < s->n_shown; i++) {
		const struct wm_label labels[2] = {{"node_id", s->src.node_id},
						   {"peer", s->peers[i].name}};
		each(f, s, labels, s->peers[i].config);
	}
}

void wm_scrape_connected(struct wm_metrics_family *f, const struct wm_scrape *s,
			 const struct wm_label labels[2], const struct wm_wg_peer_config *p)
{
	wm_metrics_add(f, labels, 2,
		       p->last_handshake_wall_ns != 0 &&
			       s->now_wall_ns - p->last_handshake_wall_ns <= CONNECTED_NS);
}

void wm_scrape_peer_tx(struct wm_metrics_family *f, const struct wm_scrape *s,
		       const struct wm_label labels[2], const struct wm_wg_peer_config *p)
{
	wm_metrics_add(f, labels, 2, p->tx_bytes);
}

void wm_scrape_peer_rx(struct wm_metrics_family *f, const struct wm_scrape *s,
		       const struct wm_label labels[2], const struct wm_wg_peer_config *p)
{
	wm_metrics_add(f, labels, 2, p->rx_bytes);
}

void wm_scrape_handshake(struct wm_metrics_family *f, const struct wm_scrape *s,
			 const struct wm_label labels[2], const struct wm_wg_peer_config *p)
{
	wm_metrics_add_ns(f, labels, 2, p->last_handshake_wall_ns);
}
