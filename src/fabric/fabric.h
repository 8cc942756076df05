#pragma once
/*
 * The reconciler: makes this machine's network what the mesh desires. It keeps what it has applied,
 * compares every new desired state with it, and applies the difference only: WireGuard peers,
 * addresses, routes, forwarding. Endpoints that have roamed are kept: one is pushed only when what
 * is configured for the peer changed. What fails does not stop the rest; it is retried with growing
 * pauses and can be asked for. Changes that others make to our link, its addresses and its routes
 * are seen and mended. What outlives the process is in a journal (fabric/journal.h) and undone by
 * the next start after a crash. Borrows the device, whose key and port are its opener's business.
 * Loop thread only.
 */
#include "base/addr.h"
#include "base/err.h"
#include "fabric/desired.h"
#include "fabric/failures.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wm_fabric;
struct wm_log;
struct wm_loop;
struct wm_net;
struct wm_netns;
struct wm_wg_device;

struct wm_fabric_opts {
	struct wm_wg_device *device; /* open; closed by its owner after the fabric */
	struct wm_netns *netns;      /* where its interface is, borrowed; NULL = where we are */
	const char *run_dir; /* for the journal: "/run/webmesh"; made when absent, mode 0700 */
	/*
	 * Where a peer was when it was heard of last, for one that is new here and of which the
	 * mesh knows no endpoint; NULL = not known. May be NULL. Borrowed until the next call.
	 */
	const struct wm_endpoint *(*recall)(void *arg, const uint8_t public_key[WM_WG_KEY]);
	void *arg;
};

/*
 * Undoes what a crashed process has left on this host, then stands ready: nothing is set yet, but
 * for what an interface brings along that the device has taken over from a predecessor. That is
 * kept where it is desired, and goes with the first desired state where it is not.
 * Errors: no netlink, a folder for the journal that cannot be made or that others may write to.
 */
WM_MUST_CHECK int wm_fabric_open(struct wm_loop *loop, struct wm_log *log,
				 const struct wm_fabric_opts *opts, struct wm_fabric **out,
				 struct wm_err *err);
/*
 * From here on close lets the interface be, up and with its addresses and routes, for a successor
 * to take over; all else it takes back. For an interface that goes by itself when none comes.
 */
void wm_fabric_leave(struct wm_fabric *f);
/*
 * Takes everything back: peers, routes, addresses, the link's state, forwarding. Synchronous. The
 * error says what is left (it stays in the journal for the next start); the fabric is gone in any
 * case. NULL is allowed.
 */
int wm_fabric_close(struct wm_fabric *f, struct wm_err *err);

/*
 * Takes @d (in any case). Applies at once what needs no waiting. Nonzero when the link, an own
 * address or a mesh network could not be set (IPv6 alone does not count when there is IPv4):
 * without those there is no mesh here, and somebody who is just starting should give up; whoever
 * goes on need not, it is retried like everything else.
 */
WM_MUST_CHECK int wm_fabric_apply(struct wm_fabric *f, struct wm_desired *d, struct wm_err *err);

/*
 * The device has been made anew (wm_wg_device_reopen) and configured by its owner: everything that
 * is desired is applied to it again, and what fails is retried like everything else. Errors: there
 * is no such link, or no journal can be written.
 */
WM_MUST_CHECK int wm_fabric_renew(struct wm_fabric *f, struct wm_err *err);

/*
 * What is not applied and why, ordered; borrowed until the next call into the fabric or turn of the
 * loop.
 */
const struct wm_fabric_failure *wm_fabric_failures(const struct wm_fabric *f, size_t *n);

/* How often what was done, since the start. */
struct wm_fabric_counters {
	uint64_t applies; /* desired states taken */
	uint64_t steps;   /* changes made */
	uint64_t failed_steps;
	uint64_t mended;            /* changes of others that were put right */
	uint64_t defaults_refused;  /* 0.0.0.0/0 and ::/0 left out */
	int64_t last_apply_wall_ns; /* when a desired state was taken last; 0 = never */
};
struct wm_fabric_counters wm_fabric_counters(const struct wm_fabric *f);

/* The own address of the family as it is set on the link now; false when it is not. */
bool wm_fabric_address(const struct wm_fabric *f, enum wm_family family, struct wm_prefix *out);
/* The node ID of a programmed peer, or NULL; borrowed until the next call. */
const char *wm_fabric_peer_id(const struct wm_fabric *f, const uint8_t public_key[WM_WG_KEY]);
size_t wm_fabric_n_peers(const struct wm_fabric *f);
/* A handle on the network that we ourselves are in, for endpoint detection and the like; borrowed.
 */
struct wm_net *wm_fabric_net(const struct wm_fabric *f);
