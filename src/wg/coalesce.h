#pragma once
/*
 * Joins packets that came in from a peer into fewer, larger ones for an interface that takes them
 * (TSO, USO turned round). Only what segmentation would give back bit for bit is joined, and only
 * after its checksums were found right, for the kernel believes a joined packet; IPv4 identifiers
 * of packets that must not be fragmented carry no meaning (RFC 6864), so these may also be all the
 * same. All else goes alone and unchanged. The packets of a flow stay in order. No payload is
 * copied: a joined packet is a list of spans in the buffers of the packets it came from. Pure; one
 * thread.
 */
#include "platform/offload.h"

#define WM_WG_COALESCE_PACKETS 256 /* most in one batch */
#define WM_WG_COALESCE_FLOWS   8   /* to which packets can be joined at a time */
#define WM_WG_COALESCE_UDP     64  /* most datagrams in one packet: the kernel's limit */

/* A packet to be written: the spans one after the other. */
struct wm_wg_chain {
	const struct wm_span *spans;
	unsigned n_spans;
	size_t len;
	struct wm_offload offload; /* WM_OFFLOAD_NONE, all zero: one packet as it came */
};

struct wm_wg_joint {
	uint8_t *data;
	uint32_t len;
	uint16_t skip; /* the headers, where it is not the first of its chain */
	uint16_t next; /* of its chain; of the last: anything */
};

/* A chain that can grow: how its packets look, and what the next one has to be like. */
struct wm_wg_growth {
	uint64_t mark; /* of protocol, addresses and ports */
	const uint8_t *first;
	uint32_t seq;
	uint16_t chain;
	uint16_t last;
	uint16_t transport; /* offset of the transport header */
	uint16_t headers;
	uint16_t segment;
	uint16_t id;
	uint16_t id_step; /* 0 or 1; something else while there is but one packet */
};

/* Embedded in its worker: about 19 KiB. All of it the coalescer's own. */
struct wm_wg_coalesce {
	bool tcp, udp;
	unsigned n_joints, n_chains, n_growing;
	struct wm_wg_growth growing[WM_WG_COALESCE_FLOWS];
	uint16_t heads[WM_WG_COALESCE_PACKETS]; /* first joint of each chain */
	struct wm_wg_joint joints[WM_WG_COALESCE_PACKETS];
	struct wm_wg_chain chains[WM_WG_COALESCE_PACKETS];
	struct wm_span spans[WM_WG_COALESCE_PACKETS];
};

/* Forgets the last batch. @tcp and @udp say what the interface takes joined. */
void wm_wg_coalesce_begin(struct wm_wg_coalesce *c, bool tcp, bool udp);
/*
 * Adds a packet, without padding behind it and of any content; its bytes stay where they are,
 * writable, until what wm_wg_coalesce_end gave has been written. False when the batch is full.
 */
bool wm_wg_coalesce_add(struct wm_wg_coalesce *c, uint8_t *packet, size_t len);
/* Writes the headers of what was joined; returns how many chains *out has, valid until begin. */
unsigned wm_wg_coalesce_end(struct wm_wg_coalesce *c, const struct wm_wg_chain **out);
