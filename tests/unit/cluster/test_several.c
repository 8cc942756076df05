/* Servers that keep the state together: who leads, who joins, who is cut off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "lab.h"

static void test_three(void **state)
{
	struct server *first = start_three(), *second;
	char incarnation[40];

	assert_int_equal(put(first, "/a", "1"), 0);
	for (int i = 0; i < 3; i++)
		expect(&lab.servers[i], "/a", "1");
	wm_str_copy(incarnation, sizeof(incarnation),
		    wm_store_incarnation(wm_cluster_store(first->cluster)));
	assert_int_equal(strlen(incarnation), 32);
	for (int i = 0; i < 3; i++) {
		struct server *s = &lab.servers[i];

		assert_string_equal(wm_store_incarnation(wm_cluster_store(s->cluster)),
				    incarnation);
		if (s == first)
			continue;
		assert_int_equal(put(s, "/b", "no"), WM_UNAVAILABLE);
		assert_int_equal(read_barrier(s), WM_UNAVAILABLE);
	}
	assert_int_equal(read_barrier(first), 0);

	stop(first); /* which hands over first */
	wait_for(has_leader, NULL, "another leader");
	second = leader();
	assert_int_equal(put(second, "/a", "2"), 0);
	start(first, WM_CLUSTER_LISTED);
	expect(first, "/a", "2");
	assert_true(second->changes > 0);
}

/* A leader that hears nobody any more promises nothing; what it had begun is decided later. */
static void test_cut_off(void **state)
{
	struct server *old = start_three(), *now;
	struct asked a = {0};
	struct wm_txn *t = wm_txn_new();

	assert_int_equal(put(old, "/a", "1"), 0);
	old->cut = true;
	wm_txn_put_str(t, "/lost", "never");
	wm_store_propose(wm_cluster_store(old->cluster), &a.p, t, on_proposed);
	wait_for(has_leader, NULL, "another leader");
	now = leader();
	assert_ptr_not_equal(now, old);
	assert_int_equal(put(now, "/a", "2"), 0);
	old->cut = false;
	wait_for(is_set, &a.done, "the lost change to be decided");
	assert_true(a.code == WM_UNAVAILABLE || a.code == WM_UNKNOWN);
	expect(old, "/a", "2");
	assert_int_equal(put(leader(), "/a", "3"), 0);
	expect(old, "/a", "3");
	assert_null(text_at(old, "/lost"));
	assert_null(text_at(leader(), "/lost"));
}

struct follow {
	struct wm_watch w;
	bool ended;
	int code;
};

static void on_changes(struct wm_watch *w, uint64_t revision, const struct wm_change *changes,
		       size_t n)
{
}

static void on_end(struct wm_watch *w, const struct wm_err *err)
{
	struct follow *f = wm_container_of(w, struct follow, w);

	f->ended = true;
	f->code = err->code;
}

static uint64_t id_of(struct server *s)
{
	return wm_cluster_status(s->cluster)->id;
}

/* A newcomer gets what the log no longer has as a snapshot, and its watchers hear of the jump. */
static void test_snapshot_to_newcomer(void **state)
{
	struct server *lead, *next = &lab.servers[3];
	struct follow f = {.w = {.on_changes = on_changes, .on_end = on_end}};

	lab.threshold = 20;
	lead = &lab.servers[0];
	start(lead, WM_CLUSTER_ALONE);
	for (int i = 0; i < 1200; i++) {
		char key[20];

		snprintf(key, sizeof(key), "/k/%d", i);
		assert_int_equal(put(lead, key, "value"), 0);
	}
	start(next, WM_CLUSTER_JOINS);
	wm_store_watch(wm_cluster_store(next->cluster), &f.w, "/", 0);
	assert_int_equal(change(lead, WM_CHANGE_ADD, id_of(next), next->name), 0);
	expect(next, "/k/1199", "value");
	wait_for(is_set, &f.ended, "the watch to end");
	assert_int_equal(f.code, WM_OUT_OF_RANGE);
	assert_true(next->fetches > 0);
	assert_string_equal(wm_store_incarnation(wm_cluster_store(next->cluster)),
			    wm_store_incarnation(wm_cluster_store(lead->cluster)));
	assert_int_equal(change(lead, WM_CHANGE_PROMOTE, id_of(next), NULL), 0);
	assert_int_equal(put(lead, "/k/0", "new"), 0);
	expect(next, "/k/0", "new");

	stop(next);
	start(next, WM_CLUSTER_JOINS);
	expect(next, "/k/0", "new");
	stop(lead); /* two voters: the other has to take over, and stands alone for a while */
	start(lead, WM_CLUSTER_ALONE);
	wait_for(has_leader, NULL, "a leader");
	assert_int_equal(put(leader(), "/k/0", "newer"), 0);
	expect(lead, "/k/0", "newer");
	expect(next, "/k/0", "newer");
}

static void test_members(void **state)
{
	struct server *lead = start_three(), *other, *new = &lab.servers[4];
	struct asked a = {0};

	assert_int_equal(put(lead, "/a", "1"), 0);
	assert_int_equal(change(lead, WM_CHANGE_REMOVE, id_of(lead), NULL), WM_FAILED_PRECONDITION);
	start(new, WM_CLUSTER_JOINS);
	assert_int_equal(change(lead, WM_CHANGE_ADD, id_of(new), new->name), 0);
	expect(new, "/a", "1");
	assert_int_equal(change(lead, WM_CHANGE_ADD, id_of(new), new->name), WM_ALREADY_EXISTS);
	assert_int_equal(change(lead, WM_CHANGE_PROMOTE, id_of(new), NULL), 0);
	assert_int_equal(change(lead, WM_CHANGE_DEMOTE, id_of(new), NULL), 0);
	assert_int_equal(change(lead, WM_CHANGE_REMOVE, id_of(new), NULL), 0);
	assert_int_equal(wm_cluster_status(lead->cluster)->n_members, 3);
	other = lead == &lab.servers[0] ? &lab.servers[1] : &lab.servers[0];
	wm_cluster_transfer(lead->cluster, &a.a, id_of(other), on_answered);
	wait_for(is_set, &a.done, "leadership to change hands");
	assert_int_equal(a.code, 0);
	wait_for(has_leader, NULL, "a leader");
	assert_ptr_equal(leader(), other);
	assert_int_equal(put(other, "/a", "2"), 0);
	a = (struct asked){0};
	wm_cluster_transfer(lead->cluster, &a.a, 0, on_answered);
	wait_for(is_set, &a.done, "an answer");
	assert_int_equal(a.code, WM_FAILED_PRECONDITION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)
		ROW(test_three),
		ROW(test_cut_off),
		ROW(test_snapshot_to_newcomer),
		ROW(test_members),
	};

	return cmocka_run_group_tests_name("several", tests, NULL, NULL);
}
