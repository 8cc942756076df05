#include "wg/stage.h"
#include "base/mem.h"
#include <string.h>

static void reset(struct wm_wg_stage *s)
{
	s->first = NULL;
	s->last = &s->first;
	s->count = 0;
}

void wm_wg_stage_init(struct wm_wg_stage *s, _Atomic size_t *total)
{
	pthread_mutex_init(&s->lock, NULL);
	s->total = total;
	reset(s);
}

void wm_wg_stage_fini(struct wm_wg_stage *s)
{
	for (struct wm_wg_staged *p = wm_wg_stage_take(s); p != NULL;)
		p = wm_wg_staged_free(p);
	pthread_mutex_destroy(&s->lock);
}

/*
 * Adds the packet; the lock is held. Returns what has to go for it: itself when the device holds
 * enough, the oldest when the peer does, or NULL.
 */
static struct wm_wg_staged *add(struct wm_wg_stage *s, struct wm_wg_staged *p)
{
	struct wm_wg_staged *oldest = NULL;
	if (atomic_fetch_add(s->total, p->len) + p->len > WM_WG_STAGE_BYTES) {
		atomic_fetch_sub(s->total, p->len);
		return p;
	}
	*s->last = p;
	s->last = &p->next;
	if (s->count == WM_WG_STAGE_MAX) {
		oldest = s->first;
		s->first = oldest->next;
		atomic_fetch_sub(s->total, oldest->len);
	} else {
		s->count++;
	}
	return oldest;
}

bool wm_wg_stage_put(struct wm_wg_stage *s, const uint8_t *packet, size_t len)
{
	struct wm_wg_staged *p = wm_alloc(sizeof(*p) + len + WM_WG_SEAL_TAIL);
	p->len = len;
	memcpy(p->packet, packet, len);
	pthread_mutex_lock(&s->lock);
	struct wm_wg_staged *loser = add(s, p);
	pthread_mutex_unlock(&s->lock);
	if (loser != NULL)
		wm_wg_staged_free(loser);
	return loser == NULL;
}

struct wm_wg_staged *wm_wg_stage_take(struct wm_wg_stage *s)
{
	pthread_mutex_lock(&s->lock);
	struct wm_wg_staged *first = s->first;
	reset(s);
	pthread_mutex_unlock(&s->lock);
	for (const struct wm_wg_staged *p = first; p != NULL; p = p->next)
		atomic_fetch_sub(s->total, p->len);
	return first;
}

struct wm_wg_staged *wm_wg_staged_free(struct wm_wg_staged *p)
{
	struct wm_wg_staged *next = p->next;
	wm_free(p);
	return next;
}
