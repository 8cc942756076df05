/* The address plan: who gets which IPv4 address, and which IPv6 address follows from a key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fakekv.h"
#include "mesh/leases.h"
#include "mesh/paths.h"

static struct fakekv kv;

static int setup(void **state)
{
	fakekv_init(&kv);
	return 0;
}

static int teardown(void **state)
{
	fakekv_fini(&kv);
	return 0;
}

static struct wm_addr addr(const char *text)
{
	struct wm_addr a = {0};

	assert_true(*text == '\0' || wm_addr_parse(text, &a));
	return a;
}

/* Takes and applies; "error NAME: text" when refused. */
static const char *take(const struct wm_lease_plan *plan, const char *id, const char *own)
{
	static char text[600];
	struct wm_addr before = addr(own), got;
	struct wm_txn *t = wm_txn_new();
	struct wm_err err;
	int rc = wm_lease_take(t, &kv.view, plan, id, &before, &got, &err);

	if (rc != 0) {
		wm_txn_free(t);
		snprintf(text, sizeof(text), "%s: %s", wm_err_name(rc), err.text);
		return text;
	}
	assert_int_equal(fakekv_apply(&kv, t), 0);
	return wm_addr_format(&got, text);
}

static void release(const char *id, const char *own)
{
	struct wm_txn *t = wm_txn_new();
	struct wm_addr a = addr(own);

	wm_lease_release(t, &kv.view, id, &a);
	assert_int_equal(fakekv_apply(&kv, t), 0);
}

static struct wm_lease_plan plan_of(const char *prefix)
{
	struct wm_lease_plan plan = {0};

	assert_true(wm_prefix_parse(prefix, &plan.prefix));
	return plan;
}

static void test_lowest_free(void **state)
{
	struct wm_lease_plan plan = plan_of("10.0.0.77/29");

	assert_string_equal(take(&plan, "a", ""), "10.0.0.73");
	assert_string_equal(take(&plan, "b", ""), "10.0.0.74");
	assert_string_equal(take(&plan, "c", ""), "10.0.0.75");
	release("b", "10.0.0.74");
	assert_string_equal(take(&plan, "d", ""), "10.0.0.74");
	assert_string_equal(take(&plan, "e", ""), "10.0.0.76");
	assert_string_equal(take(&plan, "f", ""), "10.0.0.77");
	assert_string_equal(take(&plan, "g", ""), "10.0.0.78");
	/* .72 is the network, .79 the broadcast address. */
	assert_non_null(strstr(take(&plan, "h", ""), "RESOURCE_EXHAUSTED"));
	assert_non_null(strstr(take(&plan, "h", ""), "10.0.0.77/29"));
}

static void test_own_is_kept(void **state)
{
	struct wm_lease_plan plan = plan_of("10.0.0.0/24");

	assert_string_equal(take(&plan, "a", ""), "10.0.0.1");
	assert_string_equal(take(&plan, "b", ""), "10.0.0.2");
	assert_string_equal(take(&plan, "b", "10.0.0.2"), "10.0.0.2");
	/* One without a lease, as other implementations leave it, is adopted. */
	assert_string_equal(take(&plan, "c", "10.0.0.9"), "10.0.0.9");
	assert_string_equal(fakekv_text(&kv, wm_path_lease(0x0a000009).text), "c");
	/* One that somebody else holds, or that is outside, is not. */
	assert_string_equal(take(&plan, "d", "10.0.0.1"), "10.0.0.3");
	assert_string_equal(take(&plan, "e", "10.9.9.9"), "10.0.0.4");
}

static void test_release_is_for_the_holder(void **state)
{
	struct wm_lease_plan plan = plan_of("10.0.0.0/24");

	take(&plan, "a", "");
	release("b", "10.0.0.1");
	assert_non_null(fakekv_text(&kv, wm_path_lease(0x0a000001).text));
	release("a", "");
	release("a", "10.0.0.1");
	assert_null(fakekv_text(&kv, wm_path_lease(0x0a000001).text));
}

static void test_fixed(void **state)
{
	const struct wm_lease_static fixed[] = {
		{"a", addr("10.0.0.1")}, {"b", addr("10.0.0.50")}, {"x", addr("10.1.0.1")}};
	struct wm_lease_plan plan = plan_of("10.0.0.0/24");

	assert_string_equal(take(&plan, "b", ""), "10.0.0.1");
	plan.fixed = fixed;
	plan.n_fixed = WM_ARRAY_LEN(fixed);
	/* b moves to its own place and gives the other back. */
	assert_string_equal(take(&plan, "b", "10.0.0.1"), "10.0.0.50");
	assert_null(fakekv_text(&kv, wm_path_lease(0x0a000001).text));
	assert_string_equal(take(&plan, "c", ""), "10.0.0.2");
	assert_string_equal(take(&plan, "a", ""), "10.0.0.1");
	assert_non_null(strstr(take(&plan, "x", ""), "INVALID_ARGUMENT"));
	fakekv_put(&kv, wm_path_lease(0x0a000001).text, "other");
	assert_non_null(strstr(take(&plan, "a", ""), "ALREADY_EXISTS"));
}

static bool is_third(void *arg, const struct wm_addr *a)
{
	return a->bytes[3] == 3;
}

static void test_taken_without_lease(void **state)
{
	struct wm_lease_plan plan = plan_of("10.0.0.0/24");

	plan.is_taken = is_third;
	take(&plan, "a", "");
	take(&plan, "b", "");
	assert_string_equal(take(&plan, "c", ""), "10.0.0.4");
}

static void test_junk_among_leases(void **state)
{
	struct wm_lease_plan plan = plan_of("10.0.0.0/24");

	fakekv_put(&kv, WM_PATH_LEASES "zz", "junk");
	fakekv_put(&kv, WM_PATH_LEASES "0a00000", "junk");
	fakekv_put(&kv, WM_PATH_LEASES "00000001", "elsewhere");
	fakekv_put(&kv, WM_PATH_LEASES "ff000001", "elsewhere");
	assert_string_equal(take(&plan, "a", ""), "10.0.0.1");
	assert_string_equal(take(&plan, "b", ""), "10.0.0.2");
}

static void test_small_networks(void **state)
{
	static const struct {
		const char *prefix, *first;
	} rows[] = {
		{"10.0.0.0/32", NULL},        {"10.0.0.0/31", NULL},    {"10.0.0.0/30", "10.0.0.1"},
		{"255.255.255.255/32", NULL}, {"0.0.0.0/0", "0.0.0.1"}, {"fd00::/48", NULL},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_lease_plan plan = plan_of(rows[i].prefix);
		char text[WM_ADDR_TEXT];
		struct wm_addr first;

		assert_int_equal(wm_lease_first(&plan.prefix, &first), rows[i].first != NULL);
		if (rows[i].first != NULL)
			assert_string_equal(wm_addr_format(&first, text), rows[i].first);
		else if (plan.prefix.addr.family == WM_IPV4)
			assert_non_null(strstr(take(&plan, "a", ""), "RESOURCE_EXHAUSTED"));
	}
}

/* Seen in a running mesh of the original, and computed for the facts. */
static void test_ipv6_of_key(void **state)
{
	static const struct {
		const char *mesh, *key, *result;
	} rows[] = {
		{"fdd3:db27:2a86::/48", "CAUSIBet4jWmpe9SX7Rr2IaPhaHJaLR7KKz7pMCU3P6SwCpR",
		 "fdd3:db27:2a86:18e6:3a37:6fc:c8c6:0/112"},
		{"fdd3:db27:2a86::/48", "CAUSIBPMagYMJAXeuLNQXlmTRDt3GDQhNgz6j4NU9sHWJtk2",
		 "fdd3:db27:2a86:9808:d469:23e:c10e:0/112"},
		{"fd9f:86d0:8188::/48", "CAUSIB7R6PrixKFEuL6P1LR789OzS4ccPKz2AQ8OQtR0/OJ+",
		 "fd9f:86d0:8188:a0c5:ac11:56f5:51a2:0/112"},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_prefix mesh, out;
		struct wm_pubkey key;
		char text[WM_PREFIX_TEXT];

		assert_true(wm_prefix_parse(rows[i].mesh, &mesh));
		assert_int_equal(wm_pubkey_parse(rows[i].key, strlen(rows[i].key), &key, NULL), 0);
		assert_int_equal(wm_ipv6_of_key(&mesh, &key, &out, NULL), 0);
		assert_string_equal(wm_prefix_format(&out, text), rows[i].result);
	}
}

static void test_ula(void **state)
{
	static const uint8_t mac[6] = {0x10, 0x20, 0x30, 0x40, 0x50, 0x60};
	static const uint8_t seed_expected[16] = {
		0x83, 0xaa, 0x7e, 0x82, 0x80, 0,    0,    0,
		0x12, 0x20, 0x30, 0xff, 0xfe, 0x40, 0x50, 0x60,
	};
	struct wm_prefix p = wm_ula_from_seed("test", 4);
	struct wm_pubkey key;
	char text[WM_PREFIX_TEXT];
	uint8_t seed[16];

	assert_string_equal(wm_prefix_format(&p, text), "fd9f:86d0:8188::/48");
	assert_int_equal(
		wm_pubkey_parse("CAUSIB7R6PrixKFEuL6P1LR789OzS4ccPKz2AQ8OQtR0/OJ+", 48, &key, NULL),
		0);
	p = wm_ula_from_seed(key.bytes, sizeof(key.bytes));
	assert_string_equal(wm_prefix_format(&p, text), "fd97:21e4:d91a::/48");
	wm_ula_seed(2500000000LL, mac, seed); /* two and a half seconds after 1970 */
	assert_memory_equal(seed, seed_expected, sizeof(seed));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		ROW(test_lowest_free),
		ROW(test_own_is_kept),
		ROW(test_release_is_for_the_holder),
		ROW(test_fixed),
		ROW(test_taken_without_lease),
		ROW(test_junk_among_leases),
		ROW(test_small_networks),
		ROW(test_ipv6_of_key),
		ROW(test_ula),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
