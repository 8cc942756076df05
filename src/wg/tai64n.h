#pragma once
/* The timestamp inside an initiation: TAI64N, whitened so that it does not give our clock away. */
#include "wg/message.h"

/*
 * Wall time in steps of 2^24 ns (17 ms), and strictly later than @last, which it replaces: a step
 * later where the clock stands still or went back.
 */
void wm_wg_timestamp_next(uint8_t last[WM_WG_TIMESTAMP], int64_t wall_ns);
