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

/*
 * The interface that the last process of this service has left with the manager: at most @max
 * descriptors in @fds, now the caller's; their number. The manager goes on keeping it.
 */
unsigned wm_supervisor_inherit(struct wm_supervisor *s, int *fds, unsigned max);
/*
 * Leaves the interface with the manager, for the next process of this service: after a restart, but
 * also after a crash, so this is done at the start. @fds must stay open as long as @s lives.
 */
void wm_supervisor_keep(struct wm_supervisor *s, const int *fds, unsigned n);
/* True when the manager was told to keep it, whether it does or not. */
bool wm_supervisor_keeps(const struct wm_supervisor *s);
/* Takes that back: there shall be no next process. */
void wm_supervisor_let_go(struct wm_supervisor *s);
