#pragma once
/*
 * The text format that Prometheus reads, version 0.0.4: families of samples, each headed by HELP
 * and TYPE. https://prometheus.io/docs/instrumenting/exposition_formats/. Values are whole numbers,
 * and times are whole nanoseconds, so that nothing is lost on the way. Any thread.
 */
#include "base/buf.h"
#include "base/histogram.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum wm_metrics_kind { WM_METRICS_COUNTER, WM_METRICS_GAUGE, WM_METRICS_HISTOGRAM };

struct wm_label {
	const char *name;  /* [a-z_]+ */
	const char *value; /* any text; what is not UTF-8 in it is shown as U+FFFD */
};
#define WM_LABELS_MAX 8

/* One family being written: HELP and TYPE appear with the first sample, so none is empty. */
struct wm_metrics_family {
	struct wm_buf *out;
	const char *name, *help;
	enum wm_metrics_kind kind;
	bool has_samples;
};

/* A sample of @n labels (0 and NULL for none). */
void wm_metrics_add(struct wm_metrics_family *f, const struct wm_label *labels, size_t n,
		    uint64_t value);
/* The same for a time or a duration, which is written in seconds. Not negative. */
void wm_metrics_add_ns(struct wm_metrics_family *f, const struct wm_label *labels, size_t n,
		       int64_t ns);
/* The samples of one histogram: cumulative buckets, sum, count. */
void wm_metrics_add_histogram(struct wm_metrics_family *f, const struct wm_label *labels, size_t n,
			      const struct wm_histogram *h);
