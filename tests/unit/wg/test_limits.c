/* What ends a session, a cookie or a key, and what a clock that is set does to handshakes. */
#include "scene.h"
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "wg/cookie.h"

#define HOUR (3600 * S)

/* The clock on the wall, in place of the real one (meson.build: --wrap). */
static int64_t wall = 1700000000 * S;

int64_t __wrap_wm_clock_wall(void);
int64_t __wrap_wm_clock_wall(void)
{
	return wall;
}

static bool is_zero(const void *p, size_t n)
{
	const uint8_t *bytes = p;
	while (n > 0 && bytes[n - 1] == 0)
		n--;
	return n == 0;
}

static unsigned initiations(const struct scene *sc)
{
	return sc->a->letters[WM_WG_INITIATION] + sc->b->letters[WM_WG_INITIATION];
}

/* ---- time ---- */

static void test_a_session_of_three_minutes_is_over(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	open_session(&sc);
	struct wm_wg_session *first = current(sc.a);
	int64_t born = first->born;
	assert_true(wm_wg_session_can_send(first, born + 180 * S - 1));
	assert_false(wm_wg_session_can_send(first, born + 180 * S));
	assert_true(wm_wg_session_can_receive(first, 7, born + 180 * S - 1));
	assert_false(wm_wg_session_can_receive(first, 7, born + 180 * S));
	/* Nobody has renewed it, as nobody has sent: what is sent now waits for a new one. */
	pass(&sc, 181 * S);
	assert_int_equal(initiations(&sc), 1);
	send_packet(sc.b, 2);
	talk(&sc);
	assert_int_equal(initiations(&sc), 2);
	assert_int_equal(sc.a->packets, 1);
	assert_true(current(sc.a) != first);
	end_scene(&sc);
}

/* What one side sent in the last moment of a session comes when that is over. */
static void test_data_that_is_late_by_minutes(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	open_session(&sc);
	send_packet(sc.a, 2);
	turn(sc.a, sc.now); /* on its way */
	sc.now += 181 * S;
	receive(sc.b, sc.now);
	assert_int_equal(sc.b->packets, 1);
	assert_int_equal(sc.b->unopened, 1);
	sc.b->unopened = 0;
	end_scene(&sc);
}

static void test_keys_are_wiped_after_nine_minutes(void **state)
{
	struct scene sc;
	make_scene(&sc, (const uint8_t[32]){1});
	open_session(&sc);
	sc.b->is_deaf = true;
	pass(&sc, 300 * S);
	send_packet(sc.a, 1); /* an attempt that fails leaves an ephemeral key */
	pass(&sc, 239 * S);
	assert_false(is_zero(&sc.a->peer->initiator, sizeof(sc.a->peer->initiator)));
	assert_non_null(current(sc.b));
	pass(&sc, 2 * S);
	assert_null(current(sc.a));
	assert_null(current(sc.b));
	assert_null(atomic_load(&sc.a->peer->next));
	assert_null(atomic_load(&sc.b->peer->next));
	assert_null(sc.a->peer->previous);
	assert_null(sc.b->peer->previous);
	assert_true(is_zero(&sc.a->peer->initiator, sizeof(sc.a->peer->initiator)));
	assert_true(is_zero(&sc.b->peer->initiator, sizeof(sc.b->peer->initiator)));
	end_scene(&sc);
}

/* Also without any session before: the attempt's own key goes nine minutes after it was given up.
 */
static void test_an_attempt_in_vain_leaves_no_key(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	sc.b->is_deaf = true;
	send_packet(sc.a, 1);
	talk(&sc);
	pass(&sc, 95 * S);
	assert_int_equal(drops(sc.a, WM_DROP_STAGED), 1);
	pass(&sc, 530 * S);
	assert_false(is_zero(&sc.a->peer->initiator, sizeof(sc.a->peer->initiator)));
	pass(&sc, 15 * S);
	assert_true(is_zero(&sc.a->peer->initiator, sizeof(sc.a->peer->initiator)));
	end_scene(&sc);
}

/* ---- counters ---- */

static void test_a_session_that_has_sent_enough_is_renewed(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	open_session(&sc);
	pass(&sc, 6 * S);
	struct wm_wg_session *first = current(sc.b);
	atomic_store(&first->next_counter, WM_WG_REKEY_MESSAGES - 2);
	send_packet(sc.b, 1);
	talk(&sc);
	assert_int_equal(initiations(&sc), 1);
	send_packet(sc.b, 2); /* this one asks, and need not wait */
	talk(&sc);
	assert_int_equal(initiations(&sc), 2);
	assert_int_equal(sc.a->packets, 2);
	assert_true(current(sc.b) != first);
	end_scene(&sc);
}

static void test_a_session_without_counters_sends_nothing(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	open_session(&sc);
	pass(&sc, 6 * S);
	struct wm_wg_session *first = current(sc.a);
	atomic_store(&first->next_counter, WM_WG_REJECT_MESSAGES);
	send_packet(sc.a, 9);
	talk(&sc);
	assert_true(current(sc.a) != first);
	assert_int_equal(sc.b->packets, 2);
	assert_int_equal(sc.b->last_first_byte, 9);
	end_scene(&sc);
}

static void test_no_counter_is_given_twice(void **state)
{
	struct scene sc;
	uint64_t first;
	make_scene(&sc, no_psk);
	open_session(&sc);
	struct wm_wg_session *s = current(sc.a);
	atomic_store(&s->next_counter, WM_WG_REJECT_MESSAGES - 5);
	assert_false(wm_wg_session_take(s, 6, &first));
	/* Whoever asks again, however often: they do not start over. */
	for (unsigned i = 0; i < 100000; i++)
		assert_false(wm_wg_session_take(s, 64, &first));
	assert_false(wm_wg_session_can_send(s, s->born));
	atomic_store(&s->next_counter, WM_WG_REJECT_MESSAGES - 5);
	assert_true(wm_wg_session_take(s, 5, &first));
	assert_true(first == WM_WG_REJECT_MESSAGES - 5);
	assert_false(wm_wg_session_take(s, 1, &first));
	end_scene(&sc);
}

/* ---- cookies ---- */

/* b says that it is under load, for a second. */
static void load(const struct scene *sc)
{
	wm_wg_door_load(&sc->b->h->door, sc->now);
}

/* a begins anew: all that it has of b but its place and its cookie is gone. */
static void begin_anew(struct scene *sc)
{
	order(sc->a, WM_WG_ORDER_REST, 0);
	order(sc->a, WM_WG_ORDER_RESUME, 0);
	send_packet(sc->a, 1);
	talk(sc);
}

static bool has_mac2(const struct wm_wg_letter *l)
{
	return !is_zero(l->data + l->len - WM_WG_MAC, WM_WG_MAC);
}

static void test_a_cookie_lasts_two_minutes(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	load(&sc);
	begin_anew(&sc);
	assert_int_equal(sc.a->letters[WM_WG_COOKIE], 1);
	assert_false(has_mac2(&sc.b->last));
	load(&sc);
	begin_anew(&sc);
	assert_true(has_mac2(&sc.b->last));
	assert_non_null(current(sc.a));
	assert_int_equal(sc.a->letters[WM_WG_COOKIE], 1);
	struct wm_wg_letter proven = sc.b->last;

	/* Some seconds before b's secret goes, a does without. */
	pass(&sc, 116 * S);
	begin_anew(&sc);
	assert_false(has_mac2(&sc.b->last));
	/* And b knows an old cookie: whoever still brings one is given another. */
	pass(&sc, 10 * S);
	load(&sc);
	wm_wg_handshakes_offer(sc.b->h, &proven.from, proven.data, proven.len, sc.now);
	talk(&sc);
	assert_int_equal(sc.a->letters[WM_WG_COOKIE], 2);
	assert_int_equal(drops(sc.b, WM_DROP_STALE), 0);
	end_scene(&sc);
}

/* ---- the clock on the wall ---- */

/* Tries so often to make a new session; how often it comes about. */
static unsigned renew(struct scene *sc, unsigned tries)
{
	unsigned done = 0;
	for (unsigned i = 0; i < tries; i++) {
		pass(sc, 10 * S);
		wall += 10 * S;
		uint64_t before = current(sc->a) != NULL ? current(sc->a)->id : 0;
		begin_anew(sc);
		done += current(sc->a) != NULL && current(sc->a)->id != before;
	}
	return done;
}

static void test_a_clock_that_is_set_stops_nothing(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	open_session(&sc);
	assert_int_equal(renew(&sc, 5), 5);
	wall -= HOUR;
	assert_int_equal(renew(&sc, 5), 5);
	wall += 2 * HOUR;
	assert_int_equal(renew(&sc, 5), 5);
	wall -= HOUR;
	assert_int_equal(renew(&sc, 5), 5);
	wall = 0;
	assert_int_equal(renew(&sc, 5), 5);
	assert_int_equal(drops(sc.b, WM_DROP_STALE), 0);
	wall = 1700000000 * S;
	end_scene(&sc);
}

static void forget_peer(struct side *s, int64_t now)
{
	wm_wg_handshakes_order(s->h, WM_WG_ORDER_REMOVE, s->peer, NULL, 0);
	turn(s, now);
}

/* Whoever goes and comes again while the clock is behind is greeted with a time it has not seen. */
static void test_a_peer_that_comes_again_after_the_clock_went_back(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	open_session(&sc);
	wall -= HOUR;
	forget_peer(sc.a, sc.now);
	meet(sc.a, sc.b, no_psk, true);
	pass(&sc, S);
	send_packet(sc.a, 1);
	talk(&sc);
	assert_non_null(current(sc.a));
	assert_int_equal(drops(sc.b, WM_DROP_STALE), 0);
	wall += HOUR;
	end_scene(&sc);
}

/*
 * A process that starts anew knows no time but the clock's. While that is behind what the peer has
 * seen, the peer takes its initiations for old ones; but the peer's own are new, so the first
 * packet or keepalive from there makes a session for both ways.
 */
static void test_a_restart_with_the_clock_behind(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	open_session(&sc);
	struct side *reborn = side_new();
	memcpy(reborn->private_key, sc.a->private_key, sizeof(reborn->private_key));
	memcpy(reborn->public_key, sc.a->public_key, sizeof(reborn->public_key));
	wm_wg_handshakes_order(reborn->h, WM_WG_ORDER_KEY, NULL, reborn->private_key, 0);
	side_free(sc.a, sc.now);
	sc.a = reborn;
	meet(sc.a, sc.b, no_psk, true);
	wall -= HOUR;
	pass(&sc, S);
	send_packet(sc.a, 1);
	talk(&sc);
	assert_null(current(sc.a));
	assert_int_equal(drops(sc.b, WM_DROP_STALE), 1);

	struct wm_endpoint at = place_of(sc.a);
	wall += HOUR; /* b's clock is right */
	wm_wg_place_set(&sc.b->peer->place, &at);
	pass(&sc, 181 * S); /* b still believed in the session of before */
	send_packet(sc.b, 2);
	talk(&sc);
	assert_int_equal(sc.a->last_first_byte, 2);
	assert_non_null(current(sc.a));
	sc.a->unopened = 0;
	end_scene(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_session_of_three_minutes_is_over),
		cmocka_unit_test(test_data_that_is_late_by_minutes),
		cmocka_unit_test(test_keys_are_wiped_after_nine_minutes),
		cmocka_unit_test(test_an_attempt_in_vain_leaves_no_key),
		cmocka_unit_test(test_a_session_that_has_sent_enough_is_renewed),
		cmocka_unit_test(test_a_session_without_counters_sends_nothing),
		cmocka_unit_test(test_no_counter_is_given_twice),
		cmocka_unit_test(test_a_cookie_lasts_two_minutes),
		cmocka_unit_test(test_a_clock_that_is_set_stops_nothing),
		cmocka_unit_test(test_a_peer_that_comes_again_after_the_clock_went_back),
		cmocka_unit_test(test_a_restart_with_the_clock_behind),
	};
	return cmocka_run_group_tests_name("wg/limits", tests, NULL, NULL);
}
