#include "metrics/text.h"
#include "base/clock.h"
#include "base/str.h"
#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* ---- pieces ---- */

/* Bytes at the front of @s that stand for themselves. */
static size_t plain_run(const char *s, size_t n)
{
	size_t i = 0;
	while (i < n && s[i] >= ' ' && s[i] <= '~' && s[i] != '\\' && s[i] != '"')
		i++;
	return i;
}

/* One character that may not; returns its bytes. Quotes are escaped where the text is quoted. */
static size_t add_special(struct wm_buf *out, const char *s, size_t rest, bool is_quoted)
{
	size_t n = wm_utf8_sequence(s, rest);
	if (*s == '\\')
		wm_buf_add_str(out, "\\\\");
	else if (*s == '\n')
		wm_buf_add_str(out, "\\n");
	else if (*s == '"' && is_quoted)
		wm_buf_add_str(out, "\\\"");
	else if (n == 0)
		wm_buf_add_str(out, "\xef\xbf\xbd"); /* U+FFFD */
	else
		wm_buf_add(out, s, n);
	return n > 0 ? n : 1;
}

static void add_escaped(struct wm_buf *out, const char *s, bool is_quoted)
{
	size_t rest = strlen(s);
	while (rest > 0) {
		size_t n = plain_run(s, rest);
		if (n > 0)
			wm_buf_add(out, s, n);
		else
			n = add_special(out, s, rest, is_quoted);
		s += n;
		rest -= n;
	}
}

static void add_labels(struct wm_buf *out, const struct wm_label *labels, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		wm_buf_add_str(out, i == 0 ? "{" : ",");
		wm_buf_add_str(out, labels[i].name);
		wm_buf_add_str(out, "=\"");
		add_escaped(out, labels[i].value, true);
		wm_buf_add_str(out, "\"");
	}
	if (n > 0)
		wm_buf_add_str(out, "}");
}

/* Seconds, with as many decimals as they have. */
static void add_ns(struct wm_buf *out, int64_t ns)
{
	wm_buf_printf(out, "%lld", (long long)(ns / WM_NS_PER_S));
	int64_t rest = ns % WM_NS_PER_S;
	if (rest == 0)
		return;
	int digits = 9;
	for (; rest % 10 == 0; rest /= 10)
		digits--;
	wm_buf_printf(out, ".%0*lld", digits, (long long)rest);
}

static void begin(struct wm_metrics_family *f)
{
	static const char *const kinds[] = {"counter", "gauge", "histogram"};
	if (f->has_samples)
		return;
	f->has_samples = true;
	wm_buf_printf(f->out, "# HELP %s ", f->name);
	add_escaped(f->out, f->help, false);
	wm_buf_printf(f->out, "\n# TYPE %s %s\n", f->name, kinds[f->kind]);
}

static void begin_sample(struct wm_metrics_family *f, const char *suffix,
			 const struct wm_label *labels, size_t n)
{
	begin(f);
	wm_buf_add_str(f->out, f->name);
	wm_buf_add_str(f->out, suffix);
	add_labels(f->out, labels, n);
	wm_buf_add_str(f->out, " ");
}

/* ---- samples ---- */

void wm_metrics_add(struct wm_metrics_family *f, const struct wm_label *labels, size_t n,
		    uint64_t value)
{
	begin_sample(f, "", labels, n);
	wm_buf_printf(f->out, "%" PRIu64 "\n", value);
}

void wm_metrics_add_ns(struct wm_metrics_family *f, const struct wm_label *labels, size_t n,
		       int64_t ns)
{
	begin_sample(f, "", labels, n);
	add_ns(f->out, ns);
	wm_buf_add_str(f->out, "\n");
}

static void add_bucket(struct wm_metrics_family *f, const struct wm_label *labels, size_t n,
		       const char *bound, uint64_t count)
{
	struct wm_label all[WM_LABELS_MAX + 1];
	assert(n <= WM_LABELS_MAX);
	for (size_t i = 0; i < n; i++)
		all[i] = labels[i];
	all[n] = (struct wm_label){"le", bound};
	begin_sample(f, "_bucket", all, n + 1);
	wm_buf_printf(f->out, "%" PRIu64 "\n", count);
}

void wm_metrics_add_histogram(struct wm_metrics_family *f, const struct wm_label *labels, size_t n,
			      const struct wm_histogram *h)
{
	struct wm_buf bound = {.len = 0};
	uint64_t count = 0;
	for (unsigned i = 0; i < WM_HISTOGRAM_BOUNDS; i++) {
		count += h->n[i];
		wm_buf_clear(&bound);
		add_ns(&bound, wm_histogram_bounds[i]);
		add_bucket(f, labels, n, wm_buf_str(&bound), count);
	}
	wm_buf_fini(&bound);
	count += h->n[WM_HISTOGRAM_BOUNDS];
	add_bucket(f, labels, n, "+Inf", count);
	begin_sample(f, "_sum", labels, n);
	add_ns(f->out, h->sum_ns);
	wm_buf_add_str(f->out, "\n");
	begin_sample(f, "_count", labels, n);
	wm_buf_printf(f->out, "%" PRIu64 "\n", count);
}
