#include "base/clock.h"

#include <stdio.h>

#include "base/calendar.h"

#define DAY_NS (86400 * WM_NS_PER_S)

char *wm_time_format(int64_t wall_ns, char out[WM_TIME_TEXT])
{
	int64_t of_day = wall_ns % DAY_NS, days = wall_ns / DAY_NS;
	char fraction[24] = "";
	struct wm_date date;
	int s;

	if (of_day < 0) {
		of_day += DAY_NS;
		days--;
	}
	date = wm_date_from_days(days);
	s = (int)(of_day / WM_NS_PER_S);
	if (of_day % WM_NS_PER_S != 0) {
		int n = snprintf(fraction, sizeof(fraction), ".%09d", (int)(of_day % WM_NS_PER_S));

		while (n > 0 && fraction[n - 1] == '0')
			fraction[--n] = '\0';
	}
	snprintf(out, WM_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", (int)date.year, date.month,
		 date.day, s / 3600, s / 60 % 60, s % 60, fraction);
	return out;
}
