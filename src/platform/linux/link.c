#include "platform/link.h"
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include "base/mem.h"
#include "base/str.h"
#include "platform/linux/netlink.h"
#include "platform/linux/netlink_parse.h"

static void add_link(void *arg, const struct nlmsghdr *nlh)
{
	struct wm_link_list *l = arg;
	struct wm_link link;

	if (!wm_netlink_parse_link(nlh, &link))
		return;
	l->links = wm_realloc(l->links, (l->n + 1) * sizeof(*l->links));
	l->links[l->n++] = link;
}

static void forget_links(void *arg)
{
	wm_link_list_fini(arg);
}

int wm_link_list(struct wm_net *net, struct wm_link_list *out, struct wm_err *err)
{
	struct wm_netlink_request rq;
	struct nlmsghdr *nlh = wm_netlink_begin(net, &rq, RTM_GETLINK, 0);
	int code;

	*out = (struct wm_link_list){0};
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	code = wm_netlink_dump(net, nlh, "list of interfaces", add_link, forget_links, out, err);
	if (code != 0)
		wm_link_list_fini(out);
	return code;
}

int wm_link_find(struct wm_net *net, const char *name, struct wm_link *out, struct wm_err *err)
{
	struct wm_link_list l;
	int code = wm_link_list(net, &l, err);

	if (code != 0)
		return code;
	code = WM_NOT_FOUND;
	for (size_t i = 0; i < l.n && code != 0; i++) {
		if (wm_streq(l.links[i].name, name)) {
			*out = l.links[i];
			code = 0;
		}
	}
	wm_link_list_fini(&l);
	return code == 0 ? 0 : wm_fail(err, WM_NOT_FOUND, "interface %s: there is none", name);
}

/* A request about one link; the header is there, attributes may follow. */
static struct nlmsghdr *begin_link(struct wm_net *net, struct wm_netlink_request *rq, uint16_t type,
				   unsigned link, struct ifinfomsg **ifi)
{
	struct nlmsghdr *nlh = wm_netlink_begin(net, rq, type, 0);

	*ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(**ifi));
	(*ifi)->ifi_index = (int)link;
	return nlh;
}

int wm_link_set_up(struct wm_net *net, unsigned link, bool up, struct wm_err *err)
{
	struct wm_netlink_request rq;
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh = begin_link(net, &rq, RTM_NEWLINK, link, &ifi);
	char what[48];

	ifi->ifi_change = IFF_UP;
	ifi->ifi_flags = up ? IFF_UP : 0;
	snprintf(what, sizeof(what), "bring interface %u %s", link, up ? "up" : "down");
	return wm_netlink_call(net, nlh, what, err);
}

int wm_link_set_mtu(struct wm_net *net, unsigned link, uint32_t mtu, struct wm_err *err)
{
	struct wm_netlink_request rq;
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh = begin_link(net, &rq, RTM_NEWLINK, link, &ifi);
	char what[64];

	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	snprintf(what, sizeof(what), "set MTU %u on interface %u", mtu, link);
	return wm_netlink_call(net, nlh, what, err);
}

int wm_link_set_quiet(struct wm_net *net, unsigned link, struct wm_err *err)
{
	struct wm_netlink_request rq;
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh = begin_link(net, &rq, RTM_NEWLINK, link, &ifi);
	struct nlattr *spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(nlh, AF_INET6);
	struct wm_err why;
	char what[64];
	int code;

	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, inet6);
	mnl_attr_nest_end(nlh, spec);
	snprintf(what, sizeof(what), "quieten interface %u", link);
	code = wm_netlink_call(net, nlh, what, &why);
	if (code != 0 && (why.sys == EAFNOSUPPORT || why.sys == EOPNOTSUPP))
		return 0; /* a host without IPv6 */
	return code == 0 ? 0 : wm_err_copy(err, &why);
}

int wm_link_remove(struct wm_net *net, unsigned link, struct wm_err *err)
{
	struct wm_netlink_request rq;
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh = begin_link(net, &rq, RTM_DELLINK, link, &ifi);
	char what[48];

	snprintf(what, sizeof(what), "remove interface %u", link);
	return wm_netlink_call(net, nlh, what, err);
}
