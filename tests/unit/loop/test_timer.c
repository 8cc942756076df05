/* Timers, deferred calls, and running the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/loop.h"

#define MS WM_NS_PER_MS

static struct wm_loop *loop;
static char trace[64]; /* what ran, in order */

static void note(char c)
{
	size_t n = strlen(trace);

	assert_true(n + 1 < sizeof(trace));
	trace[n] = c;
	trace[n + 1] = '\0';
}

static int setup(void **state)
{
	loop = wm_loop_new(NULL);
	memset(trace, 0, sizeof(trace));
	return 0;
}

static int teardown(void **state)
{
	wm_loop_free(loop);
	return 0;
}

struct tick {
	struct wm_timer timer;
	char name;
	struct tick *other;
	int left;
	int64_t at;
};

static void on_tick(struct wm_timer *t)
{
	struct tick *tick = wm_container_of(t, struct tick, timer);

	tick->at = wm_loop_now(loop);
	note(tick->name);
}

static void start(struct tick *t, char name, int64_t delay)
{
	t->name = name;
	wm_timer_start(loop, &t->timer, delay, on_tick);
}

static void test_timers_fire_in_order_of_time(void **state)
{
	struct tick a = {0}, b = {0}, c = {0};
	int64_t began = wm_loop_now(loop);

	start(&a, 'a', 9 * MS);
	start(&b, 'b', 3 * MS);
	start(&c, 'c', 6 * MS);
	assert_true(wm_timer_is_running(&a.timer));
	wm_loop_run(loop);
	assert_string_equal(trace, "bca");
	assert_false(wm_timer_is_running(&a.timer));
	assert_true(b.at - began >= 3 * MS);
	assert_true(a.at - began >= 9 * MS);
}

static void test_equal_times_fire_in_order_of_starting(void **state)
{
	struct tick ticks[20] = {0};

	for (int i = 0; i < 20; i++)
		start(&ticks[i], (char)('a' + i), 0);
	wm_loop_run(loop);
	assert_string_equal(trace, "abcdefghijklmnopqrst");
}

static void test_starting_again_moves(void **state)
{
	struct tick a = {0}, b = {0};

	start(&a, 'a', 2 * MS);
	start(&b, 'b', 4 * MS);
	start(&a, 'a', 8 * MS);
	wm_loop_run(loop);
	assert_string_equal(trace, "ba");
}

static void test_negative_and_huge_delays(void **state)
{
	struct tick a = {0}, b = {0};

	start(&a, 'a', -5);
	start(&b, 'b', INT64_MAX);
	assert_true(wm_timer_is_running(&b.timer));
	assert_true(b.timer.due == INT64_MAX);
	wm_timer_stop(&b.timer);
	wm_loop_run(loop);
	assert_string_equal(trace, "a");
}

static void test_stop_is_final_and_harmless_twice(void **state)
{
	struct tick a = {0}, b = {0};

	wm_timer_stop(&a.timer);
	start(&a, 'a', 0);
	start(&b, 'b', 0);
	wm_timer_stop(&a.timer);
	wm_timer_stop(&a.timer);
	wm_loop_run(loop);
	assert_string_equal(trace, "b");
}

static void stop_other(struct wm_timer *t)
{
	struct tick *tick = wm_container_of(t, struct tick, timer);

	note(tick->name);
	wm_timer_stop(&tick->other->timer);
}

static void test_stop_inside_a_callback(void **state)
{
	struct tick a = {.name = 'a'}, b = {0}, c = {0};

	a.other = &b;
	wm_timer_start(loop, &a.timer, 0, stop_other);
	start(&b, 'b', 0); /* due in the same turn, yet it must not fire */
	start(&c, 'c', 0);
	wm_loop_run(loop);
	assert_string_equal(trace, "ac");
}

static void repeat(struct wm_timer *t)
{
	struct tick *tick = wm_container_of(t, struct tick, timer);

	note(tick->name);
	if (--tick->left > 0)
		wm_timer_start(loop, t, 0, repeat);
}

static void test_repeating_without_delay_starves_nobody(void **state)
{
	struct tick a = {.name = 'a', .left = 5}, b = {0};

	wm_timer_start(loop, &a.timer, 0, repeat);
	start(&b, 'b', 0);
	wm_loop_run(loop);
	assert_string_equal(trace, "abaaaa");
}

static void free_itself(struct wm_timer *t)
{
	note('f');
	wm_free(wm_container_of(t, struct tick, timer));
}

static void test_a_timer_may_free_its_holder(void **state)
{
	struct tick *a = wm_alloc(sizeof(*a));

	wm_timer_start(loop, &a->timer, 0, free_itself);
	wm_loop_run(loop);
	assert_string_equal(trace, "f");
}

static int n_fired;
static int64_t last_due;

static void count_in_order(struct wm_timer *t)
{
	assert_true(t->due >= last_due);
	last_due = t->due;
	n_fired++;
}

static void test_many_timers_with_removals(void **state)
{
	static struct wm_timer timers[2000];
	int expected = 0;
	uint32_t x = 12345;

	n_fired = 0;
	last_due = 0;
	memset(timers, 0, sizeof(timers));
	for (int i = 0; i < 2000; i++) {
		x = x * 1664525 + 1013904223;
		wm_timer_start(loop, &timers[i], (int64_t)(x % 5000) * 1000, count_in_order);
	}
	for (int i = 0; i < 2000; i += 3)
		wm_timer_stop(&timers[i]);
	for (int i = 0; i < 2000; i++)
		expected += wm_timer_is_running(&timers[i]);
	wm_loop_run(loop);
	assert_int_equal(n_fired, expected);
	assert_int_equal(expected, 1333);
}

/* ---- deferred calls ---- */

struct call {
	struct wm_defer defer;
	char name;
	struct call *then;
};

static void on_call(struct wm_defer *d)
{
	struct call *call = wm_container_of(d, struct call, defer);

	note(call->name);
	if (call->then != NULL)
		wm_defer(loop, &call->then->defer, on_call);
}

static void test_deferred_calls_keep_their_order(void **state)
{
	struct call a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};

	a.then = &c;
	wm_defer(loop, &a.defer, on_call);
	wm_defer(loop, &b.defer, on_call);
	wm_defer(loop, &a.defer, on_call); /* waits already */
	assert_string_equal(trace, "");
	wm_loop_run(loop);
	assert_string_equal(trace, "abc");
}

static void cancel_other(struct wm_defer *d)
{
	struct call *call = wm_container_of(d, struct call, defer);

	note('x');
	wm_defer_cancel(&call->then->defer);
}

static void test_a_deferred_call_can_be_cancelled(void **state)
{
	struct call a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};

	a.then = &b;
	wm_defer_cancel(&c.defer);
	wm_defer(loop, &a.defer, cancel_other);
	wm_defer(loop, &b.defer, on_call);
	wm_defer(loop, &c.defer, on_call);
	wm_defer_cancel(&c.defer);
	wm_loop_run(loop);
	assert_string_equal(trace, "x");
}

static void forever(struct wm_defer *d)
{
	wm_defer(loop, d, forever);
}

static bool has_traced(void *arg)
{
	return trace[0] != '\0';
}

static bool never(void *arg)
{
	return false;
}

static struct call between = {.name = 'd'};

static void repeat_and_defer(struct wm_timer *t)
{
	struct tick *tick = wm_container_of(t, struct tick, timer);

	note(tick->name);
	wm_defer(loop, &between.defer, on_call);
	if (--tick->left > 0)
		wm_timer_start(loop, t, 0, repeat_and_defer);
}

/* A timer started again without delay has its turn in the next turn, not in this one. */
static void test_a_turn_ends_although_a_timer_repeats(void **state)
{
	struct tick a = {.name = 'a', .left = 3};

	wm_timer_start(loop, &a.timer, 0, repeat_and_defer);
	wm_loop_run(loop);
	assert_string_equal(trace, "adadad");
}

static void test_a_call_that_defers_itself_lets_timers_through(void **state)
{
	struct wm_defer d = {0};
	struct tick a = {0};

	wm_defer(loop, &d, forever);
	start(&a, 'a', 2 * MS);
	assert_true(wm_loop_run_until(loop, has_traced, NULL, 60000));
	wm_defer_cancel(&d);
	assert_string_equal(trace, "a");
}

/* ---- running ---- */

static void stop_loop(struct wm_timer *t)
{
	wm_loop_stop(loop);
}

static void test_stop_returns_although_work_is_left(void **state)
{
	struct wm_timer stop = {0};
	struct tick late = {0};

	start(&late, 'l', 3600 * WM_NS_PER_S);
	wm_timer_start(loop, &stop, MS, stop_loop);
	wm_loop_run(loop);
	assert_string_equal(trace, "");
	wm_timer_stop(&late.timer);
}

static void test_run_until_gives_up(void **state)
{
	int64_t began = wm_clock_now();

	assert_false(wm_loop_run_until(loop, never, NULL, 5));
	assert_true(wm_clock_now() - began >= 5 * MS);
}

static void test_run_until_ends_early(void **state)
{
	struct tick a = {0};
	int64_t began = wm_clock_now();

	start(&a, 'a', MS);
	assert_true(wm_loop_run_until(loop, has_traced, NULL, 60000));
	assert_true(wm_clock_now() - began < 30000 * MS);
}

static void test_freeing_with_things_left(void **state)
{
	struct wm_loop *other = wm_loop_new(NULL);
	struct wm_timer t = {0};

	wm_timer_start(other, &t, WM_NS_PER_S, stop_loop);
	wm_loop_free(other); /* the timer does not fire and holds nobody up */
	wm_loop_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_timers_fire_in_order_of_time),
		T(test_equal_times_fire_in_order_of_starting),
		T(test_starting_again_moves),
		T(test_negative_and_huge_delays),
		T(test_stop_is_final_and_harmless_twice),
		T(test_stop_inside_a_callback),
		T(test_repeating_without_delay_starves_nobody),
		T(test_a_timer_may_free_its_holder),
		T(test_many_timers_with_removals),
		T(test_deferred_calls_keep_their_order),
		T(test_a_deferred_call_can_be_cancelled),
		T(test_a_turn_ends_although_a_timer_repeats),
		T(test_a_call_that_defers_itself_lets_timers_through),
		T(test_stop_returns_although_work_is_left),
		T(test_run_until_gives_up),
		T(test_run_until_ends_early),
		T(test_freeing_with_things_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
