#pragma once
/*
 * From what the mesh desires to what this machine is to be: choices are made, what must not be is
 * left out with its reason, doubles are settled. Pure. One thread at a time.
 */
#include "fabric/desired.h"
#include "fabric/endpoint.h"
#include "fabric/state.h"

/*
 * Routes into networks behind peers have this metric, so that whatever the host reaches by itself
 * stays as it is; the mesh's own networks have none.
 */
#define WM_PLAN_ROUTE_METRIC 4096
/* Towards peers when we are behind a NAT, to keep its mapping. */
#define WM_PLAN_NAT_KEEPALIVE_S 25

struct wm_plan_view {
	struct wm_endpoint_view endpoints;
	/*
	 * Told about each thing that is desired and left out on purpose; UNIMPLEMENTED: a default
	 * route.
	 */
	void (*refuse)(void *arg, const char *what, int code, const char *why);
	void *arg;
};

/*
 * Fills @out, which must be empty; the same input gives the same state, whatever the order of
 * peers.
 */
void wm_plan_make(const struct wm_desired *d, const struct wm_plan_view *view,
		  struct wm_state *out);
