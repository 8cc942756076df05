#pragma once
/*
 * What a service manager hears from a service: that it is ready, reloads, stops, and lives. On
 * Linux this is the protocol of sd_notify(3): datagrams to the socket that NOTIFY_SOCKET names, of
 * either kind, and the watchdog that WATCHDOG_USEC asks for. Where nobody listens, telling does
 * nothing and succeeds. One a process; one thread at a time.
 */
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct wm_notify;

#define WM_NOTIFY_FDS 64 /* descriptors that a predecessor may have left, at most */

enum wm_notice {
	WM_NOTICE_READY,     /* the start, or a reload, is over */
	WM_NOTICE_RELOADING, /* READY follows */
	WM_NOTICE_STOPPING,
	WM_NOTICE_ALIVE,  /* the watchdog shall be patient once more */
	WM_NOTICE_EXTEND, /* the start takes longer: be patient for @ns from now */
};

/*
 * Finds who listens, and takes the request out of the environment, so that no program that is
 * started from here speaks in our name. INVALID_ARGUMENT when it cannot be understood.
 */
WM_MUST_CHECK int wm_notify_open(struct wm_notify **out, struct wm_err *err);
/* NULL is allowed. */
void wm_notify_close(struct wm_notify *n);
/* True when somebody listens. */
bool wm_notify_is_heard(const struct wm_notify *n);
/* How long, in nanoseconds, the watchdog waits for ALIVE before it bites; 0 = there is none. */
int64_t wm_notify_watchdog(const struct wm_notify *n);
/*
 * Tells @what, and a line for people (@status, NULL = none). Never waits: UNAVAILABLE when the
 * listener has too much to read, and the same may be told again later. @ns is EXTEND's.
 */
WM_MUST_CHECK int wm_notify_tell(struct wm_notify *n, enum wm_notice what, const char *status,
				 int64_t ns, struct wm_err *err);

/*
 * Descriptors that outlive this process: the manager keeps copies of them under @name (no colons)
 * until the service has really stopped, and gives them to whoever it starts next, be it after a
 * stop or a crash. It does so only where it is told to (systemd: FileDescriptorStoreMax=), and does
 * not say whether. Replaces nothing: what was stored before under that name stays too. The errors
 * are those of wm_notify_tell.
 */
WM_MUST_CHECK int wm_notify_store(struct wm_notify *n, const char *name, const int *fds,
				  unsigned n_fds, struct wm_err *err);
/* The manager closes what it keeps under @name. */
WM_MUST_CHECK int wm_notify_unstore(struct wm_notify *n, const char *name, struct wm_err *err);
/*
 * What a predecessor has stored under @name: their number, at most @max, in @fds, now the caller's
 * to close. Those that nobody takes are closed with @n.
 */
unsigned wm_notify_take(struct wm_notify *n, const char *name, int *fds, unsigned max);

/* True when what is written to @fd goes to the system's journal, which knows the time itself and
 * takes severities in front of lines ("<4>"). */
bool wm_notify_is_journal(int fd);
