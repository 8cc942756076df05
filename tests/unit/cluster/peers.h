#pragma once
/*
 * Servers with peer ports, all on one loop, over loopback. What each takes for true of the others
 * stands in its own table, which a test changes as it likes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster/peer_impl.h"
#include "loop/loop.h"
#include "rpc/server.h"

#define PEERS    6
#define PATIENCE 60000 /* ms */

struct known { /* what a server knows of another */
	bool is_member;
	bool has_address;
	struct wm_peer peer;
};

struct server {
	struct peers *all;
	char id[8];
	struct wm_key key;
	struct wm_endpoint at;
	struct wm_rpc_server *rpc;
	struct wm_peer_port *port;
	struct known knows[PEERS];
	/* What came. */
	unsigned frames, frames_of[PEERS];
	struct wm_buf last;
	unsigned channels; /* calls of on_channel */
	/* Its snapshot, and what it fetches. */
	int snapshot;
	uint64_t index, term, bytes;
	unsigned shares;
	int target; /* what fetch_open gives away */
	bool is_fetched, is_fetched_ok;
	int fetched_fd;
};

struct peers {
	struct wm_loop *loop;
	struct server s[PEERS];
	unsigned n; /* that are there */
};

/* Three servers that know each other as members, with links that are up. */
int peers_setup(void **state);
int peers_teardown(void **state);
/* A server more: with a key, and a port that listens; nobody knows it, and it knows nobody. */
struct server *peers_add(struct peers *p);
/* Everybody knows everybody as they are now. */
void peers_introduce(struct peers *p);
/* Tells the port of @s who is a member according to its table. */
void peers_tell(struct server *s);
/* Its port stops, and so do its calls. */
void peers_stop(struct server *s);
/* Another run of it at the same address, with the same table. */
void peers_start(struct server *s);
void peers_wait(struct peers *p, bool (*done)(void *arg), void *arg);
/* True for a server with as many links up as it knows members. */
bool peers_is_linked(void *arg);
void peers_wait_linked(struct peers *p);
void peers_set_flag(void *arg);
bool peers_is_set(void *arg);
/* Lets what goes on go on: what must not happen would. */
void peers_pass(struct peers *p, int64_t ms);
void peers_send(struct server *from, const struct server *to, const char *text);
/* A file in memory with @n bytes that follow from @seed. */
int peers_file(size_t n, uint32_t seed);
bool peers_same(int a, int b);
