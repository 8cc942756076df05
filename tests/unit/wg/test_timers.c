#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <stdlib.h>
#include "wg/timers.h"

#define S WM_WG_S

/* A peer's timers in virtual time, with the handshake thread's part played by the test. */
struct scene {
	struct wm_wg_traffic traffic;
	struct wm_wg_timers timers;
	int64_t now;
	unsigned initiations, keepalives, give_ups, forgets;
	unsigned looks; /* how often the thread was woken */
};

static void make_scene(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	s->now = 1000 * S;
	wm_wg_timers_init(&s->timers, &s->traffic);
}

static void act(struct scene *s, unsigned intents)
{
	if (intents & WM_WG_INITIATE) {
		s->initiations++;
		wm_wg_timers_initiation_sent(&s->timers, rand() % WM_WG_JITTER_MAX, s->now);
	}
	if (intents & WM_WG_KEEPALIVE) {
		s->keepalives++;
		if (wm_wg_traffic_sent(&s->traffic, false, s->now))
			wm_wg_timers_watch(&s->timers);
	}
	s->give_ups += (intents & WM_WG_GIVE_UP) != 0;
	s->forgets += (intents & WM_WG_FORGET) != 0;
}

/* Lets time pass, waking the thread only when it is due. */
static void pass(struct scene *s, int64_t span)
{
	int64_t end = s->now + span;
	for (int64_t due; (due = wm_wg_timers_due(&s->timers)) <= end;) {
		if (due > s->now)
			s->now = due;
		s->looks++;
		act(s, wm_wg_timers_run(&s->timers, s->now));
		assert_true(s->looks < 100000); /* it makes progress */
	}
	s->now = end;
}

static void sent(struct scene *s)
{
	if (wm_wg_traffic_sent(&s->traffic, true, s->now))
		wm_wg_timers_watch(&s->timers);
}

static void received(struct scene *s)
{
	if (wm_wg_traffic_received(&s->traffic, true, s->now))
		wm_wg_timers_watch(&s->timers);
}

static void test_idle_means_never(void **state)
{
	struct scene s;
	make_scene(&s);
	assert_true(wm_wg_timers_due(&s.timers) == WM_WG_NEVER);
	pass(&s, 3600 * S);
	assert_int_equal(s.looks, 0);
}

static void test_an_attempt_lasts_90_seconds(void **state)
{
	struct scene s;
	make_scene(&s);
	act(&s, wm_wg_timers_want(&s.timers, s.now));
	assert_int_equal(s.initiations, 1);
	assert_true(wm_wg_timers_is_trying(&s.timers));
	act(&s, wm_wg_timers_want(&s.timers, s.now)); /* asked again: no second one */
	assert_int_equal(s.initiations, 1);
	pass(&s, 4 * S + S / 2);
	assert_int_equal(s.initiations, 1);
	pass(&s, S);
	assert_int_equal(s.initiations, 2);
	pass(&s, 95 * S);
	assert_true(s.initiations >= 18 && s.initiations <= 20);
	assert_int_equal(s.give_ups, 1);
	assert_false(wm_wg_timers_is_trying(&s.timers));
	pass(&s, 3600 * S);
	assert_true(s.initiations <= 20);
	assert_int_equal(s.forgets, 1);
	assert_true(wm_wg_timers_due(&s.timers) == WM_WG_NEVER);
	act(&s, wm_wg_timers_want(&s.timers, s.now)); /* a new packet, a new attempt */
	assert_true(wm_wg_timers_is_trying(&s.timers));
}

static void test_initiations_keep_their_distance(void **state)
{
	struct scene s;
	make_scene(&s);
	act(&s, wm_wg_timers_want(&s.timers, s.now));
	pass(&s, S);
	wm_wg_timers_session_made(&s.timers, true, s.now);
	act(&s, wm_wg_timers_want(&s.timers, s.now));
	assert_int_equal(s.initiations, 1);
	pass(&s, 3 * S + S / 2);
	assert_int_equal(s.initiations, 1);
	pass(&s, S);
	assert_int_equal(s.initiations, 2);
}

static void test_a_peer_that_moved_is_tried_at_once(void **state)
{
	struct scene s;
	make_scene(&s);
	act(&s, wm_wg_timers_want(&s.timers, s.now));
	pass(&s, S);
	act(&s, wm_wg_timers_want_now(&s.timers, s.now));
	assert_int_equal(s.initiations, 2);
}

static void test_an_answered_session_ends_the_attempt_when_used(void **state)
{
	struct scene s;
	make_scene(&s);
	act(&s, wm_wg_timers_want(&s.timers, s.now));
	wm_wg_timers_session_made(&s.timers, false, s.now);
	assert_true(wm_wg_timers_is_trying(&s.timers));
	wm_wg_timers_session_made(&s.timers, true, s.now);
	pass(&s, 60 * S);
	assert_int_equal(s.initiations, 1);
}

static void test_a_keepalive_answers_after_ten_seconds(void **state)
{
	struct scene s;
	make_scene(&s);
	received(&s);
	pass(&s, 10 * S - 1);
	assert_int_equal(s.keepalives, 0);
	pass(&s, 1);
	assert_int_equal(s.keepalives, 1);
	pass(&s, 3600 * S);
	assert_int_equal(s.keepalives, 1);
	assert_true(wm_wg_timers_due(&s.timers) == WM_WG_NEVER);

	received(&s); /* anything sent in between serves */
	pass(&s, 5 * S);
	sent(&s);
	received(&s);
	pass(&s, 10 * S - 1);
	assert_int_equal(s.keepalives, 1);
	pass(&s, 1);
	assert_int_equal(s.keepalives, 2);
}

static void test_silence_after_sending_brings_a_handshake(void **state)
{
	struct scene s;
	make_scene(&s);
	sent(&s);
	pass(&s, 3 * S);
	sent(&s); /* the first one counts */
	pass(&s, 12 * S - 1);
	assert_int_equal(s.initiations, 0);
	pass(&s, 1);
	assert_int_equal(s.initiations, 1);
	wm_wg_timers_session_made(&s.timers, true, s.now);

	sent(&s);
	pass(&s, 14 * S);
	assert_false(
		wm_wg_traffic_received(&s.traffic, false, s.now)); /* even a keepalive serves */
	pass(&s, 60 * S);
	assert_int_equal(s.initiations, 1);
}

static void test_the_persistent_keepalive(void **state)
{
	struct scene s;
	make_scene(&s);
	act(&s, wm_wg_timers_set_interval(&s.timers, 25 * S, s.now));
	assert_int_equal(s.keepalives, 1); /* at once */
	pass(&s, 250 * S);
	assert_int_equal(s.keepalives, 11);
	for (int i = 0; i < 100; i++) { /* traffic makes it needless */
		sent(&s);
		received(&s);
		sent(&s);
		pass(&s, S);
	}
	assert_true(s.keepalives <= 12);
	act(&s, wm_wg_timers_set_interval(&s.timers, 0, s.now));
	unsigned before = s.keepalives;
	received(&s);
	pass(&s, 3600 * S);
	assert_true(s.keepalives <= before + 1);
	assert_true(wm_wg_timers_due(&s.timers) == WM_WG_NEVER);
}

static void test_nothing_runs_while_stopped(void **state)
{
	struct scene s;
	make_scene(&s);
	act(&s, wm_wg_timers_set_interval(&s.timers, 25 * S, s.now));
	act(&s, wm_wg_timers_want(&s.timers, s.now));
	sent(&s);
	received(&s);
	unsigned keepalives = s.keepalives, initiations = s.initiations;
	wm_wg_timers_stop(&s.timers);
	sent(&s); /* a worker that has not heard of it */
	received(&s);
	act(&s, wm_wg_timers_want(&s.timers, s.now));
	act(&s, wm_wg_timers_want_now(&s.timers, s.now));
	act(&s, wm_wg_timers_set_interval(&s.timers, 10 * S, s.now));
	assert_true(wm_wg_timers_due(&s.timers) == WM_WG_NEVER);
	assert_false(wm_wg_timers_is_trying(&s.timers));
	pass(&s, 3600 * S);
	assert_int_equal(s.keepalives, keepalives);
	assert_int_equal(s.initiations, initiations);
	assert_int_equal(s.give_ups + s.forgets, 0);
	/* It begins anew, with the interval that was set meanwhile. */
	act(&s, wm_wg_timers_start(&s.timers, s.now));
	assert_int_equal(s.keepalives, keepalives + 1);
	act(&s, wm_wg_timers_start(&s.timers, s.now)); /* it runs already */
	pass(&s, 100 * S);
	assert_int_equal(s.keepalives, keepalives + 11);
	act(&s, wm_wg_timers_want(&s.timers, s.now));
	assert_int_equal(s.initiations, initiations + 1);
	sent(&s); /* debts are watched again */
	unsigned looks = s.looks;
	pass(&s, 16 * S);
	assert_true(s.looks > looks);
}

static void test_a_start_owes_nothing_without_interval(void **state)
{
	struct scene s;
	make_scene(&s);
	wm_wg_timers_stop(&s.timers);
	act(&s, wm_wg_timers_start(&s.timers, s.now));
	assert_int_equal(s.keepalives + s.initiations, 0);
	assert_true(wm_wg_timers_due(&s.timers) == WM_WG_NEVER);
}

static void test_keys_are_forgotten(void **state)
{
	struct scene s;
	make_scene(&s);
	wm_wg_timers_session_made(&s.timers, true, s.now);
	pass(&s, 300 * S);
	wm_wg_timers_session_made(&s.timers, true, s.now);
	pass(&s, 540 * S - 1);
	assert_int_equal(s.forgets, 0);
	pass(&s, 1);
	assert_int_equal(s.forgets, 1);
	pass(&s, 36000 * S);
	assert_int_equal(s.forgets, 1);
}

/* Hours of busy two-way traffic: nobody is told, few looks, no needless packet. */
static void test_hours_of_traffic_are_cheap(void **state)
{
	struct scene s;
	unsigned told = 0;
	make_scene(&s);
	for (int64_t i = 0; i < 3 * 3600 * 10; i++) {
		told += wm_wg_traffic_sent(&s.traffic, true, s.now);
		wm_wg_timers_watch(&s.timers);
		pass(&s, S / 20);
		told += wm_wg_traffic_received(&s.traffic, true, s.now);
		wm_wg_timers_watch(&s.timers);
		pass(&s, S / 20);
	}
	assert_int_equal(s.initiations, 0);
	assert_int_equal(s.keepalives, 0);
	assert_true(told <= 3600);
	assert_true(s.looks <= 3 * 3600 / 5);
}

/* Random events: it always makes progress, and what is owed is paid in time. */
static void test_random_hours(void **state)
{
	for (unsigned seed = 1; seed <= 50; seed++) {
		struct scene s;
		int64_t owed_since = 0;
		srand(seed);
		make_scene(&s);
		for (int i = 0; i < 2000; i++) {
			unsigned keepalives = s.keepalives;
			if (rand() % 2) {
				sent(&s);
				owed_since = 0;
			} else {
				received(&s);
				if (owed_since == 0)
					owed_since = s.now;
			}
			pass(&s, (int64_t)rand() % (8 * S));
			if (s.keepalives != keepalives)
				owed_since = 0;
			if (s.timers.attempt_since != 0 && rand() % 2)
				wm_wg_timers_session_made(&s.timers, true, s.now);
			assert_true(owed_since == 0 || s.now - owed_since <= 10 * S);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle_means_never),
		cmocka_unit_test(test_an_attempt_lasts_90_seconds),
		cmocka_unit_test(test_initiations_keep_their_distance),
		cmocka_unit_test(test_a_peer_that_moved_is_tried_at_once),
		cmocka_unit_test(test_an_answered_session_ends_the_attempt_when_used),
		cmocka_unit_test(test_a_keepalive_answers_after_ten_seconds),
		cmocka_unit_test(test_silence_after_sending_brings_a_handshake),
		cmocka_unit_test(test_the_persistent_keepalive),
		cmocka_unit_test(test_nothing_runs_while_stopped),
		cmocka_unit_test(test_a_start_owes_nothing_without_interval),
		cmocka_unit_test(test_keys_are_forgotten),
		cmocka_unit_test(test_hours_of_traffic_are_cheap),
		cmocka_unit_test(test_random_hours),
	};
	return cmocka_run_group_tests_name("wg/timers", tests, NULL, NULL);
}
