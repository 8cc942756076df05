#include "platform/link.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "platform/fake/host_impl.h"
#include "platform/net.h"

struct wm_net {
	uint64_t id;
};

int wm_net_open(struct wm_net **out, struct wm_err *err)
{
	int code = wm_fake_call(err, "?net open");

	if (code != 0)
		return code;
	*out = wm_alloc(sizeof(**out));
	(*out)->id = 4711;
	wm_fake_host.handles++;
	return 0;
}

void wm_net_close(struct wm_net *net)
{
	if (net == NULL)
		return;
	wm_free(net);
	wm_fake_host.handles--;
}

uint64_t wm_net_id(const struct wm_net *net)
{
	return net->id;
}

static struct wm_link *find_link(unsigned index)
{
	for (size_t i = 0; i < wm_fake_host.n_links; i++)
		if (wm_fake_host.links[i].index == index)
			return &wm_fake_host.links[i];
	return NULL;
}

/* Counts the call and finds the link. */
static int on_link(unsigned index, const char *what, struct wm_link **out, struct wm_err *err)
{
	int code = wm_fake_call(err, "%s %u", what, index);

	if (code != 0)
		return code;
	*out = find_link(index);
	if (*out != NULL)
		return 0;
	(void)wm_fail(err, WM_NOT_FOUND, "%s %u: no such link", what, index);
	return WM_NOT_FOUND; /* a compiler sees that it is not 0 */
}

int wm_link_list(struct wm_net *net, struct wm_link_list *out, struct wm_err *err)
{
	int code = wm_fake_call(err, "?link list");

	*out = (struct wm_link_list){0};
	if (code != 0)
		return code;
	out->links = wm_memdup(wm_fake_host.links, sizeof(wm_fake_host.links));
	out->n = wm_fake_host.n_links;
	return 0;
}

int wm_link_find(struct wm_net *net, const char *name, struct wm_link *out, struct wm_err *err)
{
	int code = wm_fake_call(err, "?link find %s", name);

	if (code != 0)
		return code;
	for (size_t i = 0; i < wm_fake_host.n_links; i++) {
		if (wm_streq(wm_fake_host.links[i].name, name)) {
			*out = wm_fake_host.links[i];
			return 0;
		}
	}
	return wm_fail(err, WM_NOT_FOUND, "interface %s: there is none", name);
}

int wm_link_set_up(struct wm_net *net, unsigned link, bool up, struct wm_err *err)
{
	struct wm_link *l;
	int code = on_link(link, up ? "link up" : "link down", &l, err);

	if (code != 0)
		return code;
	l->flags = up ? l->flags | WM_LINK_UP : l->flags & ~(unsigned)WM_LINK_UP;
	return 0;
}

int wm_link_set_mtu(struct wm_net *net, unsigned link, uint32_t mtu, struct wm_err *err)
{
	struct wm_link *l;
	int code = on_link(link, "link mtu", &l, err);

	if (code == 0)
		l->mtu = mtu;
	return code;
}

int wm_link_set_quiet(struct wm_net *net, unsigned link, struct wm_err *err)
{
	struct wm_link *l;

	return on_link(link, "link quiet", &l, err);
}

int wm_link_remove(struct wm_net *net, unsigned link, struct wm_err *err)
{
	struct wm_link *l;
	int code = on_link(link, "link remove", &l, err);

	if (code == 0)
		wm_fake_drop_link(link);
	return code;
}

int wm_link_addr_list(struct wm_net *net, unsigned link, struct wm_link_addr_list *out,
		      struct wm_err *err)
{
	int code = wm_fake_call(err, "?addr list");

	*out = (struct wm_link_addr_list){0};
	if (code != 0)
		return code;
	out->addrs = wm_alloc(sizeof(wm_fake_host.addrs));
	for (size_t i = 0; i < wm_fake_host.n_addrs; i++)
		if (link == 0 || wm_fake_host.addrs[i].link == link)
			out->addrs[out->n++] = wm_fake_host.addrs[i];
	return 0;
}

static struct wm_link_addr *find_addr(unsigned link, const struct wm_prefix *p)
{
	for (size_t i = 0; i < wm_fake_host.n_addrs; i++)
		if (wm_fake_host.addrs[i].link == link &&
		    wm_prefix_equal(&wm_fake_host.addrs[i].prefix, p))
			return &wm_fake_host.addrs[i];
	return NULL;
}

int wm_link_addr_add(struct wm_net *net, unsigned link, const struct wm_prefix *addr,
		     struct wm_err *err)
{
	char text[WM_PREFIX_TEXT];
	int code = wm_fake_call(err, "addr add %s", wm_prefix_format(addr, text));

	if (code != 0)
		return code;
	if (find_addr(link, addr) != NULL)
		return wm_fail(err, WM_ALREADY_EXISTS, "add address %s: exists", text);
	if (find_link(link) == NULL)
		return wm_fail(err, WM_NOT_FOUND, "add address %s: no such link", text);
	wm_fake_add_addr(link, text);
	return 0;
}

int wm_link_addr_remove(struct wm_net *net, unsigned link, const struct wm_prefix *addr,
			struct wm_err *err)
{
	char text[WM_PREFIX_TEXT];
	struct wm_link_addr *a = find_addr(link, addr);
	int code = wm_fake_call(err, "addr remove %s", wm_prefix_format(addr, text));

	if (code != 0)
		return code;
	if (a == NULL)
		return wm_fail(err, WM_NOT_FOUND, "remove address %s: there is none", text);
	*a = wm_fake_host.addrs[--wm_fake_host.n_addrs];
	return 0;
}
