#pragma once
/*
 * The difference between what has been applied and what is wanted, as steps in the order in which
 * they are to be done. Pure; borrows from the wanted state, not from the applied one, since that
 * changes while the steps are done. One thread at a time.
 */
#include "fabric/state.h"
#include <stddef.h>
#include <stdint.h>

enum wm_step_op {
	WM_STEP_PEER_REMOVE,  /* the key in .key */
	WM_STEP_PEER_PUT,     /* .peer is new or differs */
	WM_STEP_ROUTE_REMOVE, /* .route */
	WM_STEP_ADDR_REMOVE,  /* .addr */
	WM_STEP_LINK_DOWN,
	WM_STEP_LINK_MTU, /* .number */
	WM_STEP_LINK_UP,
	WM_STEP_ADDR_ADD,    /* .addr */
	WM_STEP_ROUTE_ADD,   /* .route */
	WM_STEP_FORWARD_OFF, /* one bit of enum wm_forwarding in .number */
	WM_STEP_FORWARD_ON,  /* likewise */
};

struct wm_step {
	enum wm_step_op op;
	uint32_t number;
	uint8_t key[WM_WG_KEY];
	const struct wm_state_peer *peer;
	struct wm_prefix addr;
	struct wm_state_route route;
};

struct wm_steps {
	struct wm_step *steps;
	size_t n;
};

/* Fills @out; empty when there is nothing to do. */
void wm_state_diff(const struct wm_state *have, const struct wm_state *want, struct wm_steps *out);
void wm_steps_fini(struct wm_steps *s);

/* What is to be told to the device about one peer, seen from what it has. */
struct wm_peer_delta {
	bool is_new;
	bool push_endpoint; /* what is configured has changed; else it stays where it has roamed */
	bool push_places;
	bool push_keepalive;
	struct wm_wg_allowed *allowed; /* owned; to add and to remove */
	size_t n_allowed;
};
/* @have is NULL for a new peer. */
void wm_peer_diff(const struct wm_state_peer *have, const struct wm_state_peer *want,
		  struct wm_peer_delta *out);
void wm_peer_delta_fini(struct wm_peer_delta *d);
