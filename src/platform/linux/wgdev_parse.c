#include "platform/linux/wgdev_parse.h"
#include <string.h>
#include <sys/socket.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include "base/clock.h"
#include "base/mem.h"
#include "platform/linux/netlink_attr.h"

/* Copies what has exactly this size; false for anything else. */
static bool take(const struct nlattr *attr, void *out, size_t size)
{
	if (mnl_attr_get_payload_len(attr) != size)
		return false;
	memcpy(out, mnl_attr_get_payload(attr), size);
	return true;
}

static uint64_t take_u64(const struct nlattr *attr)
{
	uint64_t v = 0;

	(void)take(attr, &v, sizeof(v));
	return v;
}

static uint16_t take_u16(const struct nlattr *attr)
{
	uint16_t v = 0;

	(void)take(attr, &v, sizeof(v));
	return v;
}

static bool is_zero(const uint8_t key[WM_WG_KEY])
{
	static const uint8_t none[WM_WG_KEY];

	return wm_equal_secret(key, none, WM_WG_KEY);
}

bool wm_wgdev_parse_family(const struct nlmsghdr *nlh, uint16_t *id)
{
	struct wm_netlink_attrs attrs = wm_netlink_attrs_of(nlh, sizeof(struct genlmsghdr));
	const struct nlattr *attr;

	if (nlh->nlmsg_type != GENL_ID_CTRL)
		return false;
	*id = 0;
	while ((attr = wm_netlink_next_attr(&attrs)) != NULL)
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			*id = take_u16(attr);
	return *id != 0;
}

/* ---- allowed addresses ---- */

static struct wm_prefix prefix_of(const struct nlattr *nest)
{
	struct wm_netlink_attrs attrs = wm_netlink_attrs_in(nest);
	const struct nlattr *attr, *address = NULL;
	struct wm_prefix p = {.bits = 0};
	uint8_t bits = 0;
	uint16_t family = 0;

	while ((attr = wm_netlink_next_attr(&attrs)) != NULL) {
		switch (mnl_attr_get_type(attr)) {
		case WGALLOWEDIP_A_FAMILY: family = take_u16(attr); break;
		case WGALLOWEDIP_A_IPADDR: address = attr; break;
		case WGALLOWEDIP_A_CIDR_MASK: (void)take(attr, &bits, sizeof(bits)); break;
		default: break;
		}
	}
	if (address == NULL || (family != AF_INET && family != AF_INET6))
		return p;
	if (take(address, p.addr.bytes, family == AF_INET ? 4 : 16))
		p.addr.family = family == AF_INET ? WM_IPV4 : WM_IPV6;
	p.bits = bits;
	return p;
}

static void add_allowed(struct wm_wgdev_reading *r, struct wm_wg_peer_config *peer,
			const struct nlattr *nests)
{
	struct wm_netlink_attrs attrs = wm_netlink_attrs_in(nests);
	const struct nlattr *nest;

	while ((nest = wm_netlink_next_attr(&attrs)) != NULL) {
		struct wm_prefix p = prefix_of(nest);

		if (!wm_prefix_is_valid(&p))
			continue;
		if (peer->n_allowed == r->allowed_cap) {
			r->allowed_cap = r->allowed_cap * 2 + 4;
			peer->allowed =
				wm_realloc(peer->allowed, r->allowed_cap * sizeof(*peer->allowed));
		}
		peer->allowed[peer->n_allowed++] = (struct wm_wg_allowed){.prefix = p};
	}
}

/* ---- peers ---- */

static void take_endpoint(struct wm_wg_peer_config *peer, const struct nlattr *attr)
{
	size_t len = mnl_attr_get_payload_len(attr);
	struct sockaddr_storage sa = {.ss_family = AF_UNSPEC};

	if (len > sizeof(sa))
		return;
	memcpy(&sa, mnl_attr_get_payload(attr), len);
	if ((sa.ss_family == AF_INET && len >= sizeof(struct sockaddr_in)) ||
	    (sa.ss_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)))
		peer->has_endpoint =
			wm_endpoint_from_sockaddr((const struct sockaddr *)&sa, &peer->endpoint);
}

static int64_t take_time(const struct nlattr *attr)
{
	struct __kernel_timespec t = {0};

	if (!take(attr, &t, sizeof(t)) || t.tv_sec < 0 || t.tv_nsec < 0 ||
	    t.tv_sec >= INT64_MAX / WM_NS_PER_S || t.tv_nsec >= WM_NS_PER_S)
		return 0;
	return t.tv_sec * WM_NS_PER_S + t.tv_nsec;
}

static void take_field(struct wm_wgdev_reading *r, struct wm_wg_peer_config *peer,
		       const struct nlattr *attr)
{
	switch (mnl_attr_get_type(attr)) {
	case WGPEER_A_PRESHARED_KEY:
		peer->has_psk =
			r->with_keys && take(attr, peer->psk, WM_WG_KEY) && !is_zero(peer->psk);
		break;
	case WGPEER_A_ENDPOINT: take_endpoint(peer, attr); break;
	case WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL:
		peer->keepalive_s = take_u16(attr);
		peer->has_keepalive = peer->keepalive_s != 0;
		break;
	case WGPEER_A_LAST_HANDSHAKE_TIME: peer->last_handshake_wall_ns = take_time(attr); break;
	case WGPEER_A_RX_BYTES: peer->rx_bytes = take_u64(attr); break;
	case WGPEER_A_TX_BYTES: peer->tx_bytes = take_u64(attr); break;
	case WGPEER_A_ALLOWEDIPS: add_allowed(r, peer, attr); break;
	default: break;
	}
}

static bool find_key(const struct nlattr *nest, uint8_t key[WM_WG_KEY])
{
	struct wm_netlink_attrs attrs = wm_netlink_attrs_in(nest);
	const struct nlattr *attr;

	while ((attr = wm_netlink_next_attr(&attrs)) != NULL)
		if (mnl_attr_get_type(attr) == WGPEER_A_PUBLIC_KEY)
			return take(attr, key, WM_WG_KEY);
	return false;
}

/* Room for one more; what moves leaves no keys behind. */
static struct wm_wg_peer_config *new_peer(struct wm_wgdev_reading *r)
{
	struct wm_wg_config *c = r->config;

	if (c->n_peers == r->peers_cap) {
		size_t cap = r->peers_cap * 2 + 4;
		struct wm_wg_peer_config *more = wm_calloc(cap, sizeof(*more));

		if (c->peers != NULL) {
			memcpy(more, c->peers, c->n_peers * sizeof(*more));
			wm_wipe(c->peers, c->n_peers * sizeof(*more));
			wm_free(c->peers);
		}
		c->peers = more;
		r->peers_cap = cap;
	}
	r->allowed_cap = 0;
	return &c->peers[c->n_peers++];
}

static void add_peer(struct wm_wgdev_reading *r, const struct nlattr *nest)
{
	struct wm_wg_config *c = r->config;
	struct wm_wg_peer_config *peer = c->n_peers > 0 ? &c->peers[c->n_peers - 1] : NULL;
	struct wm_netlink_attrs attrs = wm_netlink_attrs_in(nest);
	const struct nlattr *attr;
	uint8_t key[WM_WG_KEY];

	if (!find_key(nest, key))
		return;
	if (peer == NULL || memcmp(peer->public_key, key, WM_WG_KEY) != 0) {
		peer = new_peer(r);
		memcpy(peer->public_key, key, WM_WG_KEY);
	}
	while ((attr = wm_netlink_next_attr(&attrs)) != NULL)
		take_field(r, peer, attr);
}

static void add_peers(struct wm_wgdev_reading *r, const struct nlattr *nests)
{
	struct wm_netlink_attrs attrs = wm_netlink_attrs_in(nests);
	const struct nlattr *nest;

	while ((nest = wm_netlink_next_attr(&attrs)) != NULL)
		add_peer(r, nest);
}

/* ---- the device ---- */

void wm_wgdev_parse(struct wm_wgdev_reading *r, const struct nlmsghdr *nlh)
{
	struct wm_netlink_attrs attrs = wm_netlink_attrs_of(nlh, sizeof(struct genlmsghdr));
	struct wm_wg_config *c = r->config;
	const struct nlattr *attr;

	if (nlh->nlmsg_type != r->family)
		return;
	while ((attr = wm_netlink_next_attr(&attrs)) != NULL) {
		switch (mnl_attr_get_type(attr)) {
		case WGDEVICE_A_PRIVATE_KEY:
			c->has_private_key = r->with_keys &&
					     take(attr, c->private_key, WM_WG_KEY) &&
					     !is_zero(c->private_key);
			break;
		case WGDEVICE_A_PUBLIC_KEY: (void)take(attr, c->public_key, WM_WG_KEY); break;
		case WGDEVICE_A_LISTEN_PORT:
			c->listen_port = take_u16(attr);
			c->has_listen_port = c->listen_port != 0;
			break;
		case WGDEVICE_A_FWMARK:
			c->fwmark = wm_netlink_u32(attr);
			c->has_fwmark = c->fwmark != 0;
			break;
		case WGDEVICE_A_PEERS: add_peers(r, attr); break;
		default: break;
		}
	}
}

void wm_wgdev_parse_reset(struct wm_wgdev_reading *r)
{
	struct wm_wg_config *fresh = wm_alloc(sizeof(*fresh));

	wm_wg_config_free(r->config);
	r->config = fresh;
	r->peers_cap = 0;
	r->allowed_cap = 0;
}

bool wm_wgdev_parse_stats(const struct nlmsghdr *nlh, struct wm_wgdev_stats *out)
{
	struct wm_netlink_attrs attrs = wm_netlink_attrs_of(nlh, sizeof(struct ifinfomsg));
	struct rtnl_link_stats64 s = {0};
	const struct nlattr *attr;
	bool found = false;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return false;
	while ((attr = wm_netlink_next_attr(&attrs)) != NULL) {
		size_t len = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) != IFLA_STATS64)
			continue;
		/* Kernels append to it. */
		memcpy(&s, mnl_attr_get_payload(attr), len < sizeof(s) ? len : sizeof(s));
		found = true;
	}
	/* drivers/net/wireguard/receive.c and device.c say what they count where. */
	*out = (struct wm_wgdev_stats){.bad_source = s.rx_frame_errors,
				       .bad_length = s.rx_length_errors,
				       .no_peer = s.tx_errors,
				       .staged = s.tx_dropped};
	return found;
}
