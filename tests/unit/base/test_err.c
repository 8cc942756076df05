#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

static void test_fail_fills_everything(void **state)
{
	struct wm_err err = {.code = 7, .sys = 9};

	assert_int_equal(wm_fail(&err, WM_NOT_FOUND, "peer %s", "x"), WM_NOT_FOUND);
	assert_int_equal(err.code, WM_NOT_FOUND);
	assert_int_equal(err.sys, 0);
	assert_string_equal(err.text, "peer x");
}

static void test_fail_without_a_place_for_the_sentence(void **state)
{
	assert_int_equal(wm_fail(NULL, WM_ABORTED, "x"), WM_ABORTED);
	assert_int_equal(wm_fail_errno(NULL, ENOENT, "x"), WM_NOT_FOUND);
	assert_true(wm_wrap(NULL, "x") < 0);
}

static void test_errno_chooses_the_code(void **state)
{
	static const struct {
		int sys;
		enum wm_code code;
	} rows[] = {
		{ENOENT, WM_NOT_FOUND},
		{EACCES, WM_PERMISSION_DENIED},
		{EPERM, WM_PERMISSION_DENIED},
		{EEXIST, WM_ALREADY_EXISTS},
		{EADDRINUSE, WM_ALREADY_EXISTS},
		{ECONNREFUSED, WM_UNAVAILABLE},
		{ETIMEDOUT, WM_DEADLINE_EXCEEDED},
		{ENOSPC, WM_RESOURCE_EXHAUSTED},
		{EINVAL, WM_INVALID_ARGUMENT},
		{ENOTSUP, WM_UNIMPLEMENTED},
		{EXDEV, WM_INTERNAL},
		{99999, WM_INTERNAL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wm_err err;

		assert_int_equal(wm_fail_errno(&err, rows[i].sys, "x"), rows[i].code);
		assert_int_equal(err.code, rows[i].code);
		assert_int_equal(err.sys, rows[i].sys);
	}
}

static void test_errno_text_comes_behind(void **state)
{
	struct wm_err err;
	char expected[128];

	wm_fail_errno(&err, ENODEV, "route %s via %s", "10.7.0.0/16", "wm0");
	snprintf(expected, sizeof(expected), "route 10.7.0.0/16 via wm0: %s", strerror(ENODEV));
	assert_string_equal(err.text, expected);
}

static void test_wrap_reads_from_the_outside_in(void **state)
{
	struct wm_err err;

	wm_fail_errno(&err, ENOENT, "open %s", "k");
	assert_int_equal(wm_wrap(&err, "peer %d", 3), WM_NOT_FOUND);
	assert_int_equal(err.sys, ENOENT);
	assert_true(strncmp(err.text, "peer 3: open k: ", 16) == 0);
}

static void test_wrapping_nothing_is_still_an_error(void **state)
{
	struct wm_err err = {0};

	assert_true(wm_wrap(&err, "x") < 0);
	assert_true(err.code < 0);
}

static void test_long_texts_are_cut_visibly(void **state)
{
	char longer[2 * WM_ERR_TEXT];
	struct wm_err err;

	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	wm_fail(&err, WM_INTERNAL, "%s", longer);
	assert_int_equal(strlen(err.text), WM_ERR_TEXT - 1);
	assert_string_equal(err.text + WM_ERR_TEXT - 4, "...");
	wm_wrap(&err, "outer");
	assert_int_equal(strlen(err.text), WM_ERR_TEXT - 1);
	assert_true(strncmp(err.text, "outer: aaa", 10) == 0);
	assert_string_equal(err.text + WM_ERR_TEXT - 4, "...");
	wm_fail_errno(&err, ENOENT, "%s", longer);
	assert_string_equal(err.text + WM_ERR_TEXT - 4, "...");
}

static void test_the_own_text_may_be_an_argument(void **state)
{
	struct wm_err err;

	wm_fail(&err, WM_INTERNAL, "inner");
	wm_fail(&err, WM_UNAVAILABLE, "again: %s", err.text);
	assert_string_equal(err.text, "again: inner");
	wm_wrap(&err, "%s", err.text);
	assert_string_equal(err.text, "again: inner: again: inner");
}

static void test_copy(void **state)
{
	struct wm_err from, to = {0};

	wm_fail(&from, WM_DATA_LOSS, "gone");
	assert_int_equal(wm_err_copy(&to, &from), WM_DATA_LOSS);
	assert_string_equal(to.text, "gone");
	assert_int_equal(wm_err_copy(NULL, &from), WM_DATA_LOSS);
	assert_int_equal(wm_err_copy(&to, NULL), WM_OK);
	assert_int_equal(wm_err_copy(&to, &to), WM_DATA_LOSS);
}

static void test_names_and_grpc_numbers(void **state)
{
	for (unsigned i = 0; i <= 16; i++)
		assert_int_equal(wm_err_from_grpc(i), -(int)i);
	assert_int_equal(wm_err_from_grpc(17), WM_UNKNOWN);
	assert_int_equal(wm_err_from_grpc(UINT32_MAX), WM_UNKNOWN);
	assert_string_equal(wm_err_name(WM_OK), "OK");
	assert_string_equal(wm_err_name(WM_INVALID_ARGUMENT), "INVALID_ARGUMENT");
	assert_string_equal(wm_err_name(WM_UNAUTHENTICATED), "UNAUTHENTICATED");
	assert_string_equal(wm_err_name(-17), "UNKNOWN");
	assert_string_equal(wm_err_name(1), "UNKNOWN");
	assert_string_equal(wm_err_name(INT32_MIN), "UNKNOWN");
}

static void test_exit_status_and_retry(void **state)
{
	assert_int_equal(wm_err_exit_status(WM_OK), 0);
	assert_int_equal(wm_err_exit_status(WM_INVALID_ARGUMENT), 2);
	assert_int_equal(wm_err_exit_status(WM_UNAVAILABLE), 1);
	assert_int_equal(wm_err_exit_status(-99), 1);
	assert_true(wm_err_may_retry(WM_UNAVAILABLE));
	assert_true(wm_err_may_retry(WM_DEADLINE_EXCEEDED));
	assert_false(wm_err_may_retry(WM_OK));
	assert_false(wm_err_may_retry(WM_PERMISSION_DENIED));
	assert_false(wm_err_may_retry(-99));
	assert_false(wm_err_may_retry(99));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fail_fills_everything),
		cmocka_unit_test(test_fail_without_a_place_for_the_sentence),
		cmocka_unit_test(test_errno_chooses_the_code),
		cmocka_unit_test(test_errno_text_comes_behind),
		cmocka_unit_test(test_wrap_reads_from_the_outside_in),
		cmocka_unit_test(test_wrapping_nothing_is_still_an_error),
		cmocka_unit_test(test_long_texts_are_cut_visibly),
		cmocka_unit_test(test_the_own_text_may_be_an_argument),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_names_and_grpc_numbers),
		cmocka_unit_test(test_exit_status_and_retry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
