#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/addr.h"
#include "base/mem.h"

static struct wm_addr addr(const char *s)
{
	struct wm_addr a;

	if (!wm_addr_parse(s, &a))
		fail_msg("%s is not taken for an address", s);
	return a;
}

static void test_format_is_that_of_rfc_5952(void **state)
{
	static const char *const rows[][2] = {
		{"1.2.3.4", "1.2.3.4"},
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"::", "::"},
		{"::1", "::1"},
		{"1::", "1::"},
		{"2001:db8::1", "2001:db8::1"},
		{"2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"},
		{"2001:DB8::ABCD", "2001:db8::abcd"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* one group is not shortened */
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          /* the longest run */
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    /* the first of equals */
		{"0:0:1:2:3:4:5:6", "::1:2:3:4:5:6"},
		{"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
		{"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
		{"0:2:3:4:5:6:7:0", "0:2:3:4:5:6:7:0"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"::ffff:10.1.2.3", "10.1.2.3"},
		{"::ffff:a01:203", "10.1.2.3"},
		{"::1.2.3.4", "::102:304"},
		{"64:ff9b::1.2.3.4", "64:ff9b::102:304"},
		{"fe80::1", "fe80::1"},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_addr a = addr(rows[i][0]), back;
		char text[WM_ADDR_TEXT];

		assert_string_equal(wm_addr_format(&a, text), rows[i][1]);
		back = addr(text);
		assert_true(wm_addr_equal(&a, &back));
	}
}

static void test_what_is_no_address(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"1",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.256",
		"1.2.3.-4",
		"1.2.3.4 ",
		" 1.2.3.4",
		"1.2.3.04",
		"0x7f.0.0.1",
		"a.b.c.d",
		"1.2.3.4/8",
		"[::1]",
		"::1%eth0",
		":",
		":::",
		"1::2::3",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"12345::",
		"g::",
		"::1/64",
		"::ffff:1.2.3",
		"fe80::1%lo",
		"::1 ",
		"1:2:3:4:5:6:7:1.2.3.4",
		"localhost",
	};
	struct wm_addr a = {.family = 99};

	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		if (wm_addr_parse(bad[i], &a))
			fail_msg("%s was taken for an address", bad[i]);
	}
	assert_false(wm_addr_parse(NULL, &a));
	assert_int_equal(a.family, 99);
}

static void test_none(void **state)
{
	struct wm_addr none = {0}, other = {0}, zero = addr("0.0.0.0");
	char text[WM_ADDR_TEXT] = "x";

	assert_false(wm_addr_is_valid(&none));
	assert_true(wm_addr_equal(&none, &other));
	assert_false(wm_addr_equal(&none, &zero));
	assert_false(wm_addr_is_unspecified(&none));
	assert_int_equal(wm_addr_bits(&none), 0);
	assert_string_equal(wm_addr_format(&none, text), "");
}

static void test_order(void **state)
{
	static const char *const sorted[] = {"0.0.0.0", "1.2.3.4", "1.2.3.5",   "200.0.0.1",
					     "::",      "::1",     "2001:db8::"};

	for (size_t i = 0; i < WM_ARRAY_LEN(sorted); i++) {
		for (size_t j = 0; j < WM_ARRAY_LEN(sorted); j++) {
			struct wm_addr a = addr(sorted[i]), b = addr(sorted[j]);
			int order = wm_addr_compare(&a, &b);

			assert_int_equal(order < 0, i < j);
			assert_int_equal(order > 0, i > j);
			assert_int_equal(wm_addr_equal(&a, &b), i == j);
		}
	}
}

enum { LOOP = 1, LINK = 2, MULTI = 4, PRIV = 8, UNSPEC = 16 };

static void test_kinds(void **state)
{
	static const struct {
		const char *text;
		int kinds;
	} rows[] = {
		{"127.0.0.1", LOOP},
		{"127.255.255.255", LOOP},
		{"128.0.0.0", 0},
		{"126.255.255.255", 0},
		{"::1", LOOP},
		{"::2", 0},
		{"0.0.0.0", UNSPEC},
		{"::", UNSPEC},
		{"169.254.0.1", LINK},
		{"169.253.0.1", 0},
		{"fe80::1", LINK},
		{"febf::1", LINK},
		{"fec0::1", 0},
		{"224.0.0.1", MULTI},
		{"239.255.255.255", MULTI},
		{"240.0.0.1", 0},
		{"ff02::1", MULTI},
		{"10.0.0.0", PRIV},
		{"10.255.255.255", PRIV},
		{"11.0.0.0", 0},
		{"172.15.255.255", 0},
		{"172.16.0.0", PRIV},
		{"172.31.255.255", PRIV},
		{"172.32.0.0", 0},
		{"192.168.1.1", PRIV},
		{"192.169.0.0", 0},
		{"fc00::1", PRIV},
		{"fdff::1", PRIV},
		{"fe00::1", 0},
		{"2001:db8::1", 0},
		{"8.8.8.8", 0},
		{"a00::", 0},
		{"7f00::", 0},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_addr a = addr(rows[i].text);
		int kinds = 0;

		kinds |= wm_addr_is_loopback(&a) ? LOOP : 0;
		kinds |= wm_addr_is_link_local(&a) ? LINK : 0;
		kinds |= wm_addr_is_multicast(&a) ? MULTI : 0;
		kinds |= wm_addr_is_private(&a) ? PRIV : 0;
		kinds |= wm_addr_is_unspecified(&a) ? UNSPEC : 0;
		if (kinds != rows[i].kinds)
			fail_msg("%s: %d", rows[i].text, kinds);
	}
}

static void test_v4_from_a_number(void **state)
{
	struct wm_addr a = wm_addr_v4(0x0a010203), b = addr("10.1.2.3");

	assert_true(wm_addr_equal(&a, &b));
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(wm_addr_bits(&a), 32);
}

static void test_mapped_made_by_hand(void **state)
{
	struct wm_addr a = {.family = WM_IPV6, .bytes = {[10] = 0xff, 0xff, 1, 2, 3, 4}};
	struct wm_addr v4 = wm_addr_unmapped(&a), same = addr("1.2.3.4"), v6 = addr("::1");
	struct wm_addr kept = wm_addr_unmapped(&v6);

	assert_memory_equal(&v4, &same, sizeof(v4));
	assert_true(wm_addr_equal(&kept, &v6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format_is_that_of_rfc_5952),
		cmocka_unit_test(test_what_is_no_address),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_v4_from_a_number),
		cmocka_unit_test(test_mapped_made_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
