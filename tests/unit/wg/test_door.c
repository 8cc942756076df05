/* Who gets into the queue of handshakes, and who does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "wg/door.h"
#include "wg/message.h"

#define S     1000000000LL
#define SLICE (S / 100)
#define TURNS (WM_WG_DOOR_STRANGERS / 100)
#define SHARE (TURNS / 8)
#define TRUST 100 /* of one prefix that is known or has a second MAC, in a slice */

static struct wm_wg_door door;
static uint8_t message[sizeof(struct wm_wg_initiation)];

static int set_up(void **state)
{
	wm_wg_door_init(&door, 0x1234567887654321u);
	memset(message, 0, sizeof(message));
	wm_wg_put_le32(message, WM_WG_INITIATION);
	return 0;
}

static struct wm_endpoint source(const char *text)
{
	struct wm_endpoint e = {.port = 7};
	assert_true(wm_addr_parse(text, &e.addr));
	return e;
}

/* How many of @tries get in from one source at one time. */
static unsigned count_in(const char *text, unsigned tries, int64_t now)
{
	struct wm_endpoint from = source(text);
	unsigned in = 0;
	while (tries-- > 0)
		in += wm_wg_door_judge(&door, &from, message, sizeof(message), now) == WM_DROP_NONE;
	return in;
}

static void test_everybody_gets_in_while_it_is_quiet(void **state)
{
	assert_int_equal(count_in("192.0.2.1", 100000, S), 100000);
	assert_false(wm_wg_door_is_loaded(&door, S));
}

/* From as many prefixes as there are, one each. */
static unsigned count_prefixes(unsigned tries, int64_t now)
{
	unsigned in = 0;
	for (uint32_t i = 0; i < tries; i++) {
		struct wm_endpoint from = {.addr = wm_addr_v4(0x0a000000u + (i << 8)), .port = 7};
		in += wm_wg_door_judge(&door, &from, message, sizeof(message), now) == WM_DROP_NONE;
	}
	return in;
}

static void test_strangers_take_turns_under_load(void **state)
{
	wm_wg_door_load(&door, S);
	assert_int_equal(count_prefixes(1000, S), TURNS);
	assert_int_equal(count_in("2001:db8::1", 1000, S), 0); /* whoever they are */
	assert_int_equal(count_prefixes(1000, S + SLICE), TURNS);
	assert_int_equal(count_prefixes(1000, S + SLICE + SLICE / 2), 0);
}

static void test_a_prefix_has_its_share(void **state)
{
	wm_wg_door_load(&door, S);
	assert_int_equal(count_in("192.0.2.1", 1000, S), SHARE);
	assert_int_equal(count_in("192.0.2.200", 1000, S), 0);
	assert_int_equal(count_in("2001:db8:0:100::1", 1000, S), SHARE);
	assert_int_equal(count_in("2001:db8:0:1ff::9", 1000, S), 0);
	assert_int_equal(count_in("192.0.2.200", 1000, S + SLICE), SHARE);
}

static void test_a_load_lasts_a_second(void **state)
{
	wm_wg_door_load(&door, S);
	assert_true(wm_wg_door_is_loaded(&door, 2 * S - 1));
	assert_false(wm_wg_door_is_loaded(&door, 2 * S));
	assert_int_equal(count_in("192.0.2.1", 1000, 2 * S), 1000);
}

static void test_who_was_authentic_before_gets_in(void **state)
{
	struct wm_endpoint four = source("198.51.100.7"), six = source("2001:db8::7");
	wm_wg_door_know(&door, &four.addr);
	wm_wg_door_know(&door, &six.addr);
	wm_wg_door_load(&door, S);
	count_prefixes(1000, S); /* there are no turns left */
	assert_int_equal(count_in("198.51.100.8", 1000, S), 0);
	assert_int_equal(count_in("2001:db8::8", 1000, S), 0);
	assert_int_equal(count_in("198.51.100.7", 1000, S), TRUST);
	assert_int_equal(count_in("2001:db8::7", 1000, S), TRUST);
	assert_int_equal(count_in("198.51.100.7", 1000, S + SLICE), TRUST);
}

static void test_what_may_be_a_cookie_is_looked_at(void **state)
{
	wm_wg_door_load(&door, S);
	count_prefixes(1000, S);
	message[sizeof(message) - 1] = 1;
	assert_int_equal(count_in("192.0.2.1", 10, S), 10);
	assert_int_equal(count_prefixes(100000, S), WM_WG_DOOR_MACS / 100 - 10);
	assert_int_equal(count_prefixes(100000, S + SLICE), WM_WG_DOOR_MACS / 100);
}

/* Forged neighbours, with a second MAC that is no cookie's or without, take nothing from others. */
static void test_neighbours_do_not_starve_each_other(void **state)
{
	struct wm_endpoint known = source("198.51.100.7");
	wm_wg_door_know(&door, &known.addr);
	wm_wg_door_load(&door, S);
	message[sizeof(message) - 1] = 1;
	assert_int_equal(count_in("198.51.100.8", 1000, S), TRUST);
	message[sizeof(message) - 1] = 0;
	assert_int_equal(count_in("198.51.100.9", 1000, S), SHARE);
	assert_int_equal(count_in("198.51.100.7", 1000, S), TRUST);
}

static void test_cookie_replies_count_as_such(void **state)
{
	struct wm_endpoint from = source("192.0.2.1");
	uint8_t reply[sizeof(struct wm_wg_cookie_reply)] = {WM_WG_COOKIE};
	wm_wg_door_load(&door, S);
	count_prefixes(1000, S);
	for (size_t len = 0; len <= sizeof(reply); len += 4)
		assert_int_equal(wm_wg_door_judge(&door, &from, reply, len, S), WM_DROP_NONE);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup(test, set_up)
	const struct CMUnitTest tests[] = {
		ROW(test_everybody_gets_in_while_it_is_quiet),
		ROW(test_strangers_take_turns_under_load),
		ROW(test_a_load_lasts_a_second),
		ROW(test_who_was_authentic_before_gets_in),
		ROW(test_what_may_be_a_cookie_is_looked_at),
		ROW(test_neighbours_do_not_starve_each_other),
		ROW(test_cookie_replies_count_as_such),
		ROW(test_a_prefix_has_its_share),
	};
	return cmocka_run_group_tests_name("wg/door", tests, NULL, NULL);
}
