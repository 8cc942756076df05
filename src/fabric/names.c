/*
 * One entry per host and port. A request that is under way belongs to the loop, so an entry that is
 * forgotten meanwhile is cut loose and freed in its callback. Known names are looked up again every
 * few minutes: a peer behind an address that changes is found again without anybody's help.
 */
#include "fabric/names.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "loop/loop.h"

#define RETRY_FIRST_NS (1 * WM_NS_PER_S)
#define RETRY_MAX_NS   (60 * WM_NS_PER_S)
#define REFRESH_NS     (300 * WM_NS_PER_S)

struct name {
	struct wm_names *names; /* NULL = forgotten, dies in its callback */
	struct wm_resolve req;
	struct wm_timer timer;
	bool is_asking;
	bool is_wanted; /* looked for in this round */
	struct wm_endpoint found;
	struct wm_err why;
	unsigned tries; /* in vain, in a row */
	uint16_t port;
	char host[256];
};

struct wm_names {
	struct wm_loop *loop;
	struct wm_log *log;
	struct wm_map map; /* "host:port" -> struct name */
	void (*on_change)(void *arg);
	void *arg;
};

static void ask(struct name *n);

static void on_timer(struct wm_timer *t)
{
	ask(wm_container_of(t, struct name, timer));
}

static void ask_later(struct name *n)
{
	int64_t delay = n->tries == 0  ? REFRESH_NS
			: n->tries > 6 ? RETRY_MAX_NS
				       : RETRY_FIRST_NS << (n->tries - 1);

	wm_timer_start(n->names->loop, &n->timer, delay, on_timer);
}

static bool is_still_there(const struct name *n)
{
	for (unsigned i = 0; i < n->req.n_found; i++)
		if (wm_endpoint_equal(&n->req.found[i], &n->found))
			return true;
	return false;
}

static void on_answer(struct wm_resolve *r, const struct wm_err *err)
{
	struct name *n = wm_container_of(r, struct name, req);

	n->is_asking = false;
	if (n->names == NULL) {
		wm_free(n);
		return;
	}
	if (err != NULL) {
		n->tries++;
		n->why = *err;
		wm_debug(n->names->log, "fabric.name_failed", "host=%s tries=%u", n->host,
			 n->tries);
		ask_later(n);
		if (n->tries == 1)
			n->names->on_change(n->names->arg);
		return;
	}
	n->tries = 0;
	ask_later(n);
	if (is_still_there(n))
		return;
	n->found = r->found[0];
	n->names->on_change(n->names->arg);
}

static void ask(struct name *n)
{
	if (wm_resolve_start(n->names->loop, &n->req, n->host, n->port, on_answer, &n->why) == 0) {
		n->is_asking = true;
		return;
	}
	n->tries++;
	ask_later(n);
}

static void forget(struct name *n)
{
	wm_timer_stop(&n->timer);
	n->names = NULL;
	if (n->is_asking)
		wm_resolve_cancel(&n->req);
	else
		wm_free(n);
}

struct wm_names *wm_names_new(struct wm_loop *loop, struct wm_log *log,
			      void (*on_change)(void *arg), void *arg)
{
	struct wm_names *n = wm_alloc(sizeof(*n));

	n->loop = loop;
	n->log = log;
	n->on_change = on_change;
	n->arg = arg;
	return n;
}

void wm_names_free(struct wm_names *n)
{
	struct wm_map_entry *e;

	if (n == NULL)
		return;
	wm_map_each (e, &n->map)
		forget(e->value);
	wm_map_fini(&n->map);
	wm_free(n);
}

const struct wm_endpoint *wm_names_find(struct wm_names *names, const char *host, uint16_t port)
{
	char key[264];
	struct name *n;

	snprintf(key, sizeof(key), "%.255s:%u", host, port);
	n = wm_map_find(&names->map, key);
	if (n == NULL) {
		n = wm_alloc(sizeof(*n));
		n->names = names;
		n->port = port;
		snprintf(n->host, sizeof(n->host), "%s", host);
		wm_map_put(&names->map, key, n);
		ask(n);
	}
	n->is_wanted = true;
	return wm_addr_is_valid(&n->found.addr) ? &n->found : NULL;
}

void wm_names_begin(struct wm_names *n)
{
	struct wm_map_entry *e;

	wm_map_each (e, &n->map)
		((struct name *)e->value)->is_wanted = false;
}

void wm_names_end(struct wm_names *n)
{
	struct wm_map_entry *e;

	wm_map_each (e, &n->map) {
		struct name *name = e->value;

		if (name->is_wanted)
			continue;
		wm_map_drop_n(&n->map, e->key, e->key_len);
		forget(name);
	}
}

void wm_names_each_failed(const struct wm_names *n,
			  void (*cb)(void *arg, const char *host, int code, const char *why,
				     unsigned tries),
			  void *arg)
{
	struct wm_map_entry *e;

	wm_map_each (e, &n->map) {
		const struct name *name = e->value;

		if (name->tries > 0 && !wm_addr_is_valid(&name->found.addr))
			cb(arg, name->host, name->why.code, name->why.text, name->tries);
	}
}
