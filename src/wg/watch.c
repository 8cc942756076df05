#include "wg/watch.h"
#include "base/clock.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "platform/monitor.h"
#include "platform/netns.h"
#include "wg/handshakes.h"
#include "wg/worker.h"

struct wm_wg_watch {
	struct wm_wg_core *core;
	struct wm_monitor *monitor;
	struct wm_poll *poll;
	struct wm_loop *loop;
	struct wm_timer stir;
	int64_t last_stir;
	bool is_changed;
	bool is_gone; /* the device's own interface, perhaps */
	/* Where the interface is, when it is in another network namespace; else NULL. */
	struct wm_monitor *inside;
	struct wm_poll *inside_poll;
	bool is_inside; /* what is read is from there */
};

/* Changes come in bunches: an interface, its addresses, its routes. Soon after the first, but not
 * again and again where something always changes. */
#define STIR_SOON  (250 * WM_NS_PER_MS)
#define STIR_EVERY (2 * WM_NS_PER_S)

static void on_stir(struct wm_timer *t)
{
	struct wm_wg_watch *w = wm_container_of(t, struct wm_wg_watch, stir);
	w->last_stir = wm_clock_now();
	wm_wg_handshakes_order(w->core->handshakes, WM_WG_ORDER_STIR, NULL, NULL, 0);
}

static void note_change(struct wm_wg_watch *w)
{
	bool is_often = w->last_stir != 0 && wm_clock_now() - w->last_stir < STIR_EVERY;
	atomic_fetch_add(&w->core->era, 1);
	if (!wm_timer_is_running(&w->stir))
		wm_timer_start(w->loop, &w->stir, is_often ? STIR_EVERY : STIR_SOON, on_stir);
}

static void on_change(void *arg, const struct wm_monitor_change *c)
{
	struct wm_wg_watch *w = arg;
	/* Of an interface some say no number; those are not ours. */
	bool is_ours = w->is_inside == w->core->is_elsewhere && c->link != 0 &&
		       c->link == wm_tun_ifindex(w->core->tun);
	w->is_changed |= !is_ours && !w->is_inside;
	w->is_gone |= c->kind == WM_MONITOR_RESYNC ||
		      (is_ours && c->kind == WM_MONITOR_LINK && c->removed);
}

/* A worker that does not read from the interface yet is not told by it. */
static void wake_workers(struct wm_wg_core *c)
{
	for (unsigned i = 0; i < c->n_workers; i++)
		wm_wg_wake_set(&c->workers[i].wake);
}

static void on_readable(void *arg, unsigned events)
{
	struct wm_wg_watch *w = arg;
	struct wm_err err;
	w->is_changed = w->is_gone = false;
	if (wm_monitor_read(w->monitor, on_change, w, &err) != 0) {
		/* Nobody will tell us again: what is known now may be wrong soon. */
		wm_poll_close(w->poll);
		w->poll = NULL;
		w->is_changed = true;
	}
	if (w->is_changed)
		note_change(w);
	if (w->is_gone)
		wake_workers(w->core);
}

/* The same of the interface's own namespace, whose changes are no news of the ways to peers. */
static void on_inside_readable(void *arg, unsigned events)
{
	struct wm_wg_watch *w = arg;
	struct wm_err err;
	w->is_gone = false;
	w->is_inside = true;
	if (wm_monitor_read(w->inside, on_change, w, &err) != 0) {
		wm_poll_close(w->inside_poll);
		w->inside_poll = NULL;
		w->is_gone = true;
	}
	w->is_inside = false;
	if (w->is_gone)
		wake_workers(w->core);
}

static int open_monitor(void *arg, struct wm_err *err)
{
	return wm_monitor_open(WM_MONITOR_LINKS, arg, err);
}

int wm_wg_watch_open(struct wm_loop *loop, struct wm_wg_core *core, struct wm_netns *netns,
		     struct wm_wg_watch **out, struct wm_err *err)
{
	struct wm_wg_watch *w = wm_alloc(sizeof(*w));
	w->core = core;
	w->loop = loop;
	int rc = wm_monitor_open(WM_MONITOR_ALL, &w->monitor, err);
	if (rc == 0)
		rc = wm_poll_open(loop, wm_monitor_fd(w->monitor), WM_POLL_IN, on_readable, w,
				  &w->poll, err);
	if (rc == 0 && netns != NULL)
		rc = wm_netns_run(netns, open_monitor, &w->inside, err);
	if (rc == 0 && netns != NULL)
		rc = wm_poll_open(loop, wm_monitor_fd(w->inside), WM_POLL_IN, on_inside_readable, w,
				  &w->inside_poll, err);
	if (rc != 0)
		wm_wg_watch_close(w);
	else
		*out = w;
	return rc;
}

void wm_wg_watch_close(struct wm_wg_watch *w)
{
	if (w == NULL)
		return;
	wm_timer_stop(&w->stir);
	if (w->poll != NULL)
		wm_poll_close(w->poll);
	wm_monitor_close(w->monitor);
	if (w->inside_poll != NULL)
		wm_poll_close(w->inside_poll);
	wm_monitor_close(w->inside);
	wm_free(w);
}
