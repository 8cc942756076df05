#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "loop/loop.h"

/* A label of more than 63 characters: the resolver says no without asking the network. */
static const char no_such_host[] =
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid";

static struct wm_loop *loop;
static int n_answers, last_code;
static char last_text[WM_ERR_TEXT];

static int setup(void **state)
{
	loop = wm_loop_new(NULL);
	n_answers = 0;
	last_code = 99;
	last_text[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	wm_loop_free(loop);
	return 0;
}

static void on_answer(struct wm_resolve *r, const struct wm_err *err)
{
	n_answers++;
	last_code = err != NULL ? err->code : WM_OK;
	if (err != NULL)
		memcpy(last_text, err->text, sizeof(last_text));
	assert_null(r->impl);
}

static void resolve(struct wm_resolve *r, const char *host, uint16_t port)
{
	struct wm_err err;

	assert_int_equal(wm_resolve_start(loop, r, host, port, on_answer, &err), 0);
	assert_int_equal(n_answers, 0); /* never from inside start */
	wm_loop_run(loop);
	assert_int_equal(n_answers, 1);
}

static void test_literals(void **state)
{
	static const char *const rows[][2] = {
		{"192.0.2.7", "192.0.2.7:53"},
		{"2001:db8::1", "[2001:db8::1]:53"},
		{"::ffff:192.0.2.7", "192.0.2.7:53"},
		{"fe80::1%1", "[fe80::1%1]:53"},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_resolve r = {0};
		char text[WM_ENDPOINT_TEXT];

		n_answers = 0;
		resolve(&r, rows[i][0], 53);
		assert_int_equal(last_code, WM_OK);
		assert_int_equal(r.n_found, 1);
		assert_string_equal(wm_endpoint_format(&r.found[0], text), rows[i][1]);
	}
}

static void test_localhost(void **state)
{
	struct wm_resolve r = {0};

	resolve(&r, "localhost", 8443);
	assert_int_equal(last_code, WM_OK);
	assert_in_range(r.n_found, 1, WM_RESOLVE_MAX);
	for (unsigned i = 0; i < r.n_found; i++) {
		assert_true(wm_addr_is_loopback(&r.found[i].addr));
		assert_int_equal(r.found[i].port, 8443);
	}
}

static void test_a_name_that_does_not_exist(void **state)
{
	struct wm_resolve r = {0};

	resolve(&r, no_such_host, 1);
	assert_int_equal(last_code, WM_NOT_FOUND);
	assert_non_null(strstr(last_text, no_such_host));
	assert_int_equal(r.n_found, 0);
}

static void test_what_is_refused_at_once(void **state)
{
	struct wm_resolve r = {0};
	struct wm_err err;
	char longer[300];

	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(wm_resolve_start(loop, &r, "", 1, on_answer, &err), WM_INVALID_ARGUMENT);
	assert_int_equal(wm_resolve_start(loop, &r, longer, 1, on_answer, &err),
			 WM_INVALID_ARGUMENT);
	assert_int_equal(wm_resolve_start(loop, &r, "\xff\xff", 1, on_answer, &err),
			 WM_INVALID_ARGUMENT);
	assert_int_equal(wm_resolve_start(loop, &r, "", 1, on_answer, NULL), WM_INVALID_ARGUMENT);
	wm_loop_run(loop);
	assert_int_equal(n_answers, 0);
}

static void test_cancelling(void **state)
{
	const char *const hosts[] = {"192.0.2.7", "localhost", no_such_host};

	for (size_t i = 0; i < WM_ARRAY_LEN(hosts); i++) {
		struct wm_resolve *r = wm_alloc(sizeof(*r));
		struct wm_err err;

		n_answers = 0;
		assert_int_equal(wm_resolve_start(loop, r, hosts[i], 1, on_answer, &err), 0);
		wm_resolve_cancel(r);
		wm_resolve_cancel(r);
		assert_int_equal(n_answers, 0);
		wm_loop_run(loop);
		assert_int_equal(n_answers, 1);
		assert_int_equal(last_code, WM_CANCELLED);
		assert_non_null(strstr(last_text, hosts[i]));
		wm_resolve_cancel(r);
		wm_free(r);
	}
}

static void free_request(struct wm_resolve *r, const struct wm_err *err)
{
	n_answers++;
	wm_free(r);
}

static void test_the_request_may_be_freed_from_inside(void **state)
{
	static const char *const hosts[] = {"192.0.2.7", "localhost"};

	for (int cancelled = 0; cancelled < 2; cancelled++) {
		for (size_t i = 0; i < WM_ARRAY_LEN(hosts); i++) {
			struct wm_resolve *r = wm_alloc(sizeof(*r));

			assert_int_equal(wm_resolve_start(loop, r, hosts[i], 1, free_request, NULL),
					 0);
			if (cancelled)
				wm_resolve_cancel(r);
		}
	}
	wm_loop_run(loop);
	assert_int_equal(n_answers, 4);
}

static void test_many_at_once(void **state)
{
	struct wm_resolve *r = wm_calloc(30, sizeof(*r));

	for (int i = 0; i < 30; i++)
		assert_int_equal(wm_resolve_start(loop, &r[i], "localhost", 1, on_answer, NULL), 0);
	for (int i = 0; i < 30; i += 2)
		wm_resolve_cancel(&r[i]);
	wm_loop_run(loop);
	assert_int_equal(n_answers, 30);
	wm_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_literals),
		T(test_localhost),
		T(test_a_name_that_does_not_exist),
		T(test_what_is_refused_at_once),
		T(test_cancelling),
		T(test_the_request_may_be_freed_from_inside),
		T(test_many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
