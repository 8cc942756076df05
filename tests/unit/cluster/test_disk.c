/* The log on its disk: what was said to be durable is, damage is found, a full disk is survived. */
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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cluster/disk.h"

struct desk {
	char folder[40], file[80];
	struct wm_disk *disk;
};

static void open_disk(struct desk *k)
{
	struct wm_disk_opts o = {.path = k->folder};
	struct wm_err err;

	if (wm_disk_open(&o, &k->disk, &err) != 0)
		fail_msg("%s", err.text);
}

static void reopen(struct desk *k)
{
	wm_disk_close(k->disk);
	open_disk(k);
}

static int setup(void **state)
{
	struct desk *k = wm_alloc(sizeof(*k));

	strcpy(k->folder, "/tmp/wm-disk-XXXXXX");
	if (mkdtemp(k->folder) == NULL)
		return -1;
	snprintf(k->file, sizeof(k->file), "%s/data.mdb", k->folder);
	open_disk(k);
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	struct desk *k = *state;
	char lock[80];

	wm_disk_close(k->disk);
	snprintf(lock, sizeof(lock), "%s/lock.mdb", k->folder);
	unlink(k->file);
	unlink(lock);
	rmdir(k->folder);
	wm_free(k);
	return 0;
}

static struct wm_machine_disk load(struct desk *k)
{
	struct wm_machine_disk found;
	struct wm_err err;

	if (wm_disk_load(k->disk, &found, &err) != 0)
		fail_msg("%s", err.text);
	return found;
}

static int append(struct desk *k, uint64_t first, uint64_t n, uint64_t term, const char *text,
		  struct wm_err *err)
{
	struct wm_entry *e = wm_calloc(n, sizeof(*e));
	struct wm_persist p = {.first = first, .entries = e, .n = n};
	int rc;

	for (uint64_t i = 0; i < n; i++)
		e[i] = (struct wm_entry){.index = first + i,
					 .term = term,
					 .kind = WM_ENTRY_COMMAND,
					 .data = (const uint8_t *)text,
					 .len = strlen(text)};
	rc = wm_disk_persist(k->disk, &p, err);
	wm_free(e);
	return rc;
}

static void expect_entry(struct desk *k, uint64_t index, uint64_t term, const char *text)
{
	struct wm_entry e;
	size_t n = 1;
	struct wm_err err;

	if (wm_disk_read(k->disk, index, 1, &e, &n, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(n, 1);
	assert_int_equal(e.index, index);
	assert_int_equal(e.term, term);
	assert_int_equal(e.len, strlen(text));
	assert_memory_equal(e.data, text, e.len);
}

static void test_nothing(void **state)
{
	struct desk *k = *state;

	for (int i = 0; i < 2; i++) {
		struct wm_machine_disk found = load(k);

		assert_int_equal(found.term, 0);
		assert_int_equal(found.vote, 0);
		assert_int_equal(found.first, 1);
		assert_int_equal(found.last, 0);
		assert_null(found.snapshot);
		assert_int_equal(wm_disk_id(k->disk), 0);
		assert_string_equal(wm_disk_unsynced_since(k->disk), "");
		reopen(k);
	}
}

static void test_remembers(void **state)
{
	struct desk *k = *state;
	struct wm_persist vote = {.has_vote = true, .term = 4, .vote = 99};
	struct wm_err err;

	assert_int_equal(wm_disk_persist(k->disk, &vote, &err), 0);
	assert_int_equal(append(k, 1, 5, 3, "old", &err), 0);
	assert_int_equal(append(k, 4, 3, 4, "new", &err), 0);
	assert_int_equal(wm_disk_put_id(k->disk, 12345, &err), 0);
	assert_int_equal(wm_disk_put_unsynced_since(k->disk, "some-boot", &err), 0);
	for (int i = 0; i < 2; i++) {
		struct wm_machine_disk found = load(k);

		assert_int_equal(found.term, 4);
		assert_int_equal(found.vote, 99);
		assert_int_equal(found.first, 1);
		assert_int_equal(found.last, 6);
		assert_int_equal(wm_disk_id(k->disk), 12345);
		assert_string_equal(wm_disk_unsynced_since(k->disk), "some-boot");
		expect_entry(k, 3, 3, "old");
		expect_entry(k, 4, 4, "new");
		expect_entry(k, 6, 4, "new");
		reopen(k);
	}
}

static void test_read_limits(void **state)
{
	struct desk *k = *state;
	struct wm_entry e[10];
	size_t n = 10;
	struct wm_err err;

	assert_int_equal(append(k, 1, 20, 1, "0123456789", &err), 0);
	assert_int_equal(wm_disk_read(k->disk, 5, 35, e, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_int_equal(e[2].index, 7);
	n = 10;
	assert_int_equal(wm_disk_read(k->disk, 5, 1, e, &n, &err), 0);
	assert_int_equal(n, 1);
	n = 10;
	assert_int_equal(wm_disk_read(k->disk, 18, 1000, e, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_int_equal(wm_disk_read(k->disk, 21, 1000, e, &n, &err), WM_OUT_OF_RANGE);
	assert_int_equal(wm_disk_read(k->disk, 0, 1000, e, &n, &err), WM_OUT_OF_RANGE);
}

static void put_snapshot(struct desk *k, uint64_t index, uint64_t keep)
{
	struct wm_snapshot_meta meta = {.index = index, .term = 2};
	struct wm_err err;

	meta.configuration.index = 1;
	wm_configuration_add(&meta.configuration, 5, "five", WM_MEMBER_VOTER);
	if (wm_disk_put_snapshot(k->disk, &meta, keep, &err) != 0)
		fail_msg("%s", err.text);
	wm_configuration_fini(&meta.configuration);
}

static void test_snapshots(void **state)
{
	struct desk *k = *state;
	struct wm_err err;

	assert_int_equal(append(k, 1, 100, 2, "x", &err), 0);
	put_snapshot(k, 80, 61);
	for (int i = 0; i < 2; i++) {
		struct wm_machine_disk found = load(k);

		assert_int_equal(found.first, 61);
		assert_int_equal(found.last, 100);
		assert_int_equal(found.snapshot->index, 80);
		assert_int_equal(found.snapshot->term, 2);
		assert_int_equal(found.snapshot->configuration.index, 1);
		assert_string_equal(found.snapshot->configuration.members[0].node_id, "five");
		assert_int_equal(wm_disk_bytes(k->disk), 40 * (25 + 1));
		reopen(k);
	}
	put_snapshot(k, 500, 501); /* one that came from elsewhere */
	for (int i = 0; i < 2; i++) {
		struct wm_machine_disk found = load(k);

		assert_int_equal(found.first, 501);
		assert_int_equal(found.last, 500);
		assert_int_equal(wm_disk_bytes(k->disk), 0);
		reopen(k);
	}
	assert_int_equal(append(k, 501, 1, 3, "y", &err), 0);
	reopen(k);
	expect_entry(k, 501, 3, "y");
}

static void expect_damage(struct desk *k, const char *word)
{
	struct wm_disk_opts o = {.path = k->folder};
	struct wm_disk *d;
	struct wm_err err;

	assert_int_equal(wm_disk_open(&o, &d, &err), WM_DATA_LOSS);
	if (strstr(err.text, word) == NULL || strstr(err.text, "join again") == NULL)
		fail_msg("\"%s\"", err.text);
}

/* One byte of one entry: LMDB would not see it. */
static void test_bad_byte(void **state)
{
	struct desk *k = *state;
	static const char needle[] = "needle in the log";
	uint8_t *all;
	struct stat st;
	struct wm_err err;
	int fd, found = 0;

	assert_int_equal(append(k, 1, 3, 1, needle, &err), 0);
	wm_disk_close(k->disk);
	fd = open(k->file, O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	all = wm_alloc((size_t)st.st_size);
	assert_int_equal(pread(fd, all, (size_t)st.st_size, 0), st.st_size);
	for (off_t i = 0; i + 17 <= st.st_size; i++) {
		if (memcmp(all + i, needle, 17) != 0)
			continue;
		found++;
		assert_int_equal(pwrite(fd, "N", 1, i), 1);
	}
	assert_true(found >= 3);
	close(fd);
	wm_free(all);
	expect_damage(k, "damaged");
	unlink(k->file);
	open_disk(k);
}

/* An entry that is missing, as when a page of another time came back. */
static void test_hole(void **state)
{
	struct desk *k = *state;
	struct wm_err err;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi log;
	uint8_t key[8] = {0, 0, 0, 0, 0, 0, 0, 2};
	MDB_val v = {8, key};

	assert_int_equal(append(k, 1, 3, 1, "x", &err), 0);
	wm_disk_close(k->disk);
	assert_int_equal(mdb_env_create(&env), 0);
	mdb_env_set_maxdbs(env, 2);
	assert_int_equal(mdb_env_open(env, k->folder, 0, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "log", 0, &log), 0);
	assert_int_equal(mdb_del(txn, log, &v, NULL), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	expect_damage(k, "damaged");
	unlink(k->file);
	open_disk(k);
}

static void test_cut_short(void **state)
{
	struct desk *k = *state;
	struct wm_err err;

	assert_int_equal(append(k, 1, 500, 1, "some text that fills pages", &err), 0);
	wm_disk_close(k->disk);
	assert_int_equal(truncate(k->file, 3 * 4096), 0);
	expect_damage(k, "cut short");
	unlink(k->file);
	open_disk(k);
}

/* A file size limit stands for a full disk. */
static void test_full_disk(void **state)
{
	struct desk *k = *state;
	char *big = wm_alloc(4 << 20);
	struct rlimit before, limit;
	struct wm_machine_disk found;
	struct wm_err err;

	memset(big, 'b', (4 << 20) - 1);
	assert_int_equal(append(k, 1, 2, 1, "before", &err), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 1 << 20;
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(append(k, 3, 1, 1, big, &err), WM_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(err.text, k->folder));
	found = load(k);
	assert_int_equal(found.last, 2);
	expect_entry(k, 2, 1, "before");
	assert_int_equal(append(k, 3, 1, 1, big, &err), WM_RESOURCE_EXHAUSTED);
	setrlimit(RLIMIT_FSIZE, &before);
	found = load(k);
	assert_int_equal(found.last, 2);
	assert_int_equal(append(k, 3, 1, 1, big, &err), 0);
	reopen(k);
	expect_entry(k, 3, 1, big);
	wm_free(big);
}

static void test_memory(void **state)
{
	struct wm_disk_opts o = {0};
	struct desk k = {0};
	struct wm_err err;

	assert_int_equal(wm_disk_open(&o, &k.disk, &err), 0);
	assert_int_equal(append(&k, 1, 10, 1, "m", &err), 0);
	assert_int_equal(load(&k).last, 10);
	expect_entry(&k, 10, 1, "m");
	wm_disk_close(k.disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		ROW(test_nothing),   ROW(test_remembers), ROW(test_read_limits),
		ROW(test_snapshots), ROW(test_bad_byte),  ROW(test_hole),
		ROW(test_cut_short), ROW(test_full_disk), cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
