#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Where the ordinary monotonic clock is all there is, it counts suspend or nothing does. */
#ifdef CLOCK_BOOTTIME
#define STEADY_CLOCK CLOCK_BOOTTIME
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

char *wm_time_format(int64_t wall_ns, char out[WM_TIME_TEXT])
{
	int64_t ns = wall_ns % WM_NS_PER_S;
	time_t s = (time_t)(wall_ns / WM_NS_PER_S);
	char fraction[24] = "";
	struct tm tm;

	if (ns < 0) {
		ns += WM_NS_PER_S;
		s--;
	}
	if (gmtime_r(&s, &tm) == NULL)
		abort(); /* 64 bits of nanoseconds end in the year 2262 */
	if (ns != 0) {
		int n = snprintf(fraction, sizeof(fraction), ".%09" PRId64, ns);

		while (n > 0 && fraction[n - 1] == '0')
			fraction[--n] = '\0';
	}
	snprintf(out, WM_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
	return out;
}
