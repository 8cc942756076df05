/* What a service manager is told, and what becomes of it while the manager is busy; platform/fake
 * stands below. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/supervisor.h"
#include "base/clock.h"
#include "platform/fake/host.h"

static struct wm_loop *loop;
static struct wm_supervisor *supervisor;
static struct wm_pulse worker = {.name = "worker"};
static bool lives;

static size_t ask(void *arg, struct wm_pulse **out)
{
	wm_pulse_ask(&worker);
	if (lives)
		wm_pulse_show(&worker);
	out[0] = &worker;
	return 1;
}

static int setup(void **state)
{
	wm_fake_reset();
	loop = wm_loop_new(NULL);
	lives = true;
	return 0;
}

static int teardown(void **state)
{
	wm_supervisor_free(supervisor);
	supervisor = NULL;
	wm_loop_free(loop);
	assert_int_equal(wm_fake_open_handles(), 0);
	wm_fake_fini();
	return 0;
}

static void begin(void)
{
	assert_int_equal(wm_supervisor_new(loop, NULL, ask, NULL, &supervisor, NULL), 0);
}

static bool never(void *arg)
{
	return false;
}

static bool was_told(void *arg)
{
	return strstr(wm_fake_log(), arg) != NULL;
}

static void await(const char *words)
{
	if (!wm_loop_run_until(loop, was_told, (void *)(uintptr_t)words, 20000))
		fail_msg("not told \"%s\", but:\n%s", words, wm_fake_log());
}

static void test_a_life(void **state)
{
	begin();
	await("extend");
	wm_fake_clear_log();
	wm_supervisor_reloading(supervisor); /* not yet */
	wm_supervisor_ready(supervisor, "alpha");
	wm_supervisor_reloading(supervisor);
	wm_supervisor_ready(supervisor, "alpha");
	wm_supervisor_stopping(supervisor, "asked to");
	assert_string_equal(
		wm_fake_log(),
		"ready: alpha\nreloading: reloading\nready: alpha\nstopping: asked to\n");
}

static void test_a_busy_manager_hears_all_in_order(void **state)
{
	begin();
	wm_fake_refuse("re");
	wm_supervisor_ready(supervisor, "a");
	wm_supervisor_reloading(supervisor);
	wm_supervisor_ready(supervisor, "b");
	wm_supervisor_stopping(supervisor, "c");
	wm_loop_run_until(loop, never, NULL, 120);
	assert_null(strstr(wm_fake_log(), "stopping")); /* not before its turn */
	wm_fake_refuse(NULL);
	wm_fake_clear_log();
	await("stopping");
	assert_string_equal(wm_fake_log(),
			    "ready: a\nreloading: reloading\nready: b\nstopping: c\n");
}

static void test_a_stuck_thread_silences_us(void **state)
{
	wm_fake_set_watchdog(8 * WM_NS_PER_MS);
	begin();
	await("alive\nalive\n");
	lives = false;
	wm_loop_run_until(loop, never, NULL, 20);
	wm_fake_clear_log();
	wm_loop_run_until(loop, never, NULL, 60);
	assert_null(strstr(wm_fake_log(), "alive"));
	/* Once it stops, the loop alone counts. */
	wm_supervisor_stopping(supervisor, "c");
	await("alive\nalive\n");
}

static void test_nobody_is_told_by_nobody(void **state)
{
	wm_supervisor_ready(NULL, "a");
	wm_supervisor_reloading(NULL);
	wm_supervisor_stopping(NULL, "b");
	wm_supervisor_free(NULL);
	wm_fake_fail_at(1);
	assert_int_equal(wm_supervisor_new(loop, NULL, ask, NULL, &supervisor, NULL),
			 WM_UNAVAILABLE);
	assert_string_equal(wm_fake_log(), "");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_life),
		T(test_a_busy_manager_hears_all_in_order),
		T(test_a_stuck_thread_silences_us),
		T(test_nobody_is_told_by_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
