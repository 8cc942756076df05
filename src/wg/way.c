#include "wg/way.h"
#include "platform/path.h"

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
