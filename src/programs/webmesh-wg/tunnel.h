#pragma once
/*
 * One WireGuard device and what decides about its life: the interface's link state and MTU, which
 * it follows; its socket file, the interface itself and signals, any of which ends it. Owns its
 * loop. One thread.
 */
#include "base/err.h"
#include "base/log.h"
#include "programs/webmesh-wg/options.h"

struct wm_tunnel;

/* Makes interface and socket. On failure nothing is left. Borrows @log. */
WM_MUST_CHECK int wm_tunnel_open(const struct wm_tunnel_options *o, struct wm_log *log,
				 struct wm_tunnel **out, struct wm_err *err);
/* The interface's name, as the system has chosen it. */
const char *wm_tunnel_name(const struct wm_tunnel *t);
/* Returns when it is over: 0 when somebody wanted that, or why it could not go on. */
WM_MUST_CHECK int wm_tunnel_run(struct wm_tunnel *t, struct wm_err *err);
void wm_tunnel_close(struct wm_tunnel *t); /* NULL is allowed */
