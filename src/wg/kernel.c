#include "wg/kernel.h"
#include <errno.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define DEFAULT_MTU 1420
#define LOOK_NS     (1 * WM_NS_PER_S)
#define LOOK_COST   200                 /* looking takes at most one part in so many of our time */
#define FRESH_NS    (120 * WM_NS_PER_S) /* a session is not renewed before */

/* ---- what happens ---- */

static void free_all(struct wm_wg_kernel *k)
{
	wm_wg_seen_fini(&k->seen);
	wm_free(k->news);
	wm_free(k);
}

static void tell_broken(struct wm_wg_kernel *k)
{
	struct wm_err why;
	k->has_told_broken = true;
	wm_fail_errno(&why, ENODEV, "the interface %s was deleted", k->face.name);
	if (k->events.on_broken != NULL)
		k->events.on_broken(k->arg, &why);
}

static void on_tell(struct wm_defer *d)
{
	struct wm_wg_kernel *k = wm_container_of(d, struct wm_wg_kernel, tell);
	struct wm_wg_seen_news *news = wm_steal(k->news);
	size_t n = k->n_news;
	k->n_news = 0;
	k->is_telling = true;
	for (size_t i = 0; i < n && !k->is_closed; i++)
		if (k->events.on_handshake != NULL)
			k->events.on_handshake(k->arg, news[i].public_key, &news[i].from,
					       news[i].by_peer);
	if (k->is_broken && !k->has_told_broken && !k->is_closed)
		tell_broken(k);
	k->is_telling = false;
	wm_free(news);
	if (k->is_closed)
		free_all(k);
}

static void break_down(struct wm_wg_kernel *k)
{
	k->is_broken = true;
	wm_timer_stop(&k->timer);
	wm_defer_cancel(&k->greet);
	if (!k->has_told_broken)
		wm_defer(k->loop, &k->tell, on_tell);
}

/* ---- looking ---- */

static void add_news(struct wm_wg_kernel *k, struct wm_wg_seen_news *news, size_t n)
{
	if (n == 0)
		return;
	k->news = wm_realloc(k->news, (k->n_news + n) * sizeof(*news));
	memcpy(k->news + k->n_news, news, n * sizeof(*news));
	k->n_news += n;
	wm_free(news);
	wm_defer(k->loop, &k->tell, on_tell);
}

static void on_time(struct wm_timer *t);

static void note_failure(struct wm_wg_kernel *k, const struct wm_err *why)
{
	if (why->code == WM_NOT_FOUND && !k->is_broken)
		break_down(k);
	if (why->code == WM_NOT_FOUND || k->cannot_look)
		return;
	k->cannot_look = true;
	wm_warn(k->log, "wg.not_read", "interface=%s error=\"%s\"", k->face.name, why->text);
}

int wm_wg_kernel_look(struct wm_wg_kernel *k, bool with_keys, struct wm_wg_config **out,
		      struct wm_err *err)
{
	struct wm_wg_seen_news *news;
	int64_t begin = wm_clock_now();
	struct wm_err why;
	size_t n;
	int rc = wm_wgdev_get(k->dev, with_keys, out, &why);
	int64_t pause = (wm_clock_now() - begin) * LOOK_COST;
	if (rc != 0) {
		note_failure(k, &why);
		return wm_err_copy(err, &why);
	}
	k->cannot_look = false;
	memcpy(k->public_key, (*out)->public_key, WM_WG_KEY);
	wm_wg_seen_update(&k->seen, *out, &news, &n);
	add_news(k, news, n);
	/* Without peers there is nothing to see. */
	if ((*out)->n_peers > 0)
		wm_timer_start(k->loop, &k->timer, pause > LOOK_NS ? pause : LOOK_NS, on_time);
	else
		wm_timer_stop(&k->timer);
	return 0;
}

static void on_time(struct wm_timer *t)
{
	struct wm_wg_kernel *k = wm_container_of(t, struct wm_wg_kernel, timer);
	struct wm_wg_config *now = NULL;
	struct wm_err why;
	if (wm_wg_kernel_look(k, false, &now, &why) != 0 && !k->is_broken)
		wm_timer_start(k->loop, t, LOOK_NS, on_time);
	wm_wg_config_free(now);
}

/* ---- greeting ---- */

/*
 * A kernel that is given a keepalive where there was none sends one at once, and for that has to
 * have a session. So the interval goes there and back.
 */
static size_t fill_greetings(struct wm_wg_kernel *k, struct wm_wg_peer_config *out)
{
	int64_t now = wm_clock_wall();
	struct wm_map_entry *e;
	size_t n = 0;
	wm_map_each (e, &k->seen.peers) {
		struct wm_wg_seen_peer *p = e->value;
		struct wm_wg_peer_config c = {.flags = WM_WG_PEER_UPDATE_ONLY,
					      .has_keepalive = true};
		bool is_fresh = p->handshake_wall_ns != 0 && now >= p->handshake_wall_ns &&
				now - p->handshake_wall_ns < FRESH_NS;
		bool is_wanted = p->wants_greeting && p->has_endpoint && !is_fresh;
		p->wants_greeting = false;
		if (!is_wanted)
			continue;
		p->is_greeted = true;
		memcpy(c.public_key, p->public_key, WM_WG_KEY);
		c.keepalive_s = p->keepalive_s != 0 ? 0 : 1;
		out[n++] = c;
		c.keepalive_s = p->keepalive_s;
		out[n++] = c;
	}
	return n;
}

static void on_greet(struct wm_defer *d)
{
	struct wm_wg_kernel *k = wm_container_of(d, struct wm_wg_kernel, greet);
	struct wm_wg_config *now = NULL;
	struct wm_err why;
	bool is_up;
	if (!wm_wg_seen_wants_greeting(&k->seen))
		return;
	/* One that is down sends nothing; the monitor tells when it goes up. */
	if (wm_wgdev_is_up(k->dev, &is_up, &why) != 0 || !is_up)
		return;
	if (wm_wg_kernel_look(k, false, &now, &why) != 0)
		return;
	wm_wg_config_free(now);
	struct wm_wg_config wish = {
		.peers = wm_calloc(2 * (size_t)k->seen.peers.count + 1, sizeof(*wish.peers))};
	wish.n_peers = fill_greetings(k, wish.peers);
	if (wish.n_peers > 0 && wm_wgdev_set(k->dev, &wish, &why) != 0)
		note_failure(k, &why);
	wm_free(wish.peers);
}

static void greet(struct wm_wg_backend *b, const uint8_t public_key[WM_WG_KEY])
{
	struct wm_wg_kernel *k = wm_container_of(b, struct wm_wg_kernel, face);
	struct wm_wg_seen_peer *p = wm_wg_seen_find(&k->seen, public_key);
	if (p == NULL || k->is_broken)
		return;
	p->wants_greeting = true;
	wm_defer(k->loop, &k->greet, on_greet);
}

/* ---- the interface ---- */

static void on_change(void *arg, const struct wm_monitor_change *c)
{
	struct wm_wg_kernel *k = arg;
	if (k->is_broken || (c->kind == WM_MONITOR_LINK && c->link != k->face.ifindex))
		return;
	if (c->kind == WM_MONITOR_LINK && c->removed)
		break_down(k);
	else if (c->kind == WM_MONITOR_LINK)
		wm_defer(k->loop, &k->greet, on_greet);
	else
		wm_timer_start(k->loop, &k->timer, 0, on_time); /* who knows */
}

static void on_readable(void *arg, unsigned events)
{
	struct wm_wg_kernel *k = arg;
	struct wm_err err;
	if (wm_monitor_read(k->monitor, on_change, k, &err) == 0)
		return;
	note_failure(k, &err);
	wm_poll_close(k->poll); /* the looks go on */
	k->poll = NULL;
}

/* ---- the face ---- */

static struct wm_wg_kernel *of(struct wm_wg_backend *b)
{
	return wm_container_of(b, struct wm_wg_kernel, face);
}

static void close_all(struct wm_wg_backend *b)
{
	struct wm_wg_kernel *k = of(b);
	wm_timer_stop(&k->timer);
	wm_defer_cancel(&k->greet);
	wm_defer_cancel(&k->tell);
	if (k->poll != NULL)
		wm_poll_close(k->poll);
	wm_monitor_close(k->monitor);
	wm_wgdev_close(k->dev);
	k->is_closed = true;
	if (!k->is_telling)
		free_all(k);
}

static int configure(struct wm_wg_backend *b, const struct wm_wg_config *wish, struct wm_err *err)
{
	return wm_wg_kernel_configure(of(b), wish, err);
}

static struct wm_wg_config *get(struct wm_wg_backend *b, bool with_keys)
{
	struct wm_wg_kernel *k = of(b);
	struct wm_wg_config *c;
	struct wm_err why;
	if (wm_wg_kernel_look(k, with_keys, &c, &why) == 0)
		return c;
	c = wm_alloc(sizeof(*c)); /* one that is gone has nobody */
	memcpy(c->public_key, k->public_key, WM_WG_KEY);
	return c;
}

static void set_active(struct wm_wg_backend *b, bool active)
{
}

static void set_mtu(struct wm_wg_backend *b, uint32_t mtu)
{
}

static void send_foreign(struct wm_wg_backend *b, const struct wm_endpoint *to, const void *data,
			 size_t len)
{
}

static size_t ask(struct wm_wg_backend *b, struct wm_pulse **out)
{
	return 0;
}

static void traffic(struct wm_wg_backend *b, uint64_t *rx, uint64_t *tx)
{
	struct wm_wg_kernel *k = of(b);
	struct wm_wg_config *now = NULL;
	struct wm_err why;
	if (!k->is_broken && wm_wg_kernel_look(k, false, &now, &why) == 0)
		wm_wg_config_free(now);
	wm_wg_seen_traffic(&k->seen, rx, tx);
}

static void sum_drops(struct wm_wg_backend *b, uint64_t counts[WM_DROP_COUNT])
{
	struct wm_wg_kernel *k = of(b);
	struct wm_wgdev_stats now;
	struct wm_err why;
	if (wm_wgdev_stats(k->dev, &now, &why) == 0)
		k->stats = now;
	counts[WM_DROP_SOURCE] += k->stats.bad_source;
	counts[WM_DROP_INNER] += k->stats.bad_length;
	counts[WM_DROP_NO_PEER] += k->stats.no_peer;
	counts[WM_DROP_STAGED] += k->stats.staged;
}

static const struct wm_wg_backend_ops ops = {
	.kind = "kernel",
	.is_kernel = true,
	.close = close_all,
	.configure = configure,
	.get = get,
	.set_active = set_active,
	.set_mtu = set_mtu,
	.greet = greet,
	.send = send_foreign,
	.ask = ask,
	.traffic = traffic,
	.drops = sum_drops,
};

static int open_parts(struct wm_wg_kernel *k, const struct wm_wg_device_opts *opts,
		      struct wm_err *err)
{
	uint32_t mtu = opts->mtu != 0 ? opts->mtu : DEFAULT_MTU;
	int rc = wm_wgdev_open(opts->name, mtu, &k->dev, err);
	if (rc != 0)
		return rc;
	k->face.name = wm_wgdev_name(k->dev);
	k->face.ifindex = wm_wgdev_ifindex(k->dev);
	rc = wm_monitor_open(WM_MONITOR_LINKS, &k->monitor, err);
	if (rc == 0)
		rc = wm_poll_open(k->loop, wm_monitor_fd(k->monitor), WM_POLL_IN, on_readable, k,
				  &k->poll, err);
	return rc;
}

int wm_wg_kernel_open(struct wm_loop *loop, struct wm_log *log,
		      const struct wm_wg_device_opts *opts, const struct wm_wg_events *events,
		      void *arg, struct wm_wg_backend **out, struct wm_err *err)
{
	struct wm_wg_kernel *k = wm_alloc(sizeof(*k));
	k->face.ops = &ops;
	k->loop = loop;
	k->log = log;
	k->events = *events;
	k->arg = arg;
	int rc = open_parts(k, opts, err);
	if (rc != 0) {
		close_all(&k->face);
		return rc;
	}
	*out = &k->face;
	return 0;
}
