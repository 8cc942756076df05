#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "base/addr.h"
#include "base/mem.h"

static struct wm_prefix prefix(const char *s)
{
	struct wm_prefix p;

	if (!wm_prefix_parse(s, &p))
		fail_msg("%s is not taken for a prefix", s);
	return p;
}

static void test_there_and_back(void **state)
{
	static const char *const rows[][2] = {
		{"172.16.0.1/12", "172.16.0.1/12"},    {"0.0.0.0/0", "0.0.0.0/0"},
		{"1.2.3.4/32", "1.2.3.4/32"},          {"::/0", "::/0"},
		{"2001:DB8::/32", "2001:db8::/32"},    {"::1/128", "::1/128"},
		{"::ffff:10.0.0.0/104", "10.0.0.0/8"},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_prefix p = prefix(rows[i][0]);
		char text[WM_PREFIX_TEXT];

		assert_string_equal(wm_prefix_format(&p, text), rows[i][1]);
		assert_true(wm_prefix_is_valid(&p));
	}
}

static void test_what_is_no_prefix(void **state)
{
	static const char *const bad[] = {
		"",
		"/",
		"1.2.3.4",
		"1.2.3.4/",
		"/8",
		"1.2.3.4/33",
		"1.2.3.4/-1",
		"1.2.3.4/+8",
		"1.2.3.4/08",
		"1.2.3.4/00",
		"1.2.3.4/8 ",
		"1.2.3.4/ 8",
		"1.2.3.4/8/8",
		"1.2.3/8",
		"::/129",
		"::/256",
		"[::]/0",
		"::1%1/64",
		"::ffff:1.2.3.4/95",
		"::ffff:1.2.3.4/129",
		"1.2.3.4/255.0.0.0",
		"host/8",
		"1111111111111111111111111111111111111111111111111111111/8",
	};
	struct wm_prefix p = {.bits = 99};

	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		if (wm_prefix_parse(bad[i], &p))
			fail_msg("%s was taken for a prefix", bad[i]);
	}
	assert_false(wm_prefix_parse(NULL, &p));
	assert_int_equal(p.bits, 99);
}

static void test_validity(void **state)
{
	struct wm_prefix none = {0}, wide = {.addr = wm_addr_v4(1), .bits = 33};
	struct wm_addr one = wm_addr_v4(1);
	char text[WM_PREFIX_TEXT] = "x";

	assert_false(wm_prefix_is_valid(&none));
	assert_false(wm_prefix_is_valid(&wide));
	assert_string_equal(wm_prefix_format(&wide, text), "");
	assert_false(wm_prefix_contains(&none, &one));
	assert_false(wm_prefix_contains(&wide, &one));
	assert_false(wm_prefix_is_default(&none));
	assert_false(wm_prefix_covers(&none, &none));
}

static void test_masking(void **state)
{
	static const char *const rows[][2] = {
		{"172.31.255.1/12", "172.16.0.0/12"},
		{"1.2.3.255/25", "1.2.3.128/25"},
		{"1.2.3.4/32", "1.2.3.4/32"},
		{"255.255.255.255/0", "0.0.0.0/0"},
		{"2001:db8:ffff::1/33", "2001:db8:8000::/33"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/127",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_prefix p = prefix(rows[i][0]), m = wm_prefix_masked(&p);
		struct wm_prefix expected = prefix(rows[i][1]);

		assert_true(wm_prefix_equal(&m, &expected));
		assert_int_equal(wm_prefix_equal(&p, &m), strcmp(rows[i][0], rows[i][1]) == 0);
	}
}

static void test_containing(void **state)
{
	static const struct {
		const char *prefix, *addr;
		bool in;
	} rows[] = {
		{"10.0.0.0/8", "10.255.255.255", true},
		{"10.0.0.0/8", "11.0.0.0", false},
		{"10.1.2.3/8", "10.9.9.9", true},
		{"1.2.3.4/32", "1.2.3.4", true},
		{"1.2.3.4/32", "1.2.3.5", false},
		{"0.0.0.0/0", "9.9.9.9", true},
		{"0.0.0.0/0", "::1", false},
		{"::/0", "9.9.9.9", false},
		{"::/0", "2001:db8::1", true},
		{"1.2.3.128/25", "1.2.3.127", false},
		{"2001:db8::/33", "2001:db8:8000::", false},
		{"2001:db8::/33", "2001:db8:7fff::", true},
		{"fe80::/10", "febf::1", true},
		{"::1/128", "::1", true},
		{"::1/128", "::2", false},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_prefix p = prefix(rows[i].prefix);
		struct wm_addr a;

		assert_true(wm_addr_parse(rows[i].addr, &a));
		if (wm_prefix_contains(&p, &a) != rows[i].in)
			fail_msg("%s %s", rows[i].prefix, rows[i].addr);
	}
}

static void test_covering_and_overlapping(void **state)
{
	static const struct {
		const char *a, *b;
		bool a_covers_b, b_covers_a;
	} rows[] = {
		{"10.0.0.0/8", "10.1.0.0/16", true, false},
		{"10.0.0.0/8", "10.0.0.0/8", true, true},
		{"10.0.0.1/8", "10.9.0.0/8", true, true},
		{"10.0.0.0/16", "10.1.0.0/16", false, false},
		{"0.0.0.0/0", "10.0.0.0/8", true, false},
		{"0.0.0.0/0", "::/0", false, false},
		{"2001:db8::/32", "2001:db8:1::/48", true, false},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_prefix a = prefix(rows[i].a), b = prefix(rows[i].b);
		bool any = rows[i].a_covers_b || rows[i].b_covers_a;

		assert_int_equal(wm_prefix_covers(&a, &b), rows[i].a_covers_b);
		assert_int_equal(wm_prefix_covers(&b, &a), rows[i].b_covers_a);
		assert_int_equal(wm_prefix_overlaps(&a, &b), any);
		assert_int_equal(wm_prefix_overlaps(&b, &a), any);
	}
}

static void test_order(void **state)
{
	static const char *const sorted[] = {"0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.1/8",
					     "::/0",      "::/128",     "::1/1"};

	for (size_t i = 0; i < WM_ARRAY_LEN(sorted); i++) {
		for (size_t j = 0; j < WM_ARRAY_LEN(sorted); j++) {
			struct wm_prefix a = prefix(sorted[i]), b = prefix(sorted[j]);

			assert_int_equal(wm_prefix_compare(&a, &b) < 0, i < j);
			assert_int_equal(wm_prefix_equal(&a, &b), i == j);
		}
	}
}

static void test_defaults_and_single_addresses(void **state)
{
	struct wm_prefix v4 = prefix("0.0.0.0/0"), v6 = prefix("::/0"), half = prefix("0.0.0.0/1");
	struct wm_prefix odd = prefix("1.0.0.0/0"), single;
	struct wm_addr a;

	assert_true(wm_prefix_is_default(&v4));
	assert_true(wm_prefix_is_default(&v6));
	assert_false(wm_prefix_is_default(&half));
	assert_true(wm_prefix_is_default(&odd)); /* its host bits do not make it smaller */
	assert_true(wm_addr_parse("::1", &a));
	single = wm_prefix_of_addr(&a);
	assert_int_equal(single.bits, 128);
	a = wm_addr_v4(7);
	single = wm_prefix_of_addr(&a);
	assert_int_equal(single.bits, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_what_is_no_prefix),
		cmocka_unit_test(test_validity),
		cmocka_unit_test(test_masking),
		cmocka_unit_test(test_containing),
		cmocka_unit_test(test_covering_and_overlapping),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_defaults_and_single_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
