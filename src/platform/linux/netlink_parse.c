#include "platform/linux/netlink_parse.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <libmnl/libmnl.h>
#include "base/str.h"
#include "platform/linux/netlink_attr.h"

/* What IPv6 writes when nobody gives a metric. */
#define DEFAULT_METRIC_V6 1024

/* libmnl's own walk reads a length above 2^31 as a negative one, and then never ends. */
const struct nlmsghdr *wm_netlink_next(const void **data, size_t *left)
{
	const struct nlmsghdr *nlh = *data;
	size_t size;

	if (*left < sizeof(*nlh) || nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > *left)
		return NULL;
	size = ((size_t)nlh->nlmsg_len + MNL_ALIGNTO - 1) / MNL_ALIGNTO * MNL_ALIGNTO;
	*left -= size < *left ? size : *left;
	*data = (const char *)nlh + size;
	return nlh;
}

static enum wm_family family_of(unsigned char af)
{
	return af == AF_INET ? WM_IPV4 : af == AF_INET6 ? WM_IPV6 : WM_FAMILY_NONE;
}

/* Copies an address out of an attribute; none when its length is not that of the family. */
static struct wm_addr addr_of(enum wm_family family, const struct nlattr *attr)
{
	struct wm_addr a = {0};
	size_t size = family == WM_IPV4 ? 4 : 16;

	if (family == WM_FAMILY_NONE || mnl_attr_get_payload_len(attr) != size)
		return a;
	a.family = (uint8_t)family;
	memcpy(a.bytes, mnl_attr_get_payload(attr), size);
	return a;
}

static void copy_kind(struct wm_link *out, const struct nlattr *linkinfo)
{
	struct wm_netlink_attrs nest = wm_netlink_attrs_in(linkinfo);
	const struct nlattr *attr;

	while ((attr = wm_netlink_next_attr(&nest)) != NULL)
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			wm_netlink_text(out->kind, sizeof(out->kind), attr);
}

bool wm_netlink_parse_link(const struct nlmsghdr *nlh, struct wm_link *out)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	struct wm_netlink_attrs attrs;

	if ((nlh->nlmsg_type != RTM_NEWLINK && nlh->nlmsg_type != RTM_DELLINK) ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi) || ifi->ifi_index <= 0)
		return false;
	memset(out, 0, sizeof(*out));
	out->index = (unsigned)ifi->ifi_index;
	out->flags = (ifi->ifi_flags & IFF_UP ? WM_LINK_UP : 0u) |
		     (ifi->ifi_flags & IFF_LOOPBACK ? WM_LINK_LOOPBACK : 0u) |
		     (ifi->ifi_flags & IFF_POINTOPOINT ? WM_LINK_POINT_TO_POINT : 0u) |
		     (ifi->ifi_flags & IFF_RUNNING ? WM_LINK_RUNNING : 0u);
	attrs = wm_netlink_attrs_of(nlh, sizeof(*ifi));
	while ((attr = wm_netlink_next_attr(&attrs)) != NULL) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME: wm_netlink_text(out->name, sizeof(out->name), attr); break;
		case IFLA_MTU: out->mtu = wm_netlink_u32(attr); break;
		case IFLA_LINKINFO: copy_kind(out, attr); break;
		default: break;
		}
	}
	return out->name[0] != '\0';
}

bool wm_netlink_parse_addr(const struct nlmsghdr *nlh, struct wm_link_addr *out)
{
	const uint32_t fleeting =
		IFA_F_TEMPORARY | IFA_F_DEPRECATED | IFA_F_TENTATIVE | IFA_F_DADFAILED;
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct wm_addr address = {0}, local = {0};
	const struct nlattr *attr;
	struct wm_netlink_attrs attrs;
	uint32_t flags;

	if ((nlh->nlmsg_type != RTM_NEWADDR && nlh->nlmsg_type != RTM_DELADDR) ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa) || ifa->ifa_index == 0)
		return false;
	memset(out, 0, sizeof(*out));
	flags = ifa->ifa_flags;
	attrs = wm_netlink_attrs_of(nlh, sizeof(*ifa));
	while ((attr = wm_netlink_next_attr(&attrs)) != NULL) {
		switch (mnl_attr_get_type(attr)) {
		case IFA_ADDRESS: address = addr_of(family_of(ifa->ifa_family), attr); break;
		case IFA_LOCAL: local = addr_of(family_of(ifa->ifa_family), attr); break;
		case IFA_FLAGS: flags = wm_netlink_u32(attr); break;
		default: break;
		}
	}
	out->link = ifa->ifa_index;
	/* On a point-to-point link IFA_ADDRESS is the other end. */
	out->prefix.addr = wm_addr_is_valid(&local) ? local : address;
	out->prefix.bits = ifa->ifa_prefixlen;
	/* For IPv4 the bit of TEMPORARY means SECONDARY, which says nothing bad. */
	if (ifa->ifa_family == AF_INET)
		flags &= ~(uint32_t)IFA_F_TEMPORARY;
	out->fleeting = (flags & fleeting) != 0;
	return wm_prefix_is_valid(&out->prefix);
}

bool wm_netlink_parse_route(const struct nlmsghdr *nlh, struct wm_route *out, uint8_t *origin)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	struct wm_netlink_attrs attrs;
	enum wm_family family;
	uint32_t table;

	if ((nlh->nlmsg_type != RTM_NEWROUTE && nlh->nlmsg_type != RTM_DELROUTE) ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm) || rtm->rtm_type != RTN_UNICAST ||
	    (rtm->rtm_flags & RTM_F_CLONED) != 0)
		return false;
	memset(out, 0, sizeof(*out));
	family = family_of(rtm->rtm_family);
	table = rtm->rtm_table;
	out->dst.addr.family = (uint8_t)family;
	out->dst.bits = rtm->rtm_dst_len;
	attrs = wm_netlink_attrs_of(nlh, sizeof(*rtm));
	while ((attr = wm_netlink_next_attr(&attrs)) != NULL) {
		switch (mnl_attr_get_type(attr)) {
		case RTA_DST: out->dst.addr = addr_of(family, attr); break;
		case RTA_OIF: out->link = wm_netlink_u32(attr); break;
		case RTA_PRIORITY: out->metric = wm_netlink_u32(attr); break;
		case RTA_GATEWAY: out->gateway = addr_of(family, attr); break;
		case RTA_TABLE: table = wm_netlink_u32(attr); break;
		default: break;
		}
	}
	if (family == WM_IPV6 && out->metric == DEFAULT_METRIC_V6)
		out->metric = 0;
	*origin = rtm->rtm_protocol;
	return table == RT_TABLE_MAIN && wm_prefix_is_valid(&out->dst);
}

bool wm_netlink_parse_way(const struct nlmsghdr *nlh, unsigned *link)
{
	const struct nlattr *attr;
	struct wm_netlink_attrs attrs;

	if (nlh->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct rtmsg))
		return false;
	*link = 0;
	attrs = wm_netlink_attrs_of(nlh, sizeof(struct rtmsg));
	while ((attr = wm_netlink_next_attr(&attrs)) != NULL)
		if (mnl_attr_get_type(attr) == RTA_OIF)
			*link = wm_netlink_u32(attr);
	return *link != 0;
}

static bool change_of_link(const struct nlmsghdr *nlh, struct wm_monitor_change *out)
{
	struct wm_link link;

	if (!wm_netlink_parse_link(nlh, &link))
		return false;
	out->kind = WM_MONITOR_LINK;
	out->link = link.index;
	out->removed = nlh->nlmsg_type == RTM_DELLINK;
	return true;
}

static bool change_of_addr(const struct nlmsghdr *nlh, struct wm_monitor_change *out)
{
	struct wm_link_addr addr;

	if (!wm_netlink_parse_addr(nlh, &addr))
		return false;
	out->kind = WM_MONITOR_ADDR;
	out->link = addr.link;
	out->prefix = addr.prefix;
	out->removed = nlh->nlmsg_type == RTM_DELADDR;
	return true;
}

static bool change_of_route(const struct nlmsghdr *nlh, struct wm_monitor_change *out)
{
	struct wm_route route;
	uint8_t origin;

	if (!wm_netlink_parse_route(nlh, &route, &origin))
		return false;
	out->kind = WM_MONITOR_ROUTE;
	out->link = route.link;
	out->prefix = route.dst;
	out->ours = origin == WM_ROUTE_ORIGIN;
	out->removed = nlh->nlmsg_type == RTM_DELROUTE;
	return true;
}

bool wm_netlink_parse_change(const struct nlmsghdr *nlh, struct wm_monitor_change *out)
{
	memset(out, 0, sizeof(*out));
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK: return change_of_link(nlh, out);
	case RTM_NEWADDR:
	case RTM_DELADDR: return change_of_addr(nlh, out);
	case RTM_NEWROUTE:
	case RTM_DELROUTE: return change_of_route(nlh, out);
	default: return false;
	}
}

/* The kernel's words behind an error, @offset bytes into the payload. */
static void copy_ext_ack(const struct nlmsghdr *nlh, size_t offset, struct wm_netlink_reply *r)
{
	struct wm_netlink_attrs attrs = wm_netlink_attrs_of(nlh, offset);
	const struct nlattr *attr;

	if ((nlh->nlmsg_flags & NLM_F_ACK_TLVS) == 0)
		return;
	while ((attr = wm_netlink_next_attr(&attrs)) != NULL)
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
			wm_netlink_text(r->text, sizeof(r->text), attr);
}

static int errno_of(int code)
{
	return code < 0 && code > -4096 ? -code : code == 0 ? 0 : EPROTO;
}

static void end_with_error(const struct nlmsghdr *nlh, struct wm_netlink_reply *r)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t offset = sizeof(*e);

	r->done = true;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e)) {
		r->sys = EPROTO;
		return;
	}
	r->sys = errno_of(e->error);
	/* Unless it was capped, the request is repeated before the attributes. */
	if ((nlh->nlmsg_flags & NLM_F_CAPPED) == 0) {
		if (e->msg.nlmsg_len < sizeof(e->msg) || e->msg.nlmsg_len > nlh->nlmsg_len)
			return;
		offset += e->msg.nlmsg_len - sizeof(e->msg);
	}
	copy_ext_ack(nlh, offset, r);
}

/* A dump ends with an int that may be an error. */
static void end_of_dump(const struct nlmsghdr *nlh, struct wm_netlink_reply *r)
{
	int code = 0;

	r->done = true;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(code))
		return;
	memcpy(&code, mnl_nlmsg_get_payload(nlh), sizeof(code));
	r->sys = errno_of(code);
	copy_ext_ack(nlh, sizeof(code), r);
}

void wm_netlink_parse_reply(const void *data, size_t len, uint32_t seq, struct wm_netlink_reply *r,
			    void (*item)(void *arg, const struct nlmsghdr *nlh), void *arg)
{
	const struct nlmsghdr *nlh;

	while (!r->done && (nlh = wm_netlink_next(&data, &len)) != NULL) {
		if (nlh->nlmsg_seq != seq)
			continue;
		if ((nlh->nlmsg_flags & NLM_F_DUMP_INTR) != 0)
			r->interrupted = true;
		if (nlh->nlmsg_type == NLMSG_ERROR)
			end_with_error(nlh, r);
		else if (nlh->nlmsg_type == NLMSG_DONE)
			end_of_dump(nlh, r);
		else if (nlh->nlmsg_type >= NLMSG_MIN_TYPE && item != NULL)
			item(arg, nlh);
	}
}
