/*
 * The WireGuard of a kernel without packets: it keeps what it is told, the way the kernel does (an
 * address that goes to one peer leaves the other; REPLACE_PEERS begins anew), and tells it again.
 */
#include "platform/wgdev.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "platform/fake/host_impl.h"

#define PEERS   64
#define ALLOWED 64

struct wm_wgdev {
	char name[WM_WGDEV_NAME];
	unsigned ifindex;
};

static struct wm_link *find_link(const char *name, unsigned index)
{
	for (size_t i = 0; i < wm_fake_host.n_links; i++)
		if (wm_streq(wm_fake_host.links[i].name, name) ||
		    wm_fake_host.links[i].index == index)
			return &wm_fake_host.links[i];
	return NULL;
}

int wm_wgdev_open(const char *name, uint32_t mtu, struct wm_wgdev **out, struct wm_err *err)
{
	static unsigned next = 100;
	struct wm_wgdev *d;
	struct wm_link *l;
	int code = wm_fake_call(err, "wg open %s", name);

	if (code != 0)
		return code;
	if (find_link(name, 0) != NULL)
		return wm_fail(err, WM_ALREADY_EXISTS, "interface %s: exists", name);
	wm_fake_wg_fini();
	d = wm_alloc(sizeof(*d));
	d->ifindex = next++;
	(void)wm_str_copy(d->name, sizeof(d->name), name);
	wm_fake_add_link(d->ifindex, name, WM_LINK_POINT_TO_POINT);
	l = find_link(name, d->ifindex);
	l->mtu = mtu;
	(void)wm_str_copy(l->kind, sizeof(l->kind), "wireguard");
	wm_fake_host.wg.peers = wm_calloc(PEERS, sizeof(*wm_fake_host.wg.peers));
	wm_fake_host.handles++;
	*out = d;
	return 0;
}

void wm_wgdev_close(struct wm_wgdev *d)
{
	if (d == NULL)
		return;
	wm_fake_drop_link(d->ifindex);
	wm_fake_host.handles--;
	wm_free(d);
}

const char *wm_wgdev_name(const struct wm_wgdev *d)
{
	return d->name;
}

unsigned wm_wgdev_ifindex(const struct wm_wgdev *d)
{
	return d->ifindex;
}

/* ---- what the kernel does with a wish ---- */

static struct wm_wg_peer_config *find_peer(const uint8_t key[WM_WG_KEY])
{
	struct wm_wg_config *c = &wm_fake_host.wg;

	for (size_t i = 0; i < c->n_peers; i++)
		if (memcmp(c->peers[i].public_key, key, WM_WG_KEY) == 0)
			return &c->peers[i];
	return NULL;
}

static void remove_peer(struct wm_wg_peer_config *p)
{
	struct wm_wg_config *c = &wm_fake_host.wg;

	wm_free(p->allowed);
	memmove(p, p + 1, (size_t)(c->peers + c->n_peers - p - 1) * sizeof(*p));
	c->n_peers--;
}

static struct wm_wg_peer_config *add_peer(const uint8_t key[WM_WG_KEY])
{
	struct wm_wg_config *c = &wm_fake_host.wg;
	struct wm_wg_peer_config *p;

	if (c->n_peers == PEERS)
		abort();
	p = &c->peers[c->n_peers++];
	memset(p, 0, sizeof(*p));
	memcpy(p->public_key, key, WM_WG_KEY);
	p->allowed = wm_calloc(ALLOWED, sizeof(*p->allowed));
	return p;
}

static void drop_allowed(const struct wm_prefix *prefix)
{
	for (size_t i = 0; i < wm_fake_host.wg.n_peers; i++) {
		struct wm_wg_peer_config *p = &wm_fake_host.wg.peers[i];

		for (size_t j = p->n_allowed; j-- > 0;)
			if (wm_prefix_equal(&p->allowed[j].prefix, prefix))
				p->allowed[j] = p->allowed[--p->n_allowed];
	}
}

static void add_allowed(struct wm_wg_peer_config *p, const struct wm_wg_allowed *a)
{
	struct wm_prefix prefix = wm_prefix_masked(&a->prefix);

	if (a->remove || p->n_allowed == ALLOWED)
		abort(); /* not in the kernel's words */
	drop_allowed(&prefix);
	p->allowed[p->n_allowed++].prefix = prefix;
}

static void set_peer(const struct wm_wg_peer_config *wish)
{
	struct wm_wg_peer_config *p = find_peer(wish->public_key);

	if (wish->flags & WM_WG_PEER_REMOVE) {
		if (p != NULL)
			remove_peer(p);
		return;
	}
	if (p == NULL && (wish->flags & WM_WG_PEER_UPDATE_ONLY) != 0)
		return;
	if (p == NULL)
		p = add_peer(wish->public_key);
	if (wish->has_psk)
		memcpy(p->psk, wish->psk, WM_WG_KEY);
	if (wish->has_endpoint)
		p->endpoint = wish->endpoint;
	p->has_endpoint |= wish->has_endpoint;
	if (wish->has_keepalive)
		p->keepalive_s = wish->keepalive_s;
	p->has_keepalive = p->keepalive_s != 0;
	if (wish->flags & WM_WG_PEER_REPLACE_ALLOWED)
		p->n_allowed = 0;
	for (size_t i = 0; i < wish->n_allowed; i++)
		add_allowed(p, &wish->allowed[i]);
}

void wm_fake_wg_set(const struct wm_wg_config *wish)
{
	struct wm_wg_config *c = &wm_fake_host.wg;

	if (wish->has_private_key) {
		c->has_private_key = true;
		memcpy(c->private_key, wish->private_key, WM_WG_KEY);
		memcpy(c->public_key, wish->private_key, WM_WG_KEY); /* as good as any */
	}
	if (wish->has_listen_port) {
		c->has_listen_port = wish->listen_port != 0;
		c->listen_port = wish->listen_port;
	}
	if (wish->has_fwmark) {
		c->has_fwmark = wish->fwmark != 0;
		c->fwmark = wish->fwmark;
	}
	while (wish->replace_peers && c->n_peers > 0)
		remove_peer(&c->peers[0]);
	for (size_t i = 0; i < wish->n_peers; i++)
		set_peer(&wish->peers[i]);
}

int wm_wgdev_set(struct wm_wgdev *d, const struct wm_wg_config *wish, struct wm_err *err)
{
	int code = wm_fake_call(err, "wg set%s%s peers=%zu", wish->has_private_key ? " key" : "",
				wish->has_listen_port ? " port" : "", wish->n_peers);

	if (code != 0)
		return code;
	if (find_link("", d->ifindex) == NULL)
		return wm_fail(err, WM_NOT_FOUND, "%s: no such device", d->name);
	wm_fake_wg_set(wish);
	return 0;
}

int wm_wgdev_get(struct wm_wgdev *d, bool with_keys, struct wm_wg_config **out, struct wm_err *err)
{
	int code = wm_fake_call(err, "?wg get");
	struct wm_wg_config *c;

	if (code != 0)
		return code;
	if (find_link("", d->ifindex) == NULL)
		return wm_fail(err, WM_NOT_FOUND, "%s: no such device", d->name);
	c = wm_memdup(&wm_fake_host.wg, sizeof(*c));
	c->peers = wm_calloc(c->n_peers + 1, sizeof(*c->peers));
	for (size_t i = 0; i < c->n_peers; i++) {
		c->peers[i] = wm_fake_host.wg.peers[i];
		c->peers[i].allowed =
			wm_memdup(c->peers[i].allowed, ALLOWED * sizeof(*c->peers[i].allowed));
		c->peers[i].has_psk = with_keys;
	}
	c->has_private_key = c->has_private_key && with_keys;
	*out = c;
	return 0;
}

int wm_wgdev_is_up(struct wm_wgdev *d, bool *out, struct wm_err *err)
{
	int code = wm_fake_call(err, "?wg is up");
	const struct wm_link *l = find_link("", d->ifindex);

	*out = l != NULL && (l->flags & WM_LINK_UP) != 0;
	if (code == 0 && l == NULL)
		return wm_fail(err, WM_NOT_FOUND, "%s: no such device", d->name);
	return code;
}

int wm_wgdev_stats(struct wm_wgdev *d, struct wm_wgdev_stats *out, struct wm_err *err)
{
	*out = wm_fake_host.wg_stats;
	if (find_link("", d->ifindex) == NULL)
		return wm_fail(err, WM_NOT_FOUND, "%s: no such device", d->name);
	return wm_fake_call(err, "?wg stats");
}

int wm_wgdev_try_port(uint16_t *port, struct wm_err *err)
{
	int code = wm_fake_call(err, "?wg port");

	if (code == 0 && *port != 0 && *port == wm_fake_host.taken_port)
		return wm_fail(err, WM_ALREADY_EXISTS, "UDP port %u: in use", *port);
	if (*port == 0)
		*port = 40000;
	return code;
}

int wm_wgdev_load(struct wm_err *err)
{
	return wm_fake_call(err, "wg load");
}

/* ---- for tests ---- */

void wm_fake_wg_fini(void)
{
	struct wm_wg_config *c = &wm_fake_host.wg;

	while (c->n_peers > 0)
		remove_peer(&c->peers[0]);
	wm_free(c->peers);
	memset(c, 0, sizeof(*c));
}

void wm_fake_wg_handshake(const uint8_t public_key[WM_WG_KEY], const char *from, int64_t wall_ns)
{
	struct wm_wg_peer_config *p = find_peer(public_key);

	if (p == NULL || !wm_endpoint_parse(from, &p->endpoint))
		abort();
	p->has_endpoint = true;
	p->last_handshake_wall_ns = wall_ns;
}

void wm_fake_wg_bytes(const uint8_t public_key[WM_WG_KEY], uint64_t rx, uint64_t tx)
{
	struct wm_wg_peer_config *p = find_peer(public_key);

	if (p == NULL)
		abort();
	p->rx_bytes = rx;
	p->tx_bytes = tx;
}

void wm_fake_wg_count(const struct wm_wgdev_stats *stats)
{
	wm_fake_host.wg_stats = *stats;
}

void wm_fake_wg_take_port(uint16_t port)
{
	wm_fake_host.taken_port = port;
}
