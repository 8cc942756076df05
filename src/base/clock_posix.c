#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

/*
 * The monotonic clocks of the systems disagree about suspend. Linux counts it in CLOCK_BOOTTIME
 * only. macOS counts it in both of its own, of which the raw one is never slewed. FreeBSD counts it
 * in CLOCK_MONOTONIC if at all, and its CLOCK_BOOTTIME meant CLOCK_UPTIME, which does not,
 * before 14.
 */
#if defined(__linux__)
#define STEADY_CLOCK CLOCK_BOOTTIME
#elif defined(__APPLE__)
#define STEADY_CLOCK CLOCK_MONOTONIC_RAW
#else
#define STEADY_CLOCK CLOCK_MONOTONIC
#endif

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) != 0)
		abort();
	return (int64_t)ts.tv_sec * WM_NS_PER_S + ts.tv_nsec;
}

int64_t wm_clock_now(void)
{
	return read_clock(STEADY_CLOCK);
}

int64_t wm_clock_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t wm_clock_cpu(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}
