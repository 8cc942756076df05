/* Calls of loop/loop.h that come later: deferred ones, posts of other threads, work for the pool.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/thread.h"
#include "loop/loop.h"
#include "loop/loop_impl.h"

/* ---- deferred calls ---- */

/* Only there to be active. */
static void on_busy(uv_idle_t *busy)
{
	(void)busy;
}

void wm_loop_stay_awake(struct wm_loop *loop)
{
	uv_idle_start(&loop->busy, on_busy);
}

static void rest_when_empty(struct wm_loop *loop)
{
	if (wm_list_is_empty(&loop->deferred) && !loop->is_overdue)
		uv_idle_stop(&loop->busy);
}

void wm_defer(struct wm_loop *loop, struct wm_defer *d, void (*cb)(struct wm_defer *d))
{
	wm_on_loop(loop);
	if (wm_list_is_linked(&d->node))
		return;
	d->cb = cb;
	wm_list_push(&loop->deferred, &d->node);
	wm_loop_stay_awake(loop);
}

void wm_defer_cancel(struct wm_defer *d)
{
	/* If it was the last, the loop finds that out at its next turn. */
	wm_list_remove(&d->node);
}

void wm_loop_run_deferred(struct wm_loop *loop)
{
	struct wm_list end, *first;

	wm_list_init(&end);
	/* A mark behind the last of now; what a call defers comes behind the mark. */
	wm_list_push(&loop->deferred, &end);
	while ((first = loop->deferred.next) != &end) {
		struct wm_defer *d = wm_container_of(first, struct wm_defer, node);

		wm_list_remove(first);
		d->cb(d);
	}
	wm_list_remove(&end);
	rest_when_empty(loop);
}

/* ---- posts ---- */

void wm_loop_post(struct wm_loop *loop, struct wm_post *p, void (*cb)(struct wm_post *p))
{
	struct wm_post *head = atomic_load_explicit(&loop->posts, memory_order_relaxed);

	p->cb = cb;
	do
		p->next = head;
	while (!atomic_compare_exchange_weak_explicit(&loop->posts, &head, p, memory_order_release,
						      memory_order_relaxed));
	/* Whoever found the list empty wakes the loop; after the exchange @p may be gone already.
	 */
	if (head == NULL)
		uv_async_send(&loop->wake);
}

static struct wm_post *reverse(struct wm_post *p)
{
	struct wm_post *reversed = NULL;

	while (p != NULL) {
		struct wm_post *next = p->next;

		p->next = reversed;
		reversed = p;
		p = next;
	}
	return reversed;
}

bool wm_loop_run_posts(struct wm_loop *loop)
{
	struct wm_post *p =
		reverse(atomic_exchange_explicit(&loop->posts, NULL, memory_order_acquire));
	bool any = p != NULL;

	while (p != NULL) {
		struct wm_post *next = p->next;

		p->cb(p);
		p = next;
	}
	return any;
}

/* ---- work ---- */

/* Nothing to do: that the pool's threads were made is all. */
static void on_no_work(uv_work_t *uv)
{
}

static void make_pool(void)
{
	char before[WM_THREAD_NAME];
	uv_loop_t loop;
	uv_work_t first;

	wm_thread_get_name(before);
	wm_thread_set_name("loop-pool");
	if (uv_loop_init(&loop) == 0) {
		(void)uv_queue_work(&loop, &first, on_no_work, NULL);
		uv_run(&loop, UV_RUN_DEFAULT);
		uv_loop_close(&loop);
	}
	wm_thread_set_name(before);
}

void wm_loop_name_pool(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_pool);
}

struct working {
	uv_work_t uv;
	struct wm_work *w;
};

static void on_pool(uv_work_t *uv)
{
	struct wm_work *w = wm_container_of(uv, struct working, uv)->w;

	w->run(w);
}

static void on_worked(uv_work_t *uv, int status)
{
	struct working *working = wm_container_of(uv, struct working, uv);
	struct wm_work *w = working->w;

	wm_free(working);
	w->impl = NULL;
	w->cancelled = status == UV_ECANCELED;
	w->done(w);
}

void wm_work_start(struct wm_loop *loop, struct wm_work *w, void (*run)(struct wm_work *w),
		   void (*done)(struct wm_work *w))
{
	struct working *working = wm_alloc(sizeof(*working));

	wm_on_loop(loop);
	wm_loop_name_pool();
	working->w = w;
	w->impl = working;
	w->run = run;
	w->done = done;
	w->cancelled = false;
	/* It refuses nothing but a missing function. */
	if (uv_queue_work(&loop->uv, &working->uv, on_pool, on_worked) != 0)
		abort();
}

void wm_work_cancel(struct wm_work *w)
{
	struct working *working = w->impl;

	if (working != NULL)
		uv_cancel((uv_req_t *)&working->uv);
}
