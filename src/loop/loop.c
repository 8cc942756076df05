/*
 * A turn of the loop: due timers; posts; deferred calls; sleep until a descriptor, the alarm or a
 * wake-up is ready; callbacks of descriptors; deferred calls again; closes.
 */
#include "loop/loop.h"

#include <assert.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/loop_impl.h"

int wm_loop_fail(struct wm_err *err, int status, const char *fmt, ...)
{
	char what[WM_ERR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return wm_fail_errno(err, -status, "%s", what);
}

void wm_loop_refresh(struct wm_loop *loop)
{
	loop->now = wm_clock_now();
	loop->uv_now = uv_now(&loop->uv);
}

static void on_before_poll(uv_prepare_t *prepare)
{
	struct wm_loop *loop = wm_container_of(prepare, struct wm_loop, before_poll);

	loop->turn++;
	wm_loop_refresh(loop);
	wm_loop_run_deferred(loop);
}

static void on_after_poll(uv_check_t *check)
{
	struct wm_loop *loop = wm_container_of(check, struct wm_loop, after_poll);

	wm_loop_refresh(loop);
	wm_loop_run_deferred(loop);
	if (loop->is_overdue)
		wm_loop_run_timers(loop);
}

static void on_wake(uv_async_t *wake)
{
	struct wm_loop *loop = wm_container_of(wake, struct wm_loop, wake);

	wm_loop_run_posts(loop);
}

/* A peer that goes away while we write is an error of that write, not the end of the program. */
static void ignore_sigpipe(void)
{
	struct sigaction now;

	if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
		now.sa_handler = SIG_IGN;
		sigaction(SIGPIPE, &now, NULL);
	}
}

static void or_abort(int status)
{
	if (status != 0)
		abort();
}

struct wm_loop *wm_loop_new(struct wm_log *log)
{
	struct wm_loop *loop = wm_alloc(sizeof(*loop));

	ignore_sigpipe();
	loop->log = log;
	loop->thread = pthread_self();
	wm_list_init(&loop->deferred);
	atomic_init(&loop->posts, NULL);
	or_abort(uv_loop_init(&loop->uv));
	or_abort(uv_timer_init(&loop->uv, &loop->alarm));
	or_abort(uv_idle_init(&loop->uv, &loop->busy));
	or_abort(uv_async_init(&loop->uv, &loop->wake, on_wake));
	or_abort(uv_prepare_init(&loop->uv, &loop->before_poll));
	or_abort(uv_check_init(&loop->uv, &loop->after_poll));
	or_abort(uv_prepare_start(&loop->before_poll, on_before_poll));
	or_abort(uv_check_start(&loop->after_poll, on_after_poll));
	/* These are the loop's own; they are no reason to go on. */
	uv_unref((uv_handle_t *)&loop->wake);
	uv_unref((uv_handle_t *)&loop->before_poll);
	uv_unref((uv_handle_t *)&loop->after_poll);
	wm_loop_refresh(loop);
	return loop;
}

/* Lets requests and closes that are under way come to their end; timers do not fire any more. */
static void run_out(struct wm_loop *loop)
{
	uv_timer_stop(&loop->alarm);
	loop->is_overdue = false;
	do
		uv_run(&loop->uv, UV_RUN_DEFAULT);
	while (wm_loop_run_posts(loop));
}

void wm_loop_free(struct wm_loop *loop)
{
	if (loop == NULL)
		return;
	assert(loop->n_open == 0);
	run_out(loop);
	uv_close((uv_handle_t *)&loop->alarm, NULL);
	uv_close((uv_handle_t *)&loop->busy, NULL);
	uv_close((uv_handle_t *)&loop->wake, NULL);
	uv_close((uv_handle_t *)&loop->before_poll, NULL);
	uv_close((uv_handle_t *)&loop->after_poll, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	or_abort(uv_loop_close(&loop->uv));
	wm_free(loop->timers);
	wm_free(loop);
}

void wm_loop_run(struct wm_loop *loop)
{
	loop->thread = pthread_self();
	loop->is_stopped = false;
	do
		uv_run(&loop->uv, UV_RUN_DEFAULT);
	while (!loop->is_stopped && wm_loop_run_posts(loop));
}

void wm_loop_stop(struct wm_loop *loop)
{
	loop->is_stopped = true;
	uv_stop(&loop->uv);
}

/* Nothing to do: that the loop woke up is all. */
static void on_deadline(struct wm_timer *t)
{
}

bool wm_loop_run_until(struct wm_loop *loop, bool (*done)(void *), void *arg, int64_t timeout_ms)
{
	struct wm_timer deadline = {0};
	bool is_done;

	loop->thread = pthread_self();
	loop->is_stopped = false;
	uv_update_time(&loop->uv);
	wm_loop_refresh(loop);
	wm_timer_start(loop, &deadline, timeout_ms * WM_NS_PER_MS, on_deadline);
	while (!(is_done = done(arg)) && !loop->is_stopped && wm_timer_is_running(&deadline))
		uv_run(&loop->uv, UV_RUN_ONCE);
	wm_timer_stop(&deadline);
	return is_done;
}

int64_t wm_loop_now(const struct wm_loop *loop)
{
	/* The loop has slept since: taking the time is no change that a reader could notice. */
	if (loop->uv_now != uv_now(&loop->uv))
		wm_loop_refresh((struct wm_loop *)(uintptr_t)loop);
	return loop->now;
}

void wm_on_loop(const struct wm_loop *loop)
{
	assert(pthread_equal(loop->thread, pthread_self()));
	(void)loop;
}
