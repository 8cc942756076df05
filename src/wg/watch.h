#pragma once
/*
 * Watches the host's network for a device: with each change of an address, a route or an interface
 * other than its own, what is known of the ways to peers ends (struct wm_wg_core, era), and
 * shortly after the handshake thread is told (WM_WG_ORDER_STIR). Loop thread.
 */
#include "base/err.h"

struct wm_loop;
struct wm_netns;
struct wm_wg_core;
struct wm_wg_watch;

/* Borrows @core, which outlives it. @netns: where its interface is, borrowed for the call; NULL =
 * here. Failures: those of wm_monitor_open. */
WM_MUST_CHECK int wm_wg_watch_open(struct wm_loop *loop, struct wm_wg_core *core,
				   struct wm_netns *netns, struct wm_wg_watch **out,
				   struct wm_err *err);
void wm_wg_watch_close(struct wm_wg_watch *w); /* NULL is allowed */
