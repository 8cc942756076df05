#pragma once
/*
 * What people read: columns that line up, ages and sizes in short form. Text that came from a
 * server is made harmless for a terminal first. One thread.
 */
#include "base/buf.h"
#include <stddef.h>
#include <stdint.h>

#define WM_CTL_COLUMNS_MAX 10

/* Rows of cells. Zeroed is empty; fini releases it. */
struct wm_ctl_table {
	char **cells; /* row by row */
	size_t n_cells;
	size_t n_columns;
};

/* The head, which fixes the number of columns (ends with NULL). */
void wm_ctl_table_begin(struct wm_ctl_table *t, const char *const *head);
/* The next cell, copied; "" is shown as "-". */
void wm_ctl_table_add(struct wm_ctl_table *t, const char *cell);
/* Appends the lines, each begun with @indent; a short last row is filled up. */
void wm_ctl_table_format(struct wm_ctl_table *t, const char *indent, struct wm_buf *out);
void wm_ctl_table_fini(struct wm_ctl_table *t);

/* Appends "<indent><label>:   <value>", the values in one column; nothing for an empty one. */
void wm_ctl_field(struct wm_buf *out, const char *indent, const char *label, const char *value);
/* Appends @s with control characters as "?"; with @lines newlines and tabs pass. */
void wm_ctl_add_harmless(struct wm_buf *out, const char *s, bool lines);

#define WM_CTL_SHORT 32
/* "12s", "4m10s", "3h20m", "2d4h"; "0s" for the future. */
char *wm_ctl_age(int64_t ns, char out[WM_CTL_SHORT]);
/* "512 B", "37.0 KiB", "1.2 GiB". */
char *wm_ctl_bytes(uint64_t n, char out[WM_CTL_SHORT]);
/*
 * The time of "2026-11-22T05:29:23.5Z" in whole seconds, as nanoseconds since 1970; false for
 * anything else, and for times before 1970 or after 2262.
 */
bool wm_ctl_time_parse(const char *s, int64_t *out_ns);
