/* The table: from each row a function that adds its samples, and then all of them in order. */
#include "base/clock.h"
#include "base/mem.h"
#include "mesh/graph.h"
#include "metrics/scrape.h"

struct row {
	const char *name, *help;
	enum wm_metrics_kind kind;
	void (*add)(struct wm_metrics_family *f, const struct wm_scrape *s);
};

static void one(struct wm_metrics_family *f, uint64_t value)
{
	wm_metrics_add(f, NULL, 0, value);
}

static void one_ns(struct wm_metrics_family *f, int64_t ns)
{
	wm_metrics_add_ns(f, NULL, 0, ns);
}

#define WM_METRIC(name, kind, labels, help, source)                                    \
	static void add_##name(struct wm_metrics_family *f, const struct wm_scrape *s) \
	{                                                                              \
		source;                                                                \
	}
#include "metrics/metrics.def.h"
#undef WM_METRIC

static const struct row rows[] = {
#define WM_METRIC(name, kind, labels, help, source) {#name, help, WM_METRICS_##kind, add_##name},
#include "metrics/metrics.def.h"
#undef WM_METRIC
};

void wm_scrape_write(const struct wm_scrape *s, struct wm_buf *out)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_metrics_family f = {.out = out,
					      .name = rows[i].name,
					      .help = rows[i].help,
					      .kind = rows[i].kind};
		rows[i].add(&f, s);
	}
}
