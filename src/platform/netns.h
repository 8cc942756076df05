#pragma once
/*
 * Another network namespace than the one that the process was started in, by a thread that lives
 * there: sockets and interfaces that it makes belong to that namespace for good, whoever uses them
 * afterwards, and "net/..." settings are those of the namespace. Entering takes a privilege that is
 * given up after the start, hence a thread that stays. The namespace lives as long as it does,
 * also without a name. A system without namespaces has UNIMPLEMENTED for all but NULL.
 */
#include "base/addr.h"
#include "base/err.h"

struct wm_netns;

/*
 * Enters the namespace that `ip netns` knows as @name, or that a path (with a slash) leads to.
 * NOT_FOUND when there is none and INVALID_ARGUMENT for something else or the namespace that we
 * are in already, both with the remedy; PERMISSION_DENIED without CAP_SYS_ADMIN. Main thread,
 * before privileges are dropped (platform/caps.h). Ended by wm_netns_leave.
 */
WM_MUST_CHECK int wm_netns_enter(const char *name, struct wm_netns **out, struct wm_err *err);
/* Ends the thread. NULL is allowed. */
void wm_netns_leave(struct wm_netns *n);
/*
 * Has @work(@arg) done in the namespace, and waits for it; returns what it does. NULL: done here,
 * where we are. One thread at a time, and not from inside @work.
 */
int wm_netns_run(struct wm_netns *n, int (*work)(void *arg, struct wm_err *err), void *arg,
		 struct wm_err *err);
/* A new TCP socket of the namespace in *@out, nonblocking, owned by the caller. */
WM_MUST_CHECK int wm_netns_socket(struct wm_netns *n, enum wm_family family, int *out,
				  struct wm_err *err);
