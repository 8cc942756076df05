#pragma once
/*
 * Reading what the kernel says of its WireGuard over generic netlink (linux/wireguard.h). Pure:
 * bytes in, values out. Nothing is trusted, although the kernel wrote it: the same code is fuzzed.
 * Any thread.
 */
#include "platform/wgconfig.h"
#include "platform/wgdev.h"
#include <linux/netlink.h>

/* The number of a family, out of the controller's answer; false for anything else. */
bool wm_wgdev_parse_family(const struct nlmsghdr *nlh, uint16_t *id);

/*
 * The state of a device while its messages come in. Zeroed to begin with; @family, @with_keys and
 * @config (empty) are the caller's.
 */
struct wm_wgdev_reading {
	uint16_t family;
	bool with_keys;
	struct wm_wg_config *config;
	size_t peers_cap, allowed_cap; /* rooms; the latter of the last peer */
};

/*
 * Adds one message. A peer whose allowed addresses did not fit goes on in the message after it, and
 * is one peer here.
 */
void wm_wgdev_parse(struct wm_wgdev_reading *r, const struct nlmsghdr *nlh);
/* Forgets what was read, keys wiped, to begin anew. */
void wm_wgdev_parse_reset(struct wm_wgdev_reading *r);

/* The counters of a link, out of a message about it; false for one without. */
bool wm_wgdev_parse_stats(const struct nlmsghdr *nlh, struct wm_wgdev_stats *out);
