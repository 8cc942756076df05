#pragma once
/*
 * The WireGuard of the kernel: an interface of that kind is made, told what it is to be (the same
 * struct that every other device takes, platform/wgconfig.h), asked what it is, and deleted. Calls
 * block for as long as the kernel takes to answer. One thread at a time.
 *
 * The interface outlives the process that made it: who dies without closing leaves it behind
 * (fabric/journal.h). A port whose system has no such thing answers UNAVAILABLE to open.
 */
#include "base/err.h"
#include "platform/wgconfig.h"

#define WM_WGDEV_NAME 16 /* with the NUL */

struct wm_wgdev;

/*
 * Makes a new interface, down and without address: "wm0", or "wm+" for the first number that is
 * free. UNAVAILABLE when this kernel has no WireGuard, PERMISSION_DENIED without privilege,
 * ALREADY_EXISTS when the name is taken.
 */
WM_MUST_CHECK int wm_wgdev_open(const char *name, uint32_t mtu, struct wm_wgdev **out,
				struct wm_err *err);
/* Deletes the interface, if it is still there. NULL is allowed. */
void wm_wgdev_close(struct wm_wgdev *d);

/* Borrowed until it is closed. */
const char *wm_wgdev_name(const struct wm_wgdev *d);
/* The index by which platform/link.h knows it. */
unsigned wm_wgdev_ifindex(const struct wm_wgdev *d);

/*
 * Makes the device what @wish says, in the order in which it says it. What the kernel does not do
 * is left out: allowed[].remove. A wish that is long goes in several messages; when one fails,
 * those before it are in force. NOT_FOUND when the interface is gone; ALREADY_EXISTS when the
 * interface is up and the port in use.
 */
WM_MUST_CHECK int wm_wgdev_set(struct wm_wgdev *d, const struct wm_wg_config *wish,
			       struct wm_err *err);
/*
 * What the device is, as one consistent state; the caller frees it (wm_wg_config_free). Private and
 * preshared keys only if @with_keys. NOT_FOUND when the interface, or the kernel's WireGuard, is
 * gone.
 */
WM_MUST_CHECK int wm_wgdev_get(struct wm_wgdev *d, bool with_keys, struct wm_wg_config **out,
			       struct wm_err *err);
/* Administratively up? NOT_FOUND when it is gone. */
WM_MUST_CHECK int wm_wgdev_is_up(struct wm_wgdev *d, bool *out, struct wm_err *err);

/* Packets that the interface did not carry, since it was made. */
struct wm_wgdev_stats {
	uint64_t bad_source; /* decrypted, from an address that its peer may not use */
	uint64_t bad_length; /* decrypted, and shorter than its header says */
	uint64_t no_peer;    /* from the host, to nobody or to one without an endpoint */
	uint64_t staged;     /* waited for a handshake in vain, or found no room to wait */
};
WM_MUST_CHECK int wm_wgdev_stats(struct wm_wgdev *d, struct wm_wgdev_stats *out,
				 struct wm_err *err);

/*
 * A device that is down binds no port, so whether it can is tried by somebody else: binds @*port (0
 * = any free one, which is filled in) and lets it go again. ALREADY_EXISTS when it is in use.
 */
WM_MUST_CHECK int wm_wgdev_try_port(uint16_t *port, struct wm_err *err);

/*
 * Loads the kernel's module of WireGuard by the system's own tool, if it is not there; waits for
 * that, 10 seconds at most. Takes privileges that wm_caps_restrict gives up. UNAVAILABLE when there
 * is no such tool or it fails, with its words.
 */
WM_MUST_CHECK int wm_wgdev_load(struct wm_err *err);
