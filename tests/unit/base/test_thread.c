#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>

#include "base/pulse.h"
#include "base/thread.h"

struct seen {
	char name[WM_THREAD_NAME];
	sigset_t blocked;
	stack_t second;
};

static void *look(void *arg)
{
	struct seen *s = arg;

	wm_thread_get_name(s->name);
	pthread_sigmask(SIG_BLOCK, NULL, &s->blocked);
	sigaltstack(NULL, &s->second);
	return arg;
}

static void test_a_thread_of_ours(void **state)
{
	struct seen s = {{0}};
	pthread_t t;
	void *result;

	assert_int_equal(wm_thread_start(&t, "store-writer", 512 * 1024, look, &s, NULL), 0);
	assert_int_equal(pthread_join(t, &result), 0);
	assert_ptr_equal(result, &s);
	assert_string_equal(s.name, "store-writer");
	/* It takes no signals, but its faults are reported, on a stack that has room. */
	assert_true(sigismember(&s.blocked, SIGTERM) && sigismember(&s.blocked, SIGHUP));
	assert_false(sigismember(&s.blocked, SIGSEGV) || sigismember(&s.blocked, SIGABRT) ||
		     sigismember(&s.blocked, SIGBUS) || sigismember(&s.blocked, SIGFPE));
	assert_false(s.second.ss_flags & SS_DISABLE);
	assert_true(s.second.ss_size >= 16 * 1024);
}

static void test_the_mask_of_the_maker_stays(void **state)
{
	sigset_t before, after;
	struct seen s;
	pthread_t t;

	pthread_sigmask(SIG_BLOCK, NULL, &before);
	assert_int_equal(wm_thread_start(&t, "t", 0, look, &s, NULL), 0);
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	pthread_join(t, NULL);
	assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
}

static void test_a_long_name_is_cut(void **state)
{
	struct seen s = {{0}};
	pthread_t t;

	assert_int_equal(wm_thread_start(&t, "a-name-that-is-too-long", 0, look, &s, NULL), 0);
	pthread_join(t, NULL);
	assert_string_equal(s.name, "a-name-that-is-");
}

static void test_main_gets_a_second_stack(void **state)
{
	stack_t now;

	wm_thread_guard_main();
	assert_int_equal(sigaltstack(NULL, &now), 0);
	assert_false(now.ss_flags & SS_DISABLE);
}

static void test_a_thread_that_cannot_be(void **state)
{
	struct wm_err err;
	struct seen s;
	pthread_t t;

	/* More than there is address space. */
	assert_int_not_equal(wm_thread_start(&t, "big", (size_t)1 << 62, look, &s, &err), 0);
	assert_non_null(strstr(err.text, "start the thread big"));
}

static void *show_until_stopped(void *arg)
{
	struct wm_pulse *p = arg;

	while (p->name[0] == 'p' && !wm_pulse_is_shown(p))
		wm_pulse_show(p);
	return NULL;
}

static void test_a_pulse(void **state)
{
	struct wm_pulse p = {.name = "pulse"};
	pthread_t t;

	assert_true(wm_pulse_is_shown(&p)); /* nobody has asked */
	wm_pulse_ask(&p);
	assert_false(wm_pulse_is_shown(&p));
	wm_pulse_ask(&p); /* asking twice wants one answer */
	assert_int_equal(wm_thread_start(&t, p.name, 0, show_until_stopped, &p, NULL), 0);
	pthread_join(t, NULL);
	assert_true(wm_pulse_is_shown(&p));
	wm_pulse_ask(&p);
	assert_false(wm_pulse_is_shown(&p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_thread_of_ours),
		cmocka_unit_test(test_the_mask_of_the_maker_stays),
		cmocka_unit_test(test_a_long_name_is_cut),
		cmocka_unit_test(test_main_gets_a_second_stack),
		cmocka_unit_test(test_a_thread_that_cannot_be),
		cmocka_unit_test(test_a_pulse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
