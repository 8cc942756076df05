#include "wg/core.h"
#include "base/mem.h"
#include <string.h>

#define SECOND        1000000000LL
#define FOREIGN_PER_S 500

void wm_wg_core_note(struct wm_wg_core *c, enum wm_wg_note note)
{
	unsigned known = atomic_load_explicit(&c->notes, memory_order_relaxed);
	if ((known & note) == 0 && (atomic_fetch_or(&c->notes, note) & note) == 0)
		c->wake_loop(c->wake_arg);
}

/* False when too many wait. */
static bool offer_foreign(struct wm_wg_core *c, const struct wm_endpoint *from, const uint8_t *data,
			  size_t len)
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

enum wm_drop wm_wg_core_pass_foreign(struct wm_wg_core *c, struct wm_wg_foreign_rate *rate,
				     const struct wm_endpoint *from, const uint8_t *data,
				     size_t len, int64_t now)
{
	if (!c->wants_foreign)
		return WM_DROP_TYPE;
	if (now - rate->since >= SECOND)
		*rate = (struct wm_wg_foreign_rate){.since = now};
	if (++rate->count > FOREIGN_PER_S || !offer_foreign(c, from, data, len))
		return WM_DROP_FOREIGN;
	return WM_DROP_NONE;
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
