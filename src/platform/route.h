#pragma once
/*
 * Routes that are ours: each carries our number as its origin (Linux: rtm_protocol), so that they
 * can be told from everybody else's, also after a crash. Nobody else's route is changed or removed
 * here. Thread: that of the struct wm_net. Failures that are common to all: see platform/net.h.
 *
 * A port whose system keeps no origin with a route marks ours in another way that outlives us: the
 * BSDs have flags of a route (RTF_PROTO1), Windows a protocol field. Where one destination can have
 * one route only, metrics are not told apart, and a second one is ALREADY_EXISTS.
 */
#include "base/addr.h"
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

struct wm_net;

#define WM_ROUTE_ORIGIN 119 /* a number that /etc/iproute2/rt_protos leaves free */

struct wm_route {
	struct wm_prefix dst;
	unsigned link;          /* interface index */
	uint32_t metric;        /* 0 = the system's own choice */
	struct wm_addr gateway; /* none = directly on the link */
};

struct wm_route_list {
	struct wm_route *routes;
	size_t n;
};

/* ALREADY_EXISTS when there is a route of that destination and metric, whoever made it. */
WM_MUST_CHECK int wm_route_add(struct wm_net *net, const struct wm_route *r, struct wm_err *err);
/* Puts the route in the place of one of ours with the same destination and metric, or adds it. */
WM_MUST_CHECK int wm_route_replace(struct wm_net *net, const struct wm_route *r,
				   struct wm_err *err);
/* NOT_FOUND when there is no such route of ours. */
WM_MUST_CHECK int wm_route_remove(struct wm_net *net, const struct wm_route *r, struct wm_err *err);
/* Ours, on one link, or on any when @link is 0. */
WM_MUST_CHECK int wm_route_list(struct wm_net *net, unsigned link, struct wm_route_list *out,
				struct wm_err *err);
void wm_route_list_fini(struct wm_route_list *l);
