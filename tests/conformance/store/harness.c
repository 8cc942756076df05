#include "harness.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"

const struct provider *chosen;

const struct provider *provider_find(const char *name)
{
	static const struct provider providers[] = {
		{.name = "durable", .durable = true},
		{.name = "memory"},
		{.name = "log", .durable = true, .cluster = true},
		{.name = "log-memory", .cluster = true},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(providers); i++)
		if (wm_streq(providers[i].name, name))
			return &providers[i];
	return NULL;
}

static int open_cluster(struct bench *b, struct wm_err *err)
{
	struct wm_cluster_opts opts = {
		.path = b->provider->durable ? b->folder : NULL,
		.node_id = "node",
		.begin = WM_CLUSTER_ALONE,
		.history = b->history,
		.map_limit = b->map_limit,
		.snapshot_threshold = 100,
		.snapshot_ms = 1,
	};
	struct wm_cluster_hooks hooks = {0};
	int rc = wm_cluster_open(b->loop, NULL, &opts, &hooks, &b->cluster, err);

	if (rc == 0)
		b->store = wm_cluster_store(b->cluster);
	return rc;
}

static int open_alone(struct bench *b, struct wm_err *err)
{
	struct wm_store_opts opts = {
		.path = b->provider->durable ? b->folder : NULL,
		.history = b->history,
		.map_limit = b->map_limit,
	};

	b->cluster = NULL;
	return wm_store_open(b->loop, NULL, &opts, &b->store, err);
}

void bench_open(struct bench *b)
{
	struct wm_err err = {0};

	b->loop = wm_loop_new(NULL);
	if ((b->provider->cluster ? open_cluster(b, &err) : open_alone(b, &err)) != 0)
		fail_msg("%s", err.text);
}

static void on_closed(void *arg)
{
	*(bool *)arg = true;
}

void bench_close(struct bench *b)
{
	bool closed = false;

	if (b->cluster != NULL)
		wm_cluster_close(b->cluster, on_closed, &closed);
	else
		wm_store_close(b->store, on_closed, &closed);
	bench_wait(b, &closed);
	wm_loop_free(b->loop);
}

int bench_setup(void **state)
{
	struct bench *b = wm_alloc(sizeof(*b));

	b->provider = chosen;
	strcpy(b->folder, "/tmp/wm-store-XXXXXX");
	if (mkdtemp(b->folder) == NULL)
		return -1;
	bench_open(b);
	*state = b;
	return 0;
}

static void remove_folder(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char file[400];

		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		if (e->d_name[0] != '.' && unlink(file) != 0)
			remove_folder(file);
	}
	if (d != NULL)
		closedir(d);
	rmdir(path);
}

int bench_teardown(void **state)
{
	struct bench *b = *state;

	bench_close(b);
	remove_folder(b->folder);
	wm_free(b);
	return 0;
}

static bool is_set(void *arg)
{
	return *(bool *)arg;
}

void bench_wait(struct bench *b, const bool *flag)
{
	if (!wm_loop_run_until(b->loop, is_set, (void *)(uintptr_t)flag, 10000))
		fail_msg("nothing came within ten seconds");
}

static unsigned ends;

static void on_end(struct wm_propose *p, const struct wm_err *err)
{
	struct asked *a = wm_container_of(p, struct asked, p);

	a->done = true;
	a->order = ++ends;
	a->code = err != NULL ? err->code : 0;
	if (err != NULL)
		wm_str_copy(a->text, sizeof(a->text), err->text);
}

void ask(struct bench *b, struct asked *a, struct wm_txn *t)
{
	*a = (struct asked){0};
	wm_store_propose(b->store, &a->p, t, on_end);
	assert_false(a->done);
}

int put_txn(struct bench *b, struct wm_txn *t, struct asked *a)
{
	ask(b, a, t);
	bench_wait(b, &a->done);
	return a->code;
}

uint64_t put_text(struct bench *b, const char *key, const char *value)
{
	struct wm_txn *t = wm_txn_new();
	struct asked a;

	wm_txn_put_str(t, key, value);
	if (put_txn(b, t, &a) != 0)
		fail_msg("%s", a.text);
	return a.p.revision;
}

const char *text_at(struct bench *b, const char *key)
{
	static char text[1024];
	struct wm_view *v;
	struct wm_kv kv;
	struct wm_err err;
	int rc;

	assert_int_equal(wm_store_view(b->store, &v, &err), 0);
	rc = wm_view_get(v, key, &kv, &err);
	if (rc == 0)
		snprintf(text, sizeof(text), "%.*s", (int)kv.value_len, (const char *)kv.value);
	wm_view_close(v);
	if (rc != 0)
		assert_int_equal(rc, WM_NOT_FOUND);
	return rc == 0 ? text : NULL;
}

static void on_changes(struct wm_watch *w, uint64_t revision, const struct wm_change *changes,
		       size_t n)
{
	struct seen *s = wm_container_of(w, struct seen, w);
	size_t at = strlen(s->log);

	s->calls++;
	for (size_t i = 0; i < n && at < sizeof(s->log); i++) {
		const struct wm_change *c = &changes[i];

		at += (size_t)snprintf(s->log + at, sizeof(s->log) - at,
				       c->value != NULL ? "%llu:+%s=%.*s " : "%llu:-%s ",
				       (unsigned long long)revision, c->key, (int)c->value_len,
				       (const char *)c->value);
	}
}

static void on_watch_end(struct wm_watch *w, const struct wm_err *err)
{
	struct seen *s = wm_container_of(w, struct seen, w);

	s->ended = true;
	s->end_code = err->code;
}

void see(struct bench *b, struct seen *s, const char *prefix, uint64_t after)
{
	*s = (struct seen){.w.on_changes = on_changes, .w.on_end = on_watch_end};
	wm_store_watch(b->store, &s->w, prefix, after);
	assert_int_equal(s->calls, 0);
}

struct expected {
	struct seen *s;
	const char *log;
};

static bool is_seen(void *arg)
{
	const struct expected *e = arg;

	return strlen(e->s->log) >= strlen(e->log);
}

void expect_seen(struct bench *b, struct seen *s, const char *log)
{
	struct expected e = {s, log};

	wm_loop_run_until(b->loop, is_seen, &e, 10000);
	assert_string_equal(s->log, log);
}

static bool count_turns(void *arg)
{
	return ++*(int *)arg > 3;
}

void settle(struct bench *b)
{
	int turns = 0;
	struct asked a;

	put_txn(b, wm_txn_new(), &a);
	wm_loop_run_until(b->loop, count_turns, &turns, 100);
}
