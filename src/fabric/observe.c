#include "fabric/observe.h"

#include "platform/route.h"

static bool has_link_addr(const struct wm_link_addr_list *l, const struct wm_prefix *p)
{
	for (size_t i = 0; i < l->n; i++)
		if (wm_prefix_equal(&l->addrs[i].prefix, p))
			return true;
	return false;
}

static bool has_link_route(const struct wm_route_list *l, const struct wm_state_route *r)
{
	for (size_t i = 0; i < l->n; i++)
		if (wm_prefix_equal(&l->routes[i].dst, &r->dst) && l->routes[i].metric == r->metric)
			return true;
	return false;
}

/* Strikes from the applied state what is on the host no more; the number of strikes. */
static unsigned compare_addrs(struct wm_net *net, unsigned link, struct wm_state *have)
{
	struct wm_link_addr_list l;
	unsigned gone = 0;

	if (wm_link_addr_list(net, link, &l, NULL) != 0)
		return 0;
	for (size_t i = have->n_addrs; i-- > 0;) {
		struct wm_prefix p = have->addrs[i];

		if (!has_link_addr(&l, &p)) {
			wm_state_drop_addr(have, &p);
			gone++;
		}
	}
	wm_link_addr_list_fini(&l);
	return gone;
}

static unsigned compare_routes(struct wm_net *net, unsigned link, struct wm_state *have)
{
	struct wm_route_list l;
	unsigned gone = 0;

	if (wm_route_list(net, link, &l, NULL) != 0)
		return 0;
	for (size_t i = have->n_routes; i-- > 0;) {
		struct wm_state_route r = have->routes[i];

		if (!has_link_route(&l, &r)) {
			wm_state_drop_route(have, &r);
			gone++;
		}
	}
	wm_route_list_fini(&l);
	return gone;
}

static unsigned compare_link(struct wm_net *net, const struct wm_link *self, struct wm_state *have)
{
	struct wm_link now;
	unsigned gone = 0;

	if (wm_link_find(net, self->name, &now, NULL) != 0 || now.index != self->index)
		return 0; /* the device tells its owner about that */
	if (have->up && (now.flags & WM_LINK_UP) == 0) {
		have->up = false;
		gone++;
	}
	if (have->mtu != now.mtu) {
		have->mtu = now.mtu;
		gone++;
	}
	return gone;
}

unsigned wm_observe(struct wm_net *net, const struct wm_link *self, struct wm_state *have)
{
	return compare_link(net, self, have) + compare_addrs(net, self->index, have) +
	       compare_routes(net, self->index, have);
}

int wm_observe_all(struct wm_net *net, unsigned link, struct wm_state *have, struct wm_err *err)
{
	struct wm_link_addr_list addrs = {0};
	struct wm_route_list routes = {0};
	int code = wm_link_addr_list(net, link, &addrs, err);

	if (code == 0)
		code = wm_route_list(net, link, &routes, err);
	for (size_t i = 0; code == 0 && i < addrs.n; i++)
		wm_state_put_addr(have, &addrs.addrs[i].prefix);
	for (size_t i = 0; code == 0 && i < routes.n; i++) {
		struct wm_state_route r = {.dst = routes.routes[i].dst,
					   .metric = routes.routes[i].metric};

		wm_state_put_route(have, &r);
	}
	wm_link_addr_list_fini(&addrs);
	wm_route_list_fini(&routes);
	return code;
}
