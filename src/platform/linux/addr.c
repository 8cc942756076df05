#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include "base/mem.h"
#include "platform/link.h"
#include "platform/linux/netlink.h"
#include "platform/linux/netlink_parse.h"
#include "platform/sysctl.h"

struct addr_dump {
	struct wm_link_addr_list *list;
	unsigned link; /* 0 = all */
};

static void add_addr(void *arg, const struct nlmsghdr *nlh)
{
	struct addr_dump *d = arg;
	struct wm_link_addr a;

	if (!wm_netlink_parse_addr(nlh, &a) || (d->link != 0 && a.link != d->link))
		return;
	d->list->addrs = wm_realloc(d->list->addrs, (d->list->n + 1) * sizeof(a));
	d->list->addrs[d->list->n++] = a;
}

static void forget_addrs(void *arg)
{
	struct addr_dump *d = arg;

	wm_link_addr_list_fini(d->list);
}

int wm_link_addr_list(struct wm_net *net, unsigned link, struct wm_link_addr_list *out,
		      struct wm_err *err)
{
	struct wm_netlink_request rq;
	struct nlmsghdr *nlh = wm_netlink_begin(net, &rq, RTM_GETADDR, 0);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	struct addr_dump d = {.list = out, .link = link};
	int code;

	*out = (struct wm_link_addr_list){0};
	ifa->ifa_index = link;
	code = wm_netlink_dump(net, nlh, "list of addresses", add_addr, forget_addrs, &d, err);
	if (code != 0)
		wm_link_addr_list_fini(out);
	return code;
}

static int change_addr(struct wm_net *net, uint16_t type, uint16_t flags, unsigned link,
		       const struct wm_prefix *addr, const char *verb, struct wm_err *err)
{
	struct wm_netlink_request rq;
	struct nlmsghdr *nlh = wm_netlink_begin(net, &rq, type, flags);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	size_t size = addr->addr.family == WM_IPV4 ? 4 : 16;
	char text[WM_PREFIX_TEXT], what[WM_PREFIX_TEXT + 40];

	ifa->ifa_family = addr->addr.family == WM_IPV4 ? AF_INET : AF_INET6;
	ifa->ifa_prefixlen = addr->bits;
	ifa->ifa_index = link;
	ifa->ifa_flags = addr->addr.family == WM_IPV6 ? IFA_F_NODAD : 0;
	mnl_attr_put(nlh, IFA_LOCAL, size, addr->addr.bytes);
	mnl_attr_put(nlh, IFA_ADDRESS, size, addr->addr.bytes);
	snprintf(what, sizeof(what), "%s address %s", verb, wm_prefix_format(addr, text));
	return wm_netlink_call(net, nlh, what, err);
}

/* Where the host has IPv6 but not on new links (containers do that), our own link may have it. */
static bool enable_ipv6(unsigned link)
{
	char dev[IF_NAMESIZE], name[WM_SYSCTL_NAME];

	if (if_indextoname(link, dev) == NULL)
		return false;
	snprintf(name, sizeof(name), "net/ipv6/conf/%s/disable_ipv6", dev);
	return wm_sysctl_set(name, "0", NULL) == 0;
}

int wm_link_addr_add(struct wm_net *net, unsigned link, const struct wm_prefix *addr,
		     struct wm_err *err)
{
	const uint16_t flags = NLM_F_CREATE | NLM_F_EXCL;
	struct wm_err why;
	int code = change_addr(net, RTM_NEWADDR, flags, link, addr, "add", &why);

	if (code != 0 && why.sys == EACCES && addr->addr.family == WM_IPV6 && enable_ipv6(link))
		code = change_addr(net, RTM_NEWADDR, flags, link, addr, "add", &why);
	return code == 0 ? 0 : wm_err_copy(err, &why);
}

int wm_link_addr_remove(struct wm_net *net, unsigned link, const struct wm_prefix *addr,
			struct wm_err *err)
{
	return change_addr(net, RTM_DELADDR, 0, link, addr, "remove", err);
}
