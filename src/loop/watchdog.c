/*
 * Between two words lies one period, in which each thread has to answer. Who is late is looked at
 * four times as often, so that the word follows soon once it is true again.
 */
#include "loop/watchdog.h"

static const struct wm_pulse *find_stuck(const struct wm_watchdog *w)
{
	for (size_t i = 0; i < w->n_asked; i++)
		if (!wm_pulse_is_shown(w->asked[i]))
			return w->asked[i];
	return NULL;
}

static void on_due(struct wm_timer *t)
{
	struct wm_watchdog *w = wm_container_of(t, struct wm_watchdog, timer);
	const struct wm_pulse *stuck = find_stuck(w);

	wm_timer_start(w->loop, t, stuck == NULL ? w->opts.period : w->opts.period / 4, on_due);
	if (stuck != NULL && !w->is_stuck) {
		w->is_stuck = true;
		w->opts.on_stuck(w->opts.arg, stuck->name);
	} else if (stuck == NULL) {
		w->is_stuck = false;
		w->n_asked = w->opts.ask == NULL ? 0 : w->opts.ask(w->opts.arg, w->asked);
		w->opts.on_alive(w->opts.arg);
	}
}

void wm_watchdog_start(struct wm_loop *loop, struct wm_watchdog *w,
		       const struct wm_watchdog_opts *opts)
{
	w->loop = loop;
	w->opts = *opts;
	w->n_asked = 0;
	w->is_stuck = false;
	wm_timer_start(loop, &w->timer, 0, on_due);
}

void wm_watchdog_forget(struct wm_watchdog *w)
{
	w->n_asked = 0;
	w->opts.ask = NULL;
}

bool wm_watchdog_is_silent(const struct wm_watchdog *w)
{
	return w->is_stuck;
}

void wm_watchdog_stop(struct wm_watchdog *w)
{
	wm_timer_stop(&w->timer);
}
