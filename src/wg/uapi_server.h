#pragma once
/*
 * The socket <dir>/<interface>.sock, mode 0600, over which stock `wg` configures a device. Owned by
 * the device. Loop thread only.
 */
#include "base/err.h"

struct wm_loop;
struct wm_wg_userspace;
struct wm_wg_uapi_server;

/* Makes @dir (0755) if need be. ALREADY_EXISTS when a living process holds the socket. */
WM_MUST_CHECK int wm_wg_uapi_server_open(struct wm_loop *loop, struct wm_wg_userspace *d,
					 const char *dir, struct wm_wg_uapi_server **out,
					 struct wm_err *err);
/* Removes the socket and ends its connections. NULL is allowed. */
void wm_wg_uapi_server_close(struct wm_wg_uapi_server *s);
