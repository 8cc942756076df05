#include "wg/race.h"
#include <string.h>
#include "base/mem.h"

void wm_wg_race_set(struct wm_wg_race *r, const struct wm_endpoint *candidates, size_t n)
{
	wm_wg_race_end(r);
	r->n = n < WM_WG_CANDIDATES ? (unsigned)n : WM_WG_CANDIDATES;
	memcpy(r->candidates, candidates, r->n * sizeof(*candidates));
}

void wm_wg_race_begin(struct wm_wg_race *r, const struct wm_wg_initiation *message, int64_t now)
{
	r->next = 0;
	r->next_at = r->n > 0 ? now + WM_WG_RACE_STEP : 0;
	r->message = *message;
}

void wm_wg_race_end(struct wm_wg_race *r)
{
	r->next_at = 0;
	wm_wipe(&r->message, sizeof(r->message));
}

const struct wm_endpoint *wm_wg_race_take(struct wm_wg_race *r, const struct wm_endpoint *tried,
					  int64_t now)
{
	if (r->next_at == 0 || r->next_at > now)
		return NULL;
	while (r->next < r->n) {
		const struct wm_endpoint *e = &r->candidates[r->next++];
		if (wm_endpoint_equal(e, tried))
			continue;
		r->next_at = now + WM_WG_RACE_STEP;
		return e;
	}
	r->next_at = 0;
	return NULL;
}
