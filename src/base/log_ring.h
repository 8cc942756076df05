#pragma once
/*
 * The last lines of the log, kept in memory for a crash report. Many threads put lines in; whoever
 * meets another one at the same place leaves its line out instead of waiting. Internal to base/log.
 */
#include <stdatomic.h>
#include <stddef.h>

#include "base/log.h"

struct wm_log_ring {
	atomic_uint next; /* how many were put in so far */
	struct {
		atomic_flag taken;
		unsigned short len;
		char text[WM_LOG_RECENT_LINE];
	} lines[WM_LOG_RECENT];
};

/* Keeps @when, a blank, and as much of @text as fits; the newline at its end is no part of it. */
void wm_log_ring_put(struct wm_log_ring *r, const char *when, const char *text, size_t len);
/* The @i-th line of those that are kept, the oldest first; 0 when there is none to be had. */
size_t wm_log_ring_get(struct wm_log_ring *r, unsigned i, char out[WM_LOG_RECENT_LINE]);
