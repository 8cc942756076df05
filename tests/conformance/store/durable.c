/*
 * What only a state on disk can meet: a second process, damage, other formats, full disks, growth.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <lmdb.h>

#include "base/mem.h"
#include "harness.h"

static void expect_refused(struct bench *b, const char *path, int code, const char *word)
{
	struct wm_store_opts opts = {.path = path};
	struct wm_store *s;
	struct wm_err err = {0};

	assert_int_equal(wm_store_open(b->loop, NULL, &opts, &s, &err), code);
	if (strstr(err.text, word) == NULL)
		fail_msg("\"%s\" does not say %s", err.text, word);
}

static void test_second_opener(void **state)
{
	struct bench *b = *state;
	char word[32];

	expect_refused(b, b->folder, WM_FAILED_PRECONDITION, b->folder);
	snprintf(word, sizeof(word), "number %ld", (long)getpid());
	expect_refused(b, b->folder, WM_FAILED_PRECONDITION, word);
	put_text(b, "/a", "still works");
}

static void test_folder(void **state)
{
	struct bench *b = *state;
	char path[100], file[120];
	struct bench other = {.provider = b->provider};
	struct stat st;

	snprintf(path, sizeof(path), "%s/deep", b->folder);
	snprintf(other.folder, sizeof(other.folder), "%.60s/deep/er", b->folder);
	bench_open(&other);
	bench_close(&other);
	assert_int_equal(stat(other.folder, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	snprintf(file, sizeof(file), "%s/data.mdb", other.folder);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	expect_refused(b, file, WM_FAILED_PRECONDITION, "not a folder");
	expect_refused(b, "", WM_INVALID_ARGUMENT, "no name");
	expect_refused(b, "/proc/nowhere", WM_NOT_FOUND, "/proc/nowhere");
	unlink(file);
	snprintf(file, sizeof(file), "%s/lock.mdb", other.folder);
	unlink(file);
	snprintf(file, sizeof(file), "%s/store.lock", other.folder);
	unlink(file);
	rmdir(other.folder);
	rmdir(path);
}

static void fill(struct bench *b, int n)
{
	for (int i = 0; i < n; i++) {
		char key[32];

		snprintf(key, sizeof(key), "/fill/%d", i);
		put_text(b, key,
			 "some text that takes room in a page or two, repeated and repeated");
	}
}

/* Closes, does @harm to data.mdb, expects the refusal, and puts an empty state in its place. */
static void expect_damage(struct bench *b, void (*harm)(int fd))
{
	char file[100];
	int fd;

	fill(b, 300);
	bench_close(b);
	snprintf(file, sizeof(file), "%s/data.mdb", b->folder);
	fd = open(file, O_RDWR);
	assert_true(fd >= 0);
	harm(fd);
	close(fd);
	b->loop = wm_loop_new(NULL);
	expect_refused(b, b->folder, WM_DATA_LOSS, "join again");
	wm_loop_free(b->loop);
	unlink(file);
	bench_open(b);
}

static void cut_short(int fd)
{
	assert_int_equal(ftruncate(fd, 4 * 4096), 0);
}

static void scribble(int fd)
{
	char junk[2 * 4096];

	memset(junk, 0x5a, sizeof(junk));
	assert_int_equal(pwrite(fd, junk, sizeof(junk), 0), sizeof(junk));
}

static void test_damage(void **state)
{
	expect_damage(*state, cut_short);
	expect_damage(*state, scribble);
}

static void set_format(const char *folder, const char *format)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi meta;
	char name[] = "format", text[16];
	MDB_val k = {6, name}, v = {strlen(format), text};

	strcpy(text, format);
	assert_int_equal(mdb_env_create(&env), 0);
	mdb_env_set_maxdbs(env, 2);
	assert_int_equal(mdb_env_open(env, folder, 0, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "meta", 0, &meta), 0);
	assert_int_equal(mdb_put(txn, meta, &k, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void test_newer_format(void **state)
{
	struct bench *b = *state;

	bench_close(b);
	set_format(b->folder, "2");
	b->loop = wm_loop_new(NULL);
	expect_refused(b, b->folder, WM_DATA_LOSS, "format 2");
	wm_loop_free(b->loop);
	set_format(b->folder, "1");
	bench_open(b);
}

/* The map begins small and doubles: everything is still there and watched. */
static void test_growth(void **state)
{
	enum { N = 24 };
	struct bench *b = *state;
	char *value = wm_alloc(WM_VALUE_MAX);
	struct seen s;
	struct wm_view *v;
	struct wm_kv kv;

	see(b, &s, "/small", 0);
	for (int i = 0; i < N; i++) {
		struct wm_txn *t = wm_txn_new();
		struct asked a;
		char key[32];

		memset(value, 'a' + i, WM_VALUE_MAX);
		snprintf(key, sizeof(key), "/big/%d", i);
		wm_txn_put(t, key, value, WM_VALUE_MAX);
		wm_txn_put_str(t, "/small", "x");
		assert_int_equal(put_txn(b, t, &a), 0);
	}
	assert_int_equal(s.calls, N);
	wm_watch_stop(&s.w);
	assert_int_equal(wm_store_view(b->store, &v, NULL), 0);
	assert_int_equal(wm_view_get(v, "/big/0", &kv, NULL), 0);
	assert_int_equal(kv.value_len, WM_VALUE_MAX);
	assert_int_equal(kv.value[WM_VALUE_MAX - 1], 'a');
	wm_view_close(v);
	wm_free(value);
}

static int put_big(struct bench *b, const char *key, char *text)
{
	char *value = wm_alloc(WM_VALUE_MAX);
	struct wm_txn *t = wm_txn_new();
	struct asked a;

	wm_txn_put(t, key, value, WM_VALUE_MAX);
	wm_free(value);
	put_txn(b, t, &a);
	strcpy(text, a.text);
	return a.code;
}

/* At the limit a large change is refused, a small one beside it still goes through. */
static void test_map_limit(void **state)
{
	struct bench *b = *state;
	char text[WM_ERR_TEXT] = "", key[32];
	struct asked big, small;
	struct wm_txn *t;
	char *value;
	int i = 0, rc;

	bench_close(b);
	b->map_limit = 8 << 20;
	bench_open(b);
	do {
		snprintf(key, sizeof(key), "/big/%d", i++);
		rc = put_big(b, key, text);
	} while (rc == 0 && i < 20);
	assert_int_equal(rc, WM_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(text, "limit of 8 MiB"));
	assert_null(text_at(b, key));

	value = wm_alloc(WM_VALUE_MAX);
	t = wm_txn_new();
	wm_txn_put(t, "/big/more", value, WM_VALUE_MAX);
	ask(b, &big, t);
	t = wm_txn_new();
	wm_txn_put_str(t, "/small", "fits");
	ask(b, &small, t);
	bench_wait(b, &small.done);
	assert_int_equal(big.code, WM_RESOURCE_EXHAUSTED);
	assert_int_equal(small.code, 0);
	assert_string_equal(text_at(b, "/small"), "fits");
	t = wm_txn_new();
	wm_txn_delete(t, "/big/0");
	assert_int_equal(put_txn(b, t, &small), 0);
	wm_free(value);
}

/* A file size limit stands for a full disk: the same path, without having to fill one. */
static void test_full_disk(void **state)
{
	struct bench *b = *state;
	struct rlimit before, limit;
	char text[WM_ERR_TEXT];
	uint64_t r = put_text(b, "/a", "before");

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 512 * 1024;
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(put_big(b, "/big", text), WM_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(text, b->folder));
	assert_non_null(strstr(text, "nothing was changed"));
	assert_int_equal(wm_store_revision(b->store), r);
	assert_string_equal(text_at(b, "/a"), "before");
	assert_null(text_at(b, "/big"));
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(put_big(b, "/big", text), 0);
	assert_int_equal(put_text(b, "/a", "after"), r + 2);
}

/* More than can wait is refused at once, and what was accepted is applied. */
static void test_queue_limit(void **state)
{
	enum { N = 20000 };
	struct bench *b = *state;
	struct asked *a = wm_calloc(N, sizeof(*a));
	unsigned refused = 0;
	struct asked last;

	for (int i = 0; i < N; i++) {
		struct wm_txn *t = wm_txn_new();

		wm_txn_put_str(t, "/a", "x");
		ask(b, &a[i], t);
	}
	settle(b);
	put_txn(b, wm_txn_new(), &last);
	for (int i = 0; i < N; i++) {
		assert_true(a[i].done);
		assert_true(a[i].code == 0 || a[i].code == WM_RESOURCE_EXHAUSTED);
		refused += a[i].code != 0;
	}
	assert_true(refused > 0 && refused < N);
	assert_int_equal(wm_store_revision(b->store), N - refused);
	wm_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
		ROW(test_second_opener), ROW(test_folder),      ROW(test_damage),
		ROW(test_newer_format),  ROW(test_growth),      ROW(test_map_limit),
		ROW(test_full_disk),     ROW(test_queue_limit),
	};

	chosen = provider_find("durable");
	return cmocka_run_group_tests_name("durable", tests, NULL, NULL);
}
