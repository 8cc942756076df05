#pragma once
/*
 * The WireGuard of the kernel as what stands behind a device (wg/backend.h). Loop thread only.
 *
 * What the kernel does by itself, and what it cannot do: it follows its interface up and down, so
 * set_active and set_mtu do nothing; it has no threads of ours; its port takes WireGuard only, so
 * on_foreign never comes and what is sent by wm_wg_device_send is dropped; it counts fewer reasons
 * for drops. That a handshake has completed shows when its peers are looked at, which is once a
 * second, and less often where there are so many that looking takes long.
 */
#include "loop/loop.h"
#include "platform/monitor.h"
#include "platform/wgdev.h"
#include "wg/backend.h"
#include "wg/seen.h"

struct wm_wg_kernel {
	struct wm_wg_backend face;
	struct wm_loop *loop;
	struct wm_log *log;
	struct wm_wg_events events;
	void *arg;
	struct wm_wgdev *dev;
	struct wm_monitor *monitor;
	struct wm_poll *poll;
	struct wm_timer timer; /* of the next look */
	struct wm_defer greet, tell;
	struct wm_wg_seen seen;
	struct wm_wg_seen_news *news; /* to be told */
	size_t n_news;
	struct wm_wgdev_stats stats; /* as last known */
	uint8_t public_key[WM_WG_KEY];
	bool cannot_look; /* and that was logged */
	bool is_broken;   /* the interface is gone */
	bool has_told_broken;
	bool is_telling; /* inside a callback: close leaves the last step to it */
	bool is_closed;
};

/* Looks at the device: *@out (the caller frees it) is what it is. News of peers is told soon. */
WM_MUST_CHECK int wm_wg_kernel_look(struct wm_wg_kernel *k, bool with_keys,
				    struct wm_wg_config **out, struct wm_err *err);
/* As wm_wg_device_configure. */
WM_MUST_CHECK int wm_wg_kernel_configure(struct wm_wg_kernel *k, const struct wm_wg_config *wish,
					 struct wm_err *err);
