/* Frames there and back; what is wrong with bytes is tried in fuzz/, what a machine does with them
 * in tests/sim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cluster/frame.h"
#include "cluster/machine_impl.h"

static struct wm_frame round_trip(const struct wm_frame *f, struct wm_buf *bytes)
{
	struct wm_frame back;
	struct wm_err err;

	wm_buf_clear(bytes);
	wm_frame_encode(f, bytes);
	assert_int_equal(wm_frame_decode(bytes->data, bytes->len, &back, &err), 0);
	assert_int_equal(back.kind, f->kind);
	assert_int_equal(back.from, f->from);
	assert_int_equal(back.to, f->to);
	assert_int_equal(back.number, f->number);
	assert_int_equal(back.term, f->term);
	/* Cut anywhere, it is nothing. */
	for (size_t n = 0; n < bytes->len; n++) {
		struct wm_frame none;

		assert_int_equal(wm_frame_decode(bytes->data, n, &none, &err), WM_INVALID_ARGUMENT);
	}
	return back;
}

static void test_append(void **state)
{
	const uint8_t xyz[] = "xyz";
	struct wm_entry e[] = {
		{.index = 8, .term = 3, .kind = WM_ENTRY_COMMAND, .data = xyz, .len = 3},
		{.index = 9, .term = 4, .kind = WM_ENTRY_BARRIER},
	};
	struct wm_frame f = {.kind = WM_FRAME_APPEND,
			     .from = 1,
			     .to = UINT64_MAX,
			     .number = 5,
			     .term = 4,
			     .index = 7,
			     .index_term = 3,
			     .commit = 6,
			     .entries = e,
			     .n_entries = 2};
	struct wm_buf bytes = {0};
	struct wm_frame back = round_trip(&f, &bytes);

	assert_int_equal(back.index, 7);
	assert_int_equal(back.index_term, 3);
	assert_int_equal(back.commit, 6);
	assert_int_equal(back.n_entries, 2);
	assert_int_equal(back.entries[0].index, 8);
	assert_int_equal(back.entries[0].term, 3);
	assert_memory_equal(back.entries[0].data, "xyz", 3);
	assert_int_equal(back.entries[1].kind, WM_ENTRY_BARRIER);
	assert_int_equal(back.entries[1].len, 0);
	wm_frame_fini(&back);
	wm_buf_fini(&bytes);
}

static void test_results_and_votes(void **state)
{
	struct wm_frame f = {.kind = WM_FRAME_APPEND_RESULT,
			     .from = 1,
			     .to = 2,
			     .number = 5,
			     .term = 4,
			     .rejected = 9,
			     .last = 3,
			     .features = 1,
			     .capacity = 65535};
	struct wm_buf bytes = {0};
	struct wm_frame back = round_trip(&f, &bytes);

	assert_int_equal(back.rejected, 9);
	assert_int_equal(back.last, 3);
	assert_int_equal(back.features, 1);
	assert_int_equal(back.capacity, 65535);
	f = (struct wm_frame){.kind = WM_FRAME_VOTE,
			      .from = 1,
			      .to = 2,
			      .term = 4,
			      .index = 8,
			      .index_term = 2,
			      .disrupt = true};
	back = round_trip(&f, &bytes);
	assert_int_equal(back.index, 8);
	assert_int_equal(back.index_term, 2);
	assert_true(back.disrupt && !back.pre_vote);
	f = (struct wm_frame){.kind = WM_FRAME_VOTE_RESULT,
			      .from = 1,
			      .to = 2,
			      .term = 4,
			      .pre_vote = true,
			      .granted = true,
			      .features = 1,
			      .capacity = 7};
	back = round_trip(&f, &bytes);
	assert_true(back.pre_vote && back.granted);
	assert_int_equal(back.capacity, 7);
	wm_buf_fini(&bytes);
}

static void test_offer(void **state)
{
	struct wm_frame f = {.kind = WM_FRAME_SNAPSHOT,
			     .from = 1,
			     .to = 2,
			     .term = 4,
			     .index = 80,
			     .index_term = 3};
	struct wm_buf bytes = {0};

	f.snapshot.index = 77;
	wm_configuration_add(&f.snapshot, 5, "node", WM_MEMBER_VOTER);
	struct wm_frame back = round_trip(&f, &bytes);

	assert_int_equal(back.index, 80);
	assert_int_equal(back.index_term, 3);
	assert_int_equal(back.snapshot.index, 77);
	assert_string_equal(back.snapshot.members[0].node_id, "node");
	wm_frame_fini(&back);
	wm_configuration_fini(&f.snapshot);
	wm_buf_fini(&bytes);
}

static void test_largest(void **state)
{
	uint8_t *data = wm_alloc(WM_MACHINE_ENTRY_MAX);
	struct wm_entry e = {.index = 2,
			     .term = 1,
			     .kind = WM_ENTRY_COMMAND,
			     .data = data,
			     .len = WM_MACHINE_ENTRY_MAX};
	struct wm_frame f = {.kind = WM_FRAME_APPEND,
			     .from = 1,
			     .to = 2,
			     .term = 1,
			     .index = 1,
			     .index_term = 1,
			     .entries = &e,
			     .n_entries = 1};
	struct wm_buf bytes = {0};
	struct wm_frame back;
	struct wm_err err;

	wm_frame_encode(&f, &bytes);
	assert_true(bytes.len <= WM_MACHINE_FRAME_MAX);
	assert_int_equal(wm_frame_decode(bytes.data, bytes.len, &back, &err), 0);
	wm_frame_fini(&back);
	wm_buf_fini(&bytes);
	wm_free(data);
}

/* ---- whose vote goes ---- */

static uint64_t choose(int64_t b, int64_t c, int64_t d, int64_t e)
{
	struct wm_purge_voter v[] = {
		{1, true, 99999}, {2, false, b}, {3, false, c}, {4, false, d}, {5, false, e}};
	size_t n = e >= 0 ? 5 : d >= 0 ? 4 : c >= 0 ? 3 : 2;

	return wm_purge_choose(v, n, 400, 1000);
}

static void test_purge(void **state)
{
	assert_int_equal(choose(0, 0, 0, 0), 0);
	assert_int_equal(choose(0, 999, 0, 0), 0);
	assert_int_equal(choose(1500, 400, 400, 401), 2);
	assert_int_equal(choose(1500, 400, 401, 401), 0); /* who is there may be gone too */
	assert_int_equal(choose(1500, 401, -1, -1), 0);
	assert_int_equal(choose(0, 1000, 0, 0), 3);
	assert_int_equal(choose(1500, 1000, 0, 0), 2);  /* the longest silent first */
	assert_int_equal(choose(1500, 1000, 0, -1), 0); /* two of four decide nothing */
	assert_int_equal(choose(1500, 1000, 1200, 0), 0);
	assert_int_equal(choose(0, 5000, -1, -1), 3); /* two of three, then two of two */
	assert_int_equal(choose(5000, 5000, -1, -1), 0);
	assert_int_equal(choose(5000, -1, -1, -1), 0); /* one of two decides nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append), cmocka_unit_test(test_results_and_votes),
		cmocka_unit_test(test_offer),  cmocka_unit_test(test_largest),
		cmocka_unit_test(test_purge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
