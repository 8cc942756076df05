#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/clock.h"
#include "base/mem.h"
#include "rpc/h2_guard.h"
#include <nghttp2/nghttp2.h>
#include <string.h>

static struct wm_h2_frame_head frame(uint8_t type, uint8_t flags, int32_t stream, uint32_t length)
{
	return (struct wm_h2_frame_head){
		.type = type, .flags = flags, .stream = stream, .length = length};
}

/* How many such frames are taken at @now before one is too many, of the kind in *@kind. */
static unsigned taken(struct wm_h2_guard *g, struct wm_h2_frame_head head, int64_t now,
		      enum wm_flood *kind)
{
	unsigned n = 0;
	while (n < 100000 && !wm_h2_guard_is_flood(g, &head, now, kind))
		n++;
	return n;
}

/* ---- cutting ---- */

static void put_frame(uint8_t *at, uint8_t type, uint8_t flags, uint32_t stream, uint32_t length)
{
	const uint8_t head[] = {0, (uint8_t)(length >> 8), (uint8_t)length, type, flags, 0x80,
				0, (uint8_t)(stream >> 8), (uint8_t)stream};
	memcpy(at, head, sizeof(head));
}

/* The same heads come out whatever the sizes in which the bytes arrive. */
static void cuts_at_every_size(void **state)
{
	uint8_t raw[24 + 9 + 300 + 9 + 9 + 5] = {0};
	put_frame(raw + 24, NGHTTP2_DATA, 1, 259, 300);
	put_frame(raw + 24 + 309, NGHTTP2_SETTINGS, 0, 0, 0);
	put_frame(raw + 24 + 318, NGHTTP2_RST_STREAM, 0, 3, 5);
	for (size_t step = 1; step <= sizeof(raw); step++) {
		struct wm_h2_guard g;
		struct wm_h2_frame_head head[3], h;
		unsigned n = 0;
		wm_h2_guard_init(&g, true, 0);
		for (size_t at = 0, piece; at < sizeof(raw); at += piece) {
			size_t left = sizeof(raw) - at;
			if (wm_h2_guard_cut(&g, raw + at, left < step ? left : step, &piece, &h)) {
				assert_true(n < 3);
				head[n++] = h;
			}
			assert_true(piece > 0);
		}
		assert_int_equal(n, 3);
		assert_true(head[0].type == NGHTTP2_DATA && head[0].flags == 1);
		assert_true(head[0].stream == 259 && head[0].length == 300);
		assert_true(head[1].type == NGHTTP2_SETTINGS && head[1].stream == 0);
		assert_true(head[2].type == NGHTTP2_RST_STREAM && head[2].stream == 3);
	}
}

static void a_client_is_sent_no_preface(void **state)
{
	uint8_t raw[9];
	struct wm_h2_guard g;
	struct wm_h2_frame_head h;
	size_t piece;
	put_frame(raw, NGHTTP2_SETTINGS, 0, 0, 0);
	wm_h2_guard_init(&g, false, 0);
	assert_true(wm_h2_guard_cut(&g, raw, sizeof(raw), &piece, &h));
	assert_int_equal(piece, 9);
}

/* ---- floods ---- */

static void each_kind_to_its_last_frame(void **state)
{
	static const struct {
		struct wm_h2_frame_head head;
		enum wm_flood kind;
		unsigned taken;
	} rows[] = {
		{{0, NGHTTP2_DATA, 0, 1}, WM_FLOOD_EMPTY_DATA, 1000},
		{{1, NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1}, WM_FLOOD_EMPTY_DATA, 1000},
		{{256, NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1}, WM_FLOOD_EMPTY_DATA, 1000},
		{{5, NGHTTP2_PRIORITY, 0, 1}, WM_FLOOD_PRIORITY, 1000},
		{{4, NGHTTP2_RST_STREAM, 0, 1}, WM_FLOOD_RESET, 1000},
		{{0, NGHTTP2_SETTINGS, 0, 0}, WM_FLOOD_SETTINGS, 1000},
		{{0, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0}, WM_FLOOD_SETTINGS, 1000},
		{{8, NGHTTP2_PING, 0, 0}, WM_FLOOD_PING, 10000},
		{{8, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0}, WM_FLOOD_PING, 10000},
		{{4, NGHTTP2_WINDOW_UPDATE, 0, 0}, WM_FLOOD_WINDOW, 10000},
		{{8, NGHTTP2_GOAWAY, 0, 0}, WM_FLOOD_UNKNOWN, 1000},
		{{0, 0xbb, 0, 0}, WM_FLOOD_UNKNOWN, 1000},
	};
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_h2_guard g;
		enum wm_flood kind;
		wm_h2_guard_init(&g, true, 0);
		assert_int_equal(taken(&g, rows[i].head, 0, &kind), rows[i].taken);
		assert_int_equal(kind, rows[i].kind);
	}
}

static void what_carries_something_is_free(void **state)
{
	static const struct wm_h2_frame_head rows[] = {
		{1, NGHTTP2_DATA, 0, 1},
		{257, NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1},
		{0, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1},
		{20, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1},
	};
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_h2_guard g;
		enum wm_flood kind;
		wm_h2_guard_init(&g, true, 0);
		assert_int_equal(taken(&g, rows[i], 0, &kind), 100000);
	}
}

/* 500 resets a second for ever; the 501st of a second, once the bucket is full, is too many. */
static void the_bucket_leaks(void **state)
{
	struct wm_h2_guard g;
	enum wm_flood kind;
	struct wm_h2_frame_head reset = frame(NGHTTP2_RST_STREAM, 0, 1, 4);
	wm_h2_guard_init(&g, true, 0);
	for (int64_t s = 1; s < 100; s++) {
		for (int i = 0; i < 500; i++)
			assert_false(wm_h2_guard_is_flood(&g, &reset, s * WM_NS_PER_S, &kind));
	}
	assert_int_equal(taken(&g, reset, 99 * WM_NS_PER_S, &kind), 500);
	wm_h2_guard_init(&g, true, 0);
	assert_int_equal(taken(&g, reset, 0, &kind), 1000);
	/* What is over the edge has to leak first, too. */
	assert_int_equal(taken(&g, reset, WM_NS_PER_S, &kind), 499);
	assert_int_equal(taken(&g, reset, 1000 * WM_NS_PER_S, &kind), 1000);
}

static void a_greeting_leaves_the_peer_calm(void **state)
{
	struct wm_h2_guard g;
	enum wm_flood kind;
	struct wm_h2_frame_head settings = frame(NGHTTP2_SETTINGS, 0, 0, 0);
	wm_h2_guard_init(&g, true, 0);
	for (int i = 0; i < WM_H2_CALM / WM_H2_COST_DEAR; i++) {
		assert_false(wm_h2_guard_is_flood(&g, &settings, 0, &kind));
		assert_true(wm_h2_guard_is_calm(&g, 0));
	}
	assert_false(wm_h2_guard_charge(&g, 1, 0));
	assert_false(wm_h2_guard_is_calm(&g, 0));
	assert_false(wm_h2_guard_is_calm(&g, WM_NS_PER_S / WM_H2_CALM_RATE - 1));
	assert_true(wm_h2_guard_is_calm(&g, WM_NS_PER_S / WM_H2_CALM_RATE));
}

static void small_steps_of_time_add_up(void **state)
{
	struct wm_h2_guard g;
	enum wm_flood kind;
	struct wm_h2_frame_head ping = frame(NGHTTP2_PING, 0, 0, 8);
	wm_h2_guard_init(&g, true, 0);
	/* 4,990 pings a second, and no tick of the bucket falls together with one. */
	for (int64_t i = 1; i < 100000; i++)
		assert_false(wm_h2_guard_is_flood(&g, &ping, i * 200401, &kind));
	/* 5,100 are more than it can leak. */
	int64_t i = 0;
	while (i < 1000000 &&
	       !wm_h2_guard_is_flood(&g, &ping, 21 * WM_NS_PER_S + i * 196078, &kind))
		i++;
	assert_in_range(i, 10000, 700000);
}

static void data_may_be_answered(void **state)
{
	struct wm_h2_guard g;
	enum wm_flood kind;
	struct wm_h2_frame_head window = frame(NGHTTP2_WINDOW_UPDATE, 0, 1, 4);
	wm_h2_guard_init(&g, true, 0);
	for (int i = 0; i < 100000; i++) {
		assert_false(wm_h2_guard_is_flood(&g, &window, 0, &kind));
		assert_false(wm_h2_guard_is_flood(&g, &window, 0, &kind));
		wm_h2_guard_refund(&g);
	}
	assert_int_equal(taken(&g, window, 0, &kind), 10000);
	wm_h2_guard_init(&g, true, 0);
	wm_h2_guard_refund(&g); /* nothing is saved up */
	assert_int_equal(taken(&g, window, 0, &kind), 10000);
}

static void headers_in_pieces(void **state)
{
	struct wm_h2_guard g;
	enum wm_flood kind;
	struct wm_h2_frame_head first = frame(NGHTTP2_HEADERS, 0, 1, 10);
	struct wm_h2_frame_head more = frame(NGHTTP2_CONTINUATION, 0, 1, 0);
	struct wm_h2_frame_head last = frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1, 0);
	wm_h2_guard_init(&g, true, 0);
	for (unsigned n = 0; n < WM_H2_CONTINUATIONS; n++) { /* of each request anew */
		assert_false(wm_h2_guard_is_flood(&g, &first, 0, &kind));
		for (unsigned i = 0; i < n; i++)
			assert_false(wm_h2_guard_is_flood(&g, &more, 0, &kind));
		assert_true(g.in_block);
		assert_false(wm_h2_guard_is_flood(&g, &last, 0, &kind));
		assert_false(g.in_block);
	}
	assert_false(wm_h2_guard_is_flood(&g, &first, 0, &kind));
	assert_int_equal(taken(&g, more, 0, &kind), WM_H2_CONTINUATIONS);
	assert_int_equal(kind, WM_FLOOD_CONTINUATION);
}

/* ---- streams that are over ---- */

static uint32_t judge(struct wm_h2_guard *g, uint8_t type, int32_t stream, bool open)
{
	struct wm_h2_frame_head head = frame(type, NGHTTP2_FLAG_END_HEADERS, stream, 1);
	return wm_h2_guard_judge(g, &head, open);
}

static void closed_and_skipped(void **state)
{
	struct wm_h2_guard g;
	wm_h2_guard_init(&g, true, 0);
	assert_int_equal(judge(&g, NGHTTP2_DATA, 1, false), 0); /* idle: nghttp2 says so */
	assert_int_equal(judge(&g, NGHTTP2_HEADERS, 1, false), 0);
	assert_int_equal(judge(&g, NGHTTP2_HEADERS, 1, true), 0);
	assert_int_equal(judge(&g, NGHTTP2_DATA, 1, true), 0);
	assert_int_equal(judge(&g, NGHTTP2_DATA, 1, false), NGHTTP2_STREAM_CLOSED);
	assert_int_equal(judge(&g, NGHTTP2_HEADERS, 1, false), NGHTTP2_STREAM_CLOSED);
	assert_int_equal(judge(&g, NGHTTP2_HEADERS, 3, false), 0);
	assert_int_equal(judge(&g, NGHTTP2_HEADERS, 9, false), 0);
	assert_int_equal(judge(&g, NGHTTP2_HEADERS, 3, false), NGHTTP2_STREAM_CLOSED);
	assert_int_equal(judge(&g, NGHTTP2_HEADERS, 5, false), NGHTTP2_PROTOCOL_ERROR);
	assert_int_equal(judge(&g, NGHTTP2_HEADERS, 7, false), NGHTTP2_PROTOCOL_ERROR);
	assert_int_equal(judge(&g, NGHTTP2_HEADERS, 9, false), NGHTTP2_STREAM_CLOSED);
	for (uint8_t type = NGHTTP2_PRIORITY; type <= NGHTTP2_CONTINUATION; type++)
		assert_int_equal(judge(&g, type, 1, false), 0);
	assert_int_equal(judge(&g, NGHTTP2_DATA, 0, false), 0);
	assert_int_equal(judge(&g, NGHTTP2_DATA, 2, false), 0);
}

/* What was on its way to a stream that we reset is no mistake. */
static void resets_are_remembered(void **state)
{
	struct wm_h2_guard g;
	wm_h2_guard_init(&g, true, 0);
	for (int32_t id = 1; id <= 99; id += 2)
		assert_int_equal(judge(&g, NGHTTP2_HEADERS, id, false), 0);
	for (int32_t id = 41; id < 41 + 2 * WM_H2_RESETS_KEPT; id += 2)
		wm_h2_guard_note_reset(&g, id);
	for (int32_t id = 41; id < 41 + 2 * WM_H2_RESETS_KEPT; id += 2)
		assert_int_equal(judge(&g, NGHTTP2_DATA, id, false), 0);
	assert_int_equal(judge(&g, NGHTTP2_DATA, 39, false), NGHTTP2_STREAM_CLOSED);
	assert_int_equal(judge(&g, NGHTTP2_DATA, 73, false), NGHTTP2_STREAM_CLOSED);
	/* One more than we keep: nothing is said against the ones up to the first of them. */
	wm_h2_guard_note_reset(&g, 99);
	assert_int_equal(judge(&g, NGHTTP2_DATA, 39, false), 0);
	assert_int_equal(judge(&g, NGHTTP2_DATA, 41, false), 0);
	assert_int_equal(judge(&g, NGHTTP2_DATA, 99, false), 0);
	assert_int_equal(judge(&g, NGHTTP2_DATA, 97, false), NGHTTP2_STREAM_CLOSED);
}

static void names(void **state)
{
	for (int i = 0; i < WM_FLOOD_COUNT; i++) {
		assert_true(strlen(wm_flood_name((enum wm_flood)i)) > 0);
		assert_true(strlen(wm_flood_sentence((enum wm_flood)i)) > 0);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(wm_flood_name((enum wm_flood)i),
						wm_flood_name((enum wm_flood)j));
	}
	assert_string_equal(wm_flood_name(WM_FLOOD_COUNT), "");
	assert_string_equal(wm_flood_sentence(WM_FLOOD_COUNT), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_at_every_size),
		cmocka_unit_test(a_client_is_sent_no_preface),
		cmocka_unit_test(each_kind_to_its_last_frame),
		cmocka_unit_test(what_carries_something_is_free),
		cmocka_unit_test(the_bucket_leaks),
		cmocka_unit_test(a_greeting_leaves_the_peer_calm),
		cmocka_unit_test(small_steps_of_time_add_up),
		cmocka_unit_test(data_may_be_answered),
		cmocka_unit_test(headers_in_pieces),
		cmocka_unit_test(closed_and_skipped),
		cmocka_unit_test(resets_are_remembered),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
