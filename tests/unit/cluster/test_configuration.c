/* What configurations may follow one another; their bytes are tried in fuzz/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <raft.h>

#include "cluster/configuration.h"

static struct wm_configuration three(void)
{
	struct wm_configuration c = {0};

	wm_configuration_add(&c, 1, "a", WM_MEMBER_VOTER);
	wm_configuration_add(&c, 2, "b", WM_MEMBER_VOTER);
	wm_configuration_add(&c, 3, "c", WM_MEMBER_OBSERVER);
	return c;
}

static void test_round_trip_with_raft(void **state)
{
	struct wm_configuration c = three(), back;
	struct raft_configuration theirs;
	struct raft_buffer bytes;
	struct wm_buf ours = {0};
	struct wm_err err;

	raft_configuration_init(&theirs);
	assert_int_equal(raft_configuration_add(&theirs, 1, "a", RAFT_VOTER), 0);
	assert_int_equal(raft_configuration_add(&theirs, 2, "b", RAFT_VOTER), 0);
	assert_int_equal(raft_configuration_add(&theirs, 3, "c", RAFT_STANDBY), 0);
	assert_int_equal(raft_configuration_encode(&theirs, &bytes), 0);
	wm_configuration_encode(&c, &ours);
	assert_int_equal(ours.len, bytes.len);
	assert_memory_equal(ours.data, bytes.base, bytes.len);
	assert_int_equal(wm_configuration_decode(bytes.base, bytes.len, &back, &err), 0);
	assert_int_equal(back.n, 3);
	assert_int_equal(back.index, 0);
	assert_int_equal(wm_configuration_voters(&back), 2);
	assert_string_equal(wm_configuration_find(&back, 3)->node_id, "c");
	assert_int_equal(wm_configuration_find_node(&back, "b")->id, 2);
	assert_null(wm_configuration_find(&back, 4));
	assert_null(wm_configuration_find_node(&back, "d"));
	raft_free(bytes.base);
	raft_configuration_close(&theirs);
	wm_buf_fini(&ours);
	wm_configuration_fini(&back);
	wm_configuration_fini(&c);
}

/* Every byte cut off, and one changed, either decodes to something else or is refused. */
static void test_every_cut_is_refused(void **state)
{
	struct wm_configuration c = three(), out;
	struct wm_buf bytes = {0};
	struct wm_err err;

	wm_configuration_encode(&c, &bytes);
	for (size_t n = 0; n < bytes.len; n++) {
		assert_int_equal(wm_configuration_decode(bytes.data, n, &out, &err),
				 WM_INVALID_ARGUMENT);
		assert_int_equal(out.n, 0);
	}
	wm_buf_fini(&bytes);
	wm_configuration_fini(&c);
}

static int step(void (*change)(struct wm_configuration *c))
{
	struct wm_configuration now = three(), next = {0};
	struct wm_err err;

	wm_configuration_copy(&next, &now);
	change(&next);
	int rv = wm_configuration_check_step(&now, &next, &err);

	wm_configuration_fini(&now);
	wm_configuration_fini(&next);
	return rv;
}

static void nothing(struct wm_configuration *c)
{
}

static void add_observer(struct wm_configuration *c)
{
	wm_configuration_add(c, 4, "d", WM_MEMBER_OBSERVER);
}

static void add_voter(struct wm_configuration *c)
{
	wm_configuration_add(c, 4, "d", WM_MEMBER_VOTER);
}

static void add_known_node(struct wm_configuration *c)
{
	wm_configuration_add(c, 4, "c", WM_MEMBER_OBSERVER);
}

static void add_two(struct wm_configuration *c)
{
	add_observer(c);
	wm_configuration_add(c, 5, "e", WM_MEMBER_OBSERVER);
}

static void promote(struct wm_configuration *c)
{
	c->members[2].role = WM_MEMBER_VOTER;
}

static void demote(struct wm_configuration *c)
{
	c->members[0].role = WM_MEMBER_OBSERVER;
}

static void demote_two(struct wm_configuration *c)
{
	c->members[0].role = WM_MEMBER_OBSERVER;
	c->members[1].role = WM_MEMBER_OBSERVER;
}

static void remove_first(struct wm_configuration *c)
{
	memmove(c->members, c->members + 1, --c->n * sizeof(*c->members));
}

static void remove_last(struct wm_configuration *c)
{
	c->n--;
}

static void remove_two(struct wm_configuration *c)
{
	c->n -= 2;
}

static void remove_and_promote(struct wm_configuration *c)
{
	remove_first(c);
	c->members[1].role = WM_MEMBER_VOTER;
}

static void replace_one(struct wm_configuration *c)
{
	c->members[2].id = 9;
}

static void reorder(struct wm_configuration *c)
{
	struct wm_member m = c->members[0];

	c->members[0] = c->members[1];
	c->members[1] = m;
}

static void add_and_promote(struct wm_configuration *c)
{
	add_observer(c);
	promote(c);
}

static void test_one_change_at_a_time(void **state)
{
	assert_int_equal(step(add_observer), 0);
	assert_int_equal(step(promote), 0);
	assert_int_equal(step(demote), 0);
	assert_int_equal(step(remove_first), 0);
	assert_int_equal(step(remove_last), 0);

	assert_int_equal(step(nothing), WM_FAILED_PRECONDITION);
	assert_int_equal(step(add_voter), WM_FAILED_PRECONDITION);
	assert_int_equal(step(add_known_node), WM_FAILED_PRECONDITION);
	assert_int_equal(step(add_two), WM_FAILED_PRECONDITION);
	assert_int_equal(step(demote_two), WM_FAILED_PRECONDITION);
	assert_int_equal(step(remove_two), WM_FAILED_PRECONDITION);
	assert_int_equal(step(remove_and_promote), WM_FAILED_PRECONDITION);
	assert_int_equal(step(replace_one), WM_FAILED_PRECONDITION);
	assert_int_equal(step(reorder), WM_FAILED_PRECONDITION);
	assert_int_equal(step(add_and_promote), WM_FAILED_PRECONDITION);
}

static void test_a_voter_is_always_left(void **state)
{
	struct wm_configuration now = {0}, next = {0};
	struct wm_err err;

	wm_configuration_add(&now, 1, "a", WM_MEMBER_VOTER);
	wm_configuration_add(&now, 2, "b", WM_MEMBER_OBSERVER);
	wm_configuration_copy(&next, &now);
	next.members[0].role = WM_MEMBER_OBSERVER;
	assert_int_equal(wm_configuration_check_step(&now, &next, &err), WM_FAILED_PRECONDITION);
	assert_string_equal(err.text, "no voter would be left");
	wm_configuration_copy(&next, &now);
	remove_first(&next);
	assert_int_equal(wm_configuration_check_step(&now, &next, &err), WM_FAILED_PRECONDITION);
	assert_string_equal(err.text, "no voter would be left");
	wm_configuration_fini(&now);
	wm_configuration_fini(&next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip_with_raft),
		cmocka_unit_test(test_every_cut_is_refused),
		cmocka_unit_test(test_one_change_at_a_time),
		cmocka_unit_test(test_a_voter_is_always_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
