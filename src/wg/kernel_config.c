/*
 * A wish for the kernel: checked as a whole before any of it is told, since the kernel takes it
 * piece by piece. What can still fail then is the kernel's memory.
 */
#include <string.h>
#include "base/mem.h"
#include "wg/kernel.h"
#include "wg/wish.h"

static bool is_none(const uint8_t key[WM_WG_KEY])
{
	static const uint8_t none[WM_WG_KEY];
	return wm_equal_secret(key, none, WM_WG_KEY);
}

/* Does what is to be done depend on how the device is? Looking takes its time with many peers. */
static bool needs_look(const struct wm_wg_config *wish)
{
	if (wish->replace_peers || wish->has_listen_port || wish->has_private_key)
		return true;
	for (size_t i = 0; i < wish->n_peers; i++) {
		/* Their bytes are to be kept. */
		if (wish->peers[i].flags & WM_WG_PEER_REMOVE)
			return true;
		for (size_t j = 0; j < wish->peers[i].n_allowed; j++)
			if (wish->peers[i].allowed[j].remove)
				return true;
	}
	return false;
}

/*
 * The kernel binds when the interface goes up, and not before; here a port is bound at once, or
 * refused. So it is tried, and one is chosen where any will do.
 */
static int settle_port(const struct wm_wg_config *now, struct wm_wg_config *wish,
		       struct wm_err *err)
{
	bool needs_any = !wish->has_listen_port && !now->has_listen_port && wish->has_private_key &&
			 !is_none(wish->private_key);
	if (needs_any)
		wish->listen_port = 0;
	else if (!wish->has_listen_port ||
		 (wish->listen_port != 0 && wish->listen_port == now->listen_port))
		return 0;
	wish->has_listen_port = true;
	return wm_wgdev_try_port(&wish->listen_port, err);
}

static void note_peers(struct wm_wg_kernel *k, const struct wm_wg_config *wish)
{
	for (size_t i = 0; i < wish->n_peers; i++) {
		const struct wm_wg_peer_config *w = &wish->peers[i];
		if (w->flags & (WM_WG_PEER_REMOVE | WM_WG_PEER_UPDATE_ONLY))
			continue;
		struct wm_wg_seen_peer *p = wm_wg_seen_put(&k->seen, w->public_key);
		if (w->has_keepalive)
			p->keepalive_s = w->keepalive_s;
	}
}

static int tell(struct wm_wg_kernel *k, const struct wm_wg_config *wish,
		const struct wm_wg_config *now, struct wm_err *err)
{
	struct wm_wg_kernel_wish words;
	wm_wg_kernel_wish_init(&words, wish, now);
	int rc = settle_port(now, &words.config, err);
	if (rc == 0)
		rc = wm_wgdev_set(k->dev, &words.config, err);
	wm_wg_kernel_wish_fini(&words);
	return rc;
}

int wm_wg_kernel_configure(struct wm_wg_kernel *k, const struct wm_wg_config *wish,
			   struct wm_err *err)
{
	struct wm_wg_config *now = NULL;
	static const struct wm_wg_config nothing;
	int rc = wm_wg_wish_check(wish, k->seen.peers.count, err);
	if (rc == 0 && needs_look(wish))
		rc = wm_wg_kernel_look(k, false, &now, err);
	if (rc == 0)
		rc = tell(k, wish, now != NULL ? now : &nothing, err);
	wm_wg_config_free(now);
	if (rc == 0)
		note_peers(k, wish);
	return rc;
}
