#include "wg/ciphers.h"

struct wm_aead *wm_wg_ciphers_get(struct wm_wg_ciphers *c, const struct wm_wg_session *s,
				  enum wm_wg_direction direction)
{
	uint64_t key = s->id * 2 + (direction == WM_WG_RECV);
	unsigned at = key % WM_WG_CIPHERS;
	struct wm_aead *aead = &c->slots[at].aead;
	if (c->slots[at].key == key)
		return aead;
	const uint8_t *bytes = direction == WM_WG_RECV ? s->keys.recv : s->keys.send;
	if (aead->provider == NULL && c->provider != NULL)
		wm_aead_init_with(c->provider, aead, bytes);
	else if (aead->provider == NULL)
		wm_aead_init(aead, bytes);
	else
		wm_aead_rekey(aead, bytes);
	c->slots[at].key = key;
	return aead;
}

void wm_wg_ciphers_speed_up(struct wm_wg_ciphers *c)
{
	if (c->provider != NULL)
		return;
	wm_wg_ciphers_wipe(c);
	c->provider = wm_aead_provider_bulk();
}

void wm_wg_ciphers_wipe(struct wm_wg_ciphers *c)
{
	for (unsigned i = 0; i < WM_WG_CIPHERS; i++) {
		wm_aead_fini(&c->slots[i].aead);
		c->slots[i].aead.provider = NULL;
		c->slots[i].key = 0;
	}
}
