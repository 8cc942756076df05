#pragma once
/* The IP header of a packet inside the tunnel: just enough to know its length and its two ends. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wm_wg_inner {
	uint8_t version; /* 4 or 6 */
	size_t len;      /* of the packet, as its header says; never more than what is there */
	const uint8_t *source; /* 4 or 16 bytes inside the packet */
	const uint8_t *target;
};

/* False when @data is not a whole IP packet; bytes behind the packet are padding and ignored. */
bool wm_wg_inner_parse(const uint8_t *data, size_t len, struct wm_wg_inner *out);
