/* Views: consistency, prefixes, order, revisions of keys. */
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

struct listing {
	char text[512];
	int stop_after; /* 0 = never */
	int n;
};

static int list_key(void *arg, const struct wm_kv *kv)
{
	struct listing *l = arg;

	assert_int_equal(strlen(kv->key), kv->key_len);
	strcat(l->text, kv->key);
	strcat(l->text, " ");
	return ++l->n == l->stop_after ? 77 : 0;
}

static void expect_scan(struct bench *b, const char *prefix, const char *from, const char *keys)
{
	struct listing l = {0};
	struct wm_view *v;
	struct wm_err err;

	assert_int_equal(wm_store_view(b->store, &v, &err), 0);
	assert_int_equal(v->ops->scan(v, prefix, from, list_key, &l, &err), 0);
	wm_view_close(v);
	assert_string_equal(l.text, keys);
}

static void test_scan(void **state)
{
	static const char *const keys[] = {"/a/b",   "/a", "/a/",       "/ab",
					   "/a/b/c", "/b", "/a\xc3\xa9"};
	struct bench *b = *state;

	expect_scan(b, "", NULL, "");
	for (size_t i = 0; i < WM_ARRAY_LEN(keys); i++)
		put_text(b, keys[i], "v");
	expect_scan(b, "", NULL, "/a /a/ /a/b /a/b/c /ab /a\xc3\xa9 /b ");
	expect_scan(b, "/a/", NULL, "/a/ /a/b /a/b/c ");
	expect_scan(b, "/a/b", NULL, "/a/b /a/b/c ");
	expect_scan(b, "/a", NULL, "/a /a/ /a/b /a/b/c /ab /a\xc3\xa9 ");
	expect_scan(b, "/c", NULL, "");
	expect_scan(b, "/a", "/a/b", "/a/b /a/b/c /ab /a\xc3\xa9 ");
	expect_scan(b, "/a", "/a/a", "/a/b /a/b/c /ab /a\xc3\xa9 ");
	expect_scan(b, "/a/", "/", "/a/ /a/b /a/b/c ");
	expect_scan(b, "/a", "/b", "");
}

static void test_scan_stops(void **state)
{
	struct bench *b = *state;
	struct listing l = {.stop_after = 2};
	struct wm_view *v;
	struct wm_err err;

	put_text(b, "/1", "");
	put_text(b, "/2", "");
	put_text(b, "/3", "");
	assert_int_equal(wm_store_view(b->store, &v, &err), 0);
	assert_int_equal(wm_view_scan(v, "/", list_key, &l, &err), 77);
	wm_view_close(v);
	assert_string_equal(l.text, "/1 /2 ");
}

static int get_others(void *arg, const struct wm_kv *kv)
{
	struct wm_view *v = arg;
	struct wm_kv other;
	struct listing l = {0};

	assert_int_equal(wm_view_get(v, "/2", &other, NULL), 0);
	assert_string_equal(other.key, "/2");
	assert_int_equal(wm_view_scan(v, "/", list_key, &l, NULL), 0);
	assert_string_equal(l.text, "/1 /2 ");
	return 0;
}

/* Reading within a scan disturbs neither. */
static void test_reading_while_scanning(void **state)
{
	struct bench *b = *state;
	struct wm_view *v;
	struct wm_err err;

	put_text(b, "/1", "");
	put_text(b, "/2", "");
	assert_int_equal(wm_store_view(b->store, &v, &err), 0);
	assert_int_equal(wm_view_scan(v, "/", get_others, v, &err), 0);
	wm_view_close(v);
}

static void test_revisions_of_keys(void **state)
{
	struct bench *b = *state;
	uint64_t ra = put_text(b, "/a", "1"), rb = put_text(b, "/b", "1");
	struct wm_view *v;
	struct wm_kv kv;
	struct wm_err err;

	assert_int_equal(wm_store_view(b->store, &v, &err), 0);
	assert_int_equal(v->revision, rb);
	assert_int_equal(wm_view_get(v, "/a", &kv, &err), 0);
	assert_int_equal(kv.revision, ra);
	assert_int_equal(wm_view_get(v, "/b", &kv, &err), 0);
	assert_int_equal(kv.revision, rb);
	assert_true(wm_view_has(v, "/a"));
	assert_false(wm_view_has(v, "/"));
	assert_int_equal(wm_view_get(v, "", &kv, &err), WM_NOT_FOUND);
	wm_view_close(v);
}

/* Nothing that is being written shows before its watchers were told. */
static void test_view_shows_what_was_told(void **state)
{
	struct bench *b = *state;
	uint64_t r = put_text(b, "/a", "1");
	struct wm_txn *t = wm_txn_new();
	struct asked a;

	wm_txn_put_str(t, "/a", "2");
	ask(b, &a, t);
	assert_int_equal(wm_store_revision(b->store), r);
	assert_string_equal(text_at(b, "/a"), "1");
	bench_wait(b, &a.done);
	assert_string_equal(text_at(b, "/a"), "2");
}

static void test_incarnation(void **state)
{
	struct bench *b = *state;
	char before[40];

	snprintf(before, sizeof(before), "%s", wm_store_incarnation(b->store));
	assert_int_equal(strlen(before), 32);
	assert_int_equal(strspn(before, "0123456789abcdef"), 32);
	put_text(b, "/a", "kept?");
	bench_close(b);
	bench_open(b);
	assert_int_equal(wm_store_revision(b->store), b->provider->durable ? 1 : 0);
	assert_int_equal(strcmp(before, wm_store_incarnation(b->store)) == 0, b->provider->durable);
	assert_int_equal(text_at(b, "/a") != NULL, b->provider->durable);
}

int test_read(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
		ROW(test_scan),
		ROW(test_scan_stops),
		ROW(test_reading_while_scanning),
		ROW(test_revisions_of_keys),
		ROW(test_view_shows_what_was_told),
		ROW(test_incarnation),
	};

	return cmocka_run_group_tests_name("read", tests, NULL, NULL);
}
