/* Where a peer is and where its packets come in, step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wg/place.h"

#define ERA 7

static struct wm_wg_place place;
static struct wm_endpoint there, elsewhere;
static struct wm_udp_local here, aside;

static int set_up(void **state)
{
	place = (struct wm_wg_place){.version = 0};
	here.link = 3;
	aside.link = 4;
	return wm_endpoint_parse("192.0.2.1:51820", &there) &&
			       wm_endpoint_parse("[fe80::1%9]:7", &elsewhere) &&
			       wm_addr_parse("198.51.100.1", &here.addr) &&
			       wm_addr_parse("2001:db8::1", &aside.addr)
		       ? 0
		       : -1;
}

static void expect(uint16_t era, const struct wm_endpoint *to, const struct wm_udp_local *local)
{
	struct wm_wg_path path;
	static const struct wm_udp_local none;
	assert_true(wm_wg_place_path(&place, era, &path));
	assert_true(wm_endpoint_equal(&path.to, to));
	assert_true(wm_udp_local_equal(&path.local, local != NULL ? local : &none));
}

static void prove(uint16_t era)
{
	struct wm_wg_path path;
	assert_true(wm_wg_place_claim(&place, era, &path));
	wm_wg_place_prove(&place, era, &path);
}

static void test_nowhere(void **state)
{
	struct wm_wg_path path;
	struct wm_endpoint e;
	assert_false(wm_wg_place_get(&place, &e));
	assert_false(wm_wg_place_path(&place, ERA, &path));
	assert_false(wm_wg_place_claim(&place, ERA, &path));
}

static void test_our_side_is_used_once_it_is_proven(void **state)
{
	assert_true(wm_wg_place_learn(&place, ERA, &there, &here));
	expect(ERA, &there, NULL);
	assert_false(wm_wg_place_learn(&place, ERA, &there, &here)); /* no news, proven or not */
	prove(ERA);
	expect(ERA, &there, &here);
	assert_false(wm_wg_place_learn(&place, ERA, &there, &here));
	expect(ERA, &there, &here);
}

static void test_another_way_is_to_be_proven_again(void **state)
{
	wm_wg_place_learn(&place, ERA, &there, &here);
	prove(ERA);
	assert_true(wm_wg_place_learn(&place, ERA, &elsewhere, &aside));
	expect(ERA, &elsewhere, NULL);
	prove(ERA);
	expect(ERA, &elsewhere, &aside);
	aside.link++;
	assert_true(wm_wg_place_learn(&place, ERA, &elsewhere, &aside));
	expect(ERA, &elsewhere, NULL);
}

static void test_a_proof_of_what_was_before_is_void(void **state)
{
	struct wm_wg_path path;
	wm_wg_place_learn(&place, ERA, &there, &here);
	assert_true(wm_wg_place_claim(&place, ERA, &path));
	wm_wg_place_learn(&place, ERA, &elsewhere, &aside);
	wm_wg_place_prove(&place, ERA, &path);
	expect(ERA, &elsewhere, NULL);
}

static void test_a_new_era_ends_it(void **state)
{
	wm_wg_place_learn(&place, ERA, &there, &here);
	prove(ERA);
	expect(ERA + 1, &there, NULL);
	assert_true(wm_wg_place_learn(&place, ERA + 1, &there, &here));
	expect(ERA + 1, &there, NULL);
	prove(ERA + 1);
	expect(ERA + 1, &there, &here);
}

static void test_letting_go_and_being_refused_end_it(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		assert_true(wm_wg_place_learn(&place, ERA, &there, &here));
		prove(ERA);
		expect(ERA, &there, &here);
		if (i == 0)
			wm_wg_place_let_go(&place);
		else
			atomic_store(&place.is_refused, true);
		expect(ERA, &there, NULL);
	}
	/* The next packet shows it again, and it is to be proven again. */
	assert_true(wm_wg_place_learn(&place, ERA, &there, &here));
	expect(ERA, &there, NULL);
	prove(ERA);
	expect(ERA, &there, &here);
}

static void test_setting_the_same_place_changes_nothing(void **state)
{
	wm_wg_place_learn(&place, ERA, &there, &here);
	prove(ERA);
	assert_false(wm_wg_place_set(&place, &there));
	expect(ERA, &there, &here);
	assert_true(wm_wg_place_set(&place, &elsewhere));
	expect(ERA, &elsewhere, NULL);
}

static void test_packets_of_unknown_arrival(void **state)
{
	static const struct wm_udp_local unknown;
	assert_false(wm_wg_place_learn(&place, ERA, &there, &unknown));
	expect(ERA, &there, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nowhere, set_up),
		cmocka_unit_test_setup(test_our_side_is_used_once_it_is_proven, set_up),
		cmocka_unit_test_setup(test_another_way_is_to_be_proven_again, set_up),
		cmocka_unit_test_setup(test_a_proof_of_what_was_before_is_void, set_up),
		cmocka_unit_test_setup(test_a_new_era_ends_it, set_up),
		cmocka_unit_test_setup(test_letting_go_and_being_refused_end_it, set_up),
		cmocka_unit_test_setup(test_setting_the_same_place_changes_nothing, set_up),
		cmocka_unit_test_setup(test_packets_of_unknown_arrival, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
