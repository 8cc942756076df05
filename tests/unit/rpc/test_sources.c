/* Where connections come from, and who has to wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/mem.h"
#include "rpc/sources.h"
#include <stdio.h>
#include <string.h>

#define PATIENCE 20000
#define MANY     4

struct caller {
	struct wm_rpc_turn turn;
	unsigned order; /* 1, 2 ...; 0: not yet */
};

static struct wm_loop *loop;
static struct wm_rpc_sources all;
static struct caller callers[MANY];
static unsigned n_begun;

static int setup(void **state)
{
	loop = wm_loop_new(NULL);
	wm_rpc_sources_init(&all, loop);
	memset(callers, 0, sizeof(callers));
	n_begun = 0;
	return 0;
}

static int teardown(void **state)
{
	wm_rpc_sources_fini(&all);
	wm_loop_free(loop);
	return 0;
}

static struct wm_rpc_source *enter(const char *from)
{
	struct wm_endpoint peer;
	assert_true(wm_endpoint_parse(from, &peer));
	return wm_rpc_source_enter(&all, &peer);
}

static void on_turn(struct wm_rpc_turn *t)
{
	wm_container_of(t, struct caller, turn)->order = ++n_begun;
}

static void blame(struct wm_rpc_source *s, enum wm_rpc_blame what, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		wm_rpc_source_blame(s, what);
}

static bool waits(struct wm_rpc_source *s, unsigned i)
{
	return wm_rpc_source_wait(s, &callers[i].turn, on_turn);
}

static bool have_begun(void *n)
{
	return n_begun >= *(unsigned *)n;
}

static bool never(void *arg)
{
	return false;
}

/* ---- who is one ---- */

static void an_address_or_a_64_is_one_source(void **state)
{
	struct wm_rpc_source *a = enter("10.0.0.1:1"), *b = enter("10.0.0.2:1");
	assert_ptr_equal(enter("[::ffff:10.0.0.1]:2"), a);
	assert_ptr_not_equal(a, b);
	struct wm_rpc_source *c = enter("[fd00:0:0:1::1]:1"), *d = enter("[fd00:0:0:2::1]:1");
	assert_ptr_equal(enter("[fd00:0:0:1:ffff::2]:1"), c);
	assert_ptr_not_equal(c, d);
	assert_true(wm_rpc_source_count(a) == 2 && wm_rpc_source_count(b) == 1);
	assert_true(wm_rpc_source_count(c) == 2 && wm_rpc_source_count(d) == 1);
	wm_rpc_source_leave(a);
	assert_int_equal(wm_rpc_source_count(a), 1);
	wm_rpc_source_leave(a);
	wm_rpc_source_leave(b);
	wm_rpc_source_leave(c);
	wm_rpc_source_leave(c);
	wm_rpc_source_leave(d);
	assert_int_equal(all.by_address.count, 0); /* nothing to be remembered */
}

/* ---- who waits ---- */

static void up_to_a_bound_nobody_waits(void **state)
{
	struct wm_rpc_source *s = enter("10.0.0.1:1"), *other = enter("10.0.0.2:1");
	blame(s, WM_RPC_BLAME_FLOOD, 5);
	blame(other, WM_RPC_BLAME_VAIN, 50);
	for (unsigned i = 0; i < MANY; i++)
		assert_false(waits(s, i) || waits(other, i));
	blame(s, WM_RPC_BLAME_FLOOD, 1);
	blame(other, WM_RPC_BLAME_VAIN, 1);
	assert_false(waits(s, 0) || waits(other, 0)); /* the first of those who have to */
	assert_true(waits(s, 1) && waits(other, 2));
	wm_rpc_turn_cancel(&callers[1].turn);
	wm_rpc_turn_cancel(&callers[2].turn);
	wm_rpc_source_leave(s);
	wm_rpc_source_leave(other);
}

/* The first begins at once, the others one after the other, the newest first. */
static void above_it_they_begin_one_by_one(void **state)
{
	struct wm_rpc_source *bad = enter("10.0.0.1:1"), *good = enter("10.0.0.2:1");
	unsigned n = MANY - 1;
	blame(bad, WM_RPC_BLAME_FLOOD, 6);
	assert_false(waits(bad, 0));
	for (unsigned i = 1; i < MANY; i++)
		assert_true(waits(bad, i));
	assert_false(waits(good, 0)); /* no business of other sources */
	assert_int_equal(n_begun, 0);
	assert_true(wm_loop_run_until(loop, have_begun, &n, PATIENCE));
	for (unsigned i = 1; i < MANY; i++)
		assert_int_equal(callers[i].order, MANY - i);
	wm_rpc_source_leave(bad);
	wm_rpc_source_leave(good);
}

static void who_leaves_the_line_does_not_begin(void **state)
{
	struct wm_rpc_source *s = enter("10.0.0.1:1");
	unsigned one = 1;
	blame(s, WM_RPC_BLAME_FLOOD, 6);
	assert_false(waits(s, 0));
	assert_true(waits(s, 1) && waits(s, 2) && waits(s, 3));
	wm_rpc_turn_cancel(&callers[1].turn);
	wm_rpc_turn_cancel(&callers[3].turn);
	assert_true(wm_loop_run_until(loop, have_begun, &one, PATIENCE));
	assert_false(wm_loop_run_until(loop, never, NULL, 150));
	assert_true(n_begun == 1 && callers[2].order == 1);
	wm_rpc_source_leave(s);
}

static void a_line_may_be_empty_when_its_time_has_come(void **state)
{
	struct wm_rpc_source *s = enter("10.0.0.1:1");
	blame(s, WM_RPC_BLAME_VAIN, 60);
	assert_false(waits(s, 0));
	assert_true(waits(s, 1));
	wm_rpc_turn_cancel(&callers[1].turn);
	assert_false(wm_loop_run_until(loop, never, NULL, 150));
	assert_int_equal(n_begun, 0);
	wm_rpc_source_leave(s);
}

/* ---- what is remembered ---- */

/* Nobody waits, although one has just begun. */
static bool is_forgiven(void *s)
{
	bool waited = waits(s, 0) || waits(s, 1);
	wm_rpc_turn_cancel(&callers[0].turn);
	wm_rpc_turn_cancel(&callers[1].turn);
	return !waited;
}

static void blame_outlives_the_connection_and_passes(void **state)
{
	struct wm_rpc_source *s = enter("10.0.0.1:1");
	blame(s, WM_RPC_BLAME_FLOOD, 6);
	wm_rpc_source_leave(s);
	assert_int_equal(all.n_blamed, 1);
	assert_ptr_equal(enter("10.0.0.1:2"), s);
	assert_int_equal(all.n_blamed, 0);
	assert_false(waits(s, 0));
	assert_true(waits(s, 1));
	wm_rpc_turn_cancel(&callers[1].turn);
	assert_true(wm_loop_run_until(loop, is_forgiven, s, PATIENCE));
	wm_rpc_source_leave(s);
}

static void blame_has_a_bound(void **state)
{
	struct wm_rpc_source *s = enter("10.0.0.1:1");
	blame(s, WM_RPC_BLAME_FLOOD, 100000);
	blame(s, WM_RPC_BLAME_VAIN, 100000);
	/* So that even this is forgiven in our lifetime. */
	assert_true(wm_loop_run_until(loop, is_forgiven, s, PATIENCE));
	wm_rpc_source_leave(s);
}

static void so_many_are_remembered_and_no_more(void **state)
{
	char from[32];
	for (int i = 0; i < 3 * WM_RPC_SOURCES_BLAMED; i++) {
		snprintf(from, sizeof(from), "10.0.%d.%d:1", i / 256, i % 256);
		struct wm_rpc_source *s = enter(from);
		blame(s, WM_RPC_BLAME_FLOOD, 10);
		wm_rpc_source_leave(s);
		assert_true(all.n_blamed <= WM_RPC_SOURCES_BLAMED);
	}
	assert_true(all.n_blamed > WM_RPC_SOURCES_BLAMED / 2);
	assert_int_equal(all.by_address.count, all.n_blamed);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_address_or_a_64_is_one_source),
		T(up_to_a_bound_nobody_waits),
		T(above_it_they_begin_one_by_one),
		T(who_leaves_the_line_does_not_begin),
		T(a_line_may_be_empty_when_its_time_has_come),
		T(blame_outlives_the_connection_and_passes),
		T(blame_has_a_bound),
		T(so_many_are_remembered_and_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
