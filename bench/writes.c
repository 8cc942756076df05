/*
 * writes MODE FOLDER SECONDS CLIENTS: changes to a state on disk, so many at once, each waited for.
 * Modes: "synced" is a store by itself, written and synced by one thread; "one" a log with one
 * voter; "three" a log with three, in one process, each with a thread and a folder of its own, and
 * function calls for a network. Prints changes a second, and the median and the 99th percentile of
 * the time that one took, in microseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster/cluster.h"

enum { SAMPLES = 4000000, CLIENTS_MAX = 1024, VALUE = 256 };

struct client {
	struct wm_propose p;
	int64_t began;
	unsigned n;
};

static struct wm_loop *loop;
static struct wm_store *store;
static struct wm_cluster *clusters[3];
static struct client clients[CLIENTS_MAX];
static int64_t *samples;
static size_t n_samples;
static int64_t until;
static unsigned open_clients;

static void fail(const char *what, const struct wm_err *err)
{
	fprintf(stderr, "writes: %s: %s\n", what, err->text);
	exit(1);
}

/* ---- three servers ---- */

static const char *const names[] = {"a", "b", "c"};

static void send_frame(void *arg, const char *node_id, const uint8_t *frame, size_t len)
{
	for (unsigned i = 0; i < WM_ARRAY_LEN(names); i++)
		if (wm_streq(names[i], node_id) && clusters[i] != NULL)
			wm_cluster_receive(clusters[i], arg, frame, len);
}

static void open_one_of(const char *folder, unsigned i, const struct wm_configuration *list)
{
	char path[4096];
	struct wm_cluster_opts o = {
		.path = path,
		.node_id = names[i],
		.begin = list != NULL ? WM_CLUSTER_LISTED : WM_CLUSTER_ALONE,
		.first = list,
	};
	struct wm_cluster_hooks h = {.send = send_frame, .arg = (void *)(uintptr_t)names[i]};
	struct wm_err err;

	snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
	if (wm_cluster_open(loop, NULL, &o, &h, &clusters[i], &err) != 0)
		fail(path, &err);
}

static bool has_leader(void *arg)
{
	for (unsigned i = 0; i < WM_ARRAY_LEN(clusters); i++)
		if (clusters[i] != NULL && wm_cluster_leads(clusters[i]))
			store = wm_cluster_store(clusters[i]);
	return store != NULL;
}

static void open_state(const char *mode, const char *folder)
{
	struct wm_configuration list = {0};
	struct wm_store_opts o = {.path = folder};
	struct wm_err err;

	if (wm_streq(mode, "synced")) {
		if (wm_store_open(loop, NULL, &o, &store, &err) != 0)
			fail(folder, &err);
		return;
	}
	for (unsigned i = 0; i < 3; i++)
		wm_configuration_add(&list, i + 1, names[i], WM_MEMBER_VOTER);
	for (unsigned i = 0; i < (wm_streq(mode, "three") ? 3 : 1); i++)
		open_one_of(folder, i, wm_streq(mode, "three") ? &list : NULL);
	if (!wm_loop_run_until(loop, has_leader, NULL, 20000)) {
		fprintf(stderr, "writes: nobody leads\n");
		exit(1);
	}
	wm_configuration_fini(&list);
}

/* ---- the load ---- */

static void write_next(struct client *c);

static void on_written(struct wm_propose *p, const struct wm_err *err)
{
	struct client *c = wm_container_of(p, struct client, p);
	int64_t now = wm_clock_now();

	if (err != NULL)
		fail("a change", err);
	if (n_samples < SAMPLES)
		samples[n_samples++] = now - c->began;
	if (now < until)
		write_next(c);
	else
		open_clients--;
}

static void write_next(struct client *c)
{
	static char value[VALUE];
	struct wm_txn *t = wm_txn_new();
	char key[64];

	memset(value, 'v', sizeof(value));
	snprintf(key, sizeof(key), "/clients/%u/%u", (unsigned)(c - clients), c->n++ % 1000);
	wm_txn_put(t, key, value, sizeof(value));
	c->began = wm_clock_now();
	wm_store_propose(store, &c->p, t, on_written);
}

static bool is_over(void *arg)
{
	return open_clients == 0;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	double seconds = argc == 5 ? atof(argv[3]) : 0;
	unsigned n = argc == 5 ? (unsigned)atoi(argv[4]) : 0;
	int64_t began;

	if (seconds <= 0 || n == 0 || n > CLIENTS_MAX) {
		fprintf(stderr, "usage: writes synced|one|three FOLDER SECONDS CLIENTS\n");
		return 2;
	}
	samples = wm_calloc(SAMPLES, sizeof(*samples));
	loop = wm_loop_new(NULL);
	open_state(argv[1], argv[2]);
	began = wm_clock_now();
	until = began + (int64_t)(seconds * 1e9);
	open_clients = n;
	for (unsigned i = 0; i < n; i++)
		write_next(&clients[i]);
	if (!wm_loop_run_until(loop, is_over, NULL, (int64_t)(seconds * 1000) + 60000)) {
		fprintf(stderr, "writes: a change has no end\n");
		return 1;
	}
	qsort(samples, n_samples, sizeof(*samples), compare);
	printf("%.0f %.0f %.0f\n", (double)n_samples * 1e9 / (double)(wm_clock_now() - began),
	       (double)samples[n_samples / 2] / 1e3, (double)samples[n_samples * 99 / 100] / 1e3);
	return 0; /* the kernel takes the rest */
}
