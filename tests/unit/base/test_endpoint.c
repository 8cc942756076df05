#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/mem.h"

static void test_there_and_back(void **state)
{
	static const char *const rows[][2] = {
		{"1.2.3.4:5", "1.2.3.4:5"},
		{"0.0.0.0:0", "0.0.0.0:0"},
		{"1.2.3.4:65535", "1.2.3.4:65535"},
		{"[::1]:5", "[::1]:5"},
		{"[2001:DB8::1]:51820", "[2001:db8::1]:51820"},
		{"[::ffff:1.2.3.4]:5", "1.2.3.4:5"},
		{"[fe80::1%7]:5", "[fe80::1%7]:5"},
		{"[fe80::1]:5", "[fe80::1]:5"},
		{"[fe80::1%4294967295]:65535", "[fe80::1%4294967295]:65535"},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_endpoint e;
		char text[WM_ENDPOINT_TEXT];

		if (!wm_endpoint_parse(rows[i][0], &e))
			fail_msg("%s is not taken", rows[i][0]);
		assert_string_equal(wm_endpoint_format(&e, text), rows[i][1]);
	}
}

static void test_a_zone_by_name(void **state)
{
	char name[IF_NAMESIZE], text[64];
	struct wm_endpoint e;

	assert_non_null(if_indextoname(1, name)); /* the loopback interface: every host has one */
	snprintf(text, sizeof(text), "[fe80::1%%%s]:5", name);
	assert_true(wm_endpoint_parse(text, &e));
	assert_int_equal(e.scope, 1);
	assert_int_equal(e.port, 5);
}

static void test_what_is_no_endpoint(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		"1.2.3.4",
		"1.2.3.4:",
		":5",
		"1.2.3.4:65536",
		"1.2.3.4:-1",
		"1.2.3.4:+1",
		"1.2.3.4: 5",
		"1.2.3.4:5 ",
		"1.2.3.4:x",
		"::1:5",
		"[::1]",
		"[::1]:",
		"[::1]5",
		"[]:5",
		"[::1:5",
		"::1]:5",
		"[1.2.3.4]:5",
		"[[::1]]:5",
		"host:5",
		"[host]:5",
		"[::1%1]:5",
		"[2001:db8::1%1]:5",
		"[fe80::1%]:5",
		"[fe80::1%0]:5",
		"[fe80::1%nosuchif0]:5",
		"[fe80::1%4294967296]:5",
		"[::ffff:169.254.0.1%1]:5",
		"[fe80::1%1%1]:5",
		"[fe80::1%aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]:5",
		"11111111111111111111111111111111111111111111111111111111:5",
	};
	struct wm_endpoint e = {.port = 99};

	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		if (wm_endpoint_parse(bad[i], &e))
			fail_msg("%s was taken for an endpoint", bad[i]);
	}
	assert_false(wm_endpoint_parse(NULL, &e));
	assert_int_equal(e.port, 99);
}

static void test_equality(void **state)
{
	struct wm_endpoint a, b;

	assert_true(wm_endpoint_parse("[fe80::1%7]:5", &a));
	b = a;
	assert_true(wm_endpoint_equal(&a, &b));
	b.port = 6;
	assert_false(wm_endpoint_equal(&a, &b));
	b = a;
	b.scope = 8;
	assert_false(wm_endpoint_equal(&a, &b));
	b = a;
	b.addr.bytes[15] = 9;
	assert_false(wm_endpoint_equal(&a, &b));
}

static void test_none_has_no_text(void **state)
{
	struct wm_endpoint none = {.port = 5};
	char text[WM_ENDPOINT_TEXT] = "x";

	assert_string_equal(wm_endpoint_format(&none, text), "");
}

static void test_sockaddr_there_and_back(void **state)
{
	static const char *const rows[] = {"1.2.3.4:5", "[2001:db8::1]:51820", "[fe80::1%7]:1"};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_endpoint e, back;
		struct sockaddr_storage sa;
		socklen_t len;

		assert_true(wm_endpoint_parse(rows[i], &e));
		len = wm_endpoint_to_sockaddr(&e, &sa);
		assert_int_equal(len,
				 i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		assert_true(wm_endpoint_from_sockaddr((struct sockaddr *)&sa, &back));
		assert_true(wm_endpoint_equal(&e, &back));
	}
}

static void test_sockaddr_of_odd_kinds(void **state)
{
	struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = htons(7)};
	struct sockaddr local = {.sa_family = AF_UNIX};
	struct wm_endpoint none = {0}, e = {.port = 99};
	struct sockaddr_storage sa;
	char text[WM_ENDPOINT_TEXT];

	inet_pton(AF_INET6, "::ffff:9.8.7.6", &mapped.sin6_addr);
	assert_false(wm_endpoint_from_sockaddr(&local, &e));
	assert_int_equal(e.port, 99);
	assert_true(wm_endpoint_from_sockaddr((struct sockaddr *)&mapped, &e));
	assert_string_equal(wm_endpoint_format(&e, text), "9.8.7.6:7");
	assert_int_equal(wm_endpoint_to_sockaddr(&none, &sa), 0);
	/* A scope counts only where it means something. */
	inet_pton(AF_INET6, "2001:db8::1", &mapped.sin6_addr);
	mapped.sin6_scope_id = 3;
	assert_true(wm_endpoint_from_sockaddr((struct sockaddr *)&mapped, &e));
	assert_int_equal(e.scope, 0);
}

static void test_host_and_port(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} rows[] = {
		{"example.org:8443", "example.org", 8443},
		{"1.2.3.4:1", "1.2.3.4", 1},
		{"[::1]:65535", "::1", 65535},
		{"[fe80::1%eth0]:5", "fe80::1%eth0", 5},
		{":8443", "", 8443},
	};
	static const char *const bad[] = {
		"",       "host",    "host:",    "host:0",  "host:65536", "host:x",
		"::1:5",  "[::1]",   "[]:5",     "[:5",     "]:5",        "[a]b:5",
		"a[b]:5", "ho st:5", "host\n:5", "[[a]]:5", "host: 5",    NULL,
	};
	char host[16] = "kept";
	uint16_t port = 9;

	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		if (wm_host_port_parse(bad[i], host, sizeof(host), &port))
			fail_msg("%s was taken for host and port", bad[i]);
	}
	assert_false(wm_host_port_parse("0123456789abcdef:5", host, sizeof(host), &port));
	assert_string_equal(host, "kept");
	assert_int_equal(port, 9);
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		assert_true(wm_host_port_parse(rows[i].text, host, sizeof(host), &port));
		assert_string_equal(host, rows[i].host);
		assert_int_equal(port, rows[i].port);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_a_zone_by_name),
		cmocka_unit_test(test_what_is_no_endpoint),
		cmocka_unit_test(test_equality),
		cmocka_unit_test(test_none_has_no_text),
		cmocka_unit_test(test_sockaddr_there_and_back),
		cmocka_unit_test(test_sockaddr_of_odd_kinds),
		cmocka_unit_test(test_host_and_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
