#pragma once
/*
 * Reading what the kernel says over rtnetlink: single messages as links, addresses and routes, and
 * whole datagrams of an answer. Pure: bytes in, values out. Nothing is trusted, although the kernel
 * wrote it: the same code is fuzzed. Any thread.
 */
#include "platform/link.h"
#include "platform/monitor.h"
#include "platform/route.h"
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The next message that lies whole in the @left bytes at @data, both of which move behind it; NULL
 * at the end, which is also where the lengths make no sense.
 */
const struct nlmsghdr *wm_netlink_next(const void **data, size_t *left);

/* False for another type of message or one without the fields that make sense of it. */
bool wm_netlink_parse_link(const struct nlmsghdr *nlh, struct wm_link *out);
bool wm_netlink_parse_addr(const struct nlmsghdr *nlh, struct wm_link_addr *out);
/* Unicast routes of the main table only; *@origin gets the number of who made it. */
bool wm_netlink_parse_route(const struct nlmsghdr *nlh, struct wm_route *out, uint8_t *origin);
/* The interface by which a route of any table leads; false when it does not say one. */
bool wm_netlink_parse_way(const struct nlmsghdr *nlh, unsigned *link);
/* A notification; false for what nobody asked about. */
bool wm_netlink_parse_change(const struct nlmsghdr *nlh, struct wm_monitor_change *out);

struct wm_netlink_reply {
	bool done;        /* the answer is complete */
	bool interrupted; /* the table changed while it was being read: ask again */
	int sys;          /* errno with which it ended, 0 = well */
	char text[160];   /* the kernel's own words about @sys, or "" */
};

/*
 * Reads one datagram of the answer to request @seq: @item gets each message that is part of it, and
 * @r, which lasts over all datagrams of the answer, learns how it ended. Messages that belong to
 * another request are passed over; @item may be NULL.
 */
void wm_netlink_parse_reply(const void *data, size_t len, uint32_t seq, struct wm_netlink_reply *r,
			    void (*item)(void *arg, const struct nlmsghdr *nlh), void *arg);
