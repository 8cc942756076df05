#pragma once
/*
 * Several servers in one process, each with its own thread, disk and loop side, and a network of
 * function calls between them that can be cut. What a real network does worse is for the simulator.
 * Everything here fails the test that calls it when it does not get what it asked for.
 */
#include "cluster/cluster.h"

enum { SERVERS = 5, PATIENCE = 60000 };

struct server {
	struct lab *lab;
	char name[8];
	char folder[80];
	struct wm_cluster *cluster; /* NULL while it does not run */
	bool cut;                   /* hears and tells nothing */
	bool closed;
	unsigned fetches, changes;
};

struct lab {
	struct wm_loop *loop;
	char folder[40];
	struct server servers[SERVERS];
	struct wm_configuration list;
	uint32_t threshold;
};

extern struct lab lab;

struct asked {
	struct wm_propose p;
	struct wm_cluster_ask a;
	bool done;
	int code;
	char text[WM_ERR_TEXT];
};

int try_open(struct server *s, enum wm_cluster_begin begin, struct wm_err *err);
void start(struct server *s, enum wm_cluster_begin begin);
void on_closed(void *arg);
bool is_set(void *arg);
void wait_for(bool (*done)(void *), void *arg, const char *what);
void stop(struct server *s);
int lab_setup(void **state);
int lab_teardown(void **state);
void on_proposed(struct wm_propose *p, const struct wm_err *err);
void on_answered(struct wm_cluster_ask *a, const struct wm_err *err);
int put(struct server *s, const char *key, const char *value);
int change(struct server *s, enum wm_change_kind kind, uint64_t id, const char *name);
int read_barrier(struct server *s);
const char *text_at(struct server *s, const char *key);
struct server *leader(void);
bool has_leader(void *arg);
void expect(struct server *s, const char *key, const char *value);
struct server *start_three(void);
