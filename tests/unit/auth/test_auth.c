#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "auth/auth.h"
#include "auth/mtls.h"
#include "base/str.h"

static int identify(const char *cn, char id[WM_IDENT_TEXT], struct wm_err *err)
{
	struct wm_auth_call call = {.peer_cn = cn};

	memset(id, 'x', WM_IDENT_TEXT);
	return wm_auth_identify(wm_auth_provider_find("mtls"), &call, id, err);
}

static void test_table(void **state)
{
	assert_ptr_equal(wm_auth_provider_find("mtls"), &wm_auth_mtls);
	assert_null(wm_auth_provider_find("basic"));
	assert_null(wm_auth_provider_find(""));
	assert_null(wm_auth_provider_find(NULL));
}

static void test_good_names(void **state)
{
	static const char *const names[] = {
		"node-1",
		"a",
		"knoten.example.org",
		"12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq",
		"0123456789012345678901234567890123456789012345678901234567890ab",
	};
	char id[WM_IDENT_TEXT];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(identify(names[i], id, NULL), 0);
		assert_string_equal(id, names[i]);
	}
}

static void test_bad_names(void **state)
{
	static const char *const names[] = {
		"",          "a b",
		"a/b",       "leader",
		"localhost", "kn\xf6",
		"*",         "0123456789012345678901234567890123456789012345678901234567890abc",
	};
	char id[WM_IDENT_TEXT];
	struct wm_err err;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(identify(names[i], id, &err), WM_UNAUTHENTICATED);
		assert_string_equal(err.text, "mtls: the common name of the client certificate is "
					      "not a node ID");
		assert_string_equal(id, "");
	}
}

static void test_no_certificate(void **state)
{
	char id[WM_IDENT_TEXT];
	struct wm_err err;

	assert_int_equal(identify(NULL, id, &err), WM_UNAUTHENTICATED);
	assert_non_null(strstr(err.text, "mtls: the call came without a client certificate"));
}

static int claim_leader(const struct wm_auth_call *call, char id[WM_IDENT_TEXT], struct wm_err *err)
{
	wm_str_copy(id, WM_IDENT_TEXT, wm_auth_call_header(call, "x-name"));
	return 0;
}

/* What a provider answers is checked once more, for all of them. */
static void test_answers_are_checked(void **state)
{
	const struct wm_auth_provider p = {"test", claim_leader};
	struct wm_auth_header headers[] = {{"other", "1"}, {"x-name", "leader"}};
	struct wm_auth_call call = {.headers = headers, .n_headers = 2};
	char id[WM_IDENT_TEXT];
	struct wm_err err;

	assert_int_equal(wm_auth_identify(&p, &call, id, &err), WM_UNAUTHENTICATED);
	assert_string_equal(id, "");
	headers[1].value = "node-7";
	assert_int_equal(wm_auth_identify(&p, &call, id, &err), 0);
	assert_string_equal(id, "node-7");
	assert_null(wm_auth_call_header(&call, "x-nam"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_good_names),
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_no_certificate),
		cmocka_unit_test(test_answers_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
