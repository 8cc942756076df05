/*
 * Of IPv4 the kernel takes any target for a neighbour on the link when an interface was named and
 * no route leads through it, and then nobody answers. So the question is put to the routing tables
 * themselves (RTM_F_FIB_MATCH), which say no. Of IPv6 the interface is a mere preference: there the
 * answer's own interface counts.
 */
#include "platform/path.h"
#include <string.h>
#include <unistd.h>
#include <linux/rtnetlink.h>
#include "platform/linux/address.h"
#include "platform/linux/netlink.h"
#include "platform/linux/netlink_parse.h"

static void note_link(void *arg, const struct nlmsghdr *nlh)
{
	unsigned link;
	if (wm_netlink_parse_way(nlh, &link))
		*(unsigned *)arg = link;
}

bool wm_path_holds(struct wm_net *net, const struct wm_udp_local *local,
		   const struct wm_endpoint *to, uint32_t fwmark)
{
	struct wm_netlink_request rq;
	struct wm_err err;
	unsigned link = 0;
	bool is_v4 = to->addr.family == WM_IPV4;
	size_t size = is_v4 ? 4 : 16;
	if (!wm_addr_is_valid(&local->addr) || local->addr.family != to->addr.family)
		return false;
	struct nlmsghdr *nlh = wm_netlink_begin(net, &rq, RTM_GETROUTE, 0);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = is_v4 ? AF_INET : AF_INET6;
	rtm->rtm_dst_len = rtm->rtm_src_len = (unsigned char)(size * 8);
	rtm->rtm_flags = is_v4 ? RTM_F_FIB_MATCH : 0;
	mnl_attr_put(nlh, RTA_DST, size, to->addr.bytes);
	mnl_attr_put(nlh, RTA_SRC, size, local->addr.bytes);
	mnl_attr_put_u32(nlh, RTA_OIF, local->link);
	if (fwmark != 0)
		mnl_attr_put_u32(nlh, RTA_MARK, fwmark);
	if (wm_netlink_ask(net, nlh, "way to a peer", note_link, &link, &err) != 0)
		return false;
	return is_v4 || link == local->link;
}

/* A connected socket knows its path; nothing is sent. -1 when there is none. */
static int connect_to(const struct wm_udp_local *local, const struct wm_endpoint *to,
		      uint32_t fwmark)
{
	struct wm_endpoint from = {.addr = local->addr};
	struct sockaddr_storage addr;
	int fd = socket(to->addr.family == WM_IPV4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC,
			0);
	if (fd < 0)
		return -1;
	/* Without the privilege the way of unmarked packets is the best there is. */
	if (fwmark != 0)
		(void)!setsockopt(fd, SOL_SOCKET, SO_MARK, &fwmark, sizeof(fwmark));
	if (wm_addr_is_link_local(&to->addr))
		from.scope = to->scope;
	bool is_bound =
		from.addr.family != to->addr.family ||
		bind(fd, (struct sockaddr *)&addr, wm_endpoint_to_sockaddr(&from, &addr)) == 0;
	if (is_bound &&
	    connect(fd, (struct sockaddr *)&addr, wm_endpoint_to_sockaddr(to, &addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

uint32_t wm_path_mtu(const struct wm_udp_local *local, const struct wm_endpoint *to,
		     uint32_t fwmark)
{
	bool is_v4 = to->addr.family == WM_IPV4;
	int mtu = 0, fd = connect_to(local, to, fwmark);
	socklen_t len = sizeof(mtu);
	if (fd < 0)
		return 0;
	if (getsockopt(fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_MTU : IPV6_MTU, &mtu,
		       &len) != 0)
		mtu = 0;
	close(fd);
	return mtu > 0 ? (uint32_t)mtu : 0;
}

bool wm_path_source(const struct wm_endpoint *to, uint32_t fwmark, struct wm_addr *out)
{
	static const struct wm_udp_local any;
	struct sockaddr_storage addr;
	struct wm_endpoint from;
	socklen_t len = sizeof(addr);
	int fd = connect_to(&any, to, fwmark);
	if (fd < 0)
		return false;
	bool is_known = getsockname(fd, (struct sockaddr *)&addr, &len) == 0 &&
			wm_endpoint_from_sockaddr((struct sockaddr *)&addr, &from);
	close(fd);
	if (is_known)
		*out = from.addr;
	return is_known;
}
