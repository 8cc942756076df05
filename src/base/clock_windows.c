#include "base/clock.h"

#include <stdlib.h>
#include <windows.h>
#include <realtimeapiset.h>

/* Windows counts in ticks of 100 ns, and its calendar begins in 1601. */
#define TICK_NS           100
#define TICKS_BEFORE_1970 116444736000000000LL

static int64_t ticks_of(const FILETIME *t)
{
	return (int64_t)((uint64_t)t->dwHighDateTime << 32 | t->dwLowDateTime);
}

/* Interrupt time counts suspend (the unbiased one, and the performance counter, do not promise to).
 */
int64_t wm_clock_now(void)
{
	ULONGLONG ticks;

	QueryInterruptTimePrecise(&ticks);
	return (int64_t)ticks * TICK_NS;
}

int64_t wm_clock_wall(void)
{
	FILETIME now;

	GetSystemTimePreciseAsFileTime(&now);
	return (ticks_of(&now) - TICKS_BEFORE_1970) * TICK_NS;
}

int64_t wm_clock_cpu(void)
{
	FILETIME born, ended, kernel, user;

	if (!GetProcessTimes(GetCurrentProcess(), &born, &ended, &kernel, &user))
		abort();
	return (ticks_of(&kernel) + ticks_of(&user)) * TICK_NS;
}
