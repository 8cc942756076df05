#pragma once
/*
 * WireGuard in userspace: a TUN interface, UDP sockets, N workers that carry packets, one handshake
 * thread, and this, its control face. Owns its threads, sockets and the interface, which disappears
 * when it is closed or the process dies. Loop thread only.
 */
#include "loop/loop.h"
#include "wg/backend.h"
#include "wg/core.h"
#include "wg/handshakes.h"
#include "wg/worker.h"

struct wm_wg_uapi_server;

struct wm_wg_userspace {
	struct wm_wg_backend face;
	struct wm_wg_core core;
	struct wm_loop *loop;
	struct wm_log *log;
	struct wm_wg_events events;
	void *arg;
	struct wm_map peers;      /* by public key */
	struct wm_list peer_list; /* in order of coming */
	size_t n_peers;
	uint64_t gone_rx, gone_tx; /* bytes of peers that are gone */
	uint8_t private_key[WM_WG_KEY], public_key[WM_WG_KEY];
	bool has_key;
	bool is_resting;
	uint32_t fwmark;
	uint16_t left_port;             /* the one before the last change; 0 = none */
	struct wm_wg_uapi_server *uapi; /* NULL = none */
	struct wm_wg_watch *watch;
	struct wm_post post; /* from the threads: there are events */
	atomic_bool is_posted;
	unsigned told_notes; /* of core.notes, those that are in the log */
	bool is_draining;    /* inside on_post: close leaves the last step to it */
	bool is_closed;
};

/* As those of wg/device.h. */
WM_MUST_CHECK int wm_wg_userspace_configure(struct wm_wg_userspace *d,
					    const struct wm_wg_config *wish, struct wm_err *err);
WM_MUST_CHECK int wm_wg_userspace_set_policy(struct wm_wg_userspace *d,
					     const struct wm_wg_policy_spec *spec,
					     struct wm_err *err);
struct wm_wg_config *wm_wg_userspace_get(struct wm_wg_userspace *d, bool with_keys);

/* Drops every peer, as a step of closing. */
void wm_wg_userspace_drop_peers(struct wm_wg_userspace *d);
