#pragma once
/*
 * What every test of a store needs: a loop, a store opened by one of the providers, and proposals
 * and watches that are waited for. One test program runs one provider. Everything here fails the
 * test that calls it when it does not get what it asked for.
 */
#include "cluster/cluster.h"
#include "store/store.h"
#include <stdbool.h>
#include <stddef.h>

struct provider {
	const char *name;
	bool durable;
	bool cluster; /* of one voter */
};

struct bench {
	const struct provider *provider;
	struct wm_loop *loop;
	struct wm_store *store;
	struct wm_cluster *cluster; /* NULL when the store stands alone */
	char folder[80];            /* of a durable store */
	uint32_t history;
	uint64_t map_limit;
};

/* The providers by name; NULL for an unknown one. */
const struct provider *provider_find(const char *name);

/* Setup and teardown for cmocka: the state is a struct bench on the provider in @chosen. */
extern const struct provider *chosen;
int bench_setup(void **state);
int bench_teardown(void **state);

void bench_open(struct bench *b);
void bench_close(struct bench *b);
/* Runs the loop until *@flag, at most ten seconds. */
void bench_wait(struct bench *b, const bool *flag);

/* A proposal that remembers its end. */
struct asked {
	struct wm_propose p;
	bool done;
	int code;
	char text[WM_ERR_TEXT];
	unsigned order; /* the how manieth to end */
};
void ask(struct bench *b, struct asked *a, struct wm_txn *t);
/* Proposes @t and waits for its end; the code. */
int put_txn(struct bench *b, struct wm_txn *t, struct asked *a);
/* Puts one text and expects success; the revision. */
uint64_t put_text(struct bench *b, const char *key, const char *value);
/* The text at @key in a fresh view, or NULL when absent; valid until the next call. */
const char *text_at(struct bench *b, const char *key);

/* A watch that writes down all it is told, as "revision:+key=value" or "revision:-key", with
 * blanks. */
struct seen {
	struct wm_watch w;
	char log[4096];
	unsigned calls;
	bool ended;
	int end_code;
};
void see(struct bench *b, struct seen *s, const char *prefix, uint64_t after);
/* Runs the loop until @s has logged @log. */
void expect_seen(struct bench *b, struct seen *s, const char *log);
/* Runs the loop through a few turns in which anything that was due would have happened. */
void settle(struct bench *b);
