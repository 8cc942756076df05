#pragma once
/*
 * The executor: does the steps of a difference on the machine, one after the other, and keeps the
 * applied state true to what has worked. A step that fails does not stop the next. Borrows all that
 * it works with. Loop thread only.
 */
#include "base/err.h"
#include "fabric/diff.h"
#include "fabric/state.h"

struct wm_journal;
struct wm_net;
struct wm_netns;
struct wm_wg_device;

struct wm_executor {
	struct wm_netns *netns; /* where the link is; NULL = here */
	struct wm_net *net;
	struct wm_wg_device *device;
	struct wm_journal *journal;
	unsigned link; /* index of the device's interface */
	bool has_ipv4; /* is wanted: then a host without IPv6 is in the mesh all the same */
	/* As struct wm_fabric_opts has it; may be NULL. */
	const struct wm_endpoint *(*recall)(void *arg, const uint8_t public_key[WM_WG_KEY]);
	void *recall_arg;
	/*
	 * Told of each step that failed: its name, its error, and whether there is no mesh without
	 * it.
	 */
	void (*on_failed)(void *arg, const char *what, const struct wm_err *err, bool is_vital);
	void *arg;
	uint64_t done, failed; /* steps, since the start */
};

/* Does all of @steps and brings @have up to date. */
void wm_execute(struct wm_executor *x, const struct wm_steps *steps, struct wm_state *have);
/* Takes all peers away in one go. */
WM_MUST_CHECK int wm_execute_no_peers(struct wm_executor *x, struct wm_state *have,
				      struct wm_err *err);
