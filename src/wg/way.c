#include "wg/way.h"
#include "platform/path.h"
#include "wg/dispatch.h"
#include "wg/ecn.h"

void wm_wg_way_prove(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
{
	struct wm_wg_path path;
	uint16_t era = wm_wg_era(h->core);
	if (h->net != NULL && wm_wg_place_claim(&p->place, era, &path) &&
	    wm_path_holds(h->net, &path.local, &path.to, atomic_load(&h->core->fwmark)))
		wm_wg_place_prove(&p->place, era, &path);
}

void wm_wg_way_learn(struct wm_wg_handshakes *h, struct wm_wg_peer *p, const struct wm_wg_letter *l)
{
	if (wm_wg_place_learn(&p->place, wm_wg_era(h->core), &l->from, &l->local))
		wm_wg_way_prove(h, p);
}

bool wm_wg_way_has_moved(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
{
	struct wm_endpoint to;
	struct wm_addr source = {.family = WM_FAMILY_NONE};
	if (!wm_wg_place_get(&p->place, &to) ||
	    !wm_path_source(&to, atomic_load(&h->core->fwmark), &source) ||
	    wm_addr_equal(&source, &p->source))
		return false;
	p->source = source;
	return true;
}

void wm_wg_way_run(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
{
	struct wm_wg_path path = {.local.link = 0};
	if (p->race.next_at != 0 && !wm_wg_timers_is_trying(&p->timers))
		wm_wg_race_end(&p->race);
	const struct wm_endpoint *to = wm_wg_race_take(&p->race, &p->initiated_to, h->now);
	if (to == NULL)
		return;
	path.to = *to;
	if (wm_wg_dispatch(h, &path, WM_WG_TOS_HANDSHAKE, &p->race.message,
			   sizeof(p->race.message)))
		wm_wg_note_sent(h, p, sizeof(p->race.message), false);
}

int64_t wm_wg_way_due(const struct wm_wg_peer *p, int64_t due)
{
	return p->race.next_at != 0 && p->race.next_at < due ? p->race.next_at : due;
}
