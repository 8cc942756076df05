#pragma once
/* Time. Nothing that computes reads a clock: it is handed the time; these are for the edges. */
#include <stdint.h>

#define WM_NS_PER_MS 1000000LL
#define WM_NS_PER_S  1000000000LL

/* Nanoseconds of a clock that never goes back and counts suspend, where the system has such a one.
 */
int64_t wm_clock_now(void);
/* Nanoseconds since 1970 (may jump). */
int64_t wm_clock_wall(void);
/* CPU nanoseconds that this process has used. */
int64_t wm_clock_cpu(void);
/* RFC 3339 in UTC with up to nine digits, trailing zeros cut: "2026-11-22T05:29:21.43Z". */
#define WM_TIME_TEXT 40
char *wm_time_format(int64_t wall_ns, char out[WM_TIME_TEXT]);
