/* The pretended host has one network. */
#include "platform/netns.h"

int wm_netns_enter(const char *name, struct wm_netns **out, struct wm_err *err)
{
	return wm_fail(err, WM_UNIMPLEMENTED, "%s: no network namespaces here", name);
}

void wm_netns_leave(struct wm_netns *n)
{
}

int wm_netns_run(struct wm_netns *n, int (*work)(void *arg, struct wm_err *err), void *arg,
		 struct wm_err *err)
{
	return work(arg, err);
}

int wm_netns_socket(struct wm_netns *n, enum wm_family family, int *out, struct wm_err *err)
{
	*out = -1;
	return wm_fail(err, WM_UNIMPLEMENTED, "no network namespaces here");
}
