/*
 * A wish is applied in three steps: everything is checked; what can fail is done aside (a new port
 * is bound, the mark is set); then the rest, none of which can fail, changes the device.
 */
#include "wg/userspace.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/mem.h"
#include "crypto/x25519.h"
#include "wg/wish.h"

/* How often, a millisecond apart, a port that was just left is tried. */
#define TRIES_MAX 50

static const uint8_t no_key[WM_WG_KEY];

/* ---- what can fail: port and mark ---- */

static bool needs_sockets(const struct wm_wg_userspace *d, const struct wm_wg_config *wish)
{
	const struct wm_wg_sockets *now =
		atomic_load(&((struct wm_wg_userspace *)(uintptr_t)d)->core.sockets);
	bool has_key = wish->has_private_key
			       ? !wm_equal_secret(wish->private_key, no_key, WM_WG_KEY)
			       : d->has_key;
	if (wish->has_listen_port)
		return now == NULL || wish->listen_port == 0 || wish->listen_port != now->port;
	return now == NULL && has_key;
}

/* The port that was left last is free again once all threads have let go of its sockets, which they
 * do after the batch at hand. */
static int bind_port(struct wm_wg_userspace *d, uint16_t port, uint32_t mark,
		     struct wm_wg_sockets **out, struct wm_err *err)
{
	static const struct timespec pause = {.tv_nsec = WM_NS_PER_MS};
	unsigned left = port != 0 && port == d->left_port ? TRIES_MAX : 0;
	for (;;) {
		(void)wm_epoch_reclaim(d->core.epoch);
		int rc = wm_wg_sockets_new(port, mark, d->core.is_plain, d->core.n_workers, out,
					   err);
		if (rc != WM_ALREADY_EXISTS || left-- == 0)
			return rc;
		nanosleep(&pause, NULL);
	}
}

/* *@out is the new set of sockets, or NULL when the old one stays. */
static int prepare_sockets(struct wm_wg_userspace *d, const struct wm_wg_config *wish,
			   struct wm_wg_sockets **out, struct wm_err *err)
{
	struct wm_wg_sockets *now = atomic_load(&d->core.sockets);
	uint32_t mark = wish->has_fwmark ? wish->fwmark : d->fwmark;
	*out = NULL;
	if (needs_sockets(d, wish))
		return bind_port(d, wish->has_listen_port ? wish->listen_port : 0, mark, out, err);
	if (now != NULL && mark != d->fwmark)
		return wm_wg_sockets_set_mark(now, d->fwmark, mark, err);
	return 0;
}

static void wake_workers(struct wm_wg_userspace *d)
{
	for (unsigned i = 0; i < d->core.n_workers; i++)
		wm_wg_wake_set(&d->core.workers[i].wake);
}

static void publish_sockets(struct wm_wg_userspace *d, struct wm_wg_sockets *socks)
{
	struct wm_wg_core *c = &d->core;
	struct wm_wg_sockets *old = atomic_exchange(&c->sockets, socks);
	d->left_port = old != NULL ? old->port : 0;
	wm_wg_sockets_retire(old, c->epoch);
	wake_workers(d);
	wm_wg_wake_set(&c->handshakes->wake);
}

/* ---- peers ---- */

static void order(struct wm_wg_userspace *d, enum wm_wg_order_kind kind, struct wm_wg_peer *p,
		  const uint8_t *bytes, int64_t interval)
{
	wm_wg_handshakes_order(d->core.handshakes, kind, p, bytes, interval);
}

static void drop_peer(struct wm_wg_userspace *d, struct wm_wg_peer *p)
{
	wm_map_drop_n(&d->peers, p->public_key, WM_WG_KEY);
	wm_list_remove(&p->of_device);
	d->n_peers--;
	d->gone_rx += atomic_load(&p->rx_bytes);
	d->gone_tx += atomic_load(&p->tx_bytes);
	wm_wg_allowedips_drop_owner(&d->core.allowed, &p->owner);
	wm_wg_bell_retire(&d->core.events, &p->events);
	order(d, WM_WG_ORDER_REMOVE, p, NULL, 0);
}

void wm_wg_userspace_drop_peers(struct wm_wg_userspace *d)
{
	struct wm_list *it, *tmp;
	wm_list_each_safe (it, tmp, &d->peer_list)
		drop_peer(d, wm_container_of(it, struct wm_wg_peer, of_device));
}

static struct wm_wg_peer *add_peer(struct wm_wg_userspace *d, const struct wm_wg_peer_config *wish)
{
	struct wm_wg_peer *p = wm_wg_peer_new(wish->public_key, &d->core.staged_bytes);
	wm_map_put_n(&d->peers, p->public_key, WM_WG_KEY, p);
	wm_list_push(&d->peer_list, &p->of_device);
	d->n_peers++;
	order(d, WM_WG_ORDER_ADD, p, wish->has_psk ? wish->psk : no_key, 0);
	return p;
}

static int compare_prefixes(const void *a, const void *b)
{
	return wm_prefix_compare(a, b);
}

/*
 * Takes from a peer what a whole list does not give it. What stays is in the trie all the time, so
 * that no packet finds it missing while lists are renewed.
 */
static void keep_allowed(struct wm_wg_userspace *d, struct wm_wg_peer *p,
			 const struct wm_wg_peer_config *wish)
{
	struct wm_prefix *has = wm_calloc(p->owner.count + 1, sizeof(*has));
	struct wm_prefix *gets = wm_calloc(wish->n_allowed + 1, sizeof(*gets));
	size_t n_has = wm_wg_owner_prefixes(&p->owner, has, p->owner.count), n = 0;
	for (size_t i = 0; i < wish->n_allowed; i++)
		if (!wish->allowed[i].remove)
			gets[n++] = wm_prefix_masked(&wish->allowed[i].prefix);
	qsort(gets, n, sizeof(*gets), compare_prefixes);
	for (size_t i = 0; i < n_has; i++)
		if (bsearch(&has[i], gets, n, sizeof(*gets), compare_prefixes) == NULL)
			wm_wg_allowedips_drop(&d->core.allowed, &has[i], &p->owner);
	wm_free(gets);
	wm_free(has);
}

static void apply_allowed(struct wm_wg_userspace *d, struct wm_wg_peer *p,
			  const struct wm_wg_peer_config *wish)
{
	struct wm_wg_allowedips *t = &d->core.allowed;
	if (wish->flags & WM_WG_PEER_REPLACE_ALLOWED)
		keep_allowed(d, p, wish);
	for (size_t i = 0; i < wish->n_allowed; i++) {
		const struct wm_wg_allowed *a = &wish->allowed[i];
		if (a->remove)
			wm_wg_allowedips_drop(t, &a->prefix, &p->owner);
		else
			wm_wg_allowedips_put(t, &a->prefix, &p->owner);
	}
}

static void set_psk(struct wm_wg_userspace *d, struct wm_wg_peer *p, const uint8_t psk[WM_WG_KEY])
{
	if (wm_equal_secret(p->psk, psk, WM_WG_KEY))
		return;
	memcpy(p->psk, psk, WM_WG_KEY);
	order(d, WM_WG_ORDER_PSK, p, psk, 0);
}

static void set_keepalive(struct wm_wg_userspace *d, struct wm_wg_peer *p, uint16_t seconds)
{
	if (p->keepalive_s == seconds)
		return;
	p->keepalive_s = seconds;
	order(d, WM_WG_ORDER_KEEPALIVE, p, NULL, seconds * WM_WG_S);
}

static void apply_peer(struct wm_wg_userspace *d, const struct wm_wg_peer_config *wish)
{
	struct wm_wg_peer *p = wm_map_find_n(&d->peers, wish->public_key, WM_WG_KEY);
	if (wish->flags & WM_WG_PEER_REMOVE) {
		if (p != NULL)
			drop_peer(d, p);
		return;
	}
	/* Ourselves as a peer would be a loop; a list that is the same for all nodes may name us.
	 */
	if (d->has_key && memcmp(wish->public_key, d->public_key, WM_WG_KEY) == 0)
		return;
	if (p == NULL && (wish->flags & WM_WG_PEER_UPDATE_ONLY))
		return;
	if (p == NULL)
		p = add_peer(d, wish);
	if (wish->has_psk)
		set_psk(d, p, wish->psk);
	if (wish->has_places)
		wm_wg_handshakes_order_places(d->core.handshakes, p, wish->places, wish->n_places);
	if (wish->has_endpoint && wm_wg_place_set(&p->place, &wish->endpoint))
		wm_wg_handshakes_tell(d->core.handshakes, p, WM_WG_NEWS_MOVED);
	apply_allowed(d, p, wish);
	if (wish->has_keepalive)
		set_keepalive(d, p, wish->keepalive_s);
}

static const struct wm_wg_peer_config *find_wished(const struct wm_map *wished,
						   const struct wm_wg_peer *p)
{
	const struct wm_wg_peer_config *w = wm_map_find_n(wished, p->public_key, WM_WG_KEY);
	return w != NULL && !(w->flags & WM_WG_PEER_REMOVE) ? w : NULL;
}

/*
 * The list is the whole list: others go. Those who stay keep session and endpoint, but lose what
 * the list does not give them.
 */
static void keep_only(struct wm_wg_userspace *d, const struct wm_wg_config *wish)
{
	struct wm_map wished = {.count = 0};
	struct wm_list *it, *tmp;
	for (size_t i = 0; i < wish->n_peers; i++)
		wm_map_put_n(&wished, wish->peers[i].public_key, WM_WG_KEY, &wish->peers[i]);
	wm_list_each_safe (it, tmp, &d->peer_list) {
		struct wm_wg_peer *p = wm_container_of(it, struct wm_wg_peer, of_device);
		const struct wm_wg_peer_config *w = find_wished(&wished, p);
		if (w == NULL) {
			drop_peer(d, p);
			continue;
		}
		keep_allowed(d, p, w);
		if (!w->has_psk)
			set_psk(d, p, no_key);
		if (!w->has_keepalive)
			set_keepalive(d, p, 0);
	}
	wm_map_fini(&wished);
}

static void apply_key(struct wm_wg_userspace *d, const uint8_t key[WM_WG_KEY])
{
	if (wm_equal_secret(d->private_key, key, WM_WG_KEY))
		return;
	memcpy(d->private_key, key, WM_WG_KEY);
	d->has_key = !wm_equal_secret(key, no_key, WM_WG_KEY);
	memset(d->public_key, 0, WM_WG_KEY);
	if (d->has_key)
		wm_x25519_public(key, d->public_key);
	struct wm_wg_peer *self = wm_map_find_n(&d->peers, d->public_key, WM_WG_KEY);
	if (d->has_key && self != NULL)
		drop_peer(d, self);
	order(d, WM_WG_ORDER_KEY, NULL, key, 0);
}

int wm_wg_userspace_configure(struct wm_wg_userspace *d, const struct wm_wg_config *wish,
			      struct wm_err *err)
{
	struct wm_wg_sockets *socks;
	int rc = wm_wg_wish_check(wish, d->n_peers, err);
	if (rc == 0)
		rc = prepare_sockets(d, wish, &socks, err);
	if (rc != 0)
		return rc;
	if (socks != NULL)
		publish_sockets(d, socks);
	if (wish->has_fwmark)
		d->fwmark = wish->fwmark;
	atomic_store(&d->core.fwmark, d->fwmark);
	if (wish->has_private_key)
		apply_key(d, wish->private_key);
	if (wish->replace_peers)
		keep_only(d, wish);
	for (size_t i = 0; i < wish->n_peers; i++)
		apply_peer(d, &wish->peers[i]);
	if (d->n_peers > 0 && atomic_exchange(&d->core.is_waiting, false))
		wake_workers(d);
	order(d, WM_WG_ORDER_RECLAIM, NULL, NULL, 0);
	return 0;
}

int wm_wg_userspace_set_policy(struct wm_wg_userspace *d, const struct wm_wg_policy_spec *spec,
			       struct wm_err *err)
{
	struct wm_wg_policy *policy;
	struct wm_wg_judge *judge = NULL;
	if (spec != NULL) {
		int rc = wm_wg_policy_new(spec, &policy, err);
		if (rc != 0)
			return rc;
		judge = wm_wg_judge_new(policy, d->core.n_workers);
	}
	wm_wg_judge_retire(atomic_exchange(&d->core.judge, judge), d->core.epoch);
	order(d, WM_WG_ORDER_RECLAIM, NULL, NULL, 0);
	return 0;
}

/* ---- asking ---- */

static void fill_allowed(const struct wm_wg_peer *p, struct wm_wg_peer_config *out)
{
	struct wm_prefix *prefixes = wm_calloc(p->owner.count + 1, sizeof(*prefixes));
	out->n_allowed = wm_wg_owner_prefixes(&p->owner, prefixes, p->owner.count);
	out->allowed = wm_calloc(out->n_allowed + 1, sizeof(*out->allowed));
	for (size_t i = 0; i < out->n_allowed; i++)
		out->allowed[i].prefix = prefixes[i];
	wm_free(prefixes);
}

static void fill_peer(struct wm_wg_peer *p, bool with_keys, struct wm_wg_peer_config *out)
{
	memcpy(out->public_key, p->public_key, WM_WG_KEY);
	out->has_psk = with_keys && !wm_equal_secret(p->psk, no_key, WM_WG_KEY);
	if (out->has_psk)
		memcpy(out->psk, p->psk, WM_WG_KEY);
	out->has_endpoint = wm_wg_place_get(&p->place, &out->endpoint);
	out->has_keepalive = p->keepalive_s != 0;
	out->keepalive_s = p->keepalive_s;
	fill_allowed(p, out);
	out->last_handshake_wall_ns = atomic_load(&p->last_handshake_wall);
	out->rx_bytes = atomic_load(&p->rx_bytes);
	out->tx_bytes = atomic_load(&p->tx_bytes);
}

struct wm_wg_config *wm_wg_userspace_get(struct wm_wg_userspace *d, bool with_keys)
{
	struct wm_wg_config *c = wm_alloc(sizeof(*c));
	struct wm_wg_sockets *socks = atomic_load(&d->core.sockets);
	struct wm_list *it;
	c->has_private_key = with_keys && d->has_key;
	if (c->has_private_key)
		memcpy(c->private_key, d->private_key, WM_WG_KEY);
	memcpy(c->public_key, d->public_key, WM_WG_KEY);
	c->has_listen_port = socks != NULL;
	c->listen_port = socks != NULL ? socks->port : 0;
	c->has_fwmark = d->fwmark != 0;
	c->fwmark = d->fwmark;
	c->peers = wm_calloc(d->n_peers + 1, sizeof(*c->peers));
	wm_list_each (it, &d->peer_list)
		fill_peer(wm_container_of(it, struct wm_wg_peer, of_device), with_keys,
			  &c->peers[c->n_peers++]);
	return c;
}
