#pragma once
/*
 * Structured logs: an event name from docs/logging.md, then key=value pairs written with printf's
 * own directives. A logger is passed, never global; a child adds fields of its own. A value that
 * may hold blanks or quotes goes through %s as wm_log_quote gives it. Any thread; one write(2) a
 * line, so lines of threads do not mix.
 *     wm_info(log, "peer.up", "node=%s path=%s rtt_ms=%u", id, path, rtt);
 */
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wm_log_level {
	WM_LOG_TRACE,
	WM_LOG_DEBUG,
	WM_LOG_INFO,
	WM_LOG_WARN,
	WM_LOG_ERROR,
	WM_LOG_OFF
};
enum wm_log_format { WM_LOG_TEXT, WM_LOG_JSON };

struct wm_log;

/* The root logger, writing to @fd (which stays the caller's). The level can be changed later. */
struct wm_log *wm_log_new(int fd, enum wm_log_level level, enum wm_log_format format);
/* A logger whose lines carry "component=<name>" and @fields ("mesh=m1 peer=x", may be NULL) too. */
struct wm_log *wm_log_child(struct wm_log *parent, const char *component, const char *fields);
/* Children are freed before their parent. NULL is allowed. */
void wm_log_free(struct wm_log *log);
void wm_log_set_level(struct wm_log *log, enum wm_log_level level);    /* of the whole family */
void wm_log_set_format(struct wm_log *log, enum wm_log_format format); /* of the whole family */
/*
 * Lines of the whole family go to a journal from here on, as in sd-daemon(3): with the severity in
 * front ("<4>"), by which it sorts them, and without the time, which it knows itself.
 */
void wm_log_set_journal(struct wm_log *log, bool is_journal);
bool wm_log_is_on(const struct wm_log *log, enum wm_log_level level); /* false for a NULL logger */
/* "trace" "debug" "info" "warn" "error", and "silent", "off" or "" for none. */
bool wm_log_level_parse(const char *s, enum wm_log_level *out);

/*
 * The last lines that were written, in memory: the @i-th (0 is the oldest), without newline; 0 when
 * there is none to be had just now. Any thread, and safe in a signal handler.
 */
#define WM_LOG_RECENT      32
#define WM_LOG_RECENT_LINE 500
size_t wm_log_recent(const struct wm_log *log, unsigned i, char out[WM_LOG_RECENT_LINE]);

/* A NULL @log swallows the line. */
void wm_log_write(struct wm_log *log, enum wm_log_level level, const char *event, const char *fmt,
		  ...) WM_PRINTF(4, 5);

/* Quotes a value for a log line when it needs it; returns @out, cut with "..." when too long. */
char *wm_log_quote(const char *s, char *out, size_t size);

/*
 * For what a stranger can cause: at most @per_s lines a second from this place. When the first line
 * of a new second is allowed, `suppressed` says how many were held back before it. The owner's
 * thread.
 */
struct wm_log_limit {
	int64_t window_start;
	uint32_t count;
	uint32_t suppressed;
};
bool wm_log_limit_allow(struct wm_log_limit *limit, uint32_t per_s, int64_t now_ns);

#define wm_log_at(log, level, event, ...)                             \
	do {                                                          \
		if (wm_log_is_on(log, level))                         \
			wm_log_write(log, level, event, __VA_ARGS__); \
	} while (0)
#define wm_trace(log, event, ...) wm_log_at(log, WM_LOG_TRACE, event, __VA_ARGS__)
#define wm_debug(log, event, ...) wm_log_at(log, WM_LOG_DEBUG, event, __VA_ARGS__)
#define wm_info(log, event, ...)  wm_log_at(log, WM_LOG_INFO, event, __VA_ARGS__)
#define wm_warn(log, event, ...)  wm_log_at(log, WM_LOG_WARN, event, __VA_ARGS__)
#define wm_error(log, event, ...) wm_log_at(log, WM_LOG_ERROR, event, __VA_ARGS__)
