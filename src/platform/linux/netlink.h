#pragma once
/*
 * One netlink socket: a request out, its whole answer in. Internal to platform/linux. The struct
 * wm_net of platform/net.h is this, on the bus NETLINK_ROUTE. One thread at a time.
 */
#include "base/err.h"
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <stdint.h>

struct wm_net {
	struct mnl_socket *sock;
	uint32_t seq;
	uint64_t id;
};

/* A socket on another bus, such as NETLINK_GENERIC; closed by wm_net_close. */
WM_MUST_CHECK int wm_netlink_open(int bus, struct wm_net **out, struct wm_err *err);

/* Room for one request; answers have their own. */
struct wm_netlink_request {
	_Alignas(8) char bytes[1024];
};

/*
 * Starts a request of this type; the header that belongs to it is put with
 * mnl_nlmsg_put_extra_header.
 */
struct nlmsghdr *wm_netlink_begin(struct wm_net *net, struct wm_netlink_request *rq, uint16_t type,
				  uint16_t flags);
/*
 * Sends it and waits for the acknowledgement. Errors begin with @what and carry the kernel's words.
 */
WM_MUST_CHECK int wm_netlink_call(struct wm_net *net, struct nlmsghdr *nlh, const char *what,
				  struct wm_err *err);
/* The same for a question: @item gets the answer before it is acknowledged. */
WM_MUST_CHECK int wm_netlink_ask(struct wm_net *net, struct nlmsghdr *nlh, const char *what,
				 void (*item)(void *arg, const struct nlmsghdr *nlh), void *arg,
				 struct wm_err *err);
/*
 * Sends a request for a table and gives each entry to @item; when the table changed meanwhile, or
 * the kernel had no memory for a part of it, it is asked for again, after @again (may be NULL) has
 * let @arg forget what it got.
 */
WM_MUST_CHECK int wm_netlink_dump(struct wm_net *net, struct nlmsghdr *nlh, const char *what,
				  void (*item)(void *arg, const struct nlmsghdr *nlh),
				  void (*again)(void *arg), void *arg, struct wm_err *err);
/* An error of the kernel as ours: "no such device", address or route are all NOT_FOUND. */
int wm_netlink_fail(struct wm_err *err, int sys, const char *what, const char *text);
