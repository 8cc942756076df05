/* No test puts its host to sleep: that it was awake is all that can be asked here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>

#include "base/clock.h"
#include "platform/suspend.h"

static void test_the_host_is_awake(void **state)
{
	struct wm_suspend *s = NULL;
	struct wm_err err;

	if (wm_suspend_open(&s, &err) != 0)
		fail_msg("%s", err.text);
	struct pollfd p = {.fd = wm_suspend_fd(s), .events = POLLIN};

	assert_int_equal(poll(&p, 1, 20), 0);
	for (int i = 0; i < 3; i++) {
		int64_t slept = wm_suspend_read(s);

		assert_true(slept < 50 * WM_NS_PER_MS && slept > -50 * WM_NS_PER_MS);
		assert_int_equal(poll(&p, 1, 0), 0);
	}
	wm_suspend_close(s);
	wm_suspend_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_host_is_awake)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
