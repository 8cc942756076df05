#pragma once
/*
 * Pauses between attempts that fail: each longer than the one before, up to a limit, and with some
 * chance in it, so that many who lost the same server do not come back in one instant. After
 * https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md. Holds no memory, knows no
 * clock. Any thread, one at a time.
 */
#include <stdint.h>

#define WM_BACKOFF_JITTER 20 /* per cent, either way */

struct wm_backoff {
	int64_t first_ns;
	int64_t max_ns;          /* jitter may go beyond it */
	uint32_t growth_percent; /* 160: each is 1.6 times the one before */
	int64_t next_ns;         /* without jitter; 0 = first_ns */
};

/* The pause before the next attempt, in ns. */
int64_t wm_backoff_next(struct wm_backoff *b);
/* An attempt has succeeded: the next pause is the first again. */
void wm_backoff_reset(struct wm_backoff *b);
