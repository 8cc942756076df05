#pragma once
/*
 * Says at regular times that this process lives, and only while that is true: the loop turns, since
 * it is the loop that says it, and each thread that is asked has come round since it was asked the
 * last time. A thread that is stuck makes it silent until it goes on. Loop thread only.
 */
#include "base/pulse.h"
#include "loop/loop.h"

#define WM_WATCHDOG_PULSES 32

struct wm_watchdog_opts {
	int64_t period; /* ns between two words of life */
	/* Asks the threads there are and fills @out with their pulses; returns how many. */
	size_t (*ask)(void *arg, struct wm_pulse *out[WM_WATCHDOG_PULSES]);
	void (*on_alive)(void *arg);
	/* The word is due and this thread has not come round; once each time. */
	void (*on_stuck)(void *arg, const char *thread);
	void *arg;
};

/* Embedded, zeroed before the first use. */
struct wm_watchdog {
	struct wm_loop *loop;
	struct wm_watchdog_opts opts;
	struct wm_timer timer;
	struct wm_pulse *asked[WM_WATCHDOG_PULSES];
	size_t n_asked;
	bool is_stuck; /* and on_stuck has run */
};

/* Says it at once, and then each period. @opts are copied. */
void wm_watchdog_start(struct wm_loop *loop, struct wm_watchdog *w,
		       const struct wm_watchdog_opts *opts);
/* The pulses that were asked are going to vanish: asks no thread but the loop until it is started
 * again. */
void wm_watchdog_forget(struct wm_watchdog *w);
/* True while it is silent since a thread has not come round. */
bool wm_watchdog_is_silent(const struct wm_watchdog *w);
/* No callback runs any more. Harmless on a zeroed one. */
void wm_watchdog_stop(struct wm_watchdog *w);
