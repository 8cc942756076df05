#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab.h"

#include "base/mem.h"
#include "base/str.h"

struct lab lab;

static struct server *find(const char *name)
{
	for (int i = 0; i < SERVERS; i++)
		if (wm_streq(lab.servers[i].name, name))
			return &lab.servers[i];
	return NULL;
}

static void send_frame(void *arg, const char *node_id, const uint8_t *frame, size_t len)
{
	struct server *from = arg, *to = find(node_id);

	if (from->cut || to == NULL || to->cut || to->cluster == NULL)
		return;
	wm_cluster_receive(to->cluster, from->name, frame, len);
}

/* A transport that copies the file in one go. */
static void fetch(void *arg, const struct wm_cluster_fetch *f)
{
	struct server *s = arg, *from = find(f->node_id);
	uint64_t bytes, index, term;
	char buf[65536];
	ssize_t n;
	off_t at = 0;
	int in, out;

	s->fetches++;
	if (s->cut || from == NULL || from->cut || from->cluster == NULL ||
	    wm_cluster_snapshot_share(from->cluster, &in, &bytes, &index, &term, NULL) != 0) {
		wm_cluster_fetched(s->cluster, -1, false);
		return;
	}
	assert_int_equal(wm_cluster_fetch_open(s->cluster, &out, NULL), 0);
	while ((n = pread(in, buf, sizeof(buf), at)) > 0) {
		assert_int_equal(pwrite(out, buf, (size_t)n, at), n);
		at += n;
	}
	assert_int_equal((uint64_t)at, bytes);
	close(in);
	wm_cluster_fetched(s->cluster, out, true);
}

static void on_change(void *arg, const struct wm_cluster_status *now)
{
	((struct server *)arg)->changes++;
}

int try_open(struct server *s, enum wm_cluster_begin begin, struct wm_err *err)
{
	struct wm_cluster_opts o = {
		.path = s->folder,
		.node_id = s->name,
		.begin = begin,
		.first = &lab.list,
		.snapshot_threshold = lab.threshold,
		.snapshot_ms = 10,
	};
	struct wm_cluster_hooks h = {
		.send = send_frame, .fetch = fetch, .on_change = on_change, .arg = s};

	return wm_cluster_open(lab.loop, NULL, &o, &h, &s->cluster, err);
}

void start(struct server *s, enum wm_cluster_begin begin)
{
	struct wm_err err;

	if (try_open(s, begin, &err) != 0)
		fail_msg("%s: %s", s->name, err.text);
}

void on_closed(void *arg)
{
	((struct server *)arg)->closed = true;
}

bool is_set(void *arg)
{
	return *(bool *)arg;
}

void wait_for(bool (*done)(void *), void *arg, const char *what)
{
	if (!wm_loop_run_until(lab.loop, done, arg, PATIENCE))
		fail_msg("waited in vain for %s", what);
}

void stop(struct server *s)
{
	s->closed = false;
	wm_cluster_close(s->cluster, on_closed, s);
	wait_for(is_set, &s->closed, "a server to stop");
	s->cluster = NULL;
}

int lab_setup(void **state)
{
	char folder[] = "/tmp/wm-lab-XXXXXX";

	lab = (struct lab){.threshold = 1000000};

	if (mkdtemp(folder) == NULL)
		return -1;
	memcpy(lab.folder, folder, sizeof(folder));
	lab.loop = wm_loop_new(NULL);
	for (int i = 0; i < SERVERS; i++) {
		struct server *s = &lab.servers[i];

		s->lab = &lab;
		snprintf(s->name, sizeof(s->name), "s%d", i);
		snprintf(s->folder, sizeof(s->folder), "%s/s%d", folder, i);
		if (i < 3)
			wm_configuration_add(&lab.list,
					     wm_machine_initial_id("mesh", "s0,s1,s2", s->name),
					     s->name, WM_MEMBER_VOTER);
	}
	return 0;
}

int lab_teardown(void **state)
{
	char command[80];

	for (int i = 0; i < SERVERS; i++)
		lab.servers[i].cut = true; /* nobody waits for a successor */
	for (int i = 0; i < SERVERS; i++)
		if (lab.servers[i].cluster != NULL)
			stop(&lab.servers[i]);
	wm_loop_free(lab.loop);
	wm_configuration_fini(&lab.list);
	snprintf(command, sizeof(command), "rm -r %s", lab.folder);
	return system(command);
}

/* ---- asking ---- */

static void note(struct asked *a, const struct wm_err *err)
{
	a->done = true;
	a->code = err != NULL ? err->code : 0;
	wm_str_copy(a->text, sizeof(a->text), err != NULL ? err->text : "");
}

void on_proposed(struct wm_propose *p, const struct wm_err *err)
{
	note(wm_container_of(p, struct asked, p), err);
}

void on_answered(struct wm_cluster_ask *a, const struct wm_err *err)
{
	note(wm_container_of(a, struct asked, a), err);
}

int put(struct server *s, const char *key, const char *value)
{
	static struct asked a;
	struct wm_txn *t = wm_txn_new();

	a = (struct asked){0};
	wm_txn_put_str(t, key, value);
	wm_store_propose(wm_cluster_store(s->cluster), &a.p, t, on_proposed);
	wait_for(is_set, &a.done, "a change");
	return a.code;
}

int change(struct server *s, enum wm_change_kind kind, uint64_t id, const char *name)
{
	struct wm_member_change c = {.kind = kind, .id = id, .node_id = name};
	static struct asked a;

	a = (struct asked){0};
	wm_cluster_change(s->cluster, &a.a, &c, on_answered);
	wait_for(is_set, &a.done, "a change of the members");
	if (a.code != 0)
		print_message("%s\n", a.text);
	return a.code;
}

int read_barrier(struct server *s)
{
	static struct asked a;

	a = (struct asked){0};
	wm_cluster_read(s->cluster, &a.a, on_answered);
	wait_for(is_set, &a.done, "a read");
	return a.code;
}

const char *text_at(struct server *s, const char *key)
{
	static char text[256];
	struct wm_view *v;
	struct wm_kv kv;
	bool found;

	assert_int_equal(wm_store_view(wm_cluster_store(s->cluster), &v, NULL), 0);
	found = wm_view_get(v, key, &kv, NULL) == 0;
	if (found)
		snprintf(text, sizeof(text), "%.*s", (int)kv.value_len, (const char *)kv.value);
	wm_view_close(v);
	return found ? text : NULL;
}

struct server *leader(void)
{
	for (int i = 0; i < SERVERS; i++) {
		struct server *s = &lab.servers[i];

		if (s->cluster != NULL && !s->cut && wm_cluster_leads(s->cluster))
			return s;
	}
	return NULL;
}

bool has_leader(void *arg)
{
	return leader() != NULL;
}

struct expected {
	struct server *s;
	const char *key, *value;
};

static bool is_there(void *arg)
{
	const struct expected *e = arg;
	const char *text = text_at(e->s, e->key);

	return text != NULL && wm_streq(text, e->value);
}

void expect(struct server *s, const char *key, const char *value)
{
	struct expected e = {s, key, value};

	if (!wm_loop_run_until(lab.loop, is_there, &e, PATIENCE))
		fail_msg("%s: %s does not become %s", s->name, key, value);
}

struct server *start_three(void)
{
	for (int i = 0; i < 3; i++)
		start(&lab.servers[i], WM_CLUSTER_LISTED);
	wait_for(has_leader, NULL, "a leader");
	return leader();
}
