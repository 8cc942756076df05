/* The text of a journal: what was written is read, everything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fabric/notes.h"

#define HEAD "webmesh journal 1\nboot b-1\nnet 17\nname wm0\n"

static const char full[] = HEAD "link 9 wm0\nsysctl net/ipv4/ip_forward 0 1\n"
				"sysctl net/ipv6/conf/eth0.5/accept_ra 1 2\n"
				"route 10.0.0.0/8 3 4096 192.168.0.1\nroute fd01::/48 3 0 -\nend\n";

static void test_round_trip(void **state)
{
	struct wm_notes n = {0};
	struct wm_buf b = {0};

	assert_int_equal(wm_notes_parse(full, strlen(full), &n, NULL), 0);
	assert_int_equal(n.net, 17);
	assert_string_equal(n.boot, "b-1");
	assert_string_equal(n.name, "wm0");
	assert_int_equal(n.link, 9);
	assert_int_equal(n.settings.n, 2);
	assert_int_equal(n.routes.n, 2);
	assert_false(wm_addr_is_valid(&n.routes.routes[1].gateway));
	wm_notes_format(&n, &b);
	assert_string_equal(wm_buf_str(&b), full);
	wm_buf_fini(&b);
	wm_notes_fini(&n);
}

static void test_cut_anywhere(void **state)
{
	for (size_t len = 0; len < strlen(full); len++) {
		struct wm_notes n = {0};

		/* Only the newline behind "end" may be told from the rest. */
		assert_int_equal(wm_notes_parse(full, len, &n, NULL), WM_DATA_LOSS);
		assert_true(wm_notes_is_empty(&n));
	}
}

static void test_refused(void **state)
{
	static const char *const rows[] = {
		"webmesh journal 2\nboot b\nnet 1\nname x\nend\n",
		HEAD "end\nend\n",
		"webmesh journal 1\nboot b\nnet 1\nend\n",
		HEAD "\nend\n",
		HEAD "colour blue\nend\n",
		HEAD "link 0 wm0\nend\n",
		HEAD "link 1\nend\n",
		HEAD "link 1 a-name-that-is-too-long\nend\n",
		HEAD "link -1 wm0\nend\n",
		HEAD "link 1 wm0 more\nend\n",
		HEAD "sysctl kernel/core_pattern 0 1\nend\n",
		HEAD "sysctl net/ipv4/../../kernel/panic 0 1\nend\n",
		HEAD "sysctl net/ipv4/ip_forward 0\nend\n",
		HEAD "sysctl net/ipv4/ip_forward 0 |sh\nend\n",
		HEAD "sysctl net/ipv4/ip_forward 0 1 2\nend\n",
		HEAD "sysctl net/ipv4/ip_forward 0 1234567890123456\nend\n",
		HEAD "route 10.0.0.0 3 0 -\nend\n",
		HEAD "route 10.0.0.0/8 3 0 here\nend\n",
		HEAD "route 10.0.0.0/8 3 4294967296 -\nend\n",
		HEAD "route 10.0.0.0/8 3 0 - -\nend\n",
		HEAD "net 18446744073709551616\nend\n",
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_notes n = {0};
		struct wm_err err;

		if (wm_notes_parse(rows[i], strlen(rows[i]), &n, &err) != WM_DATA_LOSS)
			fail_msg("accepted:\n%s", rows[i]);
		assert_non_null(strstr(err.text, "line"));
	}
}

static void test_nul(void **state)
{
	static const char text[] = HEAD "end\n\0";
	struct wm_notes n = {0};

	assert_int_equal(wm_notes_parse(text, sizeof(text) - 1, &n, NULL), WM_DATA_LOSS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
