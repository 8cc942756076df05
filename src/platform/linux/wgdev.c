#include "platform/wgdev.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/wireguard.h>
#include "base/mem.h"
#include "base/str.h"
#include "platform/link.h"
#include "platform/linux/netlink.h"
#include "platform/linux/netlink_parse.h"
#include "platform/linux/wgdev_parse.h"
#include "platform/linux/wgdev_put.h"
#include "platform/net.h"
#include "platform/udp.h"

#define MESSAGE_SIZE 32768u
#define NUMBERS_MAX  1000 /* that are tried for a name that ends in "+" */

struct wm_wgdev {
	struct wm_net *route, *genl;
	uint16_t family;
	unsigned ifindex; /* 0 = there is none (yet) */
	char name[WM_WGDEV_NAME];
};

/* ---- the family ---- */

static void on_family(void *arg, const struct nlmsghdr *nlh)
{
	(void)wm_wgdev_parse_family(nlh, arg);
}

static int find_family(struct wm_wgdev *d, struct wm_err *err)
{
	struct wm_netlink_request rq;
	struct nlmsghdr *nlh = wm_netlink_begin(d->genl, &rq, GENL_ID_CTRL, 0);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	struct wm_err why;

	genl->cmd = CTRL_CMD_GETFAMILY;
	genl->version = 1;
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME);
	if (wm_netlink_ask(d->genl, nlh, "look for WireGuard", on_family, &d->family, &why) == 0 &&
	    d->family != 0)
		return 0;
	return wm_fail(err, WM_UNAVAILABLE, "this kernel has no WireGuard");
}

/* ---- the interface ---- */

static int make_link(struct wm_wgdev *d, const char *name, uint32_t mtu, struct wm_err *err)
{
	struct wm_netlink_request rq;
	struct nlmsghdr *nlh =
		wm_netlink_begin(d->route, &rq, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *nest;
	struct wm_err why;
	char what[64];
	int code;

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	nest = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "wireguard");
	mnl_attr_nest_end(nlh, nest);
	snprintf(what, sizeof(what), "interface %s", name);
	code = wm_netlink_call(d->route, nlh, what, &why);
	if (code == 0)
		(void)wm_str_copy(d->name, sizeof(d->name), name);
	else if (why.sys == EOPNOTSUPP)
		return wm_fail(err, WM_UNAVAILABLE, "this kernel has no WireGuard");
	return code == 0 ? 0 : wm_err_copy(err, &why);
}

static int make_any_link(struct wm_wgdev *d, const char *name, uint32_t mtu, struct wm_err *err)
{
	size_t n = strlen(name);
	char numbered[WM_WGDEV_NAME + 8];
	int code = WM_ALREADY_EXISTS;

	if (n == 0 || n >= WM_WGDEV_NAME)
		return wm_fail(err, WM_INVALID_ARGUMENT, "interface %s: wants 1 to %d characters",
			       name, WM_WGDEV_NAME - 1);
	if (name[n - 1] != '+')
		return make_link(d, name, mtu, err);
	for (unsigned i = 0; i < NUMBERS_MAX && code == WM_ALREADY_EXISTS; i++) {
		snprintf(numbered, sizeof(numbered), "%.*s%u", (int)(n - 1), name, i);
		if (strlen(numbered) >= WM_WGDEV_NAME)
			return wm_fail(err, WM_INVALID_ARGUMENT, "interface %s: is too long", name);
		code = make_link(d, numbered, mtu, err);
	}
	return code;
}

int wm_wgdev_open(const char *name, uint32_t mtu, struct wm_wgdev **out, struct wm_err *err)
{
	struct wm_wgdev *d = wm_alloc(sizeof(*d));
	struct wm_link link;
	int code = wm_netlink_open(NETLINK_ROUTE, &d->route, err);

	if (code == 0)
		code = wm_netlink_open(NETLINK_GENERIC, &d->genl, err);
	if (code == 0)
		code = make_any_link(d, name, mtu, err);
	if (code == 0)
		code = wm_link_find(d->route, d->name, &link, err);
	if (code == 0)
		d->ifindex = link.index;
	if (code == 0)
		code = find_family(d, err);
	if (code != 0) {
		wm_wgdev_close(d);
		return code;
	}
	*out = d;
	return 0;
}

void wm_wgdev_close(struct wm_wgdev *d)
{
	struct wm_link link;
	struct wm_err gone;

	if (d == NULL)
		return;
	/* Made, and then not found for want of memory. */
	if (d->ifindex == 0 && d->name[0] != '\0' &&
	    wm_link_find(d->route, d->name, &link, &gone) == 0)
		d->ifindex = link.index;
	if (d->ifindex != 0 && wm_link_remove(d->route, d->ifindex, &gone) != 0)
		d->ifindex = 0; /* somebody has deleted it already */
	wm_net_close(d->genl);
	wm_net_close(d->route);
	wm_free(d);
}

const char *wm_wgdev_name(const struct wm_wgdev *d)
{
	return d->name;
}

unsigned wm_wgdev_ifindex(const struct wm_wgdev *d)
{
	return d->ifindex;
}

/* ---- telling and asking ---- */

int wm_wgdev_set(struct wm_wgdev *d, const struct wm_wg_config *wish, struct wm_err *err)
{
	struct wm_wgdev_writer w = {.wish = wish, .ifindex = d->ifindex, .family = d->family};
	char *buf = wm_alloc_aligned(8, MESSAGE_SIZE);
	struct nlmsghdr *nlh;
	int code = 0;

	while (code == 0 && (nlh = wm_wgdev_put_next(&w, buf, MESSAGE_SIZE)) != NULL)
		code = wm_netlink_call(d->genl, nlh, d->name, err);
	wm_wipe(buf, MESSAGE_SIZE);
	wm_free_aligned(buf);
	return code;
}

static void on_message(void *arg, const struct nlmsghdr *nlh)
{
	wm_wgdev_parse(arg, nlh);
}

static void on_again(void *arg)
{
	wm_wgdev_parse_reset(arg);
}

int wm_wgdev_get(struct wm_wgdev *d, bool with_keys, struct wm_wg_config **out, struct wm_err *err)
{
	struct wm_wgdev_reading r = {.family = d->family, .with_keys = with_keys};
	struct wm_netlink_request rq;
	struct nlmsghdr *nlh = wm_netlink_begin(d->genl, &rq, d->family, 0);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	int code;

	genl->cmd = WG_CMD_GET_DEVICE;
	genl->version = WG_GENL_VERSION;
	mnl_attr_put_u32(nlh, WGDEVICE_A_IFINDEX, d->ifindex);
	wm_wgdev_parse_reset(&r);
	code = wm_netlink_dump(d->genl, nlh, d->name, on_message, on_again, &r, err);
	if (code != 0) {
		wm_wg_config_free(r.config);
		return code;
	}
	*out = r.config;
	return 0;
}

/* ---- the link ---- */

struct link_answer {
	struct wm_link link;
	struct wm_wgdev_stats stats;
};

static void on_link(void *arg, const struct nlmsghdr *nlh)
{
	struct link_answer *a = arg;

	(void)wm_netlink_parse_link(nlh, &a->link);
	(void)wm_wgdev_parse_stats(nlh, &a->stats);
}

static int get_link(struct wm_wgdev *d, struct link_answer *a, struct wm_err *err)
{
	struct wm_netlink_request rq;
	struct nlmsghdr *nlh = wm_netlink_begin(d->route, &rq, RTM_GETLINK, 0);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = (int)d->ifindex;
	memset(a, 0, sizeof(*a));
	return wm_netlink_ask(d->route, nlh, d->name, on_link, a, err);
}

int wm_wgdev_is_up(struct wm_wgdev *d, bool *out, struct wm_err *err)
{
	struct link_answer a;
	int code = get_link(d, &a, err);

	*out = code == 0 && (a.link.flags & WM_LINK_UP) != 0;
	return code;
}

int wm_wgdev_stats(struct wm_wgdev *d, struct wm_wgdev_stats *out, struct wm_err *err)
{
	struct link_answer a;
	int code = get_link(d, &a, err);

	*out = a.stats;
	return code;
}

int wm_wgdev_try_port(uint16_t *port, struct wm_err *err)
{
	struct wm_udp_socket s;
	int code = wm_udp_open(port, 0, true, 1, &s, err);

	if (code == 0)
		wm_udp_close(&s);
	return code;
}
