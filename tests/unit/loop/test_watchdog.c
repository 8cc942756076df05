/* Threads that come round, and threads that do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "loop/watchdog.h"

#define MS WM_NS_PER_MS

static struct wm_loop *loop;
static struct wm_watchdog dog;
static struct wm_pulse a = {.name = "a"}, b = {.name = "b"};
static unsigned asked, alive, stuck;
static char who[WM_THREAD_NAME];
static bool a_lives, b_lives;

static size_t ask(void *arg, struct wm_pulse **out)
{
	asked++;
	wm_pulse_ask(&a);
	wm_pulse_ask(&b);
	if (a_lives)
		wm_pulse_show(&a);
	if (b_lives)
		wm_pulse_show(&b);
	out[0] = &a;
	out[1] = &b;
	return 2;
}

static void on_alive(void *arg)
{
	assert_ptr_equal(arg, &dog);
	alive++;
}

static void on_stuck(void *arg, const char *thread)
{
	stuck++;
	strcpy(who, thread);
}

static const struct wm_watchdog_opts opts = {
	.period = 4 * MS, .ask = ask, .on_alive = on_alive, .on_stuck = on_stuck, .arg = &dog};

static int setup(void **state)
{
	loop = wm_loop_new(NULL);
	memset(&dog, 0, sizeof(dog));
	asked = alive = stuck = 0;
	a_lives = b_lives = true;
	return 0;
}

static int teardown(void **state)
{
	wm_watchdog_stop(&dog);
	wm_loop_free(loop);
	wm_pulse_show(&a);
	wm_pulse_show(&b);
	return 0;
}

static bool is_alive_thrice(void *arg)
{
	return alive >= 3;
}

static bool is_stuck(void *arg)
{
	return stuck > 0;
}

static bool never(void *arg)
{
	return false;
}

static void test_the_living(void **state)
{
	wm_watchdog_start(loop, &dog, &opts);
	assert_int_equal(alive, 0); /* never from inside start */
	assert_true(wm_loop_run_until(loop, is_alive_thrice, NULL, 20000));
	assert_int_equal(asked, alive);
	assert_int_equal(stuck, 0);
}

static void test_one_that_is_stuck_and_goes_on(void **state)
{
	b_lives = false;
	wm_watchdog_start(loop, &dog, &opts);
	assert_true(wm_loop_run_until(loop, is_stuck, NULL, 20000));
	assert_string_equal(who, "b");
	assert_int_equal(alive, 1); /* the first, before anybody could answer */
	assert_true(wm_watchdog_is_silent(&dog));
	wm_loop_run_until(loop, never, NULL, 30);
	assert_int_equal(alive, 1);
	assert_int_equal(asked, 1);
	assert_int_equal(stuck, 1); /* told once */
	b_lives = true;
	wm_pulse_show(&b);
	assert_true(wm_loop_run_until(loop, is_alive_thrice, NULL, 20000));
	assert_int_equal(stuck, 1);
	assert_false(wm_watchdog_is_silent(&dog));
}

static void test_threads_that_vanish(void **state)
{
	a_lives = b_lives = false;
	wm_watchdog_start(loop, &dog, &opts);
	assert_true(wm_loop_run_until(loop, is_stuck, NULL, 20000));
	wm_watchdog_forget(&dog);
	assert_true(wm_loop_run_until(loop, is_alive_thrice, NULL, 20000));
	assert_int_equal(asked, 1);
	wm_watchdog_stop(&dog);
	alive = 0;
	wm_loop_run_until(loop, never, NULL, 10);
	assert_int_equal(alive, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_the_living),
		T(test_one_that_is_stuck_and_goes_on),
		T(test_threads_that_vanish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
