#pragma once
/*
 * A handle on the network configuration of the host (on Linux: of the network namespace in which it
 * was opened): what links, addresses and routes are read and changed through. Owns one descriptor.
 * Calls block for as long as the kernel takes to answer, which is microseconds. One thread at a
 * time.
 *
 * What holds for all that is done through it: a change is in force when the call returns, or was
 * not made at all; PERMISSION_DENIED without the privilege (platform/caps.h); RESOURCE_EXHAUSTED
 * when the kernel has no memory; NOT_FOUND when a link is meant that is gone. A system whose kernel
 * is asked through several interfaces (a routing socket and ioctl) keeps them all behind this
 * struct.
 */
#include "base/err.h"
#include <stdint.h>

struct wm_net;

/* The caller closes it. PERMISSION_DENIED where even reading takes a privilege. */
WM_MUST_CHECK int wm_net_open(struct wm_net **out, struct wm_err *err);
void wm_net_close(struct wm_net *net); /* NULL is allowed */

/*
 * A number that tells this host's network (namespace) from every other one since boot; journals are
 * kept by it. Never 0. A system without namespaces answers with what tells its boots apart, so that
 * a journal from before a restart is known to be of no use.
 */
uint64_t wm_net_id(const struct wm_net *net);
