/* The ends of the lists, the same on every system. */
#include "base/mem.h"
#include "platform/link.h"
#include "platform/route.h"
#include "platform/sysctl.h"

void wm_link_list_fini(struct wm_link_list *l)
{
	wm_free(l->links);
	*l = (struct wm_link_list){0};
}

void wm_link_addr_list_fini(struct wm_link_addr_list *l)
{
	wm_free(l->addrs);
	*l = (struct wm_link_addr_list){0};
}

void wm_route_list_fini(struct wm_route_list *l)
{
	wm_free(l->routes);
	*l = (struct wm_route_list){0};
}

void wm_sysctl_list_fini(struct wm_sysctl_list *l)
{
	wm_free(l->items);
	*l = (struct wm_sysctl_list){0};
}
