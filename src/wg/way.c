#include "wg/way.h"
#include "base/clock.h"
#include "base/mem.h"
#include "platform/path.h"
#include "wg/dispatch.h"
#include "wg/ecn.h"

/* How long after a probe the host is asked: routers far away need their time to answer. */
static const int64_t looks[] = {50 * WM_NS_PER_MS, 300 * WM_NS_PER_MS, 2000 * WM_NS_PER_MS};

void wm_wg_way_prove(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
{
	struct wm_wg_path path;
	uint16_t era = wm_wg_era(h->core);
	wm_wg_narrow_forget(&p->narrow);
	if (h->net != NULL && wm_wg_place_claim(&p->place, era, &path) &&
	    wm_path_holds(h->net, &path.local, &path.to, atomic_load(&h->core->fwmark)))
		wm_wg_place_prove(&p->place, era, &path);
}

void wm_wg_way_learn(struct wm_wg_handshakes *h, struct wm_wg_peer *p, const struct wm_wg_letter *l)
{
	if (wm_wg_place_learn(&p->place, wm_wg_era(h->core), &l->from, &l->local))
		wm_wg_way_prove(h, p);
}

/* ---- how long packets may be ---- */

static void look(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
{
	struct wm_wg_path path;
	uint32_t inner = 0, mtu = 0;
	if (wm_wg_place_path(&p->place, wm_wg_era(h->core), &path))
		mtu = wm_path_mtu(&path.local, &path.to, atomic_load(&h->core->fwmark));
	if (mtu > 0)
		inner = wm_wg_narrow_inner(mtu, path.to.addr.family == WM_IPV6);
	atomic_store(&p->narrow.mtu, inner < atomic_load(&h->core->mtu) ? inner : 0);
}

bool wm_wg_way_has_moved(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
{
	struct wm_endpoint to;
	struct wm_addr source = {.family = WM_FAMILY_NONE};
	if (atomic_load(&p->narrow.mtu) != 0)
		look(h, p);
	if (!wm_wg_place_get(&p->place, &to) ||
	    !wm_path_source(&to, atomic_load(&h->core->fwmark), &source) ||
	    wm_addr_equal(&source, &p->source))
		return false;
	p->source = source;
	return true;
}

void wm_wg_way_probed(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
{
	p->looks = 0;
	p->look_at = h->now + looks[0];
}

static void run_looks(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
{
	if (p->look_at == 0 || p->look_at > h->now)
		return;
	look(h, p);
	p->looks++;
	p->look_at = p->looks < WM_ARRAY_LEN(looks)
			     ? p->look_at + looks[p->looks] - looks[p->looks - 1]
			     : 0;
}

static void run_race(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
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

void wm_wg_way_run(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
{
	run_looks(h, p);
	run_race(h, p);
}

static int64_t earlier(int64_t at, int64_t due)
{
	return at != 0 && at < due ? at : due;
}

int64_t wm_wg_way_due(const struct wm_wg_peer *p, int64_t due)
{
	return earlier(p->look_at, earlier(p->race.next_at, due));
}
