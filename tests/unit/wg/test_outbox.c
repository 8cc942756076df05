/* Which sealed datagrams travel together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "wg/outbox.h"

static struct wm_wg_outbox box;

static int set_up(void **state)
{
	box = (struct wm_wg_outbox){.bytes = malloc(WM_WG_OUTBOX_BYTES)};
	return box.bytes == NULL;
}

static int tear_down(void **state)
{
	free(box.bytes);
	return 0;
}

static struct wm_endpoint to(uint16_t port)
{
	struct wm_endpoint e = {.port = port};
	assert_true(wm_addr_parse("192.0.2.1", &e.addr));
	return e;
}

static void add(uint16_t port, size_t len)
{
	struct wm_udp_packet how = {.peer = to(port)};
	uint8_t *room = wm_wg_outbox_room(&box, len);
	assert_non_null(room);
	memset(room, (int)len, len);
	wm_wg_outbox_add(&box, &how, len);
}

static void expect(unsigned i, uint16_t port, uint32_t len, unsigned count)
{
	struct wm_endpoint e = to(port);
	assert_true(i < box.n);
	assert_true(wm_endpoint_equal(&box.trains[i].peer, &e));
	assert_int_equal(box.trains[i].len, len);
	assert_int_equal(wm_udp_count(&box.trains[i]), count);
}

static void test_equal_lengths_travel_together(void **state)
{
	for (unsigned i = 0; i < 5; i++)
		add(1, 100);
	assert_int_equal(box.n, 1);
	expect(0, 1, 500, 5);
}

/* Each of these is said once for a whole train. */
static void test_what_goes_differently_goes_apart(void **state)
{
	struct wm_udp_packet hows[5];
	for (unsigned i = 0; i < 5; i++)
		hows[i] = (struct wm_udp_packet){.peer = to(1)};
	hows[1].tos = 2;
	hows[2].local.link = 3;
	assert_true(wm_addr_parse("192.0.2.9", &hows[3].local.addr));
	hows[4].is_probe = true;
	for (unsigned i = 0; i < 5; i++) {
		for (unsigned twice = 0; twice < 2; twice++) {
			memset(wm_wg_outbox_room(&box, 100), 'x', 100);
			wm_wg_outbox_add(&box, &hows[i], 100);
		}
	}
	assert_int_equal(box.n, 6);
	for (unsigned i = 0; i < 4; i++) {
		expect(i, 1, 200, 2);
		assert_int_equal(box.trains[i].tos, hows[i].tos);
		assert_true(wm_udp_local_equal(&box.trains[i].local, &hows[i].local));
	}
	assert_true(box.trains[4].is_probe && box.trains[5].is_probe);
}

static void test_a_shorter_one_is_the_last(void **state)
{
	add(1, 100);
	add(1, 100);
	add(1, 40);
	add(1, 40);
	add(1, 100);
	assert_int_equal(box.n, 3);
	expect(0, 1, 240, 3);
	expect(1, 1, 40, 1);
	expect(2, 1, 100, 1);
}

static void test_a_longer_one_begins_anew(void **state)
{
	add(1, 100);
	add(1, 101);
	assert_int_equal(box.n, 2);
	expect(0, 1, 100, 1);
	expect(1, 1, 101, 1);
}

static void test_each_peer_has_its_own(void **state)
{
	add(1, 100);
	add(2, 100);
	add(1, 100);
	assert_int_equal(box.n, 3);
	for (unsigned i = 0; i < 3; i++)
		expect(i, i == 1 ? 2 : 1, 100, 1);
}

static void test_a_train_has_64_datagrams_and_65000_bytes(void **state)
{
	for (unsigned i = 0; i < 65; i++)
		add(1, 32);
	assert_int_equal(box.n, 2);
	expect(0, 1, 64 * 32, 64);
	expect(1, 1, 32, 1);
	for (unsigned i = 0; i < 46; i++)
		add(2, 1452);
	assert_int_equal(box.n, 4);
	expect(2, 2, 44 * 1452, 44);
	expect(3, 2, 2 * 1452, 2);
}

static void test_the_largest_goes_alone(void **state)
{
	add(1, 65507);
	add(1, 32);
	assert_int_equal(box.n, 2);
	expect(0, 1, 65507, 1);
}

static void test_there_is_room_until_it_is_full(void **state)
{
	add(1, 65535);
	add(2, 65535);
	assert_non_null(wm_wg_outbox_room(&box, 2));
	assert_null(wm_wg_outbox_room(&box, 3));
}

static void test_it_has_so_many_trains(void **state)
{
	for (uint16_t i = 0; i < WM_UDP_BATCH; i++)
		add(i, 50);
	assert_null(wm_wg_outbox_room(&box, 1));
}

static void test_flushing_sends_all_and_empties_it(void **state)
{
	struct wm_udp_socket s, peer;
	struct wm_err err;
	uint16_t port = 0, here = 0;
	uint8_t bytes[2048];
	uint32_t got = 0;
	assert_int_equal(wm_udp_open(&port, 0, false, 1, &peer, &err), 0);
	assert_int_equal(wm_udp_open(&here, 0, false, 1, &s, &err), 0);
	struct wm_udp_packet how = {.peer.port = port};
	assert_true(wm_addr_parse("127.0.0.1", &how.peer.addr));
	for (unsigned i = 0; i < 7; i++) {
		memset(wm_wg_outbox_room(&box, 100), 'x', 100);
		wm_wg_outbox_add(&box, &how, i < 6 ? 100 : 1);
	}
	assert_int_equal(wm_wg_outbox_flush(&box, &s), 0);
	assert_int_equal(box.n, 0);
	assert_int_equal(box.used, 0);
	while (got < 601) {
		struct wm_udp_packet p = {.data = bytes, .cap = sizeof(bytes)};
		assert_true(wm_udp_recv(&peer, &p, 1) >= 0);
		got += p.len;
	}
	assert_int_equal(wm_wg_outbox_flush(&box, &s), 0); /* nothing */
	wm_udp_close(&s);
	wm_udp_close(&peer);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(test_equal_lengths_travel_together),
		ROW(test_what_goes_differently_goes_apart),
		ROW(test_a_shorter_one_is_the_last),
		ROW(test_a_longer_one_begins_anew),
		ROW(test_each_peer_has_its_own),
		ROW(test_a_train_has_64_datagrams_and_65000_bytes),
		ROW(test_the_largest_goes_alone),
		ROW(test_there_is_room_until_it_is_full),
		ROW(test_it_has_so_many_trains),
		ROW(test_flushing_sends_all_and_empties_it),
	};
	return cmocka_run_group_tests_name("wg/outbox", tests, NULL, NULL);
}
