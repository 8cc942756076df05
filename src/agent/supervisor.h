#pragma once
/*
 * The node as its service manager sees it: starting, ready, reloading, stopping, and alive. What
 * cannot be told at once, since the manager is busy, is told a moment later, in order. Loop thread
 * only.
 */
#include "base/err.h"
#include "base/pulse.h"
#include "loop/watchdog.h"
#include <stdbool.h>
#include <stddef.h>

struct wm_log;
struct wm_loop;
struct wm_supervisor;

/*
 * Begins with a start that may take as long as it takes: patience is asked for again and again.
 * @ask as in loop/watchdog.h. The request is taken out of the environment (platform/notify.h), so
 * this is the process's only one; an unusable one is INVALID_ARGUMENT.
 */
WM_MUST_CHECK int wm_supervisor_new(struct wm_loop *loop, struct wm_log *log,
				    size_t (*ask)(void *arg, struct wm_pulse **out), void *arg,
				    struct wm_supervisor **out, struct wm_err *err);
/* NULL is allowed here and below: then nobody is told. */
void wm_supervisor_free(struct wm_supervisor *s);
/* The start or a reload is over; @status is a line for people. */
void wm_supervisor_ready(struct wm_supervisor *s, const char *status);
/* A reload begins; ready follows. Before the start is over nothing is told. */
void wm_supervisor_reloading(struct wm_supervisor *s);
/* From here on no thread but the loop is asked whether it lives. */
void wm_supervisor_stopping(struct wm_supervisor *s, const char *status);
