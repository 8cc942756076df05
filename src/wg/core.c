#include "wg/core.h"
#include "base/mem.h"
#include <string.h>

void wm_wg_core_note(struct wm_wg_core *c, enum wm_wg_note note)
{
	unsigned known = atomic_load_explicit(&c->notes, memory_order_relaxed);
	if ((known & note) == 0 && (atomic_fetch_or(&c->notes, note) & note) == 0)
		c->wake_loop(c->wake_arg);
}

bool wm_wg_core_offer_foreign(struct wm_wg_core *c, const struct wm_endpoint *from,
			      const uint8_t *data, size_t len)
{
	if (len > WM_WG_FOREIGN_BYTES)
		return false;
	struct wm_wg_foreign *f = wm_alloc(sizeof(*f) + len);
	f->from = *from;
	f->len = len;
	memcpy(f->data, data, len);
	pthread_mutex_lock(&c->foreign_lock);
	bool has_room = c->n_foreign < WM_WG_FOREIGN_MAX;
	if (has_room) {
		*c->foreign_last = f;
		c->foreign_last = &f->next;
		c->n_foreign++;
	}
	pthread_mutex_unlock(&c->foreign_lock);
	if (has_room)
		c->wake_loop(c->wake_arg);
	else
		wm_free(f);
	return has_room;
}

struct wm_wg_foreign *wm_wg_core_take_foreign(struct wm_wg_core *c)
{
	pthread_mutex_lock(&c->foreign_lock);
	struct wm_wg_foreign *first = c->foreign;
	c->foreign = NULL;
	c->foreign_last = &c->foreign;
	c->n_foreign = 0;
	pthread_mutex_unlock(&c->foreign_lock);
	return first;
}
