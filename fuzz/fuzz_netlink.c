/*
 * A datagram from rtnetlink, as the answer to request 1 and as a notification. Whatever the bytes
 * are, texts end, prefixes are valid, and an answer ends at most once.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "base/mem.h"
#include "platform/linux/netlink_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

static void on_item(void *arg, const struct nlmsghdr *nlh)
{
	struct wm_monitor_change change;
	struct wm_link_addr addr;
	struct wm_route route;
	struct wm_link link;
	uint8_t origin;
	unsigned way;

	if (wm_netlink_parse_link(nlh, &link))
		must(link.index != 0 && strnlen(link.name, sizeof(link.name)) < sizeof(link.name) &&
		     strnlen(link.kind, sizeof(link.kind)) < sizeof(link.kind));
	if (wm_netlink_parse_addr(nlh, &addr))
		must(addr.link != 0 && wm_prefix_is_valid(&addr.prefix));
	if (wm_netlink_parse_route(nlh, &route, &origin))
		must(wm_prefix_is_valid(&route.dst));
	if (wm_netlink_parse_way(nlh, &way))
		must(way != 0);
	if (wm_netlink_parse_change(nlh, &change))
		must(change.kind != WM_MONITOR_RESYNC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wm_netlink_reply r = {0};
	const struct nlmsghdr *nlh;
	size_t left = size;
	void *copy;

	if (size == 0)
		return 0;
	/* Aligned, and with its end where a sanitizer sees it. */
	copy = wm_memdup(data, size);
	wm_netlink_parse_reply(copy, size, 1, &r, on_item, NULL);
	must(r.sys == 0 || r.done);
	for (const void *at = copy; (nlh = wm_netlink_next(&at, &left)) != NULL;)
		on_item(NULL, nlh);
	must(strnlen(r.text, sizeof(r.text)) < sizeof(r.text));
	wm_free(copy);
	return 0;
}
