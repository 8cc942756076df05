/* Conditions, atomicity, order, revisions, limits. */
#include "suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "harness.h"

static void test_put_is_read_back(void **state)
{
	struct bench *b = *state;
	uint64_t before = wm_store_revision(b->store);

	assert_int_equal(put_text(b, "/a", "one"), before + 1);
	assert_int_equal(wm_store_revision(b->store), before + 1);
	assert_string_equal(text_at(b, "/a"), "one");
	assert_int_equal(put_text(b, "/a", ""), before + 2);
	assert_string_equal(text_at(b, "/a"), "");
}

static uint64_t n_commits(const struct wm_store_stats *s)
{
	uint64_t n = 0;
	for (int i = 0; i <= WM_HISTOGRAM_BOUNDS; i++)
		n += s->commits.n[i];
	return n;
}

static void test_what_is_counted(void **state)
{
	struct bench *b = *state;
	struct wm_store_stats before, after;
	char key[32];

	wm_store_stats(b->store, &before);
	for (int i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "/many/%d", i);
		put_text(b, key, "a value of some length, so that more than one page is needed");
	}
	wm_store_stats(b->store, &after);
	assert_int_equal(after.revision, before.revision + 300);
	assert_int_equal(after.keys, before.keys + 300);
	assert_true(after.bytes >= before.bytes + 300 * 60);
	assert_true(after.file_bytes >= after.bytes && after.file_limit >= after.file_bytes);
	assert_int_equal(n_commits(&after), n_commits(&before) + 300); /* each was waited for */
	assert_true(after.commits.sum_ns > before.commits.sum_ns);
	assert_int_equal(after.failed_batches, 0);
}

static void test_delete(void **state)
{
	struct bench *b = *state;
	struct asked a;
	struct wm_txn *t = wm_txn_new();

	put_text(b, "/a", "one");
	wm_txn_delete(t, "/a");
	wm_txn_delete(t, "/never");
	assert_int_equal(put_txn(b, t, &a), 0);
	assert_null(text_at(b, "/a"));
}

static void test_later_change_wins(void **state)
{
	struct bench *b = *state;
	struct asked a;
	struct wm_txn *t = wm_txn_new();

	wm_txn_put_str(t, "/a", "first");
	wm_txn_put_str(t, "/a", "second");
	wm_txn_put_str(t, "/b", "gone");
	wm_txn_delete(t, "/b");
	assert_int_equal(put_txn(b, t, &a), 0);
	assert_string_equal(text_at(b, "/a"), "second");
	assert_null(text_at(b, "/b"));
}

enum { ABSENT, PRESENT, REVISION, VALUE };

static void add_condition(struct wm_txn *t, int kind, const char *key, uint64_t revision,
			  const char *value)
{
	switch (kind) {
	case ABSENT: wm_txn_if_absent(t, key); break;
	case PRESENT: wm_txn_if_present(t, key); break;
	case REVISION: wm_txn_if_revision(t, key, revision); break;
	default: wm_txn_if_value(t, key, value, strlen(value)); break;
	}
}

static void test_conditions(void **state)
{
	struct bench *b = *state;
	uint64_t r = put_text(b, "/there", "x");
	const struct {
		int kind;
		const char *key;
		uint64_t revision;
		const char *value;
		bool holds;
	} rows[] = {
		{ABSENT, "/not", 0, NULL, true},          {ABSENT, "/there", 0, NULL, false},
		{PRESENT, "/there", 0, NULL, true},       {PRESENT, "/not", 0, NULL, false},
		{REVISION, "/there", r, NULL, true},      {REVISION, "/there", r - 1, NULL, false},
		{REVISION, "/there", r + 1, NULL, false}, {REVISION, "/not", 0, NULL, false},
		{VALUE, "/there", 0, "x", true},          {VALUE, "/there", 0, "xy", false},
		{VALUE, "/there", 0, "", false},          {VALUE, "/not", 0, "", false},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_txn *t = wm_txn_new();
		struct asked a;
		char mark[32];

		snprintf(mark, sizeof(mark), "/mark/%zu", i);
		wm_txn_put_str(t, mark, "m");
		add_condition(t, rows[i].kind, rows[i].key, rows[i].revision, rows[i].value);
		assert_int_equal(put_txn(b, t, &a), rows[i].holds ? 0 : WM_FAILED_PRECONDITION);
		assert_int_equal(text_at(b, mark) != NULL, rows[i].holds);
		if (!rows[i].holds)
			assert_string_equal(a.p.failed, rows[i].key);
	}
}

/* The condition is tested before any change of its own transaction, wherever it stands in it. */
static void test_conditions_come_first(void **state)
{
	struct bench *b = *state;
	struct wm_txn *t = wm_txn_new();
	struct asked a;

	wm_txn_put_str(t, "/self", "x");
	wm_txn_if_absent(t, "/self");
	assert_int_equal(put_txn(b, t, &a), 0);
	assert_string_equal(text_at(b, "/self"), "x");
}

static void test_all_or_nothing(void **state)
{
	struct bench *b = *state;
	uint64_t before;
	struct wm_txn *t = wm_txn_new();
	struct asked a;

	put_text(b, "/lock", "mine");
	before = wm_store_revision(b->store);
	wm_txn_put_str(t, "/x", "1");
	wm_txn_delete(t, "/lock");
	wm_txn_if_absent(t, "/other");
	wm_txn_if_absent(t, "/lock");
	assert_int_equal(put_txn(b, t, &a), WM_FAILED_PRECONDITION);
	assert_string_equal(a.p.failed, "/lock");
	assert_non_null(strstr(a.text, "/lock"));
	assert_null(text_at(b, "/x"));
	assert_string_equal(text_at(b, "/lock"), "mine");
	assert_int_equal(wm_store_revision(b->store), before);
}

static void test_without_changes_no_revision(void **state)
{
	struct bench *b = *state;
	uint64_t before = put_text(b, "/a", "x");
	struct wm_txn *t = wm_txn_new();
	struct asked a;

	wm_txn_if_present(t, "/a");
	assert_int_equal(put_txn(b, t, &a), 0);
	assert_int_equal(a.p.revision, before);
	assert_int_equal(wm_store_revision(b->store), before);
}

/* Many at once: applied in order of proposing, one revision each, callbacks in that order too. */
static void test_order(void **state)
{
	enum { N = 500 };
	struct bench *b = *state;
	struct asked *a = wm_calloc(N, sizeof(*a));
	uint64_t before = wm_store_revision(b->store);

	for (unsigned i = 0; i < N; i++) {
		struct wm_txn *t = wm_txn_new();
		char value[16];

		snprintf(value, sizeof(value), "%u", i);
		wm_txn_put_str(t, "/counter", value);
		ask(b, &a[i], t);
	}
	bench_wait(b, &a[N - 1].done);
	for (unsigned i = 0; i < N; i++) {
		assert_true(a[i].done);
		assert_int_equal(a[i].code, 0);
		assert_int_equal(a[i].p.revision, before + 1 + i);
		assert_int_equal(a[i].order, a[0].order + i);
	}
	assert_string_equal(text_at(b, "/counter"), "499");
	wm_free(a);
}

/* Of many that want the same key exactly one gets it: the first. */
static void test_one_winner(void **state)
{
	enum { N = 64 };
	struct bench *b = *state;
	struct asked a[N];

	for (unsigned i = 0; i < N; i++) {
		struct wm_txn *t = wm_txn_new();
		char value[16];

		snprintf(value, sizeof(value), "%u", i);
		wm_txn_if_absent(t, "/lease");
		wm_txn_put_str(t, "/lease", value);
		ask(b, &a[i], t);
	}
	bench_wait(b, &a[N - 1].done);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(a[i].code, i == 0 ? 0 : WM_FAILED_PRECONDITION);
	assert_string_equal(text_at(b, "/lease"), "0");
}

static void expect_invalid(struct bench *b, struct wm_txn *t, const char *word)
{
	uint64_t before = wm_store_revision(b->store);
	struct asked a;

	assert_int_equal(put_txn(b, t, &a), WM_INVALID_ARGUMENT);
	if (strstr(a.text, word) == NULL)
		fail_msg("\"%s\" does not say %s", a.text, word);
	assert_int_equal(wm_store_revision(b->store), before);
}

static void test_limits(void **state)
{
	struct bench *b = *state;
	char key[WM_KEY_MAX + 2];
	char *big = wm_alloc(WM_VALUE_MAX + 1);
	struct wm_txn *t = wm_txn_new();
	struct asked a;

	memset(key, 'k', sizeof(key));
	key[WM_KEY_MAX] = '\0';
	wm_txn_put(t, key, big, WM_VALUE_MAX);
	assert_int_equal(put_txn(b, t, &a), 0);

	key[WM_KEY_MAX] = 'k';
	key[WM_KEY_MAX + 1] = '\0';
	t = wm_txn_new();
	wm_txn_put_str(t, key, "x");
	expect_invalid(b, t, "kkkk");

	t = wm_txn_new();
	wm_txn_if_absent(t, "");
	expect_invalid(b, t, "empty");

	t = wm_txn_new();
	wm_txn_put(t, "/big", big, WM_VALUE_MAX + 1);
	expect_invalid(b, t, "/big");

	t = wm_txn_new();
	for (unsigned i = 0; i <= WM_TXN_OPS_MAX; i++)
		wm_txn_delete(t, "/x");
	expect_invalid(b, t, "65536");
	wm_free(big);
}

static void test_large_transaction(void **state)
{
	enum { N = 20000 };
	struct bench *b = *state;
	struct wm_txn *t = wm_txn_new();
	struct asked a;

	for (unsigned i = 0; i < N; i++) {
		char key[32];

		snprintf(key, sizeof(key), "/many/%06u", i);
		wm_txn_put_str(t, key, "value of some length, to fill a few pages");
	}
	assert_int_equal(put_txn(b, t, &a), 0);
	assert_non_null(text_at(b, "/many/000000"));
	assert_non_null(text_at(b, "/many/019999"));
}

int test_propose(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
		ROW(test_put_is_read_back),
		ROW(test_what_is_counted),
		ROW(test_delete),
		ROW(test_later_change_wins),
		ROW(test_conditions),
		ROW(test_conditions_come_first),
		ROW(test_all_or_nothing),
		ROW(test_without_changes_no_revision),
		ROW(test_order),
		ROW(test_one_winner),
		ROW(test_limits),
		ROW(test_large_transaction),
	};

	return cmocka_run_group_tests_name("propose", tests, NULL, NULL);
}
