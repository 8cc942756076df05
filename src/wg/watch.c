#include "wg/watch.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "platform/monitor.h"
#include "wg/core.h"

struct wm_wg_watch {
	struct wm_wg_core *core;
	struct wm_monitor *monitor;
	struct wm_poll *poll;
	bool is_changed;
};

static void on_change(void *arg, const struct wm_monitor_change *c)
{
	struct wm_wg_watch *w = arg;
	/* Of an interface some say no number; those are not ours. */
	w->is_changed |= c->link == 0 || c->link != wm_tun_ifindex(w->core->tun);
}

static void on_readable(void *arg, unsigned events)
{
	struct wm_wg_watch *w = arg;
	struct wm_err err;
	w->is_changed = false;
	if (wm_monitor_read(w->monitor, on_change, w, &err) != 0) {
		/* Nobody will tell us again: what is known now may be wrong soon. */
		wm_poll_close(w->poll);
		w->poll = NULL;
		w->is_changed = true;
	}
	if (w->is_changed)
		atomic_fetch_add(&w->core->era, 1);
}

int wm_wg_watch_open(struct wm_loop *loop, struct wm_wg_core *core, struct wm_wg_watch **out,
		     struct wm_err *err)
{
	struct wm_wg_watch *w = wm_alloc(sizeof(*w));
	w->core = core;
	int rc = wm_monitor_open(WM_MONITOR_ALL, &w->monitor, err);
	if (rc == 0)
		rc = wm_poll_open(loop, wm_monitor_fd(w->monitor), WM_POLL_IN, on_readable, w,
				  &w->poll, err);
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
	if (w->poll != NULL)
		wm_poll_close(w->poll);
	wm_monitor_close(w->monitor);
	wm_free(w);
}
