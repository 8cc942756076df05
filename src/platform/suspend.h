#pragma once
/*
 * Learning that the host was asleep: a descriptor that becomes readable when it wakes. On Linux
 * also when somebody sets the clock, which reading tells apart. One thread at a time.
 *
 * A port whose system has no such descriptor answers UNIMPLEMENTED.
 */
#include "base/err.h"
#include <stdint.h>

struct wm_suspend;

WM_MUST_CHECK int wm_suspend_open(struct wm_suspend **out, struct wm_err *err);
void wm_suspend_close(struct wm_suspend *s);   /* NULL is allowed */
int wm_suspend_fd(const struct wm_suspend *s); /* for poll only */
/* For how many nanoseconds the host was asleep since this was asked last, or since the opening. */
int64_t wm_suspend_read(struct wm_suspend *s);
