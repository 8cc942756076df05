/* What the machine does by itself: its order of steps, its first moments, a disk that fails. What
 * several of them do together is in tests/sim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cluster/frame.h"
#include "driver.h"

/* ---- one voter ---- */

static void test_the_only_voter_leads_at_once(void **state)
{
	struct wm_err err;
	uint64_t index, term;

	driver_bootstrap(1);
	memset(d.acts, 0, sizeof(d.acts));
	driver_open_machine(1000);
	assert_int_equal(d.acts[0], 'P'); /* its vote, before anything else */
	assert_int_equal(d.role.state, WM_MACHINE_LEADER);
	assert_int_equal(d.role.term, 2);
	assert_int_equal(d.term, 2);
	assert_int_equal(d.vote, 1);
	assert_string_equal(d.role.leader_node, "a");
	memset(d.acts, 0, sizeof(d.acts));
	assert_int_equal(wm_machine_propose(d.m, 1001, "x", 1, &index, &term, &err), 0);
	assert_int_equal(index, 2);
	assert_int_equal(term, 2);
	assert_string_equal(d.acts, "Pa"); /* inside the call */
	assert_int_equal(wm_machine_read(d.m, 1002, 77, &err), 0);
	assert_int_equal(d.token, 77);
	assert_int_equal(d.read_code, 0);
	/* Again, in a term of its own: an observer may have an entry that we have lost. */
	wm_machine_close(d.m);
	driver_open_machine(2000);
	assert_int_equal(d.term, 3);
	assert_int_equal(d.role.state, WM_MACHINE_LEADER);
}

static void test_a_disk_that_fails(void **state)
{
	struct wm_err err;
	uint64_t index, term;

	driver_bootstrap(1);
	driver_open_machine(1000);
	d.fail = WM_RESOURCE_EXHAUSTED;
	assert_int_equal(wm_machine_propose(d.m, 1001, "x", 1, &index, &term, &err),
			 WM_UNAVAILABLE);
	assert_int_equal(d.role.state, WM_MACHINE_DOWN);
	assert_int_equal(d.alarms, 1);
	assert_int_equal(d.lost_first, 2);
	assert_int_equal(d.lost_last, 2);
	assert_int_equal(wm_machine_propose(d.m, 1002, "x", 1, &index, &term, &err),
			 WM_FAILED_PRECONDITION);
	/* Nobody else can have written. */
	assert_int_equal(wm_machine_read(d.m, 1003, 5, &err), 0);
	assert_int_equal(d.read_code, 0);
	/* It tries again by itself, as long as it takes. */
	assert_int_equal(wm_machine_due(d.m), 2001);
	wm_machine_tick(d.m, 2001);
	assert_int_equal(d.role.state, WM_MACHINE_DOWN);
	assert_int_equal(d.alarms, 2);
	d.fail = 0;
	wm_machine_tick(d.m, 2500);
	assert_int_equal(d.role.state, WM_MACHINE_DOWN);
	wm_machine_tick(d.m, 3001);
	assert_int_equal(d.role.state, WM_MACHINE_LEADER);
	assert_int_equal(wm_machine_propose(d.m, 3002, "x", 1, &index, &term, &err), 0);
	assert_int_equal(d.applied, index);
}

static void test_proposals_that_are_refused(void **state)
{
	struct wm_err err;
	uint64_t index, term;
	uint8_t *large = wm_alloc(WM_MACHINE_ENTRY_MAX + 1);

	driver_bootstrap(1);
	driver_open_machine(1000);
	memset(d.acts, 0, sizeof(d.acts));
	assert_int_equal(
		wm_machine_propose(d.m, 1001, large, WM_MACHINE_ENTRY_MAX + 1, &index, &term, &err),
		WM_INVALID_ARGUMENT);
	d.capacity = 1000;
	assert_int_equal(wm_machine_propose(d.m, 1001, "x", 1, &index, &term, &err),
			 WM_RESOURCE_EXHAUSTED);
	assert_string_equal(d.acts, "");
	assert_int_equal(d.role.state, WM_MACHINE_LEADER);
	wm_free(large);
}

static void test_a_disk_that_does_not_fit(void **state)
{
	struct wm_machine_opts opts = {.id = 1, .node_id = "a"};
	struct wm_err err;

	driver_bootstrap(1);
	d.applied = 5; /* the state is ahead of its log */
	assert_int_equal(wm_machine_open(&opts, &driver_io, NULL, 0, &d.m, &err), WM_DATA_LOSS);
	d.applied = 0;
	d.log[1].term = 9; /* an entry of a later term than ours */
	assert_int_equal(wm_machine_open(&opts, &driver_io, NULL, 0, &d.m, &err), WM_DATA_LOSS);
	d.log[1].term = 1;
	opts.election_ms = 49;
	assert_int_equal(wm_machine_open(&opts, &driver_io, NULL, 0, &d.m, &err),
			 WM_INVALID_ARGUMENT);
	opts.election_ms = 200;
	opts.heartbeat_ms = 100;
	assert_int_equal(wm_machine_open(&opts, &driver_io, NULL, 0, &d.m, &err),
			 WM_INVALID_ARGUMENT);
	opts.heartbeat_ms = 50;
	opts.id = 0;
	assert_int_equal(wm_machine_open(&opts, &driver_io, NULL, 0, &d.m, &err),
			 WM_INVALID_ARGUMENT);
	assert_null(d.m);
}

/* ---- three voters ---- */

static void test_the_order_of_steps(void **state)
{
	struct wm_err err;
	uint64_t index, term;

	driver_bootstrap(3);
	driver_open_machine(1000);
	int64_t now = driver_elect();

	/* Asked in trial without a write; voted, written, then asked. */
	assert_non_null(strstr(d.acts, "33P33"));
	driver_forget_frames();
	/* Our entries leave before they are durable here, and are not applied. */
	assert_int_equal(wm_machine_propose(d.m, now, "x", 1, &index, &term, &err), 0);
	assert_int_equal(d.acts[strlen(d.acts) - 1], 'P');
	assert_null(strchr(d.acts, 'a'));
	/* A follower confirms what is durable, not before. */
	driver_receive(
		now, 2,
		(struct wm_frame){.kind = WM_FRAME_APPEND, .term = 9, .index = 1, .index_term = 1});
	assert_int_equal(d.role.state, WM_MACHINE_FOLLOWER);
	assert_int_equal(d.lost_last, index);
	struct wm_entry e = {.index = 2, .term = 9, .kind = WM_ENTRY_COMMAND};

	driver_forget_frames();
	driver_receive(now, 2,
		       (struct wm_frame){.kind = WM_FRAME_APPEND,
					 .term = 9,
					 .index = 1,
					 .index_term = 1,
					 .entries = &e,
					 .n_entries = 1});
	assert_string_equal(d.acts, "P2");
}

/* A trial vote of who is behind is refused with our term; who is behind takes it over. */
static void test_trial_votes_tell_terms(void **state)
{
	driver_bootstrap(3);
	d.term = 10;
	driver_open_machine(1000);
	driver_receive(1000 + WM_MACHINE_ELECTION_MS, 2,
		       (struct wm_frame){.kind = WM_FRAME_VOTE,
					 .term = 7,
					 .index = 9,
					 .index_term = 6,
					 .pre_vote = true});
	assert_int_equal(d.n_frames, 1);
	struct wm_frame f = driver_frame_at(0);

	assert_int_equal(f.kind, WM_FRAME_VOTE_RESULT);
	assert_true(f.pre_vote && !f.granted);
	assert_int_equal(f.term, 10);
	while (d.role.state != WM_MACHINE_CANDIDATE)
		wm_machine_tick(d.m, wm_machine_due(d.m));
	driver_receive(
		9000, 2,
		(struct wm_frame){.kind = WM_FRAME_VOTE_RESULT, .term = 15, .pre_vote = true});
	assert_int_equal(d.term, 15);
	assert_int_equal(d.role.state, WM_MACHINE_FOLLOWER);
}

/* What a member lacks is sent in frames that are not too large, each a message of its own. */
static void test_long_messages_are_cut(void **state)
{
	uint8_t *data = wm_alloc(300000);
	uint64_t index = 0, term, next = 1;
	struct wm_err err;

	driver_bootstrap(3);
	driver_open_machine(1000);
	int64_t now = driver_elect();

	for (int i = 0; i < 4; i++)
		assert_int_equal(wm_machine_propose(d.m, now, data, 300000, &index, &term, &err),
				 0);
	driver_forget_frames();
	driver_receive(
		now, 3,
		(struct wm_frame){.kind = WM_FRAME_APPEND_RESULT, .term = d.term, .last = 1});
	assert_true(d.n_frames > 1);
	for (size_t i = 0; i < d.n_frames; i++) {
		struct wm_frame f = driver_frame_at(i);

		assert_int_equal(f.index, next);
		assert_int_equal(f.index_term, next == 1 ? 1 : d.term);
		assert_true(f.n_entries > 0 && d.frames[i].len < 700000);
		next += f.n_entries;
		wm_frame_fini(&f);
	}
	assert_int_equal(next, index);
	wm_free(data);
}

/* What is beyond all measure waits for the answer to what went. */
static void test_longest_messages_end(void **state)
{
	uint8_t *data = wm_alloc(WM_MACHINE_ENTRY_MAX);
	uint64_t index = 0, term;
	struct wm_err err;

	driver_bootstrap(3);
	driver_open_machine(1000);
	int64_t now = driver_elect();

	for (int i = 0; i < 3; i++)
		assert_int_equal(wm_machine_propose(d.m, now, data, WM_MACHINE_ENTRY_MAX, &index,
						    &term, &err),
				 0);
	driver_forget_frames();
	driver_receive(
		now, 3,
		(struct wm_frame){.kind = WM_FRAME_APPEND_RESULT, .term = d.term, .last = 1});
	assert_int_equal(d.n_frames, 2); /* of three */
	driver_forget_frames();
	driver_receive(now, 3,
		       (struct wm_frame){
			       .kind = WM_FRAME_APPEND_RESULT, .term = d.term, .last = index - 1});
	for (int i = 0; d.n_frames == 0 && i < 9; i++)
		wm_machine_tick(d.m, now += WM_MACHINE_HEARTBEAT_MS);
	struct wm_frame f = {0};

	/* It took the third for sent: a rejected heartbeat brings it. */
	for (size_t i = 0; i < d.n_frames && f.to != 3; i++) {
		wm_frame_fini(&f);
		f = driver_frame_at(i);
	}
	assert_int_equal(f.to, 3);
	assert_int_equal(f.index, index);
	assert_int_equal(f.n_entries, 0);
	driver_forget_frames();
	driver_receive(now, 3,
		       (struct wm_frame){.kind = WM_FRAME_APPEND_RESULT,
					 .term = d.term,
					 .number = f.number,
					 .rejected = index,
					 .last = index - 1});
	assert_int_equal(d.n_frames, 1);
	f = driver_frame_at(0);
	assert_int_equal(f.index, index - 1);
	assert_int_equal(f.n_entries, 1);
	wm_frame_fini(&f);
	wm_free(data);
}

static void test_changes_that_are_refused(void **state)
{
	struct wm_member_change c = {WM_CHANGE_ADD, 9, "d"};
	struct wm_err err;

	driver_bootstrap(3);
	driver_open_machine(1000);
	assert_int_equal(wm_machine_change(d.m, 1000, &c, 1, &err), WM_FAILED_PRECONDITION);
	assert_int_equal(wm_machine_transfer(d.m, 1000, 0, &err), WM_FAILED_PRECONDITION);
	assert_int_equal(wm_machine_read(d.m, 1000, 1, &err), WM_FAILED_PRECONDITION);
	int64_t now = driver_elect();

	c = (struct wm_member_change){WM_CHANGE_DEMOTE, 1, NULL};
	assert_int_equal(wm_machine_change(d.m, now, &c, 1, &err), WM_FAILED_PRECONDITION);
	c.kind = WM_CHANGE_REMOVE;
	assert_int_equal(wm_machine_change(d.m, now, &c, 1, &err), WM_FAILED_PRECONDITION);
	c.id = 2; /* 1 and 3 would be left, and 3 has never been heard */
	assert_int_equal(wm_machine_change(d.m, now, &c, 1, &err), WM_FAILED_PRECONDITION);
	c.id = 8;
	assert_int_equal(wm_machine_change(d.m, now, &c, 1, &err), WM_NOT_FOUND);
	c = (struct wm_member_change){WM_CHANGE_PROMOTE, 2, NULL};
	assert_int_equal(wm_machine_change(d.m, now, &c, 1, &err), WM_ALREADY_EXISTS);
	c = (struct wm_member_change){WM_CHANGE_ADD, 9, "b"};
	assert_int_equal(wm_machine_change(d.m, now, &c, 1, &err), WM_ALREADY_EXISTS);
	assert_int_equal(wm_machine_transfer(d.m, now, 7, &err), WM_NOT_FOUND);
	/* It waits for the first commit of the term; a second one does not wait with it. */
	c = (struct wm_member_change){WM_CHANGE_ADD, 9, "d"};
	assert_int_equal(wm_machine_change(d.m, now, &c, 1, &err), 0);
	c = (struct wm_member_change){WM_CHANGE_ADD, 10, "e"};
	assert_int_equal(wm_machine_change(d.m, now, &c, 2, &err), WM_FAILED_PRECONDITION);
	assert_int_equal(d.log[2].kind, WM_ENTRY_BARRIER);
	assert_int_equal(d.last, 2);
	driver_receive(
		now, 2,
		(struct wm_frame){.kind = WM_FRAME_APPEND_RESULT, .term = d.term, .last = 2});
	assert_int_equal(d.log[3].kind, WM_ENTRY_CHANGE);
	assert_int_equal(d.change_code, 1);
	driver_receive(
		now, 2,
		(struct wm_frame){.kind = WM_FRAME_APPEND_RESULT, .term = d.term, .last = 3});
	assert_int_equal(d.change_code, 0);
	assert_int_equal(d.members.n, 4);
	assert_int_equal(d.members.members[3].role, WM_MEMBER_OBSERVER);
}

static void test_initial_ids(void **state)
{
	uint64_t a = wm_machine_initial_id("mesh", "a,b,c", "a");

	assert_int_equal(a, wm_machine_initial_id("mesh", "a,b,c", "a"));
	assert_int_not_equal(a, wm_machine_initial_id("mesh", "a,b,c", "b"));
	assert_int_not_equal(a, wm_machine_initial_id("mesh", "a,b,d", "a"));
	assert_int_not_equal(a, wm_machine_initial_id("other", "a,b,c", "a"));
	assert_int_not_equal(wm_machine_fresh_id(), wm_machine_fresh_id());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, driver_set_up, driver_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_only_voter_leads_at_once), TEST(test_a_disk_that_fails),
		TEST(test_proposals_that_are_refused),   TEST(test_a_disk_that_does_not_fit),
		TEST(test_the_order_of_steps),           TEST(test_trial_votes_tell_terms),
		TEST(test_long_messages_are_cut),        TEST(test_longest_messages_end),
		TEST(test_changes_that_are_refused),     cmocka_unit_test(test_initial_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
