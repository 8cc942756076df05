#pragma once
/*
 * One line of the log in the making, in the caller's memory: text as it is, or JSON out of
 * key=value pairs. What does not fit is cut with "..." and the line stays well-formed. Internal to
 * base/log.
 */
#include <stdbool.h>
#include <stddef.h>

#define WM_LOG_LINE 4096

struct wm_log_line {
	char data[WM_LOG_LINE];
	size_t len;
	bool cut; /* something did not fit; nothing more is taken */
};

/* Adds text of ours as it is. */
void wm_log_line_add(struct wm_log_line *l, const char *s);
/* Adds pairs as text; control characters outside of quotes become "?". */
void wm_log_line_add_text(struct wm_log_line *l, const char *pairs);
/* Adds ,"key":"value" for one pair of which both parts are plain. */
void wm_log_line_add_json_pair(struct wm_log_line *l, const char *key, const char *value);
/*
 * Adds ,"key":"value" for each pair. Words without "=" belong to the value before them, so that a
 * sentence that nobody quoted stays whole.
 */
void wm_log_line_add_json(struct wm_log_line *l, const char *pairs);
/* Adds @tail ("}" or "") and the end of the line, for which there is always room. */
void wm_log_line_end(struct wm_log_line *l, const char *tail);
