/* What an answer must be like before this machine gets the addresses that are in it. */
#include "mesh/join.h"
#include "mesh/nodes.h"

static int refuse(const char *field, const char *why, struct wm_err *err)
{
	return wm_fail(err, WM_DATA_LOSS, "the answer cannot be used: %s %s", field, why);
}

static bool is_mesh_network(const struct wm_prefix *p)
{
	return !wm_prefix_is_default(p) && !wm_addr_is_loopback(&p->addr) &&
	       !wm_addr_is_multicast(&p->addr) && !wm_addr_is_link_local(&p->addr);
}

/* One family: an address in a network, or a network alone. */
static int check_family(const char *address, const char *network, enum wm_family family,
			const char *const fields[2], bool *has, struct wm_err *err)
{
	struct wm_prefix own, net;

	address = wm_node_text(address);
	*has = *address != '\0';
	if (!*has && *wm_node_text(network) == '\0')
		return 0;
	if (!wm_prefix_parse(network, &net) || net.addr.family != family || !is_mesh_network(&net))
		return refuse(fields[1], "is no network for a mesh", err);
	if (!*has)
		return 0;
	if (!wm_prefix_parse(address, &own) || own.addr.family != family)
		return refuse(fields[0], "is no address of its family", err);
	return wm_prefix_contains(&net, &own.addr)
		       ? 0
		       : refuse(fields[0], "lies outside the mesh's network", err);
}

int wm_join_answer_check(const V1__JoinResponse *m, struct wm_err *err)
{
	static const char *const v4[] = {"addressIPv4", "networkIPv4"};
	static const char *const v6[] = {"addressIPv6", "networkIPv6"};
	bool has_v4, has_v6;
	int rc = check_family(m->addressipv4, m->networkipv4, WM_IPV4, v4, &has_v4, err);

	if (rc == 0)
		rc = check_family(m->addressipv6, m->networkipv6, WM_IPV6, v6, &has_v6, err);
	return rc != 0 || has_v4 || has_v6 ? rc : refuse("it", "has no address for us", err);
}
