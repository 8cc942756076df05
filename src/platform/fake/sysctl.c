#include "platform/sysctl.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "platform/fake/host_impl.h"

int wm_sysctl_get(const char *name, char out[WM_SYSCTL_VALUE], struct wm_err *err)
{
	int code = wm_fake_call(err, "?sysctl %s", name);

	if (code != 0)
		return code;
	if (wm_fake_get(name)[0] == '\0')
		return wm_fail(err, WM_NOT_FOUND, "setting %s: there is none", name);
	(void)wm_str_copy(out, WM_SYSCTL_VALUE, wm_fake_get(name));
	return 0;
}

/* A master switch sweeps over the interfaces of its family, and IPv4's over the redirects. */
static void sweep(const char *family, const char *value)
{
	for (size_t i = 0; i < wm_fake_host.n_settings; i++) {
		struct fake_setting *s = &wm_fake_host.settings[i];

		if (wm_str_starts(s->name, family) && wm_str_ends(s->name, "/forwarding"))
			(void)wm_str_copy(s->value, sizeof(s->value), value);
	}
}

static void apply_side_effects(const char *name, const char *value)
{
	if (wm_streq(name, "net/ipv6/conf/all/forwarding"))
		sweep("net/ipv6/conf/", value);
	if (!wm_streq(name, "net/ipv4/ip_forward"))
		return;
	sweep("net/ipv4/conf/", value);
	wm_fake_set("net/ipv4/conf/all/accept_redirects", wm_streq(value, "1") ? "0" : "1");
}

int wm_sysctl_set(const char *name, const char *value, struct wm_err *err)
{
	bool changes = !wm_streq(wm_fake_get(name), value);
	int code = wm_fake_call(err, "sysctl %s=%s", name, value);

	if (code != 0)
		return code;
	if (wm_fake_get(name)[0] == '\0')
		return wm_fail(err, WM_NOT_FOUND, "setting %s: there is none", name);
	wm_fake_set(name, value);
	if (changes)
		apply_side_effects(name, value);
	return 0;
}

static void add(struct wm_sysctl_list *l, const char *name, const char *ours)
{
	struct wm_sysctl *s;

	l->items = wm_realloc(l->items, (l->n + 1) * sizeof(*l->items));
	s = &l->items[l->n++];
	memset(s, 0, sizeof(*s));
	(void)wm_str_copy(s->name, sizeof(s->name), name);
	(void)wm_str_copy(s->old, sizeof(s->old), wm_fake_get(name));
	(void)wm_str_copy(s->ours, sizeof(s->ours), ours);
}

int wm_forwarding_plan(struct wm_net *net, enum wm_forwarding family, struct wm_sysctl_list *out,
		       struct wm_err *err)
{
	bool is_v4 = family == WM_FORWARDING_V4;
	const char *master = is_v4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
	int code = wm_fake_call(err, "?forwarding plan");

	if (code != 0 || !wm_streq(wm_fake_get(master), "0"))
		return code;
	add(out, master, "1");
	for (size_t i = 0; i < wm_fake_host.n_settings; i++) {
		const struct fake_setting *s = &wm_fake_host.settings[i];

		if (wm_str_starts(s->name, is_v4 ? "net/ipv4/conf/" : "net/ipv6/conf/") &&
		    wm_str_ends(s->name, "/forwarding") && wm_streq(s->value, "1"))
			add(out, s->name, "1");
		if (!is_v4 && wm_str_ends(s->name, "/accept_ra") && wm_streq(s->value, "1"))
			add(out, s->name, "2");
	}
	if (is_v4 && wm_streq(wm_fake_get("net/ipv4/conf/all/accept_redirects"), "0"))
		add(out, "net/ipv4/conf/all/accept_redirects", "0");
	return 0;
}
