#include "platform/route.h"
#include <stdio.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include "base/mem.h"
#include "platform/linux/netlink.h"
#include "platform/linux/netlink_parse.h"

struct route_dump {
	struct wm_route_list *list;
	unsigned link; /* 0 = any */
};

static void add_route(void *arg, const struct nlmsghdr *nlh)
{
	struct route_dump *d = arg;
	struct wm_route r;
	uint8_t origin;

	if (!wm_netlink_parse_route(nlh, &r, &origin) || origin != WM_ROUTE_ORIGIN ||
	    (d->link != 0 && r.link != d->link))
		return;
	d->list->routes = wm_realloc(d->list->routes, (d->list->n + 1) * sizeof(r));
	d->list->routes[d->list->n++] = r;
}

static void forget_routes(void *arg)
{
	struct route_dump *d = arg;

	wm_route_list_fini(d->list);
}

int wm_route_list(struct wm_net *net, unsigned link, struct wm_route_list *out, struct wm_err *err)
{
	struct wm_netlink_request rq;
	struct nlmsghdr *nlh = wm_netlink_begin(net, &rq, RTM_GETROUTE, 0);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	struct route_dump d = {.list = out, .link = link};
	int code;

	*out = (struct wm_route_list){0};
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = WM_ROUTE_ORIGIN;
	code = wm_netlink_dump(net, nlh, "list of routes", add_route, forget_routes, &d, err);
	if (code != 0)
		wm_route_list_fini(out);
	return code;
}

static int change_route(struct wm_net *net, uint16_t type, uint16_t flags, const struct wm_route *r,
			const char *verb, struct wm_err *err)
{
	struct wm_netlink_request rq;
	struct nlmsghdr *nlh = wm_netlink_begin(net, &rq, type, flags);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	struct wm_prefix dst = wm_prefix_masked(&r->dst);
	size_t size = dst.addr.family == WM_IPV4 ? 4 : 16;
	char text[WM_PREFIX_TEXT], what[WM_PREFIX_TEXT + 40];

	rtm->rtm_family = dst.addr.family == WM_IPV4 ? AF_INET : AF_INET6;
	rtm->rtm_dst_len = dst.bits;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = WM_ROUTE_ORIGIN;
	rtm->rtm_type = RTN_UNICAST;
	if (type == RTM_DELROUTE)
		rtm->rtm_scope = RT_SCOPE_NOWHERE;
	else if (dst.addr.family == WM_IPV4 && !wm_addr_is_valid(&r->gateway))
		rtm->rtm_scope = RT_SCOPE_LINK;
	mnl_attr_put(nlh, RTA_DST, size, dst.addr.bytes);
	mnl_attr_put_u32(nlh, RTA_OIF, r->link);
	if (r->metric != 0)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, r->metric);
	if (wm_addr_is_valid(&r->gateway))
		mnl_attr_put(nlh, RTA_GATEWAY, size, r->gateway.bytes);
	snprintf(what, sizeof(what), "%s route %s", verb, wm_prefix_format(&dst, text));
	return wm_netlink_call(net, nlh, what, err);
}

int wm_route_add(struct wm_net *net, const struct wm_route *r, struct wm_err *err)
{
	return change_route(net, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, r, "add", err);
}

/* One of ours with this destination and metric, or NULL. */
static const struct wm_route *find_same(const struct wm_route_list *l, const struct wm_route *r)
{
	struct wm_prefix dst = wm_prefix_masked(&r->dst);

	for (size_t i = 0; i < l->n; i++)
		if (wm_prefix_equal(&l->routes[i].dst, &dst) && l->routes[i].metric == r->metric)
			return &l->routes[i];
	return NULL;
}

int wm_route_replace(struct wm_net *net, const struct wm_route *r, struct wm_err *err)
{
	struct wm_route_list l;
	bool is_ours;
	int code = wm_route_add(net, r, err);

	if (code != WM_ALREADY_EXISTS)
		return code;
	code = wm_route_list(net, 0, &l, err);
	if (code != 0)
		return code;
	is_ours = find_same(&l, r) != NULL;
	wm_route_list_fini(&l);
	if (!is_ours)
		return wm_route_add(net, r, err);
	return change_route(net, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, r, "replace", err);
}

int wm_route_remove(struct wm_net *net, const struct wm_route *r, struct wm_err *err)
{
	return change_route(net, RTM_DELROUTE, 0, r, "remove", err);
}
