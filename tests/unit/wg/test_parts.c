/* The small parts of a device: rates, timestamps, alarms, indexes, what waits, and drop names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <stdlib.h>
#include "base/mem.h"
#include "wg/drop.h"
#include "wg/index.h"
#include "wg/peer.h"
#include "wg/ratelimit.h"
#include "wg/seal.h"
#include "wg/tai64n.h"
#include "wg/wish.h"

#define S 1000000000LL

static _Atomic size_t staged_bytes;

static struct wm_addr address(const char *text)
{
	struct wm_addr a;
	assert_true(wm_addr_parse(text, &a));
	return a;
}

static unsigned allowed(struct wm_wg_ratelimit *r, const char *source, int64_t now, unsigned tries)
{
	struct wm_addr a = address(source);
	unsigned n = 0;
	while (tries-- > 0)
		n += wm_wg_ratelimit_allow(r, &a, now);
	return n;
}

static void test_rates(void **state)
{
	static struct wm_wg_ratelimit r;
	wm_wg_ratelimit_init(&r, (const uint8_t[16]){1});
	assert_int_equal(allowed(&r, "192.0.2.1", S, 100), 5); /* a burst */
	assert_int_equal(allowed(&r, "192.0.2.2", S, 100), 5); /* to each */
	assert_int_equal(allowed(&r, "192.0.2.1", S + S / 20, 100), 1);
	assert_int_equal(allowed(&r, "192.0.2.1", S + S / 10, 100), 1);
	assert_int_equal(allowed(&r, "192.0.2.1", 10 * S, 100), 5);
	/* A /64 is one source, its neighbour another. */
	assert_int_equal(allowed(&r, "2001:db8::1", S, 100), 5);
	assert_int_equal(allowed(&r, "2001:db8::2", S, 100), 0);
	assert_int_equal(allowed(&r, "2001:db8:0:1::1", S, 100), 5);
}

static void test_a_flood_of_sources_fits(void **state)
{
	static struct wm_wg_ratelimit r;
	wm_wg_ratelimit_init(&r, (const uint8_t[16]){1});
	for (uint32_t i = 0; i < 100000; i++) {
		struct wm_addr a = wm_addr_v4(i);
		assert_true(wm_wg_ratelimit_allow(&r, &a, S + i));
	}
}

static void test_timestamps_grow(void **state)
{
	uint8_t last[WM_WG_TIMESTAMP] = {0}, t[WM_WG_TIMESTAMP];
	memcpy(t, last, sizeof(t));
	wm_wg_timestamp_next(t, 1700000000 * S + 123456789);
	/* 2^62 + 10 + 1700000000, and the nanoseconds without their low bits. */
	assert_memory_equal(
		t, ((const uint8_t[]){0x40, 0, 0, 0, 0x65, 0x53, 0xf1, 0x0a, 0x07, 0, 0, 0}),
		sizeof(t));
	memcpy(last, t, sizeof(t));
	for (int i = 0; i < 200; i++) { /* the clock stands still, or goes back */
		wm_wg_timestamp_next(t, (1700000000 - i) * S);
		assert_true(memcmp(t, last, sizeof(t)) > 0);
		assert_true(t[8] < 0x3c); /* below a second */
		memcpy(last, t, sizeof(t));
	}
	wm_wg_timestamp_next(t, 1700000100 * S);
	assert_true(memcmp(t, last, sizeof(t)) > 0);
}

static void test_alarms_come_in_order(void **state)
{
	struct wm_wg_schedule s = {.count = 0};
	struct wm_wg_alarm alarms[200];
	memset(alarms, 0, sizeof(alarms));
	srand(1);
	for (unsigned i = 0; i < 20000; i++)
		wm_wg_schedule_set(&s, &alarms[rand() % 200],
				   rand() % 4 == 0 ? INT64_MAX : rand() % 1000);
	size_t set = 0;
	for (unsigned i = 0; i < 200; i++)
		set += alarms[i].slot != 0;
	assert_int_equal(set, s.count);
	int64_t last = -1;
	for (struct wm_wg_alarm *a; (a = wm_wg_schedule_first(&s)) != NULL; set--) {
		assert_true(a->due >= last);
		last = a->due;
		wm_wg_schedule_set(&s, a, INT64_MAX);
		assert_int_equal(a->slot, 0);
	}
	assert_int_equal(set, 0);
	wm_wg_schedule_fini(&s);
}

#define INDEXES 2000

static void test_indexes(void **state)
{
	static const uint8_t key[32];
	struct wm_epoch *epoch = wm_epoch_new();
	struct wm_wg_peer *peer = wm_wg_peer_new(key, &staged_bytes);
	struct wm_wg_session *sessions[INDEXES];
	struct wm_wg_index ix;
	wm_wg_index_init(&ix, epoch);
	for (unsigned i = 0; i < INDEXES; i++) { /* grows several times */
		struct wm_wg_keys keys = {.local_index = wm_wg_index_take(&ix, peer)};
		assert_null(wm_wg_index_find(&ix, keys.local_index));
		sessions[i] = wm_wg_session_new(peer, &keys, true, S);
		wm_wg_index_set(&ix, sessions[i]);
	}
	for (unsigned i = 0; i < INDEXES; i++) {
		uint32_t index = sessions[i]->keys.local_index;
		assert_ptr_equal(wm_wg_index_find(&ix, index), sessions[i]);
		assert_ptr_equal(wm_wg_index_peer(&ix, index), peer);
		assert_null(wm_wg_index_find(&ix, index ^ 0x80000000));
		assert_null(wm_wg_index_peer(&ix, index ^ 0x80000000));
	}
	for (unsigned i = 0; i < INDEXES; i++) {
		wm_wg_index_drop(&ix, sessions[i]->keys.local_index);
		wm_wg_index_drop(&ix, sessions[i]->keys.local_index); /* harmless */
		assert_null(wm_wg_index_find(&ix, sessions[i]->keys.local_index));
		wm_wg_session_retire(sessions[i], epoch);
	}
	wm_wg_index_fini(&ix);
	wm_wg_peer_free(peer);
	wm_epoch_free(epoch);
}

static void test_the_oldest_packet_makes_room(void **state)
{
	struct wm_wg_stage s;
	wm_wg_stage_init(&s, &staged_bytes);
	for (unsigned i = 0; i < WM_WG_STAGE_MAX + 3; i++) {
		uint8_t packet[4] = {(uint8_t)i};
		assert_int_equal(wm_wg_stage_put(&s, packet, sizeof(packet)), i < WM_WG_STAGE_MAX);
	}
	unsigned n = 0;
	for (struct wm_wg_staged *p = wm_wg_stage_take(&s); p != NULL; p = wm_wg_staged_free(p))
		assert_int_equal(p->packet[0], 3 + n++);
	assert_int_equal(n, WM_WG_STAGE_MAX);
	assert_null(wm_wg_stage_take(&s));
	assert_true(wm_wg_stage_put(&s, (const uint8_t[1]){1}, 1));
	wm_wg_stage_fini(&s);
	assert_int_equal(staged_bytes, 0);
}

static void test_all_that_waits_is_bounded(void **state)
{
	static const uint8_t packet[60000];
	static struct wm_wg_stage s[4];
	for (unsigned i = 0; i < 4; i++)
		wm_wg_stage_init(&s[i], &staged_bytes);
	for (unsigned i = 0; i < 200; i++)
		wm_wg_stage_put(&s[i % 3], packet, sizeof(packet));
	assert_true(staged_bytes <= WM_WG_STAGE_BYTES);
	assert_true(staged_bytes + 4 * sizeof(packet) > WM_WG_STAGE_BYTES);
	/* Who has none yet gets none, and nobody else's goes for it. */
	assert_false(wm_wg_stage_put(&s[3], packet, sizeof(packet)));
	assert_null(wm_wg_stage_take(&s[3]));
	for (unsigned i = 0; i < 4; i++)
		wm_wg_stage_fini(&s[i]);
	assert_int_equal(staged_bytes, 0);
}

static void test_sessions_have_an_end(void **state)
{
	static const uint8_t key[32];
	struct wm_epoch *epoch = wm_epoch_new();
	struct wm_wg_peer *peer = wm_wg_peer_new(key, &staged_bytes);
	struct wm_wg_keys keys = {.local_index = 1};
	struct wm_wg_session *s = wm_wg_session_new(peer, &keys, true, S);
	assert_true(wm_wg_session_can_send(s, 180 * S));
	assert_false(wm_wg_session_can_send(s, 181 * S));
	assert_false(wm_wg_session_wants_rekey(s, 120 * S));
	assert_true(wm_wg_session_wants_rekey(s, 121 * S));
	assert_false(wm_wg_session_ends_soon(s, 165 * S));
	assert_true(wm_wg_session_ends_soon(s, 166 * S));
	assert_true(wm_wg_session_can_receive(s, 7, 180 * S));
	assert_false(wm_wg_session_can_receive(s, 7, 181 * S));
	assert_false(wm_wg_session_can_receive(s, WM_WG_REJECT_MESSAGES, S));
	atomic_store(&s->next_counter, WM_WG_REKEY_MESSAGES);
	assert_true(wm_wg_session_wants_rekey(s, S));
	assert_true(wm_wg_session_can_send(s, S));
	atomic_store(&s->next_counter, WM_WG_REJECT_MESSAGES);
	assert_false(wm_wg_session_can_send(s, S));
	s->is_initiator = false;
	atomic_store(&s->next_counter, 0);
	assert_false(wm_wg_session_wants_rekey(s, 170 * S)); /* the other side's business */
	assert_true(wm_wg_session_wants_rekey(s, 190 * S));
	wm_wg_session_retire(s, epoch);
	wm_wg_peer_free(peer);
	wm_epoch_free(epoch);
}

/* The header, what is sealed and the tag; what is sealed fits into the path as the packet did. */
static void test_padding_stays_below_the_mtu(void **state)
{
	static const struct {
		size_t len, mtu, sealed;
	} rows[] = {
		{0, 1420, 0},       {1, 1420, 16},      {16, 1420, 16},     {1408, 1420, 1408},
		{1409, 1420, 1420}, {1420, 1420, 1420}, {1280, 1280, 1280}, {1279, 1280, 1280},
		{1500, 1420, 1500}, {1400, 1420, 1408}, {65535, 0, 65535}, /* grown since */
	};
	static uint8_t room[sizeof(struct wm_wg_data) + 65536 + WM_WG_SEAL_TAIL];
	static const uint8_t key[32];
	struct wm_epoch *epoch = wm_epoch_new();
	struct wm_wg_peer *peer = wm_wg_peer_new(key, &staged_bytes);
	struct wm_wg_keys keys = {.local_index = 1};
	struct wm_wg_session *s = wm_wg_session_new(peer, &keys, true, S);
	struct wm_wg_ciphers ciphers = {.slots = {{.key = 0}}};
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++)
		assert_int_equal(wm_wg_seal(&ciphers, s, (struct wm_wg_data *)room, rows[i].len,
					    rows[i].mtu),
				 WM_WG_DATA_MIN + rows[i].sealed);
	wm_wg_ciphers_wipe(&ciphers);
	wm_wg_session_retire(s, epoch);
	wm_wg_peer_free(peer);
	wm_epoch_free(epoch);
}

/* From one buffer to another, with a cipher that is exchanged in between: what stands behind the
 * packet stays, and what comes out opens. */
static void test_sealing_into_another_buffer(void **state)
{
	static const size_t lengths[] = {0, 1, 15, 16, 100, 1409, 1420};
	static uint8_t in[2048], kept[2048], out[2048 + WM_WG_DATA_MIN];
	static const uint8_t key[32];
	struct wm_epoch *epoch = wm_epoch_new();
	struct wm_wg_peer *peer = wm_wg_peer_new(key, &staged_bytes);
	struct wm_wg_keys keys = {.local_index = 1};
	struct wm_wg_session *s = wm_wg_session_new(peer, &keys, true, S);
	struct wm_wg_ciphers ciphers = {.slots = {{.key = 0}}};
	memset(s->keys.recv, 7, sizeof(s->keys.recv));
	memset(s->keys.send, 7, sizeof(s->keys.send));
	for (size_t i = 0; i < 2 * WM_ARRAY_LEN(lengths); i++) {
		size_t len = lengths[i % WM_ARRAY_LEN(lengths)];
		for (size_t k = 0; k < sizeof(in); k++)
			in[k] = kept[k] = (uint8_t)(k + i);
		if (i == WM_ARRAY_LEN(lengths))
			wm_wg_ciphers_speed_up(&ciphers);
		size_t sealed = wm_wg_seal_into(&ciphers, s, 1000 + i, in, len, 1420, out);
		assert_memory_equal(in, kept, sizeof(in));
		assert_int_equal(wm_wg_get_le64(((struct wm_wg_data *)out)->counter), 1000 + i);
		assert_true(wm_wg_open(&ciphers, s, out, sealed));
		assert_memory_equal(out + sizeof(struct wm_wg_data), in, len);
		for (size_t k = sizeof(struct wm_wg_data) + len; k < sealed - WM_WG_TAG; k++)
			assert_int_equal(out[k], 0);
	}
	wm_wg_ciphers_wipe(&ciphers);
	wm_wg_session_retire(s, epoch);
	wm_wg_peer_free(peer);
	wm_epoch_free(epoch);
}

static void test_counters_are_taken_until_they_are_used_up(void **state)
{
	static const uint8_t key[32];
	struct wm_epoch *epoch = wm_epoch_new();
	struct wm_wg_peer *peer = wm_wg_peer_new(key, &staged_bytes);
	struct wm_wg_keys keys = {.local_index = 1};
	struct wm_wg_session *s = wm_wg_session_new(peer, &keys, true, S);
	uint64_t first;
	assert_true(wm_wg_session_take(s, 45, &first));
	assert_int_equal(first, 0);
	assert_true(wm_wg_session_take(s, 1, &first));
	assert_int_equal(first, 45);
	atomic_store(&s->next_counter, WM_WG_REJECT_MESSAGES - 3);
	assert_false(wm_wg_session_take(s, 4, &first)); /* not in part either */
	atomic_store(&s->next_counter, WM_WG_REJECT_MESSAGES - 3);
	assert_true(wm_wg_session_take(s, 3, &first));
	assert_false(wm_wg_session_take(s, 1, &first));
	wm_wg_session_retire(s, epoch);
	wm_wg_peer_free(peer);
	wm_epoch_free(epoch);
}

static void test_every_drop_has_a_name(void **state)
{
	for (unsigned i = 0; i < WM_DROP_COUNT; i++) {
		assert_true(strlen(wm_drop_name(i)) > 0);
		assert_true(strlen(wm_drop_sentence(i)) > 0);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(wm_drop_name(i), wm_drop_name(j));
	}
	assert_string_equal(wm_drop_name(WM_DROP_COUNT), "");
	assert_string_equal(wm_drop_sentence(WM_DROP_COUNT), "");
}

static void test_a_full_device_can_be_emptied(void **state)
{
	static const size_t full = 100000;
	struct wm_err err;
	struct wm_wg_peer_config peers[2] = {{.flags = WM_WG_PEER_REMOVE},
					     {.flags = WM_WG_PEER_UPDATE_ONLY}};
	struct wm_wg_config wish = {.peers = peers, .n_peers = 2};
	assert_int_equal(wm_wg_wish_check(&wish, full, &err), 0);
	peers[0].flags = 0;
	assert_int_equal(wm_wg_wish_check(&wish, full - 1, &err), 0);
	assert_int_equal(wm_wg_wish_check(&wish, full, &err), WM_RESOURCE_EXHAUSTED);
	wish.replace_peers = true;
	assert_int_equal(wm_wg_wish_check(&wish, full, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_a_flood_of_sources_fits),
		cmocka_unit_test(test_timestamps_grow),
		cmocka_unit_test(test_alarms_come_in_order),
		cmocka_unit_test(test_indexes),
		cmocka_unit_test(test_the_oldest_packet_makes_room),
		cmocka_unit_test(test_all_that_waits_is_bounded),
		cmocka_unit_test(test_sessions_have_an_end),
		cmocka_unit_test(test_padding_stays_below_the_mtu),
		cmocka_unit_test(test_sealing_into_another_buffer),
		cmocka_unit_test(test_counters_are_taken_until_they_are_used_up),
		cmocka_unit_test(test_every_drop_has_a_name),
		cmocka_unit_test(test_a_full_device_can_be_emptied),
	};
	return cmocka_run_group_tests_name("wg/parts", tests, NULL, NULL);
}
