#pragma once
/*
 * A handle on the network configuration of the host (on Linux: of the network namespace in which it
 * was opened): what links, addresses and routes are read and changed through. Owns one descriptor.
 * Calls block for as long as the kernel takes to answer, which is microseconds. One thread at a
 * time.
 */
#include "base/err.h"
#include <stdint.h>

struct wm_net;

WM_MUST_CHECK int wm_net_open(struct wm_net **out, struct wm_err *err);
void wm_net_close(struct wm_net *net); /* NULL is allowed */

/*
 * A number that tells this host's network (namespace) from every other one since boot; journals are
 * kept by it. Never 0.
 */
uint64_t wm_net_id(const struct wm_net *net);
