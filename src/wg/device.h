#pragma once
/*
 * A WireGuard device: an interface, a port, peers, and somebody who carries their packets
 * (wg/backend.h). Owns the interface, which disappears when it is closed. Functions here: loop
 * thread only. Protocol: https://www.wireguard.com/papers/wireguard.pdf
 */
#include "base/err.h"
#include "platform/wgconfig.h"
#include "wg/drop.h"
#include <stdbool.h>
#include <stddef.h>

struct wm_log;
struct wm_loop;
struct wm_netns;
struct wm_pulse;
struct wm_wg_device;
struct wm_wg_policy_spec;

/* The strings are borrowed until the device is closed. */
struct wm_wg_device_opts {
	/* Let the kernel carry the packets, if it has WireGuard; otherwise they are carried here.
	 */
	bool uses_kernel;
	const char *name; /* "webmesh0"; "wg+" lets the system choose a number */
	uint32_t mtu;     /* 0 = 1420 */
	/*
	 * The network namespace that the interface lives in, borrowed until the device is closed;
	 * NULL = ours. The UDP sockets are ours in any case. Packets are carried here then,
	 * whatever the kernel has.
	 */
	struct wm_netns *netns;
	/* The rest is for packets that are carried here. */
	unsigned workers; /* 0 = one per core, at most 4 */
	/*
	 * Folder of the userspace socket of stock `wg`, <name>.sock in it; NULL = none. Network
	 * namespaces share this folder, so a socket of our name may belong to another one's device:
	 * then, unless it is required, ours goes without and says so.
	 */
	const char *uapi_dir;
	bool uapi_required;
	/*
	 * What a predecessor had kept for its successor (wm_wg_device_fds): the interface is taken
	 * over as it is, and packets wait in it until there are peers. Taken, fit or not.
	 */
	const int *left;
	unsigned n_left;
	/* Packets one by one, as on a host whose kernel knows no offloads. */
	bool is_plain;
};

/* What somebody above wants to know; runs on the loop. All may be NULL. */
struct wm_wg_events {
	/* A handshake with this peer has completed (its endpoint may have moved); @by_peer: it was
	 * the peer that began it, as one does that has lost or never had a session with us. Of the
	 * kernel's this is known a second later, and @by_peer for all that we did not ask for. */
	void (*on_handshake)(void *arg, const uint8_t public_key[WM_WG_KEY],
			     const struct wm_endpoint *from, bool by_peer);
	/*
	 * A datagram that is not WireGuard (STUN, path probes); already rate limited. Answers leave
	 * by wm_wg_device_send. Bytes are borrowed. The kernel keeps these to itself.
	 */
	void (*on_foreign)(void *arg, const struct wm_endpoint *from, const uint8_t *data,
			   size_t len);
	/*
	 * The interface is gone (why->sys is ENODEV: somebody has deleted it) or cannot be read:
	 * the device works no more, until it is reopened.
	 */
	void (*on_broken)(void *arg, const struct wm_err *why);
};

/*
 * Creates the interface (PERMISSION_DENIED or UNAVAILABLE say which privilege or which device file
 * is missing and how to get it; ALREADY_EXISTS when the name is taken). It is down and has no port
 * yet.
 */
WM_MUST_CHECK int wm_wg_device_open(struct wm_loop *loop, struct wm_log *log,
				    const struct wm_wg_device_opts *opts,
				    const struct wm_wg_events *events, void *arg,
				    struct wm_wg_device **out, struct wm_err *err);
/* Stops the threads, wipes the keys, removes the interface and the socket file. Synchronous. */
void wm_wg_device_close(struct wm_wg_device *d); /* NULL is allowed */

/*
 * For a device that is broken: makes it anew under its name, down and with nothing configured but
 * its policy; the kernel's where it (still) has WireGuard, that was wanted and there is no policy.
 * What it counts goes on. Errors as of wm_wg_device_open; then nobody stands behind the device,
 * whose kind is "none", which refuses to be configured and can be reopened. Not from inside a
 * callback of the device.
 */
WM_MUST_CHECK int wm_wg_device_reopen(struct wm_wg_device *d, struct wm_err *err);

const char *wm_wg_device_name(const struct wm_wg_device *d);
unsigned wm_wg_device_ifindex(const struct wm_wg_device *d);
/* True when it was taken over from another process, with its state, addresses and routes. */
bool wm_wg_device_is_inherited(const struct wm_wg_device *d);
/*
 * Fills @out with the descriptors whose copies keep the interface alive after this process
 * (platform/notify.h), and returns how many; 0 when there is no such thing. Borrowed.
 */
#define WM_WG_FDS_MAX 16
unsigned wm_wg_device_fds(const struct wm_wg_device *d, int out[WM_WG_FDS_MAX]);
/* "kernel", "userspace", or "none" (wm_wg_device_reopen). */
const char *wm_wg_device_kind(const struct wm_wg_device *d);
/* The kernel carries the packets, and its interface outlives this process. */
bool wm_wg_device_is_kernel(const struct wm_wg_device *d);

/*
 * Applies a wish, as a whole or not at all. Setting the port binds it at once: ALREADY_EXISTS when
 * it is in use, also by a process that shares ports (SO_REUSEPORT).
 */
WM_MUST_CHECK int wm_wg_device_configure(struct wm_wg_device *d, const struct wm_wg_config *wish,
					 struct wm_err *err);
/*
 * From now on every inner packet is judged, coming and going (wg/policy.h); NULL: none is, as at
 * the beginning. Each packet is judged by the old policy or by the new one, whole; no packet is
 * judged by the old one once this has returned and the batch at hand is over. @spec is borrowed for
 * the call. Errors are those of wm_wg_policy_new, and the old policy stays; UNIMPLEMENTED for a
 * kind of device that does not see its packets. It is kept when the device is reopened, and may
 * come while nobody stands behind it.
 */
WM_MUST_CHECK int wm_wg_device_set_policy(struct wm_wg_device *d,
					  const struct wm_wg_policy_spec *spec, struct wm_err *err);
/*
 * For an interface that is down (the kernel sees to that itself): an inactive device keeps its
 * configuration and its port, but has no sessions, begins none and answers nobody; active again it
 * begins as a new one. Devices are born active. Takes effect soon, not at once.
 */
void wm_wg_device_set_active(struct wm_wg_device *d, bool active);
/*
 * Somebody has changed the interface's MTU: packets are padded up to it and not beyond. Changes
 * nothing on the interface.
 */
void wm_wg_device_set_mtu(struct wm_wg_device *d, uint32_t mtu);
/* The device's state, owned by the caller (wm_wg_config_free); the private key only if @with_keys.
 */
struct wm_wg_config *wm_wg_device_get(struct wm_wg_device *d, bool with_keys);
/* Starts a handshake with a peer that has an endpoint and no fresh session; otherwise does nothing.
 */
void wm_wg_device_greet(struct wm_wg_device *d, const uint8_t public_key[WM_WG_KEY]);
/* Sends a datagram that is not WireGuard from the device's port; the kernel's does not. */
void wm_wg_device_send(struct wm_wg_device *d, const struct wm_endpoint *to, const void *data,
		       size_t len);

/*
 * Asks each thread whether it still makes progress, and wakes it. Fills @out (room for
 * WM_WG_THREADS_MAX) with their pulses, borrowed until the device is closed; returns how many.
 */
#define WM_WG_THREADS_MAX 17 /* the handshakes, and a worker for each queue */
size_t wm_wg_device_ask(struct wm_wg_device *d, struct wm_pulse **out);

/*
 * Bytes in datagrams that came from peers and went to them since the device was opened. Those of
 * peers that are gone stay in the sums, so that these never fall.
 */
void wm_wg_device_traffic(const struct wm_wg_device *d, uint64_t *rx, uint64_t *tx);

/*
 * ---- drops: every packet that is not carried is counted under a name (wg/drop.h); the kernel
 * counts "source", "inner", "no_peer" (with it, "no_endpoint") and "staged" ----
 */
/* Fills @counts[WM_DROP_COUNT] with the sums over all threads. */
void wm_wg_device_drops(struct wm_wg_device *d, uint64_t counts[WM_DROP_COUNT]);
