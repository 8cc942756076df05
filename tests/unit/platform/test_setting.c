/* What a setting may be called: a journal must not be able to name anything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "platform/sysctl.h"

static void test_names(void **state)
{
	static const struct {
		const char *name;
		bool is_valid;
	} rows[] = {
		{"net/ipv4/ip_forward", true},
		{"net/ipv6/conf/eth0.5/accept_ra", true},
		{"net/ipv6/conf/wlp2s0@if3/forwarding", true},
		{"", false},
		{"net/core/somaxconn", false},
		{"kernel/core_pattern", false},
		{"/net/ipv4/ip_forward", false},
		{"net/ipv4/../../kernel/panic", false},
		{"net/ipv4/ip forward", false},
		{"net/ipv4/conf/\n/forwarding", false},
		{"net/ipv4/conf/"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 false},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++)
		assert_int_equal(wm_sysctl_name_is_valid(rows[i].name), rows[i].is_valid);
}

static void test_values(void **state)
{
	static const struct {
		const char *value;
		bool is_valid;
	} rows[] = {
		{"0", true},   {"-1", true},   {"4294967295", true},
		{"", false},   {"-", false},   {"1 2", false},
		{"on", false}, {"1\n", false}, {"1234567890123456", false},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++)
		assert_int_equal(wm_sysctl_value_is_valid(rows[i].value), rows[i].is_valid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
