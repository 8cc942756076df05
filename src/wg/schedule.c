#include "wg/schedule.h"
#include "base/mem.h"

void wm_wg_schedule_fini(struct wm_wg_schedule *s)
{
	wm_free(s->heap);
	s->heap = NULL;
	s->count = s->cap = 0;
}

static void place(struct wm_wg_schedule *s, size_t at, struct wm_wg_alarm *a)
{
	s->heap[at] = a;
	a->slot = at + 1;
}

/* Moves @a from @at to where it belongs, up or down. */
static void settle(struct wm_wg_schedule *s, size_t at, struct wm_wg_alarm *a)
{
	for (; at > 0 && s->heap[(at - 1) / 2]->due > a->due; at = (at - 1) / 2)
		place(s, at, s->heap[(at - 1) / 2]);
	for (size_t child; (child = 2 * at + 1) < s->count; at = child) {
		if (child + 1 < s->count && s->heap[child + 1]->due < s->heap[child]->due)
			child++;
		if (s->heap[child]->due >= a->due)
			break;
		place(s, at, s->heap[child]);
	}
	place(s, at, a);
}

static void take_out(struct wm_wg_schedule *s, struct wm_wg_alarm *a)
{
	size_t at = a->slot - 1;
	struct wm_wg_alarm *last = s->heap[--s->count];
	a->slot = 0;
	if (last != a)
		settle(s, at, last);
}

void wm_wg_schedule_set(struct wm_wg_schedule *s, struct wm_wg_alarm *a, int64_t due)
{
	if (a->slot != 0 && a->due == due)
		return;
	if (due == INT64_MAX) {
		if (a->slot != 0)
			take_out(s, a);
		return;
	}
	a->due = due;
	if (a->slot != 0) {
		settle(s, a->slot - 1, a);
		return;
	}
	if (s->count == s->cap) {
		s->cap = s->cap != 0 ? s->cap * 2 : 16;
		s->heap = wm_realloc(s->heap, s->cap * sizeof(*s->heap));
	}
	settle(s, s->count++, a);
}

struct wm_wg_alarm *wm_wg_schedule_first(const struct wm_wg_schedule *s)
{
	return s->count > 0 ? s->heap[0] : NULL;
}
