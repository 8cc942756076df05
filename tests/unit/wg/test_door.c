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

static void test_strangers_take_turns_under_load(void **state)
{
	wm_wg_door_load(&door, S);
	assert_int_equal(count_in("192.0.2.1", 1000, S), TURNS);
	assert_int_equal(count_in("2001:db8::1", 1000, S), 0); /* whoever they are */
	assert_int_equal(count_in("192.0.2.1", 1000, S + SLICE), TURNS);
	assert_int_equal(count_in("192.0.2.1", 1000, S + SLICE + SLICE / 2), 0);
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
	count_in("192.0.2.1", TURNS, S); /* there are no turns left */
	assert_int_equal(count_in("198.51.100.7", 1000, S), 1000);
	assert_int_equal(count_in("2001:db8::7", 1000, S), 1000);
	assert_int_equal(count_in("198.51.100.8", 1000, S), 0);
	assert_int_equal(count_in("2001:db8::8", 1000, S), 0);
}

static void test_what_may_be_a_cookie_is_looked_at(void **state)
{
	wm_wg_door_load(&door, S);
	count_in("192.0.2.1", TURNS, S);
	message[sizeof(message) - 1] = 1;
	assert_int_equal(count_in("192.0.2.1", 10, S), 10);
}

static void test_cookie_replies_get_in(void **state)
{
	struct wm_endpoint from = source("192.0.2.1");
	uint8_t reply[sizeof(struct wm_wg_cookie_reply)] = {WM_WG_COOKIE};
	wm_wg_door_load(&door, S);
	count_in("192.0.2.1", TURNS, S);
	for (size_t len = 0; len <= sizeof(reply); len += 4)
		assert_int_equal(wm_wg_door_judge(&door, &from, reply, len, S), WM_DROP_NONE);
}

static void test_a_prefix_has_its_share(void **state)
{
	struct wm_endpoint one = source("192.0.2.1"), same = source("192.0.2.200"),
			   six = source("2001:db8:0:100::1"),
			   six_same = source("2001:db8:0:1ff::9");
	uint8_t share, other;
	for (unsigned i = 0; i < 4; i++)
		assert_true(wm_wg_door_enter(&door, &one.addr, 4, &share));
	assert_false(wm_wg_door_enter(&door, &same.addr, 4, &other));
	assert_int_equal(share, other);
	wm_wg_door_leave(&door, share);
	assert_true(wm_wg_door_enter(&door, &same.addr, 4, &other));
	for (unsigned i = 0; i < 4; i++)
		assert_true(wm_wg_door_enter(&door, &six.addr, 4, &share));
	assert_false(wm_wg_door_enter(&door, &six_same.addr, 4, &share));
}

/* The shares of many prefixes are spread. */
static void test_prefixes_are_spread(void **state)
{
	unsigned refused = 0;
	uint8_t share;
	for (uint32_t i = 0; i < WM_WG_DOOR_PREFIXES; i++) {
		struct wm_addr a = wm_addr_v4(0x0a000000u + (i << 8));
		refused += !wm_wg_door_enter(&door, &a, 8, &share);
	}
	assert_int_equal(refused, 0);
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
		ROW(test_cookie_replies_get_in),
		ROW(test_a_prefix_has_its_share),
		ROW(test_prefixes_are_spread),
	};
	return cmocka_run_group_tests_name("wg/door", tests, NULL, NULL);
}
