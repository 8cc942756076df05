#include "wg/tai64n.h"
#include "base/clock.h"
#include <string.h>

/* 2^62 and the ten seconds that TAI was ahead of UTC in 1970. */
#define TAI_BASE 0x400000000000000aULL
#define STEP_NS  0x1000000u

static void encode_timestamp(uint8_t out[WM_WG_TIMESTAMP], uint64_t s, uint32_t ns)
{
	for (unsigned i = 0; i < 8; i++)
		out[i] = (uint8_t)(s >> (56 - 8 * i));
	for (unsigned i = 0; i < 4; i++)
		out[8 + i] = (uint8_t)(ns >> (24 - 8 * i));
}

/* One step later; 59 steps make a second. */
static void step_timestamp(uint8_t t[WM_WG_TIMESTAMP])
{
	uint64_t s = 0;
	uint32_t ns = 0;
	for (unsigned i = 0; i < 8; i++)
		s = s << 8 | t[i];
	for (unsigned i = 8; i < 12; i++)
		ns = ns << 8 | t[i];
	ns += STEP_NS;
	if (ns >= (uint32_t)WM_NS_PER_S) {
		s++;
		ns = 0;
	}
	encode_timestamp(t, s, ns);
}

void wm_wg_timestamp_next(uint8_t last[WM_WG_TIMESTAMP], int64_t wall_ns)
{
	uint8_t now[WM_WG_TIMESTAMP];
	uint64_t wall = wall_ns > 0 ? (uint64_t)wall_ns : 0;
	uint32_t ns = (uint32_t)(wall % (uint64_t)WM_NS_PER_S);
	encode_timestamp(now, TAI_BASE + wall / (uint64_t)WM_NS_PER_S, ns & ~(STEP_NS - 1));
	/* A clock that went back, or two initiations within a step: the peer must still see
	 * progress. */
	if (memcmp(now, last, sizeof(now)) > 0)
		memcpy(last, now, sizeof(now));
	else
		step_timestamp(last);
}
