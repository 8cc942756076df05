#pragma once
/*
 * Packets that stand for many: what a TUN interface that has offloads says about a packet that it
 * hands over, and what it is told about one that it takes. The language of virtio's network header,
 * of which the interface makes it and into which it turns it. Types only.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wm_offload_kind {
	WM_OFFLOAD_NONE, /* one packet that stands for itself */
	WM_OFFLOAD_TCP4,
	WM_OFFLOAD_TCP6,
	WM_OFFLOAD_UDP, /* datagrams of one size over either IP (virtio's UDP_L4) */
};

struct wm_offload {
	uint8_t kind; /* enum wm_offload_kind */
	bool has_ecn; /* TCP: the first segment alone bears CWR */
	/*
	 * The checksum is not complete: its field holds the sum of the pseudo header, not
	 * complemented, and what belongs there is the complement of the sum of all from
	 * @checksum_start to the end.
	 */
	bool needs_checksum;
	uint16_t header_len;      /* of IP and transport; from the kernel a hint and often wrong */
	uint16_t segment;         /* bytes of payload in each packet but the last */
	uint16_t checksum_start;  /* from the begin of the packet */
	uint16_t checksum_offset; /* of the field, from @checksum_start */
};

/* A piece of a packet; laid out as struct iovec. */
struct wm_span {
	uint8_t *data;
	size_t len;
};
