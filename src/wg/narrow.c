#include "wg/narrow.h"
#include "wg/message.h"
#include "wg/packet.h"
#include "wg/toobig.h"

#define BUCKET        50
#define BUCKET_PERIOD 1000000000LL

uint32_t wm_wg_narrow_inner(uint32_t path_mtu, bool is_v6)
{
	uint32_t around = (is_v6 ? WM_IP6_HEADER : WM_IP4_HEADER) + (uint32_t)WM_UDP_HEADER +
			  (uint32_t)WM_WG_DATA_MIN;
	return path_mtu > around + WM_WG_LEAST4 ? path_mtu - around : WM_WG_LEAST4;
}

bool wm_wg_bucket_take(struct wm_wg_bucket *b, int64_t now)
{
	if (now - b->since >= BUCKET_PERIOD)
		*b = (struct wm_wg_bucket){.since = now};
	return b->spent++ < BUCKET;
}
