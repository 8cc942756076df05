#pragma once
/*
 * Takes a packet apart that the kernel handed over as one and that stands for many (TSO, USO), in
 * its own buffer and without a copy of payload: the headers of each segment are written directly in
 * front of its payload, over bytes of the segment before. What the kernel, or a guest behind it,
 * says about the packet is believed only where the packet's own headers agree. Pure; one thread.
 */
#include "platform/offload.h"
#include "wg/drop.h"

/* On the caller's stack. @count is for the caller, the rest is the segmenter's own. */
struct wm_wg_segments {
	unsigned count; /* of segments; 1 for a packet that stands for itself */
	unsigned done;
	uint8_t *headers; /* of the segment to come: of the first, later of the one before it */
	uint8_t *payload; /* of the segment to come */
	uint8_t *end;
	size_t transport; /* offset of the transport header */
	size_t header_len;
	uint64_t ip_sum;        /* of the IPv4 header, without the fields that differ */
	uint64_t transport_sum; /* of pseudo and transport header, likewise */
	uint32_t seq;
	uint32_t checksum;      /* offset of the field from the begin */
	uint16_t checksum_from; /* of a lone packet: where the sum begins; 0: it is complete */
	uint16_t segment;
	uint16_t id;
	uint8_t version;
	uint8_t protocol;
	uint8_t flags;
};

/*
 * Looks at the packet of @len bytes and at what @o says of it; changes neither. WM_DROP_OFFLOAD
 * when they contradict each other or themselves; otherwise @s is ready and holds the count. What is
 * not said to stand for many is not looked at beyond its checksum, and need not be IP.
 */
enum wm_drop wm_wg_segments_begin(struct wm_wg_segments *s, uint8_t *packet, size_t len,
				  const struct wm_offload *o);
/*
 * The next segment, complete with all checksums, in the packet's own buffer: *out and its length; 0
 * after the last. The caller has to be through with the segment before and may not have changed it;
 * it may use 16 bytes behind a segment, if it puts them back (behind the last they are the caller's
 * own affair).
 */
size_t wm_wg_segments_next(struct wm_wg_segments *s, uint8_t **out);
