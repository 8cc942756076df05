#include "programs/wmctl/text.h"
#include "base/clock.h"
#include "base/mem.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LABEL_WIDTH 14 /* with indent and colon */

/* ---- harmless text ---- */

void wm_ctl_add_harmless(struct wm_buf *out, const char *s, bool lines)
{
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;
		bool passes = (c >= 0x20 && c != 0x7f) || (lines && (c == '\n' || c == '\t'));
		/* C1 control characters, as UTF-8 writes them. */
		if (c == 0xc2 && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] < 0xa0) {
			s++;
			passes = false;
		}
		wm_buf_add(out, passes ? s : "?", 1);
	}
}

/* Characters, not bytes. */
static size_t width(const char *s)
{
	size_t n = 0;
	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void add_spaces(struct wm_buf *out, size_t n)
{
	while (n-- > 0)
		wm_buf_add_str(out, " ");
}

/* ---- tables ---- */

static void add_cell(struct wm_ctl_table *t, const char *cell)
{
	struct wm_buf text = {0};
	wm_ctl_add_harmless(&text, *cell != '\0' ? cell : "-", false);
	if ((t->n_cells & (t->n_cells - 1)) == 0)
		t->cells = wm_realloc(t->cells, (t->n_cells * 2 + 1) * sizeof(*t->cells));
	t->cells[t->n_cells++] = wm_buf_take(&text);
}

void wm_ctl_table_begin(struct wm_ctl_table *t, const char *const *head)
{
	for (t->n_columns = 0; head[t->n_columns] != NULL; t->n_columns++)
		add_cell(t, head[t->n_columns]);
}

void wm_ctl_table_add(struct wm_ctl_table *t, const char *cell)
{
	add_cell(t, cell);
}

void wm_ctl_table_format(struct wm_ctl_table *t, const char *indent, struct wm_buf *out)
{
	size_t widths[WM_CTL_COLUMNS_MAX] = {0};
	while (t->n_cells % t->n_columns != 0)
		add_cell(t, "");
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t w = width(t->cells[i]);
		if (w > widths[i % t->n_columns])
			widths[i % t->n_columns] = w;
	}
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t column = i % t->n_columns;
		wm_buf_add_str(out, column == 0 ? indent : "");
		wm_buf_add_str(out, t->cells[i]);
		if (column + 1 < t->n_columns)
			add_spaces(out, widths[column] - width(t->cells[i]) + 2);
		else
			wm_buf_add_str(out, "\n");
	}
}

void wm_ctl_table_fini(struct wm_ctl_table *t)
{
	for (size_t i = 0; i < t->n_cells; i++)
		wm_free(t->cells[i]);
	wm_free(t->cells);
	*t = (struct wm_ctl_table){0};
}

void wm_ctl_field(struct wm_buf *out, const char *indent, const char *label, const char *value)
{
	if (*value == '\0')
		return;
	size_t n = strlen(indent) + strlen(label) + 1;
	wm_buf_printf(out, "%s%s:", indent, label);
	add_spaces(out, n < LABEL_WIDTH ? LABEL_WIDTH - n : 1);
	wm_ctl_add_harmless(out, value, false);
	wm_buf_add_str(out, "\n");
}

/* ---- short forms ---- */

char *wm_ctl_age(int64_t ns, char out[WM_CTL_SHORT])
{
	int64_t s = ns > 0 ? ns / WM_NS_PER_S : 0;
	if (s < 60)
		snprintf(out, WM_CTL_SHORT, "%" PRId64 "s", s);
	else if (s < 3600)
		snprintf(out, WM_CTL_SHORT, "%" PRId64 "m%" PRId64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, WM_CTL_SHORT, "%" PRId64 "h%" PRId64 "m", s / 3600, s / 60 % 60);
	else
		snprintf(out, WM_CTL_SHORT, "%" PRId64 "d%" PRId64 "h", s / 86400, s / 3600 % 24);
	return out;
}

char *wm_ctl_bytes(uint64_t n, char out[WM_CTL_SHORT])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)n / 1024;
	size_t unit = 0;
	if (n < 1024) {
		snprintf(out, WM_CTL_SHORT, "%" PRIu64 " B", n);
		return out;
	}
	for (; value >= 1023.95 && unit + 1 < WM_ARRAY_LEN(units); unit++)
		value /= 1024;
	snprintf(out, WM_CTL_SHORT, "%.1f %s", value, units[unit]);
	return out;
}

bool wm_ctl_time_parse(const char *s, int64_t *out_ns)
{
	struct tm tm = {0};
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	if (end == NULL)
		return false;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (strcmp(end, "Z") != 0)
		return false;
	int64_t seconds = timegm(&tm);
	if (seconds < 0 || seconds > INT64_MAX / WM_NS_PER_S)
		return false;
	*out_ns = seconds * WM_NS_PER_S;
	return true;
}
