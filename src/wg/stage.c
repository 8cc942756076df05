#include "wg/stage.h"
#include "base/mem.h"
#include <string.h>

static void reset(struct wm_wg_stage *s)
{
	s->first = NULL;
	s->last = &s->first;
	s->count = 0;
}

void wm_wg_stage_init(struct wm_wg_stage *s)
{
	pthread_mutex_init(&s->lock, NULL);
	reset(s);
}

void wm_wg_stage_fini(struct wm_wg_stage *s)
{
	for (struct wm_wg_staged *p = wm_wg_stage_take(s); p != NULL;)
		p = wm_wg_staged_free(p);
	pthread_mutex_destroy(&s->lock);
}

/* The oldest, if there is no room for one more; the lock is held. */
static struct wm_wg_staged *make_room(struct wm_wg_stage *s)
{
	struct wm_wg_staged *oldest = s->first;
	if (s->count < WM_WG_STAGE_MAX)
		return NULL;
	s->first = oldest->next;
	s->count--;
	return oldest;
}

bool wm_wg_stage_put(struct wm_wg_stage *s, const uint8_t *packet, size_t len)
{
	struct wm_wg_staged *p = wm_alloc(sizeof(*p) + len + WM_WG_SEAL_TAIL);
	p->len = len;
	memcpy(p->packet, packet, len);
	pthread_mutex_lock(&s->lock);
	struct wm_wg_staged *oldest = make_room(s);
	*s->last = p;
	s->last = &p->next;
	s->count++;
	pthread_mutex_unlock(&s->lock);
	if (oldest == NULL)
		return true;
	wm_wg_staged_free(oldest);
	return false;
}

struct wm_wg_staged *wm_wg_stage_take(struct wm_wg_stage *s)
{
	pthread_mutex_lock(&s->lock);
	struct wm_wg_staged *first = s->first;
	reset(s);
	pthread_mutex_unlock(&s->lock);
	return first;
}

struct wm_wg_staged *wm_wg_staged_free(struct wm_wg_staged *p)
{
	struct wm_wg_staged *next = p->next;
	wm_free(p);
	return next;
}
