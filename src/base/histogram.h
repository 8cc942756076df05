#pragma once
/*
 * How often something took how long, in buckets that are the same for all, so that figures of
 * different parts can be laid over each other. Holds no memory. One thread at a time.
 */
#include <stdint.h>

#define WM_HISTOGRAM_BOUNDS 15
/* Upper bounds of the buckets in ns, inclusive; behind the last is one without. */
extern const int64_t wm_histogram_bounds[WM_HISTOGRAM_BOUNDS];

/* Zeroed = nothing yet. */
struct wm_histogram {
	uint64_t n[WM_HISTOGRAM_BOUNDS + 1]; /* each case in one bucket */
	int64_t sum_ns;
};

void wm_histogram_add(struct wm_histogram *h, int64_t ns);
