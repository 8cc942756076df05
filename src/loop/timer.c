/* The timers of loop/loop.h: a binary heap by time, then by the order of starting. */
#include "base/clock.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "loop/loop_impl.h"

static bool is_before(const struct wm_timer *a, const struct wm_timer *b)
{
	return a->due != b->due ? a->due < b->due : a->seq < b->seq;
}

static void place(struct wm_loop *loop, struct wm_timer *t, uint32_t at)
{
	loop->timers[at] = t;
	t->slot = at + 1;
}

static void sift_up(struct wm_loop *loop, struct wm_timer *t, uint32_t at)
{
	while (at > 0 && is_before(t, loop->timers[(at - 1) / 2])) {
		place(loop, loop->timers[(at - 1) / 2], at);
		at = (at - 1) / 2;
	}
	place(loop, t, at);
}

static void sift_down(struct wm_loop *loop, struct wm_timer *t, uint32_t at)
{
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= loop->n_timers)
			break;
		if (child + 1 < loop->n_timers &&
		    is_before(loop->timers[child + 1], loop->timers[child]))
			child++;
		if (!is_before(loop->timers[child], t))
			break;
		place(loop, loop->timers[child], at);
		at = child;
	}
	place(loop, t, at);
}

static void insert(struct wm_loop *loop, struct wm_timer *t)
{
	if (loop->n_timers == loop->cap_timers) {
		loop->cap_timers = loop->cap_timers != 0 ? loop->cap_timers * 2 : 16;
		loop->timers = wm_realloc(loop->timers, loop->cap_timers * sizeof(*loop->timers));
	}
	sift_up(loop, t, loop->n_timers++);
}

static void take_out(struct wm_loop *loop, struct wm_timer *t)
{
	uint32_t at = t->slot - 1;
	struct wm_timer *last = loop->timers[--loop->n_timers];

	t->slot = 0;
	if (last == t)
		return;
	if (at > 0 && is_before(last, loop->timers[(at - 1) / 2]))
		sift_up(loop, last, at);
	else
		sift_down(loop, last, at);
}

static void on_alarm(uv_timer_t *alarm)
{
	wm_loop_run_timers(wm_container_of(alarm, struct wm_loop, alarm));
}

/* libuv counts milliseconds; rounding up keeps the alarm from going off just before the timer. */
static void set_alarm(struct wm_loop *loop)
{
	int64_t wait;

	if (loop->is_firing)
		return;
	if (loop->n_timers == 0) {
		uv_timer_stop(&loop->alarm);
		return;
	}
	wait = loop->timers[0]->due - loop->now;
	if (wait < 0)
		wait = 0;
	uv_timer_start(&loop->alarm, on_alarm, (uint64_t)(wait + WM_NS_PER_MS - 1) / WM_NS_PER_MS,
		       0);
}

void wm_timer_start(struct wm_loop *loop, struct wm_timer *t, int64_t delay_ns,
		    void (*cb)(struct wm_timer *t))
{
	struct wm_timer *first = loop->n_timers != 0 ? loop->timers[0] : NULL;
	int64_t now = wm_loop_now(loop);

	wm_on_loop(loop);
	if (t->slot != 0)
		take_out(loop, t);
	if (delay_ns < 0)
		delay_ns = 0;
	t->loop = loop;
	t->cb = cb;
	t->due = delay_ns > INT64_MAX - now ? INT64_MAX : now + delay_ns;
	t->seq = loop->timer_seq++;
	insert(loop, t);
	if (loop->timers[0] != first || first == t)
		set_alarm(loop);
}

void wm_timer_stop(struct wm_timer *t)
{
	bool was_first = t->slot == 1;

	if (t->slot == 0)
		return;
	wm_on_loop(t->loop);
	take_out(t->loop, t);
	if (was_first)
		set_alarm(t->loop);
}

bool wm_timer_is_running(const struct wm_timer *t)
{
	return t->slot != 0;
}

/*
 * An alarm that is set to "at once" while it goes off would go off again before anything else had
 * its turn. So timers that are due again already are left for the end of this turn.
 */
static void set_next_alarm(struct wm_loop *loop)
{
	loop->is_overdue = loop->n_timers != 0 && loop->timers[0]->due <= loop->now;
	if (!loop->is_overdue) {
		set_alarm(loop);
		return;
	}
	uv_timer_stop(&loop->alarm);
	wm_loop_stay_awake(loop);
}

void wm_loop_run_timers(struct wm_loop *loop)
{
	/* What is started from here on has its turn later, however short its delay. */
	uint64_t limit = loop->timer_seq;

	wm_loop_refresh(loop);
	loop->is_firing = true;
	while (loop->n_timers != 0 && loop->timers[0]->due <= loop->now &&
	       loop->timers[0]->seq < limit) {
		struct wm_timer *t = loop->timers[0];

		take_out(loop, t);
		t->cb(t);
	}
	loop->is_firing = false;
	set_next_alarm(loop);
}
