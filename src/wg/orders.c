/* What other threads say to the handshake thread; it reads that in wg/handshakes.c. */
#include <string.h>
#include "base/vault.h"
#include "wg/handshakes.h"

void wm_wg_handshakes_tell(struct wm_wg_handshakes *h, struct wm_wg_peer *peer, unsigned news)
{
	if (wm_wg_bell_ring(&h->bell, &peer->news, news))
		wm_wg_wake_set(&h->wake);
}

void wm_wg_handshakes_ask(struct wm_wg_handshakes *h, struct wm_wg_peer *peer)
{
	if (!atomic_load(&peer->is_asked) && !atomic_exchange(&peer->is_asked, true))
		wm_wg_handshakes_tell(h, peer, WM_WG_NEWS_WANT);
}

enum wm_drop wm_wg_handshakes_offer(struct wm_wg_handshakes *h, const struct wm_endpoint *from,
				    const uint8_t *data, size_t len, int64_t now)
{
	static const struct wm_udp_local unknown;
	return wm_wg_handshakes_offer_at(h, from, &unknown, data, len, now);
}

enum wm_drop wm_wg_handshakes_offer_at(struct wm_wg_handshakes *h, const struct wm_endpoint *from,
				       const struct wm_udp_local *local, const uint8_t *data,
				       size_t len, int64_t now)
{
	if (len > WM_WG_HANDSHAKE_MAX)
		return WM_DROP_SHORT;
	enum wm_drop why = wm_wg_door_judge(&h->door, from, data, len, now);
	if (why != WM_DROP_NONE)
		return why;
	pthread_mutex_lock(&h->lock);
	bool has_room = h->n_letters < WM_WG_QUEUE;
	if (has_room)
		wm_wg_letter_fill(&h->letters[(h->first_letter + h->n_letters++) % WM_WG_QUEUE],
				  from, local, data, len);
	if (h->n_letters >= WM_WG_LOADED)
		wm_wg_door_load(&h->door, now);
	pthread_mutex_unlock(&h->lock);
	wm_wg_wake_set(&h->wake);
	return has_room ? WM_DROP_NONE : WM_DROP_BUSY;
}

static void give(struct wm_wg_handshakes *h, struct wm_wg_order *o)
{
	pthread_mutex_lock(&h->lock);
	*h->orders_last = o;
	h->orders_last = &o->next;
	pthread_mutex_unlock(&h->lock);
	wm_wg_wake_set(&h->wake);
}

void wm_wg_handshakes_order(struct wm_wg_handshakes *h, enum wm_wg_order_kind kind,
			    struct wm_wg_peer *peer, const uint8_t *bytes, int64_t interval)
{
	struct wm_wg_order *o = wm_vault_alloc(sizeof(*o));
	o->kind = kind;
	o->peer = peer;
	o->interval = interval;
	if (bytes != NULL)
		memcpy(o->bytes, bytes, sizeof(o->bytes));
	give(h, o);
}

void wm_wg_handshakes_order_places(struct wm_wg_handshakes *h, struct wm_wg_peer *peer,
				   const struct wm_endpoint *list, size_t n)
{
	struct wm_wg_order *o = wm_vault_alloc(sizeof(*o));
	o->kind = WM_WG_ORDER_PLACES;
	o->peer = peer;
	o->n_list = n < WM_WG_CANDIDATES ? n : WM_WG_CANDIDATES;
	memcpy(o->list, list, o->n_list * sizeof(*list));
	give(h, o);
}
