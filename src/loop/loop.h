#pragma once
/*
 * The control loop: one thread that owns all control state. Timers, deferred calls, posts from
 * other threads, the thread pool, name resolution, signals and watched descriptors; connections are
 * in loop/conn.h. Only this folder knows libuv.
 *
 * The contract of every asynchronous request here and above: (1) if start returns nonzero, the
 * callback never runs; (2) otherwise it runs exactly once; (3) never from inside start; (4) always
 * on the loop's thread; (5) cancel makes it run with WM_CANCELLED; (6) the request may be reused or
 * freed from inside it, not before; (7) the callback is the last thing that touches it.
 * Requests are embedded by the caller, who finds its struct with wm_container_of. Unless a sentence
 * says "any thread", a function is called on the loop's thread only.
 */
#include "base/addr.h"
#include "base/err.h"
#include "base/list.h"
#include <stdbool.h>
#include <stdint.h>

struct wm_loop;
struct wm_log;

/* Borrows @log (may be NULL). From here on the process ignores SIGPIPE. */
struct wm_loop *wm_loop_new(struct wm_log *log);
/* Everything opened on it must have been closed; waits for closes that are under way. */
void wm_loop_free(struct wm_loop *loop);
/*
 * Runs until wm_loop_stop, or until nothing is left that could call back; that another thread might
 * still post something is no reason to go on.
 */
void wm_loop_run(struct wm_loop *loop);
/* Makes run return at the end of this turn. Loop thread only (post to it from elsewhere). */
void wm_loop_stop(struct wm_loop *loop);
/* Runs until @done() is true or @timeout_ms passed (for tests and short programs); true when done.
 */
bool wm_loop_run_until(struct wm_loop *loop, bool (*done)(void *), void *arg, int64_t timeout_ms);
/* The time of the current turn, in ns of wm_clock_now; refreshed once a turn. */
int64_t wm_loop_now(const struct wm_loop *loop);
/* Asserts, in debug builds, that the caller is on the loop's thread. */
void wm_on_loop(const struct wm_loop *loop);

/* ---- timers: embedded, zeroed before first use; starting one again moves it ---- */
struct wm_timer {
	struct wm_loop *loop;
	void (*cb)(struct wm_timer *t);
	int64_t due;   /* ns */
	uint32_t slot; /* place in the loop's heap + 1; 0 = not running */
	uint64_t seq;  /* equal times fire in the order of starting */
};
/* Fires once, @delay_ns from now (of the loop's clock); restarting from inside @cb repeats it. */
void wm_timer_start(struct wm_loop *loop, struct wm_timer *t, int64_t delay_ns,
		    void (*cb)(struct wm_timer *t));
/* The callback does not run any more. Harmless on a timer that is not running. */
void wm_timer_stop(struct wm_timer *t);
bool wm_timer_is_running(const struct wm_timer *t);

/* ---- deferred calls: @cb runs once, later in this turn or in the next, in order of deferring ----
 */
struct wm_defer {
	struct wm_list node;
	void (*cb)(struct wm_defer *d);
};
/* Deferring one that waits already changes nothing. */
void wm_defer(struct wm_loop *loop, struct wm_defer *d, void (*cb)(struct wm_defer *d));
void wm_defer_cancel(struct wm_defer *d);

/* ---- posts: the one way into the loop from another thread ---- */
struct wm_post {
	struct wm_post *next;
	void (*cb)(struct wm_post *p);
};
/*
 * Any thread: @cb runs once on the loop's thread. Memory of @p is the caller's and stays untouched
 * until then. A post that is still waiting must not be posted again. Order per thread is kept.
 */
void wm_loop_post(struct wm_loop *loop, struct wm_post *p, void (*cb)(struct wm_post *p));

/* ---- work: a blocking call on the thread pool ---- */
struct wm_work {
	void *impl;
	void (*run)(struct wm_work *w);  /* on a pool thread */
	void (*done)(struct wm_work *w); /* on the loop */
	bool cancelled;                  /* run never ran */
};
void wm_work_start(struct wm_loop *loop, struct wm_work *w, void (*run)(struct wm_work *w),
		   void (*done)(struct wm_work *w));
/* Prevents run if it has not begun; done runs in any case. */
void wm_work_cancel(struct wm_work *w);

/* ---- names ---- */
#define WM_RESOLVE_MAX 16
struct wm_resolve {
	void *impl;
	struct wm_loop *loop;
	void (*cb)(struct wm_resolve *r, const struct wm_err *err); /* @err NULL on success */
	struct wm_endpoint found[WM_RESOLVE_MAX];                   /* in the resolver's order */
	unsigned n_found;                                           /* at least 1 on success */
	char host[256];
	uint16_t port;
};
/* A literal is answered without asking anybody. NOT_FOUND names the host; UNAVAILABLE may be
 * retried. */
WM_MUST_CHECK int wm_resolve_start(struct wm_loop *loop, struct wm_resolve *r, const char *host,
				   uint16_t port,
				   void (*cb)(struct wm_resolve *r, const struct wm_err *err),
				   struct wm_err *err);
void wm_resolve_cancel(struct wm_resolve *r);

/* ---- signals and descriptors ---- */
struct wm_signal;
/* @cb runs on every delivery of @signum until closed. */
WM_MUST_CHECK int wm_signal_open(struct wm_loop *loop, int signum,
				 void (*cb)(void *arg, int signum), void *arg,
				 struct wm_signal **out, struct wm_err *err);
/* No callback afterwards; memory is released by the loop. NULL is allowed. */
void wm_signal_close(struct wm_signal *s);

enum wm_poll_event { WM_POLL_IN = 1, WM_POLL_OUT = 2 };
struct wm_poll;
/* Watches @fd (which stays the caller's, and open until after the close). Level triggered. */
WM_MUST_CHECK int wm_poll_open(struct wm_loop *loop, int fd, unsigned events,
			       void (*cb)(void *arg, unsigned events), void *arg,
			       struct wm_poll **out, struct wm_err *err);
void wm_poll_change(struct wm_poll *p, unsigned events);
void wm_poll_close(struct wm_poll *p);

/* ---- files ---- */
struct wm_file_watch;
/*
 * @cb runs after the file at @path was changed, renamed or removed, or, if it is a folder, what is
 * in it; which of these is for the callback to find out. NOT_FOUND when there is none.
 */
WM_MUST_CHECK int wm_file_watch_open(struct wm_loop *loop, const char *path, void (*cb)(void *arg),
				     void *arg, struct wm_file_watch **out, struct wm_err *err);
/* No callback afterwards. NULL is allowed. */
void wm_file_watch_close(struct wm_file_watch *w);
