#pragma once
/*
 * Network interfaces and their addresses: reading all of them, and changing ours. Lists are owned
 * by the caller and released with their fini; a zeroed list is empty. Thread: that of the struct
 * wm_net. Failures that are common to all: see platform/net.h.
 */
#include "base/addr.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wm_net;

#define WM_LINK_NAME 16 /* with the NUL */

enum wm_link_flag {
	WM_LINK_UP = 1,
	WM_LINK_LOOPBACK = 2,
	WM_LINK_POINT_TO_POINT = 4,
	WM_LINK_RUNNING = 8, /* has a carrier */
};

struct wm_link {
	unsigned index;
	unsigned flags; /* enum wm_link_flag */
	uint32_t mtu;
	char name[WM_LINK_NAME];
	char kind[WM_LINK_NAME]; /* "wireguard", "tun", "veth"; "" for hardware, or when unknown */
};

struct wm_link_list {
	struct wm_link *links;
	size_t n;
};

struct wm_link_addr {
	unsigned link;           /* index */
	struct wm_prefix prefix; /* address and length of its subnet */
	bool fleeting; /* temporary, deprecated, tentative or found twice: nothing to advertise */
};

struct wm_link_addr_list {
	struct wm_link_addr *addrs;
	size_t n;
};

/* Every interface, by index. */
WM_MUST_CHECK int wm_link_list(struct wm_net *net, struct wm_link_list *out, struct wm_err *err);
void wm_link_list_fini(struct wm_link_list *l);
/* NOT_FOUND when there is none of that name. */
WM_MUST_CHECK int wm_link_find(struct wm_net *net, const char *name, struct wm_link *out,
			       struct wm_err *err);
/* Administratively up or down; what is so already stays so, without error. */
WM_MUST_CHECK int wm_link_set_up(struct wm_net *net, unsigned link, bool up, struct wm_err *err);
/* Bytes of an IP packet. INVALID_ARGUMENT when the link does not go that far. */
WM_MUST_CHECK int wm_link_set_mtu(struct wm_net *net, unsigned link, uint32_t mtu,
				  struct wm_err *err);
/*
 * The interface makes no IPv6 address of its own when it comes up and asks for no router: a tunnel
 * has neither. Not an error where the host has no IPv6, or its tunnels never do so by themselves.
 */
WM_MUST_CHECK int wm_link_set_quiet(struct wm_net *net, unsigned link, struct wm_err *err);
/* Deletes the interface itself. NOT_FOUND when it is gone. */
WM_MUST_CHECK int wm_link_remove(struct wm_net *net, unsigned link, struct wm_err *err);

/*
 * The addresses of one interface, or of all when @link is 0. A system that does not know why an
 * address is fleeting leaves the mark off.
 */
WM_MUST_CHECK int wm_link_addr_list(struct wm_net *net, unsigned link,
				    struct wm_link_addr_list *out, struct wm_err *err);
void wm_link_addr_list_fini(struct wm_link_addr_list *l);
/*
 * Usable at once (no duplicate address detection). Turns IPv6 on for this link when new links come
 * without. ALREADY_EXISTS when the link has it.
 */
WM_MUST_CHECK int wm_link_addr_add(struct wm_net *net, unsigned link, const struct wm_prefix *addr,
				   struct wm_err *err);
/* NOT_FOUND when the link does not have it. */
WM_MUST_CHECK int wm_link_addr_remove(struct wm_net *net, unsigned link,
				      const struct wm_prefix *addr, struct wm_err *err);
