/*
 * The master switch of a family (ip_forward is another name of ipv4/conf/all/forwarding) does more
 * than it says. Turning it writes its value into "default" and into every interface, so an
 * interface that somebody had let forward while the rest did not would be off after we have turned
 * on and off. For IPv4 it also sets conf/all/accept_redirects to the opposite: a host that had
 * switched redirects off would accept them in the end. Such values go on the list with old equal
 * to ours: nothing to set now, something to put back later. For IPv6, an interface that forwards
 * listens to router advertisements only at accept_ra 2, and the routes learnt are flushed at the
 * moment of the switch, hence the order: accept_ra first.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/str.h"
#include "platform/sysctl.h"

static void add(struct wm_sysctl_list *l, const char *name, const char *old, const char *ours)
{
	struct wm_sysctl *s;

	l->items = wm_realloc(l->items, (l->n + 1) * sizeof(*l->items));
	s = &l->items[l->n++];
	memset(s, 0, sizeof(*s));
	(void)wm_str_copy(s->name, sizeof(s->name), name);
	(void)wm_str_copy(s->old, sizeof(s->old), old);
	(void)wm_str_copy(s->ours, sizeof(s->ours), ours);
}

/* True when the setting can be read and is @value. */
static bool is_set_to(const char *name, const char *value)
{
	char now[WM_SYSCTL_VALUE];

	return wm_sysctl_get(name, now, NULL) == 0 && wm_streq(now, value);
}

/* What the switch would do to one interface ("default" is one here). */
static void plan_interface(enum wm_forwarding family, const char *dev, struct wm_sysctl_list *out)
{
	const char *version = family == WM_FORWARDING_V4 ? "ipv4" : "ipv6";
	char name[WM_SYSCTL_NAME];

	snprintf(name, sizeof(name), "net/%s/conf/%.15s/forwarding", version, dev);
	if (is_set_to(name, "1")) {
		add(out, name, "1", "1");
		return;
	}
	snprintf(name, sizeof(name), "net/%s/conf/%.15s/accept_ra", version, dev);
	if (family == WM_FORWARDING_V6 && is_set_to(name, "1"))
		add(out, name, "1", "2");
}

int wm_forwarding_plan(struct wm_net *net, enum wm_forwarding family, struct wm_sysctl_list *out,
		       struct wm_err *err)
{
	bool is_v4 = family == WM_FORWARDING_V4;
	const char *master = is_v4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
	const char *redirects = "net/ipv4/conf/all/accept_redirects";
	char now[WM_SYSCTL_VALUE];
	struct dirent *e;
	int code;
	DIR *d;

	code = wm_sysctl_get(master, now, err);
	if (code != 0 || !wm_streq(now, "0"))
		return code;
	d = opendir(is_v4 ? "/proc/sys/net/ipv4/conf" : "/proc/sys/net/ipv6/conf");
	if (d == NULL)
		return wm_fail_errno(err, errno, "settings of the interfaces");
	add(out, master, now, "1");
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && !wm_streq(e->d_name, "all") &&
		    !wm_streq(e->d_name, "lo"))
			plan_interface(family, e->d_name, out);
	closedir(d);
	if (is_v4 && is_set_to(redirects, "0"))
		add(out, redirects, "0", "0");
	return 0;
}
