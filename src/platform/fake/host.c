#include "platform/fake/host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/fake/host_impl.h"

struct fake_host wm_fake_host;

void wm_fake_fini(void)
{
	wm_buf_fini(&wm_fake_host.log);
	wm_fake_wg_fini();
	memset(&wm_fake_host, 0, sizeof(wm_fake_host));
}

/* What a fresh kernel has for all, default and eth0. */
static void set_forwarding_off(const char *ip)
{
	static const char *const devs[] = {"all", "default", "eth0"};
	char name[WM_SYSCTL_NAME];

	for (size_t i = 0; i < WM_ARRAY_LEN(devs); i++) {
		snprintf(name, sizeof(name), "net/%s/conf/%s/forwarding", ip, devs[i]);
		wm_fake_set(name, "0");
	}
}

void wm_fake_reset(void)
{
	wm_fake_fini();
	wm_fake_add_link(1, "lo", WM_LINK_UP | WM_LINK_LOOPBACK);
	wm_fake_add_link(2, "eth0", WM_LINK_UP | WM_LINK_RUNNING);
	wm_fake_add_addr(1, "127.0.0.1/8");
	wm_fake_add_addr(2, "192.168.7.2/24");
	set_forwarding_off("ipv4");
	set_forwarding_off("ipv6");
	wm_fake_set("net/ipv4/ip_forward", "0");
	wm_fake_set("net/ipv4/conf/all/accept_redirects", "1");
	wm_fake_set("net/ipv6/conf/default/accept_ra", "1");
	wm_fake_set("net/ipv6/conf/eth0/accept_ra", "1");
}

void wm_fake_add_link(unsigned index, const char *name, unsigned flags)
{
	struct fake_host *h = &wm_fake_host;
	struct wm_link *l = &h->links[h->n_links++];

	memset(l, 0, sizeof(*l));
	l->index = index;
	l->flags = flags;
	l->mtu = 1500;
	(void)wm_str_copy(l->name, sizeof(l->name), name);
}

static void must_parse(const char *text, struct wm_prefix *out)
{
	if (!wm_prefix_parse(text, out))
		abort();
}

void wm_fake_add_addr(unsigned link, const char *prefix)
{
	struct fake_host *h = &wm_fake_host;
	struct wm_link_addr *a = &h->addrs[h->n_addrs++];

	memset(a, 0, sizeof(*a));
	a->link = link;
	must_parse(prefix, &a->prefix);
}

void wm_fake_add_foreign_route(const char *dst, unsigned link, uint32_t metric)
{
	struct fake_host *h = &wm_fake_host;
	struct fake_route *r = &h->routes[h->n_routes++];

	memset(r, 0, sizeof(*r));
	must_parse(dst, &r->route.dst);
	r->route.link = link;
	r->route.metric = metric;
	r->is_foreign = true;
}

void wm_fake_drop_link(unsigned index)
{
	struct fake_host *h = &wm_fake_host;

	for (size_t i = h->n_links; i-- > 0;)
		if (h->links[i].index == index)
			h->links[i] = h->links[--h->n_links];
	for (size_t i = h->n_addrs; i-- > 0;)
		if (h->addrs[i].link == index)
			h->addrs[i] = h->addrs[--h->n_addrs];
	for (size_t i = h->n_routes; i-- > 0;)
		if (h->routes[i].route.link == index)
			h->routes[i] = h->routes[--h->n_routes];
}

static struct fake_setting *find_setting(const char *name)
{
	struct fake_host *h = &wm_fake_host;

	for (size_t i = 0; i < h->n_settings; i++)
		if (wm_streq(h->settings[i].name, name))
			return &h->settings[i];
	return NULL;
}

void wm_fake_set(const char *name, const char *value)
{
	struct fake_setting *s = find_setting(name);

	if (s == NULL) {
		s = &wm_fake_host.settings[wm_fake_host.n_settings++];
		(void)wm_str_copy(s->name, sizeof(s->name), name);
	}
	(void)wm_str_copy(s->value, sizeof(s->value), value);
}

const char *wm_fake_get(const char *name)
{
	const struct fake_setting *s = find_setting(name);

	return s == NULL ? "" : s->value;
}

void wm_fake_fail_at(unsigned n)
{
	wm_fake_host.fail_at = n;
	wm_fake_host.has_failed = false;
}

bool wm_fake_has_failed(void)
{
	return wm_fake_host.has_failed;
}

void wm_fake_refuse(const char *word)
{
	wm_fake_host.refused = word;
}

int wm_fake_call(struct wm_err *err, const char *fmt, ...)
{
	struct fake_host *h = &wm_fake_host;
	char what[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (h->fail_at > 0 && --h->fail_at == 0) {
		h->has_failed = true;
		return wm_fail(err, WM_UNAVAILABLE, "%s: made to fail", what);
	}
	if (h->refused != NULL && wm_str_starts(what, h->refused))
		return wm_fail(err, WM_UNAVAILABLE, "%s: refused", what);
	/* Questions are not recorded. */
	if (what[0] != '?')
		wm_buf_printf(&h->log, "%s\n", what);
	return 0;
}

const char *wm_fake_log(void)
{
	return wm_buf_str(&wm_fake_host.log);
}

void wm_fake_clear_log(void)
{
	wm_buf_clear(&wm_fake_host.log);
}

void wm_fake_set_watchdog(int64_t ns)
{
	wm_fake_host.watchdog = ns;
}

unsigned wm_fake_open_handles(void)
{
	return wm_fake_host.handles;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines of @b in order of the alphabet, since the order of the arrays says nothing. */
static char *sorted(struct wm_buf *b)
{
	char *lines[512], *text = wm_buf_take(b), *rest = text;
	struct wm_buf out = {0};
	size_t n = 0;

	while (rest != NULL && n < WM_ARRAY_LEN(lines))
		lines[n++] = wm_str_cut(&rest, '\n');
	qsort(lines, n, sizeof(lines[0]), compare_lines);
	for (size_t i = 0; i < n; i++)
		wm_buf_printf(&out, "%s\n", lines[i]);
	wm_free(text);
	return wm_buf_take(&out);
}

char *wm_fake_text(void)
{
	const struct fake_host *h = &wm_fake_host;
	char text[WM_PREFIX_TEXT];
	struct wm_buf b = {0};

	for (size_t i = 0; i < h->n_links; i++)
		wm_buf_printf(&b, "link %u %s flags=%u mtu=%u\n", h->links[i].index,
			      h->links[i].name, h->links[i].flags, h->links[i].mtu);
	for (size_t i = 0; i < h->n_addrs; i++)
		wm_buf_printf(&b, "addr %u %s\n", h->addrs[i].link,
			      wm_prefix_format(&h->addrs[i].prefix, text));
	for (size_t i = 0; i < h->n_routes; i++)
		wm_buf_printf(&b, "route %s link=%u metric=%u foreign=%d\n",
			      wm_prefix_format(&h->routes[i].route.dst, text),
			      h->routes[i].route.link, h->routes[i].route.metric,
			      h->routes[i].is_foreign);
	for (size_t i = 0; i < h->n_settings; i++)
		wm_buf_printf(&b, "%s=%s\n", h->settings[i].name, h->settings[i].value);
	return sorted(&b);
}
