/*
 * Ten bytes are what an interface says of the packet behind them. Whatever both claim, segments lie
 * inside the packet, one after the other, and are themselves what they should be: IP packets of
 * their own length whose header sums are right, and which nothing more is to be done to.
 */
#include "base/checksum.h"
#include "wg/packet.h"
#include "wg/segment.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SAID 10

static void must(bool holds)
{
	if (!holds)
		abort();
}

static struct wm_offload read_offload(const uint8_t *p)
{
	return (struct wm_offload){
		.kind = p[0],
		.has_ecn = p[1] & 1,
		.needs_checksum = p[1] & 2,
		.header_len = wm_wg_get_be16(p + 2),
		.segment = wm_wg_get_be16(p + 4),
		.checksum_start = wm_wg_get_be16(p + 6),
		.checksum_offset = wm_wg_get_be16(p + 8),
	};
}

/* A segment alone is a packet of the same kind that stands for itself. */
static void check_segment(uint8_t *p, size_t len, const struct wm_offload *o)
{
	struct wm_wg_segments s;
	if (p[0] >> 4 == 4) {
		must(wm_wg_get_be16(p + WM_IP4_LENGTH) == len);
		uint64_t sum = wm_checksum_add(0, p, (size_t)(p[0] & 0x0f) * 4);
		must(wm_checksum_fold(sum) == 0xffff);
	} else {
		must(p[0] >> 4 == 6 && wm_wg_get_be16(p + WM_IP6_LENGTH) + 40u == len);
	}
	must(wm_wg_segments_begin(&s, p, len, o) == WM_DROP_NONE && s.count == 1);
}

static void take_apart(uint8_t *packet, size_t len, const struct wm_offload *o)
{
	struct wm_wg_segments s;
	uint8_t *out = NULL, *end = packet;
	unsigned n = 0;
	if (wm_wg_segments_begin(&s, packet, len, o) != WM_DROP_NONE)
		return;
	must(s.count >= 1 && s.count <= 1 + len);
	for (size_t got; (got = wm_wg_segments_next(&s, &out)) > 0; n++) {
		must(out >= packet && out + got > end && out + got <= packet + len);
		end = out + got;
		if (o->kind != WM_OFFLOAD_NONE)
			check_segment(out, got, o);
	}
	must(end == packet + len);
	must(n == s.count || len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < SAID || size > SAID + 65575)
		return 0;
	struct wm_offload o = read_offload(data);
	size_t len = size - SAID;
	/* An exact allocation, so that the sanitizer sees every byte beyond. */
	uint8_t *packet = malloc(len > 0 ? len : 1);
	must(packet != NULL);
	memcpy(packet, data + SAID, len);
	take_apart(packet, len, &o);
	free(packet);
	return 0;
}
