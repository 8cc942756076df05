/* Messages, sessions and timers of two devices that talk to each other. */
#include "scene.h"
#include <string.h>

#include "crypto/x25519.h"
#include "wg/keyring.h"

static void test_what_waits_arrives_in_order(void **state)
{
	struct scene sc;
	make_scene(&sc, (const uint8_t[32]){1, 2, 3});
	for (uint8_t i = 1; i <= 40; i++)
		send_packet(sc.a, i);
	talk(&sc);
	assert_int_equal(sc.b->packets, 40);
	assert_int_equal(sc.b->last_first_byte, 40);
	assert_int_equal(sc.b->letters[WM_WG_INITIATION], 1);
	assert_int_equal(sc.a->letters[WM_WG_RESPONSE], 1);
	assert_int_equal(sc.a->wakes, 1);
	assert_int_equal(sc.b->wakes, 1);
	/* b has learned where a is. */
	struct wm_endpoint at, want = place_of(sc.a);
	assert_true(wm_wg_place_get(&sc.b->peer->place, &at));
	assert_true(wm_endpoint_equal(&at, &want));
	/* And its first packet needs no handshake. */
	send_packet(sc.b, 9);
	talk(&sc);
	assert_int_equal(sc.a->packets, 1);
	assert_int_equal(sc.b->letters[WM_WG_RESPONSE], 0);
	end_scene(&sc);
}

static void test_without_packets_a_keepalive_confirms(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	wm_wg_handshakes_tell(sc.a->h, sc.a->peer, WM_WG_NEWS_GREET);
	talk(&sc);
	assert_int_equal(sc.b->keepalives, 1);
	assert_non_null(current(sc.b));
	wm_wg_handshakes_tell(sc.a->h, sc.a->peer, WM_WG_NEWS_GREET); /* there is a fresh one */
	talk(&sc);
	assert_int_equal(sc.b->letters[WM_WG_INITIATION], 1);
	end_scene(&sc);
}

static void test_crossing_initiations_both_succeed_at_once(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	struct wm_endpoint at = place_of(sc.a);
	wm_wg_place_set(&sc.b->peer->place, &at);
	send_packet(sc.a, 1);
	send_packet(sc.b, 2);
	turn(sc.a, sc.now); /* both are on their way */
	turn(sc.b, sc.now);
	talk(&sc);
	assert_int_equal(sc.a->letters[WM_WG_INITIATION], 1);
	assert_int_equal(sc.b->letters[WM_WG_INITIATION], 1);
	assert_int_equal(sc.a->packets, 1);
	assert_int_equal(sc.b->packets, 1);
	for (uint8_t i = 0; i < 10; i++) {
		send_packet(sc.a, i);
		send_packet(sc.b, i);
		talk(&sc);
	}
	assert_int_equal(sc.a->packets, 11);
	assert_int_equal(sc.b->packets, 11);
	pass(&sc, 60 * S);
	assert_int_equal(sc.a->letters[WM_WG_INITIATION], 1);
	assert_int_equal(sc.b->letters[WM_WG_INITIATION], 1);
	end_scene(&sc);
}

static void test_another_psk_never_meets(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	wm_wg_handshakes_order(sc.a->h, WM_WG_ORDER_PSK, sc.a->peer, (const uint8_t[32]){9}, 0);
	send_packet(sc.a, 1);
	talk(&sc);
	pass(&sc, 4 * S);
	assert_null(current(sc.a));
	assert_null(current(sc.b));
	assert_int_equal(drops(sc.a, WM_DROP_HANDSHAKE), 1);
	wm_wg_handshakes_order(sc.a->h, WM_WG_ORDER_PSK, sc.a->peer, no_psk, 0);
	pass(&sc, 4 * S); /* the next try succeeds, and what waited arrives */
	assert_int_equal(sc.b->packets, 1);
	end_scene(&sc);
}

static void test_nobody_there(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	sc.b->is_deaf = true;
	for (uint8_t i = 0; i < 70; i++)
		send_packet(sc.a, i);
	talk(&sc);
	pass(&sc, 100 * S);
	assert_int_equal(drops(sc.a, WM_DROP_STAGED), WM_WG_STAGE_MAX);
	assert_true(due_of(sc.a) != WM_WG_NEVER); /* keys are to be wiped */
	pass(&sc, 600 * S);
	assert_true(due_of(sc.a) == WM_WG_NEVER);
	sc.b->is_deaf = false;
	open_session(&sc); /* a new packet tries again */
	end_scene(&sc);
}

/* Nobody's timers ran while both hosts slept. What is too old is not used, and a greeting is enough
 * for a new session at once, whatever is overdue by then. */
static void test_a_greeting_after_sleep(void **state)
{
	static const int64_t sleeps[] = {181 * S, 400 * S, 541 * S, 3600 * S, 86400 * S};
	for (size_t i = 0; i < sizeof(sleeps) / sizeof(sleeps[0]); i++) {
		struct scene sc;
		make_scene(&sc, no_psk);
		open_session(&sc);
		struct wm_wg_session *old = current(sc.a);
		uint64_t id = old->id;
		sc.now += sleeps[i];
		assert_false(wm_wg_session_can_send(old, sc.now));
		assert_false(wm_wg_session_can_receive(old, 0, sc.now));
		wm_wg_handshakes_tell(sc.a->h, sc.a->peer, WM_WG_NEWS_GREET);
		talk(&sc);
		assert_non_null(current(sc.a));
		assert_int_not_equal(current(sc.a)->id, id);
		assert_true(wm_wg_session_can_send(current(sc.a), sc.now));
		end_scene(&sc);
	}
}

/* An attempt that nobody answered, and that should have been given up in the meantime. */
static void test_an_attempt_is_overslept(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	sc.b->is_deaf = true;
	send_packet(sc.a, 1);
	talk(&sc);
	assert_null(current(sc.a));
	sc.now += 3600 * S;
	sc.b->is_deaf = false;
	wm_wg_handshakes_tell(sc.a->h, sc.a->peer, WM_WG_NEWS_GREET);
	talk(&sc);
	assert_non_null(current(sc.a));
	end_scene(&sc);
}

/* A session that is still good goes on. */
static void test_a_greeting_after_a_nap(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	open_session(&sc);
	struct wm_wg_session *old = current(sc.a);
	pass(&sc, 20 * S); /* nobody owes anything */
	sc.now += 60 * S;
	wm_wg_handshakes_tell(sc.a->h, sc.a->peer, WM_WG_NEWS_GREET);
	talk(&sc);
	assert_ptr_equal(current(sc.a), old);
	end_scene(&sc);
}

static void test_a_peer_without_place_is_not_tried(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	send_packet(sc.b, 1);
	talk(&sc);
	assert_int_equal(drops(sc.b, WM_DROP_NO_ENDPOINT), 1);
	assert_true(due_of(sc.b) == WM_WG_NEVER);
	end_scene(&sc);
}

static void test_under_load_a_cookie_is_asked_for(void **state)
{
	static const uint8_t junk[148] = {1, [147] = 1}; /* what may be a cookie */
	struct scene sc;
	unsigned seen[WM_DROP_COUNT] = {0};
	enum wm_drop why;
	make_scene(&sc, no_psk);
	struct wm_endpoint from = place_of(sc.a);
	/* Who is known gets in until a prefix has had its share, and the queue is full. */
	for (unsigned i = 0; i < 16 * 256; i++) {
		from.addr.bytes[2] = (uint8_t)(i / 256);
		wm_wg_door_know(&sc.b->h->door, &from.addr);
		why = wm_wg_handshakes_offer(sc.b->h, &from, junk, sizeof(junk), sc.now);
		seen[why]++;
	}
	assert_int_equal(seen[WM_DROP_NONE], WM_WG_QUEUE);
	assert_true(seen[WM_DROP_BUSY] > 0 && seen[WM_DROP_LOAD] > 0);
	from = place_of(sc.a);
	turn(sc.b, sc.now);
	assert_int_equal(drops(sc.b, WM_DROP_MAC1), WM_WG_QUEUE);
	sc.now += S / 50; /* another slice of time at the door */

	send_packet(sc.a, 1); /* within the second that the load lasts */
	talk(&sc);
	assert_null(current(sc.a));
	assert_int_equal(drops(sc.b, WM_DROP_COOKIE), 1);
	assert_int_equal(sc.a->letters[WM_WG_COOKIE], 1);

	for (unsigned i = 0; i < 12;
	     i++) { /* the load goes on, and the next try carries the cookie */
		pass(&sc, S / 2);
		for (unsigned j = 0; j < WM_WG_LOADED; j++)
			wm_wg_handshakes_offer(sc.b->h, &from, junk, sizeof(junk), sc.now);
	}
	assert_int_equal(sc.b->packets, 1);
	assert_non_null(current(sc.a));
	assert_int_equal(sc.a->letters[WM_WG_COOKIE], 1);
	end_scene(&sc);
}

static void test_replays_and_floods(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	send_packet(sc.a, 1);
	turn(sc.a, sc.now);
	receive(sc.b, sc.now);
	struct wm_wg_letter first = sc.b->last;
	turn(sc.b, sc.now);
	sc.now += 10 * S;
	assert_int_equal(
		wm_wg_handshakes_offer(sc.b->h, &first.from, first.data, first.len, sc.now),
		WM_DROP_NONE);
	turn(sc.b, sc.now);
	assert_int_equal(drops(sc.b, WM_DROP_STALE), 1);
	assert_int_equal(drops(sc.b, WM_DROP_FLOOD), 0);

	turn(sc.a, sc.now); /* a's second initiation, and a third right behind it */
	struct wm_endpoint elsewhere = {.addr = wm_addr_v4(0x7f000001), .port = 9};
	wm_wg_place_set(&sc.a->peer->place, &elsewhere);
	elsewhere = place_of(sc.b);
	wm_wg_place_set(&sc.a->peer->place, &elsewhere);
	sc.a->peer->initiated_to.port = 1;
	wm_wg_handshakes_tell(sc.a->h, sc.a->peer, WM_WG_NEWS_MOVED);
	turn(sc.a, sc.now);
	receive(sc.b, sc.now);
	turn(sc.b, sc.now);
	assert_int_equal(sc.b->letters[WM_WG_INITIATION], 3);
	assert_int_equal(drops(sc.b, WM_DROP_FLOOD), 1);
	end_scene(&sc);
}

static void test_strangers(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	struct side *c = side_new();
	meet(c, sc.b, no_psk, true);
	turn(c, sc.now);
	send_packet(c, 1);
	turn(c, sc.now);
	receive(sc.b, sc.now);
	turn(sc.b, sc.now);
	assert_int_equal(drops(sc.b, WM_DROP_UNKNOWN_PEER), 1);
	side_free(c, sc.now);
	end_scene(&sc);
}

/* Offers @good with every bit flipped and cut at every length; nothing may come of it. */
static void disturb(struct side *s, const struct wm_wg_letter *good, int64_t now)
{
	struct wm_endpoint far = {.addr = wm_addr_v4(0x7f000001), .port = 9};
	for (size_t bit = 0; bit < (size_t)good->len * 8; bit++) {
		struct wm_wg_letter bad = *good;
		/* The second MAC counts only under load. */
		if (good->len != 64 && bit / 8 >= good->len - (size_t)WM_WG_MAC)
			break;
		bad.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		wm_wg_handshakes_offer(s->h, &far, bad.data, bad.len, now);
		turn(s, now);
	}
	for (size_t len = 0; len < good->len; len++) {
		wm_wg_handshakes_offer(s->h, &far, good->data, len, now);
		turn(s, now);
	}
}

static void test_disturbed_messages_change_nothing(void **state)
{
	struct scene sc;
	struct wm_endpoint at;
	make_scene(&sc, no_psk);
	send_packet(sc.a, 1);
	turn(sc.a, sc.now);
	receive(sc.b, sc.now);
	struct wm_wg_letter hello = sc.b->last;
	sc.b->h->n_letters = 0; /* not yet */
	disturb(sc.b, &hello, sc.now);
	assert_null(atomic_load(&sc.b->peer->next));
	assert_false(wm_wg_place_get(&sc.b->peer->place, &at));

	assert_int_equal(
		wm_wg_handshakes_offer(sc.b->h, &hello.from, hello.data, hello.len, sc.now),
		WM_DROP_NONE);
	turn(sc.b, sc.now);
	receive(sc.a, sc.now);
	struct wm_wg_letter reply = sc.a->last;
	sc.a->h->n_letters = 0;
	disturb(sc.a, &reply, sc.now);
	assert_null(current(sc.a));
	assert_true(wm_wg_place_get(&sc.a->peer->place, &at));
	assert_true(at.port != 9);

	assert_int_equal(
		wm_wg_handshakes_offer(sc.a->h, &reply.from, reply.data, reply.len, sc.now),
		WM_DROP_NONE);
	talk(&sc);
	assert_int_equal(sc.b->packets, 1);
	end_scene(&sc);
}

static void test_the_initiator_rekeys_after_two_minutes(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	open_session(&sc);
	uint64_t first = current(sc.a)->id;
	for (unsigned i = 0; i < 118; i++) {
		pass(&sc, S);
		send_packet(sc.a, 1);
		send_packet(sc.b, 1);
		talk(&sc);
	}
	assert_int_equal(current(sc.a)->id, first);
	for (unsigned i = 0; i < 10; i++) {
		pass(&sc, S);
		send_packet(sc.b, 1);
		send_packet(sc.a, 1);
		talk(&sc);
	}
	assert_int_not_equal(current(sc.a)->id, first);
	assert_int_equal(sc.b->letters[WM_WG_INITIATION], 2);
	assert_int_equal(sc.a->letters[WM_WG_INITIATION], 0);
	assert_int_equal(sc.a->packets, 128);
	assert_int_equal(sc.b->packets, 129);
	end_scene(&sc);
}

static void test_an_idle_pair_forgets_and_sleeps(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	open_session(&sc);
	pass(&sc, 30 * S);
	assert_int_equal(sc.a->keepalives, 1); /* the answer to a's only packet */
	pass(&sc, 509 * S);
	assert_non_null(current(sc.a));
	pass(&sc, 2 * S);
	assert_null(current(sc.a));
	assert_null(current(sc.b));
	assert_true(due_of(sc.a) == WM_WG_NEVER && due_of(sc.b) == WM_WG_NEVER);
	pass(&sc, 36000 * S);
	assert_int_equal(sc.a->keepalives, 1);
	open_session(&sc);
	end_scene(&sc);
}

static void test_a_persistent_keepalive_holds_a_session(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	wm_wg_handshakes_order(sc.a->h, WM_WG_ORDER_KEEPALIVE, sc.a->peer, NULL, 25 * S);
	talk(&sc);
	assert_non_null(current(sc.b)); /* at once */
	pass(&sc, 3600 * S);
	assert_non_null(current(sc.b));
	assert_true(sc.b->keepalives >= 140 && sc.b->keepalives <= 180);
	wm_wg_handshakes_order(sc.a->h, WM_WG_ORDER_KEEPALIVE, sc.a->peer, NULL, 0);
	pass(&sc, 600 * S);
	assert_null(current(sc.a));
	end_scene(&sc);
}

static void test_a_new_key_ends_all_sessions(void **state)
{
	struct scene sc;
	uint8_t key[32];
	make_scene(&sc, no_psk);
	open_session(&sc);
	wm_x25519_generate(key);
	wm_wg_handshakes_order(sc.a->h, WM_WG_ORDER_KEY, NULL, key, 0);
	turn(sc.a, sc.now);
	assert_null(current(sc.a));
	send_packet(sc.a, 2);
	talk(&sc);
	pass(&sc, 5 * S);
	assert_int_equal(drops(sc.b, WM_DROP_UNKNOWN_PEER), 1);
	wm_wg_handshakes_order(sc.a->h, WM_WG_ORDER_KEY, NULL, sc.a->private_key, 0);
	pass(&sc, 10 * S);
	send_packet(sc.a, 3);
	pass(&sc, 10 * S);
	assert_non_null(current(sc.a));
	assert_int_equal(sc.a->unopened, 1); /* b's keepalive in the old session */
	sc.a->unopened = 0;
	end_scene(&sc);
}

static void test_a_removed_peer_is_gone(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	open_session(&sc);
	send_packet(sc.b, 1); /* news that nobody will hear */
	wm_wg_handshakes_order(sc.b->h, WM_WG_ORDER_REMOVE, sc.b->peer, NULL, 0);
	sc.b->peer = NULL;
	turn(sc.b, sc.now);
	assert_true(due_of(sc.b) == WM_WG_NEVER);
	assert_int_equal(sc.b->h->peers.count, 0);
	sc.b->is_deaf = false;
	wm_wg_handshakes_offer(sc.b->h, &sc.b->last.from, sc.b->last.data, sc.b->last.len, sc.now);
	turn(sc.b, sc.now);
	assert_int_equal(drops(sc.b, WM_DROP_UNKNOWN_PEER), 1);
	end_scene(&sc);
}

static void test_a_resting_side_neither_begins_nor_answers(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	open_session(&sc);
	order(sc.b, WM_WG_ORDER_REST, 0);
	turn(sc.b, sc.now);
	assert_null(current(sc.b));
	assert_true(due_of(sc.b) == WM_WG_NEVER);
	/* a's session is unknown to b, and a new one does not come about. */
	uint64_t before = drops(sc.b, WM_DROP_DOWN);
	order(sc.a, WM_WG_ORDER_REST, 0);
	order(sc.a, WM_WG_ORDER_RESUME, 0);
	send_packet(sc.a, 2);
	talk(&sc);
	pass(&sc, 20 * S);
	assert_true(drops(sc.b, WM_DROP_DOWN) > before);
	assert_null(current(sc.a));
	assert_int_equal(sc.b->packets, 1);
	/* Nor by its own wish. */
	unsigned answers = sc.a->letters[WM_WG_INITIATION];
	send_packet(sc.b, 3);
	wm_wg_handshakes_tell(sc.b->h, sc.b->peer, WM_WG_NEWS_GREET);
	order(sc.b, WM_WG_ORDER_KEEPALIVE, 5 * S);
	pass(&sc, 60 * S);
	assert_int_equal(sc.a->letters[WM_WG_INITIATION], answers);
	/* What waited leaves when it resumes. */
	order(sc.b, WM_WG_ORDER_RESUME, 0);
	talk(&sc);
	assert_non_null(current(sc.a));
	assert_int_equal(sc.a->last_first_byte, 3);
	end_scene(&sc);
}

static void test_a_peer_added_while_resting_waits(void **state)
{
	struct scene sc = {.a = side_new(), .b = side_new(), .now = START};
	order(sc.a, WM_WG_ORDER_REST, 0);
	meet(sc.a, sc.b, no_psk, true);
	meet(sc.b, sc.a, no_psk, false);
	order(sc.a, WM_WG_ORDER_KEEPALIVE, 5 * S);
	talk(&sc);
	pass(&sc, 60 * S);
	assert_int_equal(sc.b->letters[WM_WG_INITIATION], 0);
	order(sc.a, WM_WG_ORDER_RESUME, 0);
	talk(&sc);
	assert_int_equal(sc.b->letters[WM_WG_INITIATION], 1);
	assert_int_equal(sc.b->keepalives, 1);
	end_scene(&sc);
}

/* ---- several places ---- */

/* Nobody is there, and nothing comes back. */
static struct wm_endpoint nowhere(uint16_t port)
{
	struct wm_endpoint e = {.port = port};
	assert_true(wm_addr_parse("127.9.9.9", &e.addr));
	return e;
}

static void set_place(struct side *s, struct wm_endpoint e)
{
	wm_wg_place_set(&s->peer->place, &e);
}

static void test_a_peer_is_looked_for_at_its_other_places(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	const struct wm_endpoint places[] = {nowhere(9), nowhere(10), place_of(sc.b)};
	struct wm_endpoint at;
	set_place(sc.a, nowhere(9));
	wm_wg_handshakes_order_places(sc.a->h, sc.a->peer, places, 3);
	send_packet(sc.a, 0x45);
	talk(&sc);
	assert_int_equal(sc.b->letters[WM_WG_INITIATION], 0);
	/* The first of them has been tried already, so the last is the second in turn. */
	pass(&sc, WM_WG_RACE_STEP);
	assert_int_equal(sc.b->letters[WM_WG_INITIATION], 0);
	pass(&sc, WM_WG_RACE_STEP);
	assert_int_equal(sc.b->letters[WM_WG_INITIATION], 1);
	assert_int_equal(sc.b->packets, 1);
	assert_true(wm_wg_place_get(&sc.a->peer->place, &at));
	assert_true(wm_endpoint_equal(&at, &places[2]));
	/* It is found: nothing more is sent for it. */
	pass(&sc, 4 * S);
	assert_int_equal(sc.b->letters[WM_WG_INITIATION], 1);
	assert_int_equal(sc.a->letters[WM_WG_RESPONSE], 1);
	end_scene(&sc);
}

static void test_a_peer_that_answers_is_looked_for_nowhere_else(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	const struct wm_endpoint places[] = {place_of(sc.b), place_of(sc.b)};
	wm_wg_handshakes_order_places(sc.a->h, sc.a->peer, places, 2);
	open_session(&sc);
	pass(&sc, 4 * S);
	assert_int_equal(sc.b->letters[WM_WG_INITIATION], 1);
	end_scene(&sc);
}

/* Both ways lead there: the second message is old when it comes, and is not answered. */
static void test_the_first_to_arrive_wins(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	struct wm_endpoint again = place_of(sc.b);
	assert_true(wm_addr_parse("127.0.0.2", &again.addr));
	wm_wg_handshakes_order_places(sc.a->h, sc.a->peer, &again, 1);
	sc.b->is_deaf = true;
	send_packet(sc.a, 0x45);
	talk(&sc);
	struct wm_wg_letter first = sc.b->last;
	sc.b->is_deaf = false;
	pass(&sc, WM_WG_RACE_STEP);
	assert_int_equal(sc.b->packets, 1);
	wm_wg_handshakes_offer(sc.b->h, &first.from, first.data, first.len, sc.now);
	turn(sc.b, sc.now);
	assert_int_equal(sc.a->letters[WM_WG_RESPONSE], 1);
	end_scene(&sc);
}

static void test_more_places_than_are_tried(void **state)
{
	struct wm_wg_race r = {.n = 0};
	struct wm_wg_initiation msg = {.type = {1}};
	struct wm_endpoint many[WM_WG_CANDIDATES + 3], here = nowhere(1);
	for (uint16_t i = 0; i < WM_WG_CANDIDATES + 3; i++)
		many[i] = nowhere((uint16_t)(i + 1));
	wm_wg_race_set(&r, many, WM_WG_CANDIDATES + 3);
	wm_wg_race_begin(&r, &msg, START);
	assert_null(wm_wg_race_take(&r, &here, START + WM_WG_RACE_STEP - 1));
	int64_t now = START;
	for (unsigned i = 1; i < WM_WG_CANDIDATES; i++) {
		now += WM_WG_RACE_STEP;
		const struct wm_endpoint *e = wm_wg_race_take(&r, &here, now);
		assert_non_null(e);
		assert_int_equal(e->port, i + 1);
		assert_null(wm_wg_race_take(&r, &here, now));
	}
	assert_null(wm_wg_race_take(&r, &here, now + WM_WG_RACE_STEP));
	assert_true(r.next_at == 0);
	wm_wg_race_begin(&r, &msg, now);
	wm_wg_race_end(&r);
	assert_null(wm_wg_race_take(&r, &here, now + S));
}

/* ---- the host's network changes ---- */

static void test_a_change_of_the_network_is_a_reason_to_try_again(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	sc.b->is_deaf = true;
	send_packet(sc.a, 0x45);
	talk(&sc);
	sc.b->is_deaf = false;
	/* At once, but not twice within a second. */
	pass(&sc, S / 2);
	order(sc.a, WM_WG_ORDER_STIR, 0);
	turn(sc.a, sc.now);
	talk(&sc);
	assert_int_equal(sc.b->packets, 0);
	pass(&sc, S / 2);
	assert_int_equal(sc.b->packets, 1);
	end_scene(&sc);
}

static void test_a_peer_is_told_of_another_address_of_ours(void **state)
{
	struct scene sc;
	make_scene(&sc, no_psk);
	open_session(&sc);
	unsigned before = sc.b->keepalives;
	for (unsigned i = 0; i < 3; i++) { /* the first time nobody knows, then it is the same */
		order(sc.a, WM_WG_ORDER_STIR, 0);
		turn(sc.a, sc.now);
		talk(&sc);
		assert_int_equal(sc.b->keepalives, before + 1);
	}
	assert_true(wm_addr_parse("192.0.2.1", &sc.a->peer->source));
	order(sc.a, WM_WG_ORDER_STIR, 0);
	turn(sc.a, sc.now);
	talk(&sc);
	assert_int_equal(sc.b->keepalives, before + 2);
	end_scene(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_waits_arrives_in_order),
		cmocka_unit_test(test_without_packets_a_keepalive_confirms),
		cmocka_unit_test(test_crossing_initiations_both_succeed_at_once),
		cmocka_unit_test(test_another_psk_never_meets),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_a_greeting_after_sleep),
		cmocka_unit_test(test_an_attempt_is_overslept),
		cmocka_unit_test(test_a_greeting_after_a_nap),
		cmocka_unit_test(test_a_peer_without_place_is_not_tried),
		cmocka_unit_test(test_under_load_a_cookie_is_asked_for),
		cmocka_unit_test(test_replays_and_floods),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_disturbed_messages_change_nothing),
		cmocka_unit_test(test_the_initiator_rekeys_after_two_minutes),
		cmocka_unit_test(test_an_idle_pair_forgets_and_sleeps),
		cmocka_unit_test(test_a_persistent_keepalive_holds_a_session),
		cmocka_unit_test(test_a_new_key_ends_all_sessions),
		cmocka_unit_test(test_a_removed_peer_is_gone),
		cmocka_unit_test(test_a_resting_side_neither_begins_nor_answers),
		cmocka_unit_test(test_a_peer_added_while_resting_waits),
		cmocka_unit_test(test_a_peer_is_looked_for_at_its_other_places),
		cmocka_unit_test(test_a_peer_that_answers_is_looked_for_nowhere_else),
		cmocka_unit_test(test_the_first_to_arrive_wins),
		cmocka_unit_test(test_more_places_than_are_tried),
		cmocka_unit_test(test_a_change_of_the_network_is_a_reason_to_try_again),
		cmocka_unit_test(test_a_peer_is_told_of_another_address_of_ours),
	};
	return cmocka_run_group_tests_name("wg/exchange", tests, NULL, NULL);
}
