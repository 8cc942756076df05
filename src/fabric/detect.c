#include "fabric/detect.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"

static bool is_skipped_name(const char *name, const struct wm_detect_opts *opts)
{
	for (const char *const *s = opts->skip; s != NULL && *s != NULL; s++)
		if (wm_streq(name, *s))
			return true;
	return wm_str_starts(name, "veth") || wm_str_starts(name, "docker") ||
	       wm_str_starts(name, "virbr");
}

static bool is_usable_link(const struct wm_link_list *links, unsigned index,
			   const struct wm_detect_opts *opts)
{
	for (size_t i = 0; i < links->n; i++) {
		const struct wm_link *l = &links->links[i];

		if (l->index == index)
			return (l->flags & WM_LINK_UP) != 0 &&
			       (l->flags & (WM_LINK_LOOPBACK | WM_LINK_POINT_TO_POINT)) == 0 &&
			       !is_skipped_name(l->name, opts);
	}
	return false;
}

/* RFC 6598: behind a carrier's NAT, so nobody outside reaches it. */
static bool is_shared(const struct wm_addr *a)
{
	return a->family == WM_IPV4 && a->bytes[0] == 100 && (a->bytes[1] & 0xc0) == 64;
}

static bool is_private(const struct wm_addr *a)
{
	return wm_addr_is_private(a) || is_shared(a);
}

static bool is_wanted(const struct wm_link_addr *a, const struct wm_detect_opts *opts)
{
	const struct wm_addr *addr = &a->prefix.addr;

	if (a->fleeting || wm_addr_is_unspecified(addr) || wm_addr_is_loopback(addr) ||
	    wm_addr_is_link_local(addr) || wm_addr_is_multicast(addr))
		return false;
	return (opts->with_private || !is_private(addr)) &&
	       (opts->with_ipv6 || addr->family == WM_IPV4);
}

static int compare(const void *x, const void *y)
{
	const struct wm_prefix *a = x, *b = y;
	int order = (int)is_private(&a->addr) - (int)is_private(&b->addr);

	return order != 0 ? order : wm_prefix_compare(a, b);
}

void wm_detect_pick(const struct wm_link_list *links, const struct wm_link_addr_list *addrs,
		    const struct wm_detect_opts *opts, struct wm_prefix **out, size_t *n)
{
	struct wm_prefix *found = wm_calloc(addrs->n + 1, sizeof(*found));
	size_t count = 0;

	for (size_t i = 0; i < addrs->n; i++)
		if (is_usable_link(links, addrs->addrs[i].link, opts) &&
		    is_wanted(&addrs->addrs[i], opts))
			found[count++] = addrs->addrs[i].prefix;
	if (count > 1)
		qsort(found, count, sizeof(*found), compare);
	*out = found;
	*n = count;
}

int wm_detect_endpoints(struct wm_net *net, const struct wm_detect_opts *opts,
			struct wm_prefix **out, size_t *n, struct wm_err *err)
{
	struct wm_link_addr_list addrs = {0};
	struct wm_link_list links = {0};
	int code = wm_link_list(net, &links, err);

	if (code == 0)
		code = wm_link_addr_list(net, 0, &addrs, err);
	if (code == 0)
		wm_detect_pick(&links, &addrs, opts, out, n);
	wm_link_addr_list_fini(&addrs);
	wm_link_list_fini(&links);
	return code;
}
