#pragma once
/*
 * Host names of endpoints: asked for once, remembered, asked again with growing pauses as long as
 * there is no answer. An address that is known stays until another answer no longer contains it.
 * Owns its requests. Loop thread only.
 */
#include "base/addr.h"
#include <stdint.h>

struct wm_log;
struct wm_loop;
struct wm_names;

/*
 * @on_change runs when an address has become known, or another one, or that there is none for now;
 * never from inside a call here.
 */
struct wm_names *wm_names_new(struct wm_loop *loop, struct wm_log *log,
			      void (*on_change)(void *arg), void *arg);
/* Requests under way are cancelled; their memory goes when the loop has answered them. */
void wm_names_free(struct wm_names *n); /* NULL is allowed */
/* The address, or NULL while there is none; borrowed until the loop turns. */
const struct wm_endpoint *wm_names_find(struct wm_names *n, const char *host, uint16_t port);
/* Begins a round: names that are not looked for before the end of it are forgotten. */
void wm_names_begin(struct wm_names *n);
void wm_names_end(struct wm_names *n);
/* Why a name has no address; calls @cb for each of those. */
void wm_names_each_failed(const struct wm_names *n,
			  void (*cb)(void *arg, const char *host, int code, const char *why,
				     unsigned tries),
			  void *arg);
