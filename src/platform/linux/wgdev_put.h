#pragma once
/*
 * Writing a wish for the kernel's WireGuard as messages of generic netlink (linux/wireguard.h): as
 * many as it takes. Pure; any thread.
 */
#include "platform/wgconfig.h"
#include <linux/netlink.h>

/* Where the writing is. Zeroed to begin with, but for the first three. */
struct wm_wgdev_writer {
	const struct wm_wg_config *wish; /* borrowed */
	unsigned ifindex;
	uint16_t family;
	size_t peer, allowed; /* what comes next */
	bool has_begun;
};

#define WM_WGDEV_MESSAGE_MIN 1024 /* bytes: less is no room for a peer */

/* The next message, in @buf of @size bytes, aligned to 8; NULL when all has been written. */
struct nlmsghdr *wm_wgdev_put_next(struct wm_wgdev_writer *w, void *buf, size_t size);
