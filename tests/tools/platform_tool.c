/*
 * platform_tool: what platform/ and the journal offer, as commands, for tests/net/test_platform.py
 * to run in namespaces. "restrict COMMAND..." drops privileges first. Errors go to stderr, exit
 * status 1.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "fabric/detect.h"
#include "fabric/journal.h"
#include "platform/caps.h"
#include "platform/link.h"
#include "platform/monitor.h"
#include "platform/net.h"
#include "platform/route.h"
#include "platform/sysctl.h"

struct tool {
	struct wm_net *net;
	char **args; /* of the command, NULL at the end */
	struct wm_err err;
};

static const char *arg(const struct tool *t, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (t->args[i] == NULL)
			return "";
	return t->args[n] == NULL ? "" : t->args[n];
}

static unsigned number(const struct tool *t, unsigned n)
{
	uint64_t v = 0;

	(void)wm_parse_u64(arg(t, n), 0, UINT32_MAX, &v);
	return (unsigned)v;
}

static int find_link(struct tool *t, struct wm_link *out)
{
	return wm_link_find(t->net, arg(t, 0), out, &t->err);
}

static int need_prefix(struct tool *t, unsigned n, struct wm_prefix *out)
{
	return wm_prefix_parse(arg(t, n), out)
		       ? 0
		       : wm_fail(&t->err, WM_INVALID_ARGUMENT, "\"%s\" is no prefix", arg(t, n));
}

static int run_links(struct tool *t)
{
	struct wm_link_list l;
	int code = wm_link_list(t->net, &l, &t->err);

	for (size_t i = 0; code == 0 && i < l.n; i++)
		printf("%u %s %s mtu=%u%s%s\n", l.links[i].index, l.links[i].name,
		       l.links[i].kind[0] == '\0' ? "-" : l.links[i].kind, l.links[i].mtu,
		       (l.links[i].flags & WM_LINK_UP) != 0 ? " up" : "",
		       (l.links[i].flags & WM_LINK_POINT_TO_POINT) != 0 ? " ptp" : "");
	if (code == 0)
		wm_link_list_fini(&l);
	return code;
}

static int run_link(struct tool *t, int (*change)(struct tool *t, unsigned index))
{
	struct wm_link l;
	int code = find_link(t, &l);

	return code != 0 ? code : change(t, l.index);
}

static int up(struct tool *t, unsigned index)
{
	return wm_link_set_up(t->net, index, true, &t->err);
}

static int down(struct tool *t, unsigned index)
{
	return wm_link_set_up(t->net, index, false, &t->err);
}

static int mtu(struct tool *t, unsigned index)
{
	return wm_link_set_mtu(t->net, index, number(t, 1), &t->err);
}

static int quiet(struct tool *t, unsigned index)
{
	return wm_link_set_quiet(t->net, index, &t->err);
}

static int remove_link(struct tool *t, unsigned index)
{
	return wm_link_remove(t->net, index, &t->err);
}

static int run_up(struct tool *t)
{
	return run_link(t, up);
}

static int run_down(struct tool *t)
{
	return run_link(t, down);
}

static int run_mtu(struct tool *t)
{
	return run_link(t, mtu);
}

static int run_quiet(struct tool *t)
{
	return run_link(t, quiet);
}

static int run_remove(struct tool *t)
{
	return run_link(t, remove_link);
}

static int run_addrs(struct tool *t)
{
	struct wm_link_addr_list l;
	char text[WM_PREFIX_TEXT];
	struct wm_link link = {0};
	int code = arg(t, 0)[0] == '\0' ? 0 : find_link(t, &link);

	if (code == 0)
		code = wm_link_addr_list(t->net, link.index, &l, &t->err);
	for (size_t i = 0; code == 0 && i < l.n; i++)
		printf("%s%s\n", wm_prefix_format(&l.addrs[i].prefix, text),
		       l.addrs[i].fleeting ? " fleeting" : "");
	if (code == 0)
		wm_link_addr_list_fini(&l);
	return code;
}

static int change_addr(struct tool *t,
		       int (*change)(struct wm_net *net, unsigned link,
				     const struct wm_prefix *addr, struct wm_err *err))
{
	struct wm_prefix p;
	struct wm_link l;
	int code = need_prefix(t, 1, &p);

	if (code == 0)
		code = find_link(t, &l);
	return code != 0 ? code : change(t->net, l.index, &p, &t->err);
}

static int run_addr_add(struct tool *t)
{
	return change_addr(t, wm_link_addr_add);
}

static int run_addr_remove(struct tool *t)
{
	return change_addr(t, wm_link_addr_remove);
}

static int run_routes(struct tool *t)
{
	char dst[WM_PREFIX_TEXT], gateway[WM_ADDR_TEXT];
	struct wm_route_list l;
	struct wm_link link = {0};
	int code = arg(t, 0)[0] == '\0' ? 0 : find_link(t, &link);

	if (code == 0)
		code = wm_route_list(t->net, link.index, &l, &t->err);
	for (size_t i = 0; code == 0 && i < l.n; i++)
		printf("%s metric=%u via=%s\n", wm_prefix_format(&l.routes[i].dst, dst),
		       l.routes[i].metric, wm_addr_format(&l.routes[i].gateway, gateway));
	if (code == 0)
		wm_route_list_fini(&l);
	return code;
}

static int change_route(struct tool *t, int (*change)(struct wm_net *net, const struct wm_route *r,
						      struct wm_err *err))
{
	struct wm_route r = {.metric = number(t, 2)};
	struct wm_link l;
	int code = need_prefix(t, 1, &r.dst);

	(void)wm_addr_parse(arg(t, 3), &r.gateway);
	if (code == 0)
		code = find_link(t, &l);
	if (code != 0)
		return code;
	r.link = l.index;
	return change(t->net, &r, &t->err);
}

static int run_route_add(struct tool *t)
{
	return change_route(t, wm_route_add);
}

static int run_route_replace(struct tool *t)
{
	return change_route(t, wm_route_replace);
}

static int run_route_remove(struct tool *t)
{
	return change_route(t, wm_route_remove);
}

static int run_sysctl(struct tool *t)
{
	char value[WM_SYSCTL_VALUE];
	int code = 0;

	if (arg(t, 1)[0] != '\0')
		code = wm_sysctl_set(arg(t, 0), arg(t, 1), &t->err);
	if (code == 0)
		code = wm_sysctl_get(arg(t, 0), value, &t->err);
	if (code == 0)
		printf("%s\n", value);
	return code;
}

static int run_plan(struct tool *t)
{
	enum wm_forwarding family = number(t, 0) == 4 ? WM_FORWARDING_V4 : WM_FORWARDING_V6;
	struct wm_sysctl_list l = {0};
	int code = wm_forwarding_plan(t->net, family, &l, &t->err);

	for (size_t i = 0; i < l.n; i++)
		printf("%s %s %s\n", l.items[i].name, l.items[i].old, l.items[i].ours);
	wm_sysctl_list_fini(&l);
	return code;
}

static int run_detect(struct tool *t)
{
	struct wm_detect_opts opts = {0};
	struct wm_prefix *found = NULL;
	char text[WM_PREFIX_TEXT];
	size_t n = 0;
	int code;

	for (unsigned i = 0; arg(t, i)[0] != '\0'; i++) {
		opts.with_private |= wm_streq(arg(t, i), "private");
		opts.with_ipv6 |= wm_streq(arg(t, i), "ipv6");
	}
	code = wm_detect_endpoints(t->net, &opts, &found, &n, &t->err);
	for (size_t i = 0; i < n; i++)
		printf("%s\n", wm_prefix_format(&found[i], text));
	wm_free(found);
	return code;
}

/* FOLDER NAME [4] [6]: opens the journal, forwards, says "ready", waits for the end of stdin,
 * closes. */
static int run_journal(struct tool *t)
{
	struct wm_journal *j;
	int code = wm_journal_open(t->net, NULL, arg(t, 0), arg(t, 1), &j, &t->err);
	char drop;

	if (code != 0)
		return code;
	for (unsigned i = 2; code == 0 && arg(t, i)[0] != '\0'; i++)
		code = wm_journal_forward(
			j, number(t, i) == 4 ? WM_FORWARDING_V4 : WM_FORWARDING_V6, &t->err);
	if (code == 0 && arg(t, 2)[0] != '\0') {
		puts("ready");
		fflush(stdout);
		while (read(STDIN_FILENO, &drop, 1) > 0)
			continue;
	}
	if (code != 0) {
		(void)wm_journal_close(j, NULL);
		return code;
	}
	return wm_journal_close(j, &t->err);
}

static void print_change(void *out, const struct wm_monitor_change *c)
{
	static const char *const kinds[] = {"link", "addr", "route", "resync"};
	char text[WM_PREFIX_TEXT];

	printf("%s %s%s%s\n", kinds[c->kind], wm_prefix_format(&c->prefix, text),
	       c->removed ? " removed" : "", c->ours ? " ours" : "");
	fflush(stdout);
}

/* monitor [links]: prints changes until stdin ends. */
static int run_monitor(struct tool *t)
{
	enum wm_monitor_scope scope =
		strcmp(arg(t, 0), "links") == 0 ? WM_MONITOR_LINKS : WM_MONITOR_ALL;
	struct wm_monitor *m;
	int code = wm_monitor_open(scope, &m, &t->err);
	struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.events = POLLIN}};

	if (code != 0)
		return code;
	fds[1].fd = wm_monitor_fd(m);
	puts("ready");
	fflush(stdout);
	while (code == 0 && fds[0].revents == 0 && poll(fds, 2, -1) > 0)
		if (fds[1].revents != 0)
			code = wm_monitor_read(m, print_change, NULL, &t->err);
	wm_monitor_close(m);
	return code;
}

static int run_caps(struct tool *t)
{
	return wm_caps_require(WM_CAP_NET_ADMIN | WM_CAP_NET_BIND, arg(t, 0), &t->err);
}

static const struct {
	const char *name;
	int (*run)(struct tool *t);
} commands[] = {
	{"links", run_links},
	{"up", run_up},
	{"down", run_down},
	{"mtu", run_mtu},
	{"quiet", run_quiet},
	{"remove", run_remove},
	{"addrs", run_addrs},
	{"addr-add", run_addr_add},
	{"addr-remove", run_addr_remove},
	{"routes", run_routes},
	{"route-add", run_route_add},
	{"route-replace", run_route_replace},
	{"route-remove", run_route_remove},
	{"sysctl", run_sysctl},
	{"plan", run_plan},
	{"detect", run_detect},
	{"journal", run_journal},
	{"monitor", run_monitor},
	{"caps", run_caps},
};

static int run(struct tool *t, const char *name)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(commands); i++)
		if (wm_streq(commands[i].name, name))
			return commands[i].run(t);
	return wm_fail(&t->err, WM_INVALID_ARGUMENT, "no command \"%s\"", name);
}

int main(int argc, char **argv)
{
	struct tool t = {.args = argv + 1};
	const char *name;
	int code = 0;

	if (wm_streq(arg(&t, 0), "restrict")) {
		code = wm_caps_restrict(WM_CAP_NET_ADMIN, &t.err);
		t.args++;
	}
	name = arg(&t, 0);
	if (name[0] != '\0')
		t.args++;
	if (code == 0)
		code = wm_net_open(&t.net, &t.err);
	if (code == 0)
		code = run(&t, name);
	wm_net_close(t.net);
	if (code == 0)
		return 0;
	fprintf(stderr, "%s: %s\n", wm_err_name(code), t.err.text);
	return 1;
}
