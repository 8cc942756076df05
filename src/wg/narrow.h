#pragma once
/*
 * Paths that carry less than the interface's MTU needs. Datagrams leave in a way that lets routers
 * cut them (platform/udp.h), so such a path is slow but no black hole, and nobody would notice. Now
 * and then one of the longest goes as a probe: when it does not fit, a router says so to the host,
 * the handshake thread asks the host a little later, and from then on the senders of packets that
 * are too long for the path hear of it (wg/toobig.h), at a bounded rate. Their packets are carried
 * all the same, so that who does not listen does not starve either. A probe that is lost costs one
 * packet a minute.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_WG_PROBE_LEAST \
	1200 /* bytes of a datagram: what is shorter fits practically everywhere */
#define WM_WG_PROBE_EVERY (60 * 1000000000LL)

/* Of a peer; any thread. Zeroed: nothing is known. */
struct wm_wg_narrow {
	_Atomic uint32_t mtu;    /* of the path, for inner packets; 0 = as the interface's */
	_Atomic uint32_t probed; /* the longest that has been a probe */
	_Atomic int64_t due;     /* when all lengths are to be probed again */
};

/* Whether the datagram of @len bytes that is to be sent at @now should be a probe; it counts as
 * sent. */
static inline bool wm_wg_narrow_probes(struct wm_wg_narrow *n, size_t len, int64_t now)
{
	if (len < WM_WG_PROBE_LEAST ||
	    (len <= atomic_load_explicit(&n->probed, memory_order_relaxed) &&
	     now < atomic_load_explicit(&n->due, memory_order_relaxed)))
		return false;
	atomic_store_explicit(&n->probed, (uint32_t)len, memory_order_relaxed);
	atomic_store_explicit(&n->due, now + WM_WG_PROBE_EVERY, memory_order_relaxed);
	return true;
}

/* The peer is somewhere else now. */
static inline void wm_wg_narrow_forget(struct wm_wg_narrow *n)
{
	atomic_store_explicit(&n->mtu, 0, memory_order_relaxed);
	atomic_store_explicit(&n->probed, 0, memory_order_relaxed);
}

/* How long packets to the peer may be, where the interface takes @mtu bytes. */
static inline uint32_t wm_wg_narrow_mtu(const struct wm_wg_narrow *n, uint32_t mtu)
{
	uint32_t narrow = atomic_load_explicit(&n->mtu, memory_order_relaxed);
	return narrow != 0 && narrow < mtu ? narrow : mtu;
}

/* What a path for IP packets of @path_mtu bytes leaves for inner ones, but at least what every link
 * carries. @is_v6: the path's family. */
uint32_t wm_wg_narrow_inner(uint32_t path_mtu, bool is_v6);

/* Of ICMP errors: so many in a second. Zeroed is full. */
struct wm_wg_bucket {
	int64_t since;
	uint32_t spent;
};
/* True when one more may be sent at @now. One thread. */
bool wm_wg_bucket_take(struct wm_wg_bucket *b, int64_t now);
