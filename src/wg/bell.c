#include "wg/bell.h"

void wm_wg_bell_init(struct wm_wg_bell *b)
{
	pthread_mutex_init(&b->lock, NULL);
	wm_list_init(&b->rung);
}

void wm_wg_bell_fini(struct wm_wg_bell *b)
{
	pthread_mutex_destroy(&b->lock);
}

bool wm_wg_bell_ring(struct wm_wg_bell *b, struct wm_wg_ring *r, unsigned bits)
{
	bool was_first = false;
	if (atomic_fetch_or(&r->bits, bits) != 0)
		return false;
	pthread_mutex_lock(&b->lock);
	if (!r->is_dead) {
		was_first = wm_list_is_empty(&b->rung);
		wm_list_push(&b->rung, &r->node);
	}
	pthread_mutex_unlock(&b->lock);
	return was_first;
}

struct wm_wg_ring *wm_wg_bell_take(struct wm_wg_bell *b, unsigned *bits)
{
	struct wm_wg_ring *r = NULL;
	pthread_mutex_lock(&b->lock);
	struct wm_list *first = wm_list_first(&b->rung);
	if (first != NULL) {
		r = wm_container_of(first, struct wm_wg_ring, node);
		wm_list_remove(first);
		*bits = atomic_exchange(&r->bits, 0);
	}
	pthread_mutex_unlock(&b->lock);
	return r;
}

void wm_wg_bell_retire(struct wm_wg_bell *b, struct wm_wg_ring *r)
{
	pthread_mutex_lock(&b->lock);
	r->is_dead = true;
	wm_list_remove(&r->node);
	pthread_mutex_unlock(&b->lock);
}
