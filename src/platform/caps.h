#pragma once
/*
 * Privileges of this process: whether those that are needed are there (and the sentence that says
 * how to get them), and giving up all others. Any thread for asking; for giving up see there.
 *
 * A port whose system does not divide the superuser's power: has and require tell whether it is the
 * superuser who runs us; restrict does as much as the system lets it (another user who keeps what
 * is open, no programs started) and is UNIMPLEMENTED, never silent, where that is nothing.
 */
#include "base/err.h"
#include <stdbool.h>

struct wm_netns;

enum wm_cap {
	WM_CAP_NET_ADMIN = 1, /* interfaces, addresses, routes */
	WM_CAP_NET_BIND = 2,  /* ports below 1024 */
};

/* True when all of @caps are in force. */
bool wm_caps_has(unsigned caps); /* of enum wm_cap */
/*
 * PERMISSION_DENIED, naming what is missing and the ways to get it for @program (a path or name).
 */
WM_MUST_CHECK int wm_caps_require(unsigned caps, const char *program, struct wm_err *err);
/*
 * Keeps those of @caps that the process has, drops every other one for good, and makes sure that
 * no program started from here can gain any. Capabilities belong to threads, so this is called
 * before a second one exists: FAILED_PRECONDITION otherwise.
 */
WM_MUST_CHECK int wm_caps_restrict(unsigned caps, struct wm_err *err);
/* The same beside the thread of @ns (platform/netns.h; NULL = there is none), which is restricted
 * too. */
WM_MUST_CHECK int wm_caps_restrict_beside(struct wm_netns *ns, unsigned caps, struct wm_err *err);
