/* Watches: order, prefixes, resuming, ends, and what may be done inside their callbacks. */
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

static void test_told_in_order(void **state)
{
	struct bench *b = *state;
	struct seen all, some;

	see(b, &all, "", 0);
	see(b, &some, "/n/", 0);
	put_text(b, "/n/a", "1");
	put_text(b, "/m/a", "2");
	put_text(b, "/n/b", "3");
	expect_seen(b, &all, "1:+/n/a=1 2:+/m/a=2 3:+/n/b=3 ");
	expect_seen(b, &some, "1:+/n/a=1 3:+/n/b=3 ");
	assert_int_equal(all.calls, 3);
	assert_int_equal(some.calls, 2);
	wm_watch_stop(&all.w);
	wm_watch_stop(&some.w);
}

static void test_one_call_per_revision(void **state)
{
	struct bench *b = *state;
	struct wm_txn *t = wm_txn_new();
	struct seen s;
	struct asked a;

	put_text(b, "/old", "x");
	see(b, &s, "/", 1);
	wm_txn_put_str(t, "/a", "1");
	wm_txn_delete(t, "/old");
	wm_txn_delete(t, "/never");
	wm_txn_put_str(t, "/b", "");
	assert_int_equal(put_txn(b, t, &a), 0);
	expect_seen(b, &s, "2:+/a=1 2:-/old 2:+/b= ");
	assert_int_equal(s.calls, 1);
	wm_watch_stop(&s.w);
}

/* When a proposal ends, whoever watches has been told already. */
static void test_watchers_before_proposer(void **state)
{
	struct bench *b = *state;
	struct seen s;

	see(b, &s, "/", 0);
	put_text(b, "/a", "1");
	assert_string_equal(s.log, "1:+/a=1 ");
	wm_watch_stop(&s.w);
}

static void test_resume(void **state)
{
	struct bench *b = *state;
	struct seen from0, from2, from3;

	put_text(b, "/a", "1");
	put_text(b, "/a", "2");
	put_text(b, "/a", "3");
	see(b, &from0, "/", 0);
	see(b, &from2, "/", 2);
	see(b, &from3, "/", 3);
	expect_seen(b, &from0, "1:+/a=1 2:+/a=2 3:+/a=3 ");
	expect_seen(b, &from2, "3:+/a=3 ");
	put_text(b, "/a", "4");
	expect_seen(b, &from0, "1:+/a=1 2:+/a=2 3:+/a=3 4:+/a=4 ");
	expect_seen(b, &from3, "4:+/a=4 ");
	wm_watch_stop(&from0.w);
	wm_watch_stop(&from2.w);
	wm_watch_stop(&from3.w);
}

static void test_out_of_range(void **state)
{
	struct bench *b = *state;
	struct seen s;

	bench_close(b);
	b->history = 3;
	bench_open(b);
	for (int i = 0; i < 6; i++)
		put_text(b, "/a", "x");
	see(b, &s, "/", 2); /* the changes of 3 are gone */
	bench_wait(b, &s.ended);
	assert_int_equal(s.end_code, WM_OUT_OF_RANGE);
	assert_int_equal(s.calls, 0);
	see(b, &s, "/", 7); /* a revision that never was */
	bench_wait(b, &s.ended);
	assert_int_equal(s.end_code, WM_OUT_OF_RANGE);
	see(b, &s, "/", 3);
	expect_seen(b, &s, "4:+/a=x 5:+/a=x 6:+/a=x ");
	assert_false(s.ended);
	wm_watch_stop(&s.w);
}

/* A batch that is longer than the history reaches every watcher that was there. */
static void test_batch_beyond_history(void **state)
{
	enum { N = 50 };
	struct bench *b = *state;
	struct asked a[N];
	struct seen s;

	bench_close(b);
	b->history = 1;
	bench_open(b);
	see(b, &s, "/", 0);
	for (int i = 0; i < N; i++) {
		struct wm_txn *t = wm_txn_new();

		wm_txn_put_str(t, "/a", "x");
		ask(b, &a[i], t);
	}
	bench_wait(b, &a[N - 1].done);
	assert_int_equal(s.calls, N);
	assert_false(s.ended);
	wm_watch_stop(&s.w);
}

static void stop_self(struct wm_watch *w, uint64_t revision, const struct wm_change *c, size_t n)
{
	struct seen *s = wm_container_of(w, struct seen, w);

	s->calls++;
	wm_watch_stop(w);
}

static void test_stop_inside(void **state)
{
	struct bench *b = *state;
	struct seen s;

	put_text(b, "/a", "1");
	put_text(b, "/a", "2");
	see(b, &s, "/", 0);
	s.w.on_changes = stop_self;
	settle(b);
	put_text(b, "/a", "3");
	assert_int_equal(s.calls, 1);
	wm_watch_stop(&s.w); /* once more does no harm */
}

static void free_self(struct wm_watch *w, uint64_t revision, const struct wm_change *c, size_t n)
{
	wm_watch_stop(w);
	wm_free(wm_container_of(w, struct seen, w));
}

static void test_free_inside(void **state)
{
	struct bench *b = *state;
	struct seen *s = wm_alloc(sizeof(*s));
	struct seen other;

	put_text(b, "/a", "1");
	put_text(b, "/a", "2");
	see(b, s, "/", 0);
	s->w.on_changes = free_self;
	see(b, &other, "/", 0);
	expect_seen(b, &other, "1:+/a=1 2:+/a=2 ");
	wm_watch_stop(&other.w);
}

static struct seen victim;

static void stop_other(struct wm_watch *w, uint64_t revision, const struct wm_change *c, size_t n)
{
	wm_watch_stop(&victim.w);
	wm_watch_stop(w);
}

static void test_stop_another_inside(void **state)
{
	struct bench *b = *state;
	struct seen first, last;

	see(b, &first, "/", 0);
	first.w.on_changes = stop_other;
	see(b, &victim, "/", 0);
	see(b, &last, "/", 0);
	put_text(b, "/a", "1");
	expect_seen(b, &last, "1:+/a=1 ");
	settle(b);
	assert_int_equal(victim.calls, 0);
	wm_watch_stop(&last.w);
}

static struct seen added;
static struct bench *adding;

static void start_another(struct wm_watch *w, uint64_t revision, const struct wm_change *c,
			  size_t n)
{
	wm_watch_stop(w);
	see(adding, &added, "/", 0);
}

static void test_start_inside(void **state)
{
	struct bench *b = *state;
	struct seen first;

	adding = b;
	see(b, &first, "/", 0);
	first.w.on_changes = start_another;
	put_text(b, "/a", "1");
	expect_seen(b, &added, "1:+/a=1 ");
	put_text(b, "/a", "2");
	expect_seen(b, &added, "1:+/a=1 2:+/a=2 ");
	wm_watch_stop(&added.w);
}

static void read_inside(struct wm_watch *w, uint64_t revision, const struct wm_change *c, size_t n)
{
	struct seen *s = wm_container_of(w, struct seen, w);
	struct wm_view *v;
	struct wm_kv kv;

	assert_int_equal(wm_store_view(w->store, &v, NULL), 0);
	assert_true(v->revision >= revision);
	assert_true(wm_store_revision(w->store) == v->revision);
	assert_int_equal(wm_view_get(v, c[0].key, &kv, NULL), 0);
	wm_view_close(v);
	s->calls++;
}

static void test_view_inside(void **state)
{
	struct bench *b = *state;
	struct seen s;

	see(b, &s, "/", 0);
	s.w.on_changes = read_inside;
	put_text(b, "/a", "1");
	put_text(b, "/b", "1");
	assert_int_equal(s.calls, 2);
	wm_watch_stop(&s.w);
}

static struct asked chained[3];
static unsigned n_chained;

static void on_chained(struct wm_propose *p, const struct wm_err *err)
{
	struct asked *a = wm_container_of(p, struct asked, p);

	assert_null(err);
	a->done = true;
}

static void propose_inside(struct wm_watch *w, uint64_t revision, const struct wm_change *c,
			   size_t n)
{
	struct wm_txn *t;

	if (n_chained == WM_ARRAY_LEN(chained))
		return;
	t = wm_txn_new();
	wm_txn_put_str(t, "/chain", "x");
	wm_store_propose(w->store, &chained[n_chained++].p, t, on_chained);
}

static void test_propose_inside(void **state)
{
	struct bench *b = *state;
	struct seen s;

	memset(chained, 0, sizeof(chained));
	n_chained = 0;
	see(b, &s, "/", 0);
	s.w.on_changes = propose_inside;
	put_text(b, "/a", "1");
	bench_wait(b, &chained[2].done);
	assert_int_equal(chained[2].p.revision, 4);
	wm_watch_stop(&s.w);
}

/* Closing tells watchers and whoever waits, and what was accepted before is there or refused. */
static void test_close(void **state)
{
	enum { N = 200 };
	struct bench *b = *state;
	struct asked *a = wm_calloc(N, sizeof(*a));
	struct seen s;
	unsigned applied = 0;

	see(b, &s, "/", 0);
	for (int i = 0; i < N; i++) {
		struct wm_txn *t = wm_txn_new();
		char key[16];

		snprintf(key, sizeof(key), "/k%d", i);
		wm_txn_put_str(t, key, "x");
		ask(b, &a[i], t);
	}
	bench_close(b);
	for (int i = 0; i < N; i++) {
		assert_true(a[i].done);
		assert_true(a[i].code == 0 || a[i].code == WM_UNAVAILABLE);
		applied += a[i].code == 0;
	}
	assert_true(s.ended);
	assert_int_equal(s.end_code, WM_UNAVAILABLE);
	assert_int_equal(s.calls, applied);
	bench_open(b);
	for (int i = 0; b->provider->durable && i < N; i++) {
		char key[16];

		snprintf(key, sizeof(key), "/k%d", i);
		assert_int_equal(text_at(b, key) != NULL, a[i].code == 0);
	}
	wm_free(a);
}

int test_watch(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
		ROW(test_told_in_order),
		ROW(test_one_call_per_revision),
		ROW(test_watchers_before_proposer),
		ROW(test_resume),
		ROW(test_out_of_range),
		ROW(test_batch_beyond_history),
		ROW(test_stop_inside),
		ROW(test_free_inside),
		ROW(test_stop_another_inside),
		ROW(test_start_inside),
		ROW(test_view_inside),
		ROW(test_propose_inside),
		ROW(test_close),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
