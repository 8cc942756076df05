/* What the fabric says of itself, and a device that is another one under its old name. */
#include "fabric/impl.h"
#include "fabric/journal.h"
#include "wg/device.h"

/* ---- the device ---- */

int wm_fabric_note_link(struct wm_fabric *f, struct wm_err *err)
{
	if (!wm_wg_device_is_kernel(f->device))
		return 0; /* it dies with us */
	return wm_journal_note_link(f->journal, f->initial.index, f->initial.name, err);
}

int wm_fabric_renew(struct wm_fabric *f, struct wm_err *err)
{
	unsigned forwarding = f->have.forwarding; /* what was done elsewhere is still so */
	struct wm_link link;
	int code;

	wm_on_loop(f->loop);
	code = wm_link_find(f->net, wm_wg_device_name(f->device), &link, err);
	if (code != 0)
		return code;
	f->initial = link;
	f->executor.link = link.index;
	wm_state_fini(&f->have);
	f->have = (struct wm_state){
		.up = (link.flags & WM_LINK_UP) != 0, .mtu = link.mtu, .forwarding = forwarding};
	code = wm_fabric_note_link(f, err);
	if (code == 0)
		(void)wm_fabric_reconcile(f);
	return code;
}

/* ---- asking ---- */

const struct wm_fabric_failure *wm_fabric_failures(const struct wm_fabric *f, size_t *n)
{
	*n = f->failures.n;
	return f->failures.items;
}

struct wm_fabric_counters wm_fabric_counters(const struct wm_fabric *f)
{
	struct wm_fabric_counters c = f->counters;

	c.steps = f->executor.done;
	c.failed_steps = f->executor.failed;
	return c;
}

bool wm_fabric_address(const struct wm_fabric *f, enum wm_family family, struct wm_prefix *out)
{
	for (size_t i = 0; i < f->have.n_addrs; i++) {
		if (f->have.addrs[i].addr.family == family) {
			*out = f->have.addrs[i];
			return true;
		}
	}
	return false;
}

const char *wm_fabric_peer_id(const struct wm_fabric *f, const uint8_t public_key[WM_WG_KEY])
{
	const struct wm_state_peer *p = wm_state_find_peer(&f->have, public_key);

	return p == NULL ? NULL : p->id;
}

size_t wm_fabric_n_peers(const struct wm_fabric *f)
{
	return f->have.n_peers;
}
