/* A server by itself: its start, its return, and what it finds on its disk. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster/disk.h"
#include "lab.h"

static void test_alone(void **state)
{
	struct server *s = &lab.servers[0];
	char incarnation[40];
	const struct wm_cluster_status *st;

	start(s, WM_CLUSTER_ALONE);
	assert_true(wm_cluster_leads(s->cluster));
	assert_int_equal(put(s, "/a", "1"), 0);
	assert_int_equal(read_barrier(s), 0);
	st = wm_cluster_status(s->cluster);
	assert_int_equal(st->n_members, 1);
	assert_string_equal(st->members[0].node_id, "s0");
	assert_string_equal(st->leader_node, "s0");
	assert_int_equal(st->applied, st->last);
	wm_str_copy(incarnation, sizeof(incarnation),
		    wm_store_incarnation(wm_cluster_store(s->cluster)));
	assert_int_equal(strlen(incarnation), 32);
	for (int i = 0; i < 3; i++) {
		uint64_t term = wm_cluster_status(s->cluster)->term;

		stop(s);
		start(s, WM_CLUSTER_ALONE);
		assert_string_equal(text_at(s, "/a"), "1");
		assert_int_equal(wm_store_revision(wm_cluster_store(s->cluster)), 1);
		assert_string_equal(wm_store_incarnation(wm_cluster_store(s->cluster)),
				    incarnation);
		assert_true(wm_cluster_status(s->cluster)->term > term);
	}
}

/* What a single server of an older version had, its log begins with. */
static void test_taken_over(void **state)
{
	struct server *s = &lab.servers[0];
	struct wm_store_opts old = {.path = s->folder};
	struct wm_txn *t = wm_txn_new();
	struct asked a = {0};
	struct wm_store *store;
	char incarnation[40];
	struct wm_err err;

	assert_int_equal(wm_store_open(lab.loop, NULL, &old, &store, &err), 0);
	wm_txn_put_str(t, "/old", "kept");
	wm_store_propose(store, &a.p, t, on_proposed);
	wait_for(is_set, &a.done, "a change");
	wm_str_copy(incarnation, sizeof(incarnation), wm_store_incarnation(store));
	wm_store_close(store, on_closed, &lab.servers[4]);
	wait_for(is_set, &lab.servers[4].closed, "the old store to close");

	assert_int_equal(try_open(s, WM_CLUSTER_JOINS, &err), WM_FAILED_PRECONDITION);
	assert_non_null(strstr(err.text, "a mesh of its own"));
	start(s, WM_CLUSTER_ALONE);
	assert_string_equal(text_at(s, "/old"), "kept");
	assert_int_equal(wm_store_revision(wm_cluster_store(s->cluster)), 1);
	assert_string_equal(wm_store_incarnation(wm_cluster_store(s->cluster)), incarnation);
	assert_int_equal(put(s, "/new", "too"), 0);
	assert_int_equal(wm_store_revision(wm_cluster_store(s->cluster)), 2);
	stop(s);
	assert_int_equal(wm_store_open(lab.loop, NULL, &old, &store, &err), WM_DATA_LOSS);
	start(s, WM_CLUSTER_ALONE);
	assert_string_equal(text_at(s, "/new"), "too");
}

static void path_in(struct server *s, const char *name, char out[200])
{
	snprintf(out, 200, "%s/%s", s->folder, name);
}

/* As if power had gone: another boot, and a state of which nothing can be trusted. */
static void test_power_cut(void **state)
{
	struct server *s = &lab.servers[0];
	char raft[200], data[200], junk[9000];
	struct wm_disk_opts o = {.path = raft};
	struct wm_disk *d;
	struct wm_err err;
	int fd;

	path_in(s, "raft", raft);
	path_in(s, "data.mdb", data);
	lab.threshold = 10;
	start(s, WM_CLUSTER_ALONE);
	for (int i = 0; i < 50; i++) {
		char text[12];

		snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(put(s, "/a", text), 0);
	}
	stop(s);
	assert_int_equal(wm_disk_open(&o, &d, &err), 0);
	assert_string_equal(wm_disk_unsynced_since(d), "");
	assert_int_equal(wm_disk_put_unsynced_since(d, "another-boot", &err), 0);
	wm_disk_close(d);
	fd = open(data, O_WRONLY);
	memset(junk, 0x5a, sizeof(junk));
	assert_int_equal(pwrite(fd, junk, sizeof(junk), 0), sizeof(junk));
	close(fd);
	start(s, WM_CLUSTER_ALONE);
	assert_string_equal(text_at(s, "/a"), "49");
	assert_int_equal(wm_store_revision(wm_cluster_store(s->cluster)), 50);
}

static void test_refused(void **state)
{
	struct server *s = &lab.servers[0];
	char raft[200], aside[200], data[200];
	struct wm_err err;

	path_in(s, "raft", raft);
	path_in(s, "aside", aside);
	path_in(s, "data.mdb", data);
	start(s, WM_CLUSTER_ALONE);
	assert_int_equal(put(s, "/a", "1"), 0);
	stop(s);
	assert_int_equal(rename(raft, aside), 0); /* a state without its log */
	assert_int_equal(try_open(s, WM_CLUSTER_ALONE, &err), WM_DATA_LOSS);
	assert_non_null(strstr(err.text, "log of this state is missing"));
	wm_folder_remove(raft);
	{
		char command[500];

		snprintf(command, sizeof(command), "rm -r %s && mv %s %s", raft, aside, raft);
		assert_int_equal(system(command), 0);
	}
	assert_int_equal(unlink(data), 0); /* a log without its state: that is made again */
	start(s, WM_CLUSTER_ALONE);
	assert_string_equal(text_at(s, "/a"), "1");
}

static bool leads(void *arg)
{
	return wm_cluster_leads(((struct server *)arg)->cluster);
}

/*
 * A file size limit stands for a full disk. What does not fit is refused and leaves no trace;
 * reading goes on; and when there is room again, so does writing.
 */
static void test_full_disk(void **state)
{
	struct server *s = &lab.servers[0];
	char *big = wm_alloc(WM_VALUE_MAX);
	struct rlimit before, limit;
	uint64_t revision;

	memset(big, 'b', WM_VALUE_MAX - 1);
	start(s, WM_CLUSTER_ALONE);
	assert_int_equal(put(s, "/a", "before"), 0);
	revision = wm_store_revision(wm_cluster_store(s->cluster));
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 512 * 1024;
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(put(s, "/big", big), WM_RESOURCE_EXHAUSTED);
	assert_string_equal(text_at(s, "/a"), "before");
	assert_null(text_at(s, "/big"));
	assert_int_equal(wm_store_revision(wm_cluster_store(s->cluster)), revision);
	setrlimit(RLIMIT_FSIZE, &before);
	wait_for(leads, s, "the disk to be tried again");
	assert_int_equal(put(s, "/a", "after"), 0);
	assert_int_equal(put(s, "/big", big), 0);
	assert_int_equal(wm_store_revision(wm_cluster_store(s->cluster)), revision + 2);
	stop(s);
	start(s, WM_CLUSTER_ALONE);
	assert_string_equal(text_at(s, "/a"), "after");
	wm_free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)
		ROW(test_alone),   ROW(test_taken_over), ROW(test_power_cut),
		ROW(test_refused), ROW(test_full_disk),
	};

	return cmocka_run_group_tests_name("alone", tests, NULL, NULL);
}
