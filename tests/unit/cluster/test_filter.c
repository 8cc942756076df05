/* What members send and libraft must not see: a rule each, with what just passes beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/filter.h"

struct fixture {
	struct wm_configuration c;
	struct wm_filter_view v;
};

/* We are 1; 2 and 3 are voters too. Term 5, log 1 to 20, 15 committed. */
static int set_up(void **state)
{
	static struct fixture f;

	f = (struct fixture){0};
	wm_configuration_add(&f.c, 1, "a", WM_MEMBER_VOTER);
	wm_configuration_add(&f.c, 2, "b", WM_MEMBER_VOTER);
	wm_configuration_add(&f.c, 3, "c", WM_MEMBER_VOTER);
	f.v = (struct wm_filter_view){
		.self = 1,
		.state = WM_MACHINE_FOLLOWER,
		.term = 5,
		.commit = 15,
		.first = 1,
		.last = 20,
		.c = &f.c,
	};
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	wm_configuration_fini(&((struct fixture *)*state)->c);
	return 0;
}

static struct wm_frame frame(enum wm_frame_kind kind, uint64_t term)
{
	return (struct wm_frame){.kind = kind, .from = 2, .to = 1, .number = 100, .term = term};
}

static enum wm_verdict check(const struct fixture *f, const struct wm_frame *frame)
{
	struct wm_err err = {0};
	enum wm_verdict verdict = wm_filter_check(&f->v, "b", frame, &err);

	/* A verdict comes with its reason. */
	assert_int_equal(verdict != WM_VERDICT_PASS, err.text[0] != '\0');
	return verdict;
}

static void test_senders(void **state)
{
	struct fixture *f = *state;
	struct wm_frame x = frame(WM_FRAME_ASK, 5);
	struct wm_err err;

	assert_int_equal(check(f, &x), WM_VERDICT_PASS);
	assert_int_equal(wm_filter_check(&f->v, "c", &x, &err), WM_VERDICT_REFUSE);
	x.from = 1;
	assert_int_equal(check(f, &x), WM_VERDICT_REFUSE);
	x.from = 9; /* whom our configuration does not know yet */
	assert_int_equal(check(f, &x), WM_VERDICT_PASS);
	x.kind = WM_FRAME_VOTE;
	assert_int_equal(check(f, &x), WM_VERDICT_PASS);
	x.to = 7; /* for an earlier life of ours */
	assert_int_equal(check(f, &x), WM_VERDICT_DROP);
}

static void test_terms_do_not_jump(void **state)
{
	struct fixture *f = *state;
	struct wm_frame x = frame(WM_FRAME_APPEND, 5 + WM_TERM_JUMP);

	assert_int_equal(check(f, &x), WM_VERDICT_PASS);
	x.term++;
	assert_int_equal(check(f, &x), WM_VERDICT_REFUSE);
}

static void test_one_leader_in_a_term(void **state)
{
	struct fixture *f = *state;
	struct wm_frame append = frame(WM_FRAME_APPEND, 5), offer = frame(WM_FRAME_SNAPSHOT, 5);

	assert_int_equal(check(f, &append), WM_VERDICT_PASS);
	assert_int_equal(check(f, &offer), WM_VERDICT_PASS);
	f->v.state = WM_MACHINE_LEADER;
	assert_int_equal(check(f, &append), WM_VERDICT_TWO_LEADERS);
	assert_int_equal(check(f, &offer), WM_VERDICT_TWO_LEADERS);
	append.term = offer.term = 6;
	assert_int_equal(check(f, &append), WM_VERDICT_PASS);
	assert_int_equal(check(f, &offer), WM_VERDICT_PASS);
	append.term = 4; /* it is told of ours */
	assert_int_equal(check(f, &append), WM_VERDICT_PASS);
}

static void test_a_log_begins_with_a_configuration(void **state)
{
	struct fixture *f = *state;
	struct wm_entry entry = {.index = 1, .term = 1, .kind = WM_ENTRY_COMMAND};
	struct wm_frame x = frame(WM_FRAME_APPEND, 5);

	x.entries = &entry;
	x.n_entries = 1;
	assert_int_equal(check(f, &x), WM_VERDICT_REFUSE);
	entry.kind = WM_ENTRY_CHANGE;
	assert_int_equal(check(f, &x), WM_VERDICT_PASS);
}

static void test_old_offers(void **state)
{
	struct fixture *f = *state;
	struct wm_frame x = frame(WM_FRAME_SNAPSHOT, 4);

	assert_int_equal(check(f, &x), WM_VERDICT_DROP);
}

static void test_lost_data(void **state)
{
	struct fixture *f = *state;
	struct wm_frame x = frame(WM_FRAME_APPEND_RESULT, 5);

	x.rejected = 12;
	x.last = 11;
	assert_int_equal(check(f, &x), WM_VERDICT_DROP); /* we do not lead */
	f->v.state = WM_MACHINE_LEADER;
	f->v.match = 11;
	f->v.success = 99;
	assert_int_equal(check(f, &x), WM_VERDICT_PASS);
	x.last = 10;
	assert_int_equal(check(f, &x), WM_VERDICT_LOST_DATA);
	x.last = 30; /* libraft takes it for the entry before the rejected one */
	x.rejected = 11;
	assert_int_equal(check(f, &x), WM_VERDICT_LOST_DATA);
	x.number = 99; /* asked before we knew: only late */
	assert_int_equal(check(f, &x), WM_VERDICT_DROP);
	x.number = 0; /* the answer to an earlier life of ours */
	assert_int_equal(check(f, &x), WM_VERDICT_DROP);
	x.rejected = 0;
	assert_int_equal(check(f, &x), WM_VERDICT_PASS);
	x.rejected = 11;
	x.term = 6; /* whatever it rejects, we lead no more */
	assert_int_equal(check(f, &x), WM_VERDICT_PASS);
}

static void test_votes(void **state)
{
	struct fixture *f = *state;
	struct wm_frame x = frame(WM_FRAME_VOTE, 6);

	x.index = 20;
	x.index_term = 6;
	assert_int_equal(check(f, &x), WM_VERDICT_PASS);
	x.index_term = 7;
	assert_int_equal(check(f, &x), WM_VERDICT_REFUSE);
	x.index_term = 0;
	assert_int_equal(check(f, &x), WM_VERDICT_REFUSE);
	x.index = 0;
	x.pre_vote = true;
	assert_int_equal(check(f, &x), WM_VERDICT_PASS);
	x.disrupt = true;
	assert_int_equal(check(f, &x), WM_VERDICT_REFUSE);
}

static void test_no_votes_while_a_lease_may_run(void **state)
{
	struct fixture *f = *state;
	struct wm_frame x = frame(WM_FRAME_VOTE, 6);

	f->v.no_votes = true;
	assert_int_equal(check(f, &x), WM_VERDICT_DROP);
	x.pre_vote = true;
	assert_int_equal(check(f, &x), WM_VERDICT_DROP);
	x.pre_vote = false;
	x.disrupt = true; /* its leader has given the lease up */
	assert_int_equal(check(f, &x), WM_VERDICT_PASS);
}

static void test_answers_to_votes(void **state)
{
	struct fixture *f = *state;
	struct wm_frame x = frame(WM_FRAME_VOTE_RESULT, 6);

	/* libraft would take the term of a trial over that is long past. */
	x.pre_vote = true;
	assert_int_equal(check(f, &x), WM_VERDICT_DROP);
	f->v.state = WM_MACHINE_LEADER;
	assert_int_equal(check(f, &x), WM_VERDICT_DROP);
	f->v.state = WM_MACHINE_CANDIDATE;
	assert_int_equal(check(f, &x), WM_VERDICT_DROP); /* the election is real by now */
	f->v.in_pre_vote = true;
	assert_int_equal(check(f, &x), WM_VERDICT_PASS);
	x.granted = true;
	assert_int_equal(check(f, &x), WM_VERDICT_PASS);
	x.term = 7;
	assert_int_equal(check(f, &x), WM_VERDICT_REFUSE);
	x.granted = false; /* it is ahead of us, and says so */
	assert_int_equal(check(f, &x), WM_VERDICT_PASS);
	x.pre_vote = false;
	assert_int_equal(check(f, &x), WM_VERDICT_DROP);
}

static void test_timeout_now(void **state)
{
	struct fixture *f = *state;
	struct wm_frame x = frame(WM_FRAME_TIMEOUT_NOW, 5);

	assert_int_equal(check(f, &x), WM_VERDICT_PASS);
	f->v.is_sole = true; /* libraft would lead in the sender's term */
	assert_int_equal(check(f, &x), WM_VERDICT_REFUSE);
}

static void test_answers_to_reads(void **state)
{
	struct fixture *f = *state;
	struct wm_frame x = frame(WM_FRAME_ANSWER, 5);

	assert_int_equal(check(f, &x), WM_VERDICT_DROP);
	f->v.state = WM_MACHINE_LEADER;
	assert_int_equal(check(f, &x), WM_VERDICT_PASS);
	x.term = 4;
	assert_int_equal(check(f, &x), WM_VERDICT_DROP);
	x.term = 6;
	assert_int_equal(check(f, &x), WM_VERDICT_DROP);
}

/* ---- what lies before our log ---- */

static struct wm_frame entries(struct wm_entry *e, uint64_t index, size_t n)
{
	struct wm_frame x = frame(WM_FRAME_APPEND, 5);

	for (size_t i = 0; i < n; i++)
		e[i] = (struct wm_entry){.index = index + 1 + i, .term = 3 + i};
	x.index = index;
	x.index_term = index == 0 ? 0 : 2;
	x.entries = e;
	x.n_entries = n;
	x.commit = 18;
	return x;
}

static void test_trim(void **state)
{
	struct fixture *f = *state;
	struct wm_entry e[4];
	struct wm_frame x = entries(e, 0, 4);

	/* From long ago: all of it is in our snapshot. */
	f->v.first = 11;
	wm_filter_trim(&f->v, 11, 4, &x);
	assert_int_equal(x.index, 11);
	assert_int_equal(x.index_term, 4);
	assert_int_equal(x.n_entries, 0);
	/* Half of it: the rest is compared by the sender's own term. */
	x = entries(e, 9, 4);
	wm_filter_trim(&f->v, 11, 4, &x);
	assert_int_equal(x.index, 11);
	assert_int_equal(x.index_term, 4);
	assert_int_equal(x.n_entries, 2);
	assert_int_equal(x.entries[0].index, 12);
	/* Just to the end of it. */
	x = entries(e, 7, 4);
	wm_filter_trim(&f->v, 11, 9, &x);
	assert_int_equal(x.index, 11);
	assert_int_equal(x.index_term, 6);
	assert_int_equal(x.n_entries, 0);
	/* Behind it nothing changes. */
	x = entries(e, 15, 4);
	wm_filter_trim(&f->v, 11, 4, &x);
	assert_int_equal(x.index, 15);
	assert_int_equal(x.n_entries, 4);
	assert_int_equal(x.commit, 18);
}

static void test_commit_does_not_go_back(void **state)
{
	struct fixture *f = *state;
	struct wm_entry e[4];
	struct wm_frame x = entries(e, 3, 4);

	/* libraft would set its commit index to the end of the message, which is 7. */
	wm_filter_trim(&f->v, 0, 0, &x);
	assert_int_equal(x.n_entries, 4);
	assert_int_equal(x.commit, 15);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_senders),
		TEST(test_terms_do_not_jump),
		TEST(test_one_leader_in_a_term),
		TEST(test_a_log_begins_with_a_configuration),
		TEST(test_old_offers),
		TEST(test_lost_data),
		TEST(test_votes),
		TEST(test_no_votes_while_a_lease_may_run),
		TEST(test_answers_to_votes),
		TEST(test_timeout_now),
		TEST(test_answers_to_reads),
		TEST(test_trim),
		TEST(test_commit_does_not_go_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
