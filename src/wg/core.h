#pragma once
/*
 * What the threads of a device share: written by the loop before they start, except for what is
 * marked. Each thread has its own drop counters; the sums are made when somebody asks.
 */
#include "platform/tun.h"
#include "wg/allowedips.h"
#include "wg/bell.h"
#include "wg/drop.h"
#include "wg/index.h"
#include "wg/judge.h"
#include "wg/sockets.h"

struct wm_wg_handshakes;
struct wm_wg_worker;

struct wm_wg_drops {
	_Alignas(64) _Atomic uint64_t n[WM_DROP_COUNT]; /* one writer each */
};

/* What a worker tells the loop once: which offload the host has refused. */
enum wm_wg_note {
	WM_WG_NOTE_TUN_TCP = 1,
	WM_WG_NOTE_TUN_UDP = 2,
	WM_WG_NOTE_TRAINS = 4,
};

/* A datagram that is not WireGuard, on its way to the loop. */
struct wm_wg_foreign {
	struct wm_wg_foreign *next;
	struct wm_endpoint from;
	size_t len;
	uint8_t data[];
};

#define WM_WG_FOREIGN_MAX   64   /* datagrams that wait for the loop */
#define WM_WG_FOREIGN_BYTES 1500 /* the longest that is looked at */

/* How many foreign datagrams a thread has passed on in this second. */
struct wm_wg_foreign_rate {
	int64_t since;
	unsigned count;
};

struct wm_wg_core {
	struct wm_tun *tun;
	struct wm_epoch *epoch;
	_Atomic uint32_t mtu;                    /* of the interface, as the loop knows it */
	struct wm_wg_allowedips allowed;         /* written by the loop */
	struct wm_wg_index index;                /* written by the handshake thread */
	_Atomic(struct wm_wg_sockets *) sockets; /* published by the loop; NULL = no port */
	_Atomic(struct wm_wg_judge *) judge;     /* published by the loop; NULL = all may pass */
	_Atomic uint64_t retired_sessions;       /* grows; cipher contexts are stale then */
	_Atomic size_t staged_bytes;             /* of packets that wait for handshakes */
	atomic_bool is_stopping;
	_Atomic int broken;      /* errno of the interface, 0 = well */
	_Atomic uint32_t era;    /* grows when the host's addresses or routes change */
	_Atomic uint32_t fwmark; /* of the sockets */
	/* Packets of the host wait in the interface until there are peers. */
	atomic_bool is_waiting;
	bool wants_foreign;
	bool is_plain;          /* no offloads and no trains */
	bool is_elsewhere;      /* the interface is in another network namespace than the sockets */
	_Atomic unsigned notes; /* enum wm_wg_note, once each */

	struct wm_wg_handshakes *handshakes;
	struct wm_wg_worker *workers;
	unsigned n_workers;

	/* To the loop: peers with events, datagrams, and how to wake it (any thread). */
	struct wm_wg_bell events;
	pthread_mutex_t foreign_lock; /* guards the list; its packets are rare and rate limited */
	struct wm_wg_foreign *foreign, **foreign_last;
	unsigned n_foreign;
	void (*wake_loop)(void *arg);
	void *wake_arg;
};

static inline void wm_wg_drop(struct wm_wg_drops *d, enum wm_drop why)
{
	uint64_t n = atomic_load_explicit(&d->n[why], memory_order_relaxed);
	atomic_store_explicit(&d->n[why], n + 1, memory_order_relaxed);
}

static inline void wm_wg_drop_many(struct wm_wg_drops *d, enum wm_drop why, unsigned count)
{
	uint64_t n = atomic_load_explicit(&d->n[why], memory_order_relaxed);
	atomic_store_explicit(&d->n[why], n + count, memory_order_relaxed);
}

/* Tells the loop, if nobody has yet. Any thread. */
void wm_wg_core_note(struct wm_wg_core *c, enum wm_wg_note note);
/* Hands a datagram to the loop, if that wants any, and not too many. Any thread, with a rate of its
 * own. */
enum wm_drop wm_wg_core_pass_foreign(struct wm_wg_core *c, struct wm_wg_foreign_rate *rate,
				     const struct wm_endpoint *from, const uint8_t *data,
				     size_t len, int64_t now);
/* The list, oldest first, now the caller's. */
struct wm_wg_foreign *wm_wg_core_take_foreign(struct wm_wg_core *c);
