#include "platform/linux/wgdev_put.h"
#include <string.h>
#include <sys/socket.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <libmnl/libmnl.h>

#define PEER_ROOM    256 /* everything of a peer but its allowed addresses, and the ends of nests */
#define ALLOWED_ROOM 64

static void put_allowed(struct nlmsghdr *nlh, const struct wm_prefix *p)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, 0);

	mnl_attr_put_u16(nlh, WGALLOWEDIP_A_FAMILY, p->addr.family == WM_IPV4 ? AF_INET : AF_INET6);
	mnl_attr_put(nlh, WGALLOWEDIP_A_IPADDR, wm_addr_bits(&p->addr) / 8, p->addr.bytes);
	mnl_attr_put_u8(nlh, WGALLOWEDIP_A_CIDR_MASK, p->bits);
	mnl_attr_nest_end(nlh, nest);
}

/* True when all of them are written. */
static bool put_all_allowed(struct wm_wgdev_writer *w, struct nlmsghdr *nlh, size_t size)
{
	const struct wm_wg_peer_config *p = &w->wish->peers[w->peer];
	struct nlattr *nest = mnl_attr_nest_start(nlh, WGPEER_A_ALLOWEDIPS);

	while (w->allowed < p->n_allowed && nlh->nlmsg_len + ALLOWED_ROOM <= size) {
		const struct wm_wg_allowed *a = &p->allowed[w->allowed++];

		if (!a->remove)
			put_allowed(nlh, &a->prefix);
	}
	mnl_attr_nest_end(nlh, nest);
	return w->allowed == p->n_allowed;
}

static uint32_t flags_of(const struct wm_wg_peer_config *p, bool is_first)
{
	uint32_t flags = 0;

	if (p->flags & WM_WG_PEER_REMOVE)
		flags |= WGPEER_F_REMOVE_ME;
	if (p->flags & WM_WG_PEER_UPDATE_ONLY)
		flags |= WGPEER_F_UPDATE_ONLY;
	if (is_first && (p->flags & WM_WG_PEER_REPLACE_ALLOWED))
		flags |= WGPEER_F_REPLACE_ALLOWEDIPS;
	return flags;
}

static void put_fields(struct nlmsghdr *nlh, const struct wm_wg_peer_config *p)
{
	struct sockaddr_storage sa;

	if (p->has_psk)
		mnl_attr_put(nlh, WGPEER_A_PRESHARED_KEY, WM_WG_KEY, p->psk);
	if (p->has_endpoint) {
		size_t len = wm_endpoint_to_sockaddr(&p->endpoint, &sa);

		mnl_attr_put(nlh, WGPEER_A_ENDPOINT, len, &sa);
	}
	if (p->has_keepalive)
		mnl_attr_put_u16(nlh, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, p->keepalive_s);
}

/* The peer at hand, as far as there is room; true when it is whole. */
static bool put_peer(struct wm_wgdev_writer *w, struct nlmsghdr *nlh, size_t size)
{
	const struct wm_wg_peer_config *p = &w->wish->peers[w->peer];
	bool is_first = w->allowed == 0, is_whole = true;
	struct nlattr *nest = mnl_attr_nest_start(nlh, 0);

	mnl_attr_put(nlh, WGPEER_A_PUBLIC_KEY, WM_WG_KEY, p->public_key);
	mnl_attr_put_u32(nlh, WGPEER_A_FLAGS, flags_of(p, is_first));
	if ((p->flags & WM_WG_PEER_REMOVE) == 0) {
		if (is_first)
			put_fields(nlh, p);
		if (p->n_allowed > 0)
			is_whole = put_all_allowed(w, nlh, size);
	}
	mnl_attr_nest_end(nlh, nest);
	return is_whole;
}

static void put_device(struct nlmsghdr *nlh, const struct wm_wg_config *wish)
{
	if (wish->replace_peers)
		mnl_attr_put_u32(nlh, WGDEVICE_A_FLAGS, WGDEVICE_F_REPLACE_PEERS);
	if (wish->has_private_key)
		mnl_attr_put(nlh, WGDEVICE_A_PRIVATE_KEY, WM_WG_KEY, wish->private_key);
	if (wish->has_listen_port)
		mnl_attr_put_u16(nlh, WGDEVICE_A_LISTEN_PORT, wish->listen_port);
	if (wish->has_fwmark)
		mnl_attr_put_u32(nlh, WGDEVICE_A_FWMARK, wish->fwmark);
}

struct nlmsghdr *wm_wgdev_put_next(struct wm_wgdev_writer *w, void *buf, size_t size)
{
	struct nlmsghdr *nlh;
	struct genlmsghdr *genl;
	struct nlattr *nest;

	if (w->has_begun && w->peer == w->wish->n_peers)
		return NULL;
	memset(buf, 0, size);
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = w->family;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = WG_CMD_SET_DEVICE;
	genl->version = WG_GENL_VERSION;
	mnl_attr_put_u32(nlh, WGDEVICE_A_IFINDEX, w->ifindex);
	if (!w->has_begun)
		put_device(nlh, w->wish);
	w->has_begun = true;
	nest = mnl_attr_nest_start(nlh, WGDEVICE_A_PEERS);
	while (w->peer < w->wish->n_peers && nlh->nlmsg_len + PEER_ROOM <= size) {
		if (!put_peer(w, nlh, size))
			break;
		w->peer++;
		w->allowed = 0;
	}
	mnl_attr_nest_end(nlh, nest);
	return nlh;
}
