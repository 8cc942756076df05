#pragma once
/*
 * Addresses of this host under which others may reach it, from its interfaces. Skipped: what is
 * down, loopback or point-to-point, names that begin with veth, docker or virbr, link-local and
 * fleeting addresses. 100.64.0.0/10 is shared address space, hence private. Lists are owned by the
 * caller (wm_free).
 */
#include "base/addr.h"
#include "base/err.h"
#include "platform/link.h"
#include <stdbool.h>
#include <stddef.h>

struct wm_net;

struct wm_detect_opts {
	bool with_private; /* keep private addresses */
	bool with_ipv6;    /* keep IPv6 */
	const char *const
		*skip; /* further interfaces by name, such as our own; NULL-terminated or NULL */
};

/*
 * What others can reach, with the subnet's length: public before private, IPv4 before IPv6, then by
 * value.
 */
WM_MUST_CHECK int wm_detect_endpoints(struct wm_net *net, const struct wm_detect_opts *opts,
				      struct wm_prefix **out, size_t *n, struct wm_err *err);
/* The same from lists that somebody has read already; touches nothing else. */
void wm_detect_pick(const struct wm_link_list *links, const struct wm_link_addr_list *addrs,
		    const struct wm_detect_opts *opts, struct wm_prefix **out, size_t *n);
