#pragma once
/*
 * A data-plane worker: one thread with one TUN queue and one UDP socket. It sleeps until either is
 * readable, then carries a batch from the one to the other: wg/outbound.c seals, wg/inbound.c
 * opens. On the way nothing is allocated or logged and no lock is taken per packet; what it cannot
 * carry it counts. It reads peers, sessions and addresses inside an epoch, which it leaves to
 * sleep.
 */
#include "base/pulse.h"
#include "wg/ciphers.h"
#include "wg/core.h"
#include "wg/peer.h"
#include "wg/wake.h"

#define WM_WG_BATCH    WM_UDP_BATCH
#define WM_WG_HEADROOM 64     /* in front of a packet: TUN's and ours */
#define WM_WG_ROOM     65536u /* for one packet */
#define WM_WG_STRIDE   (WM_WG_ROOM + 4096u)

struct wm_wg_worker {
	struct wm_wg_core *core;
	unsigned number; /* of the TUN queue and the socket */
	pthread_t thread;
	struct wm_pulse pulse;
	struct wm_wg_wake wake;
	struct wm_epoch_reader reader;
	struct wm_wg_drops drops;
	struct wm_wg_ciphers ciphers;
	uint64_t seen_retired; /* of core->retired_sessions, when the ciphers were wiped last */
	int64_t now;           /* the batch's time */
	bool is_tun_dead;
	int64_t foreign_since; /* the second in which foreign datagrams are counted */
	unsigned n_foreign;
	/* Address space for full-size packets; only pages that packets have touched are resident.
	 */
	uint8_t *memory;
	struct wm_tun_packet from_tun[WM_WG_BATCH], to_tun[WM_WG_BATCH];
	struct wm_udp_packet from_net[WM_WG_BATCH], to_net[WM_WG_BATCH];
};

/* The thread starts at once; @w is zeroed, lies in core->workers and stays there. */
WM_MUST_CHECK int wm_wg_worker_start(struct wm_wg_worker *w, struct wm_wg_core *core,
				     unsigned number, struct wm_err *err);
/* core->is_stopping is set: wakes the thread, waits for its end and frees what it had. */
void wm_wg_worker_stop(struct wm_wg_worker *w);

/* One batch from TUN to the network; true when there may be more. Inside an epoch. */
bool wm_wg_outbound(struct wm_wg_worker *w, const struct wm_udp_socket *out);
/* One batch from the network to TUN and to the handshake thread. */
bool wm_wg_inbound(struct wm_wg_worker *w, const struct wm_udp_socket *in);
