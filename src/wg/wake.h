#pragma once
/*
 * Waking a thread that sleeps in poll(2): one pipe per sleeper, at most one byte in it. Setting:
 * any thread. Clearing: the sleeper, once poll says there is a byte, before it looks at what it was
 * woken for.
 */
#include "base/err.h"
#include <stdatomic.h>
#include <stdbool.h>

struct wm_wg_wake {
	int fds[2];
	atomic_bool is_set;
};

WM_MUST_CHECK int wm_wg_wake_open(struct wm_wg_wake *w, struct wm_err *err);
/* Harmless on one that was never opened, when its descriptors are -1. */
void wm_wg_wake_close(struct wm_wg_wake *w);
void wm_wg_wake_set(struct wm_wg_wake *w);
void wm_wg_wake_clear(struct wm_wg_wake *w);
