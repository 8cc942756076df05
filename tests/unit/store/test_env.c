/* A state that a log makes: it remembers the log's place, and belongs to the log from then on. */
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
#include "store/env.h"

static char folder[40];

static int setup(void **state)
{
	strcpy(folder, "/tmp/wm-env-XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const files[] = {"data.mdb", "lock.mdb", "store.lock"};

	for (size_t i = 0; i < WM_ARRAY_LEN(files); i++) {
		char file[80];

		snprintf(file, sizeof(file), "%s/%s", folder, files[i]);
		unlink(file);
	}
	return rmdir(folder);
}

static bool discard_next;
static unsigned prepared;

static int prepare(void *arg, bool *discard, struct wm_err *err)
{
	assert_ptr_equal(arg, folder);
	prepared++;
	*discard = discard_next;
	return 0;
}

static void open_ordered(struct wm_env *e)
{
	struct wm_env_opts o = {.path = folder, .ordered = true, .prepare = prepare, .arg = folder};
	struct wm_err err;

	if (wm_env_open(e, &o, &err) != 0)
		fail_msg("%s", err.text);
}

static void put_place(struct wm_env *e, uint64_t revision, uint64_t index, uint64_t term)
{
	MDB_txn *txn;

	assert_int_equal(mdb_txn_begin(e->m.env, NULL, 0, &txn), 0);
	assert_int_equal(wm_env_put_revision(e, txn, revision), 0);
	assert_int_equal(wm_env_put_applied(e, txn, index, term), 0);
	assert_int_equal(wm_env_put_incarnation(e, txn, "00112233445566778899aabbccddeeff"), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
}

static void test_place(void **state)
{
	struct wm_env e;
	struct wm_err err;

	open_ordered(&e);
	assert_false(e.is_applied);
	assert_int_equal(e.applied_index, 0);
	assert_int_equal(strlen(e.incarnation), 32);
	put_place(&e, 3, 7, 2);
	assert_int_equal(wm_env_reload(&e, &err), 0);
	assert_int_equal(wm_mdb_sync(&e.m, &err), 0);
	for (int i = 0; i < 2; i++) {
		assert_true(e.is_applied);
		assert_int_equal(e.revision, 3);
		assert_int_equal(e.applied_index, 7);
		assert_int_equal(e.applied_term, 2);
		assert_string_equal(e.incarnation, "00112233445566778899aabbccddeeff");
		wm_env_close(&e);
		open_ordered(&e);
	}
	wm_env_close(&e);
}

/* Whoever does not read the log may not write what the log makes. */
static void test_log_is_needed(void **state)
{
	struct wm_env_opts alone = {.path = folder};
	struct wm_env e;
	struct wm_err err;

	open_ordered(&e);
	put_place(&e, 1, 1, 1);
	wm_env_close(&e);
	assert_int_equal(wm_env_open(&e, &alone, &err), WM_DATA_LOSS);
	assert_non_null(strstr(err.text, "format 2"));
}

/* A state that was made without a log is taken over as it is. */
static void test_take_over(void **state)
{
	struct wm_env_opts alone = {.path = folder};
	char before[WM_INCARNATION_TEXT];
	struct wm_env e;
	struct wm_err err;

	assert_int_equal(wm_env_open(&e, &alone, &err), 0);
	strcpy(before, e.incarnation);
	wm_env_close(&e);
	open_ordered(&e);
	assert_string_equal(e.incarnation, before);
	assert_false(e.is_applied);
	wm_env_close(&e);
}

static void test_discard(void **state)
{
	struct wm_env e;

	open_ordered(&e);
	put_place(&e, 5, 5, 5);
	wm_env_close(&e);
	discard_next = true;
	prepared = 0;
	open_ordered(&e);
	discard_next = false;
	assert_int_equal(prepared, 1);
	assert_int_equal(e.revision, 0);
	assert_false(e.is_applied);
	wm_env_close(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		ROW(test_place),
		ROW(test_log_is_needed),
		ROW(test_take_over),
		ROW(test_discard),
	};

	return cmocka_run_group_tests_name("env", tests, NULL, NULL);
}
