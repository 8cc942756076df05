#include "platform/route.h"

#include "base/mem.h"
#include "platform/fake/host_impl.h"

static struct fake_route *find(const struct wm_route *r)
{
	struct wm_prefix dst = wm_prefix_masked(&r->dst);

	for (size_t i = 0; i < wm_fake_host.n_routes; i++)
		if (wm_prefix_equal(&wm_fake_host.routes[i].route.dst, &dst) &&
		    wm_fake_host.routes[i].route.metric == r->metric)
			return &wm_fake_host.routes[i];
	return NULL;
}

static bool is_link_up(unsigned index)
{
	for (size_t i = 0; i < wm_fake_host.n_links; i++)
		if (wm_fake_host.links[i].index == index)
			return (wm_fake_host.links[i].flags & WM_LINK_UP) != 0;
	return false;
}

static int call(const char *what, const struct wm_route *r, struct wm_err *err)
{
	char text[WM_PREFIX_TEXT];

	return wm_fake_call(err, "route %s %s", what, wm_prefix_format(&r->dst, text));
}

static int put(const struct wm_route *r, struct wm_err *err)
{
	struct fake_route *slot;

	if (!is_link_up(r->link))
		return wm_fail(err, WM_FAILED_PRECONDITION, "add route: the link is down");
	slot = &wm_fake_host.routes[wm_fake_host.n_routes++];
	*slot = (struct fake_route){.route = *r};
	slot->route.dst = wm_prefix_masked(&r->dst);
	return 0;
}

int wm_route_add(struct wm_net *net, const struct wm_route *r, struct wm_err *err)
{
	int code = call("add", r, err);

	if (code != 0)
		return code;
	if (find(r) != NULL)
		return wm_fail(err, WM_ALREADY_EXISTS, "add route: exists");
	return put(r, err);
}

int wm_route_replace(struct wm_net *net, const struct wm_route *r, struct wm_err *err)
{
	struct fake_route *old = find(r);
	int code = call("replace", r, err);

	if (code != 0)
		return code;
	if (old != NULL && old->is_foreign)
		return wm_fail(err, WM_ALREADY_EXISTS, "replace route: somebody else's");
	if (old != NULL)
		*old = wm_fake_host.routes[--wm_fake_host.n_routes];
	return put(r, err);
}

int wm_route_remove(struct wm_net *net, const struct wm_route *r, struct wm_err *err)
{
	struct fake_route *old = find(r);
	int code = call("remove", r, err);

	if (code != 0)
		return code;
	if (old == NULL || old->is_foreign || old->route.link != r->link)
		return wm_fail(err, WM_NOT_FOUND, "remove route: there is none");
	*old = wm_fake_host.routes[--wm_fake_host.n_routes];
	return 0;
}

int wm_route_list(struct wm_net *net, unsigned link, struct wm_route_list *out, struct wm_err *err)
{
	int code = wm_fake_call(err, "?route list");

	*out = (struct wm_route_list){0};
	if (code != 0)
		return code;
	out->routes = wm_calloc(WM_ARRAY_LEN(wm_fake_host.routes), sizeof(*out->routes));
	for (size_t i = 0; i < wm_fake_host.n_routes; i++)
		if (!wm_fake_host.routes[i].is_foreign &&
		    (link == 0 || wm_fake_host.routes[i].route.link == link))
			out->routes[out->n++] = wm_fake_host.routes[i].route;
	return 0;
}
