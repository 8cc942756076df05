#pragma once
/*
 * What changes on the host's network while we run: interfaces, addresses, routes. Gives a
 * descriptor to be watched for reading (the loop's part); one read then reports everything that is
 * waiting. When the kernel had more to tell than it could keep, that is reported as "look at
 * everything again". Owns its descriptor. One thread at a time.
 *
 * A port may report more than changed, and RESYNC in the place of anything that its system does not
 * tell in detail; it may not report less. Where the system calls back on a thread of its own
 * (Windows), the port queues that and makes the descriptor readable.
 */
#include "base/addr.h"
#include "base/err.h"
#include <stdbool.h>

struct wm_monitor;

enum wm_monitor_kind {
	WM_MONITOR_LINK,   /* appeared, went up or down, was renamed; removed: it is gone */
	WM_MONITOR_ADDR,   /* an address of @link */
	WM_MONITOR_ROUTE,  /* a route to @prefix; @ours when it carries our number */
	WM_MONITOR_RESYNC, /* something was lost */
};

struct wm_monitor_change {
	enum wm_monitor_kind kind;
	bool removed;
	bool ours;
	unsigned link; /* interface index, 0 when unknown */
	struct wm_prefix prefix;
};

/* What is told; a host of many routes changes them all day. */
enum wm_monitor_scope {
	WM_MONITOR_ALL,
	WM_MONITOR_LINKS, /* no addresses, no routes */
};

/* Changes from now on are told; what was before is to be read after this. */
WM_MUST_CHECK int wm_monitor_open(enum wm_monitor_scope scope, struct wm_monitor **out,
				  struct wm_err *err);
void wm_monitor_close(struct wm_monitor *m); /* NULL is allowed */
/* Readable when something waits; stays the monitor's. */
int wm_monitor_fd(const struct wm_monitor *m);
/*
 * Calls @cb for each change that waits, in order. Returns when there is none left, or after a good
 * many; the descriptor then stays readable.
 */
WM_MUST_CHECK int wm_monitor_read(struct wm_monitor *m,
				  void (*cb)(void *arg, const struct wm_monitor_change *c),
				  void *arg, struct wm_err *err);
