#pragma once
/*
 * Work that is costly and that strangers cause, a piece in each turn of the loop: whoever has one
 * waits in line for it, and between two pieces everybody else is served. Loop thread only.
 */
#include "loop/loop.h"

struct wm_rpc_turns {
	struct wm_loop *loop;
	struct wm_list line;
	struct wm_defer next;
};

/* Embedded by who waits; zeroed is not waiting. */
struct wm_rpc_turn {
	struct wm_list node;
	void (*cb)(struct wm_rpc_turn *t);
};

/* An empty line. */
void wm_rpc_turns_init(struct wm_rpc_turns *turns, struct wm_loop *loop);
/* Only when nobody waits. */
void wm_rpc_turns_fini(struct wm_rpc_turns *turns);
/* @cb runs once, from the loop, when those who came before have had their turn. */
void wm_rpc_turn_wait(struct wm_rpc_turns *turns, struct wm_rpc_turn *t,
		      void (*cb)(struct wm_rpc_turn *t));
/* Leaves the line; harmless for who does not wait. */
void wm_rpc_turn_cancel(struct wm_rpc_turn *t);
