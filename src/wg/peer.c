#include "wg/peer.h"
#include "base/mem.h"
#include "base/vault.h"
#include <string.h>

struct wm_wg_peer *wm_wg_peer_new(const uint8_t public_key[WM_WG_KEY], _Atomic size_t *staged_bytes)
{
	struct wm_wg_peer *p = wm_vault_alloc(sizeof(*p));
	memcpy(p->public_key, public_key, WM_WG_KEY);
	wm_wg_owner_init(&p->owner);
	wm_wg_stage_init(&p->stage, staged_bytes);
	wm_wg_timers_init(&p->timers, &p->traffic);
	wm_wg_jar_set(&p->jar, public_key);
	return p;
}

void wm_wg_peer_free(struct wm_wg_peer *p)
{
	wm_wg_stage_fini(&p->stage);
	wm_vault_free(p);
}

static void free_item(struct wm_epoch_item *item)
{
	wm_wg_peer_free(wm_container_of(item, struct wm_wg_peer, item));
}

void wm_wg_peer_retire(struct wm_wg_peer *p, struct wm_epoch *epoch)
{
	wm_epoch_retire(epoch, &p->item, free_item);
}
