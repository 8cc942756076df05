#include "wg/session.h"
#include "base/mem.h"
#include "base/vault.h"
#include "wg/timers.h"
#include <string.h>

_Static_assert(_Alignof(struct wm_wg_session) <= WM_VAULT_ALIGN, "it holds keys");

static _Atomic uint64_t last_id;

struct wm_wg_session *wm_wg_session_new(struct wm_wg_peer *peer, struct wm_wg_keys *keys,
					bool is_initiator, int64_t now)
{
	struct wm_wg_session *s = wm_vault_alloc(sizeof(*s));
	s->peer = peer;
	s->keys = *keys;
	s->id = atomic_fetch_add(&last_id, 1) + 1;
	s->born = now;
	s->is_initiator = is_initiator;
	pthread_mutex_init(&s->window_lock, NULL);
	wm_wipe(keys, sizeof(*keys));
	return s;
}

static void free_item(struct wm_epoch_item *item)
{
	struct wm_wg_session *s = wm_container_of(item, struct wm_wg_session, item);
	pthread_mutex_destroy(&s->window_lock);
	wm_vault_free(s);
}

void wm_wg_session_retire(struct wm_wg_session *s, struct wm_epoch *epoch)
{
	if (s != NULL)
		wm_epoch_retire(epoch, &s->item, free_item);
}

bool wm_wg_session_take(struct wm_wg_session *s, unsigned n, uint64_t *first)
{
	*first = atomic_fetch_add_explicit(&s->next_counter, n, memory_order_relaxed);
	if (*first < WM_WG_REJECT_MESSAGES && WM_WG_REJECT_MESSAGES - *first >= n)
		return true;
	/* Who asks again and again must not come round to the first ones. */
	atomic_store_explicit(&s->next_counter, WM_WG_REJECT_MESSAGES, memory_order_relaxed);
	return false;
}

static uint64_t sent(const struct wm_wg_session *s)
{
	return atomic_load_explicit(&s->next_counter, memory_order_relaxed);
}

bool wm_wg_session_can_send(const struct wm_wg_session *s, int64_t now)
{
	return now - s->born < WM_WG_REJECT_AFTER && sent(s) < WM_WG_REJECT_MESSAGES;
}

bool wm_wg_session_can_receive(const struct wm_wg_session *s, uint64_t counter, int64_t now)
{
	return now - s->born < WM_WG_REJECT_AFTER && counter < WM_WG_REJECT_MESSAGES;
}

bool wm_wg_session_wants_rekey(const struct wm_wg_session *s, int64_t now)
{
	return sent(s) >= WM_WG_REKEY_MESSAGES || !wm_wg_session_can_send(s, now) ||
	       (s->is_initiator && now - s->born >= WM_WG_REKEY_AFTER);
}

bool wm_wg_session_ends_soon(const struct wm_wg_session *s, int64_t now)
{
	int64_t late = WM_WG_REJECT_AFTER - WM_WG_KEEPALIVE_TIMEOUT - WM_WG_REKEY_TIMEOUT;
	return s->is_initiator && now - s->born >= late;
}
