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
#include "wg/coalesce.h"
#include "wg/core.h"
#include "wg/outbox.h"
#include "wg/peer.h"
#include "wg/wake.h"

#define WM_WG_READS    64  /* packets from TUN in one batch, each of which may stand for many */
#define WM_WG_RECVS    8   /* packets from the network in one batch, each of which may be a train */
#define WM_WG_ARRIVALS 256 /* datagrams that are opened before any is delivered */
#define WM_WG_HEADROOM 64  /* in front of a packet */
#define WM_WG_BULK     16  /* datagrams in one batch that make it worth to have the fast cipher */
#define WM_WG_STRIDE   (WM_UDP_ROOM + 4096u)

/* A datagram that came in, while its batch is worked on. */
struct wm_wg_arrival {
	uint8_t *data;
	uint32_t len;
	const struct wm_udp_packet *train; /* in which it came */
	struct wm_wg_session *session;     /* NULL: done with */
	uint64_t counter;
};

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
	struct wm_wg_foreign_rate foreign;
	struct wm_wg_bucket toobig;
	/* Address space for packets of any size; only pages that packets have touched are resident.
	 */
	uint8_t *memory;
	struct wm_tun_packet from_tun;
	struct wm_wg_outbox outbox;
	struct wm_udp_packet from_net[WM_WG_RECVS];
	unsigned n_arrivals;
	struct wm_wg_arrival arrivals[WM_WG_ARRIVALS];
	struct wm_wg_coalesce coalesce;
};

/* The thread starts at once; @w is zeroed, lies in core->workers and stays there. */
WM_MUST_CHECK int wm_wg_worker_start(struct wm_wg_worker *w, struct wm_wg_core *core,
				     unsigned number, struct wm_err *err);
/* core->is_stopping is set: wakes the thread, waits for its end and frees what it had. */
void wm_wg_worker_stop(struct wm_wg_worker *w);

/* One batch from TUN to the network; true when there may be more. Inside an epoch. */
bool wm_wg_outbound(struct wm_wg_worker *w, struct wm_udp_socket *out);
/* One batch from the network to TUN and to the handshake thread. */
bool wm_wg_inbound(struct wm_wg_worker *w, struct wm_udp_socket *in);
