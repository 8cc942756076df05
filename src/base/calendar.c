#include "base/calendar.h"

#include <stdbool.h>

/*
 * Years are counted from March, so that the leap day is the last of its year, and eras have 400
 * years of 146,097 days.
 */
#define ERA_DAYS         146097
#define DAYS_BEFORE_1970 719468 /* since the first of March of the year 0 */

int64_t wm_date_to_days(const struct wm_date *d)
{
	int64_t year = d->year - (d->month <= 2);
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t of_era = year - era * 400;
	int64_t of_year = (153 * (d->month + (d->month > 2 ? -3 : 9)) + 2) / 5 + d->day - 1;

	return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
	       DAYS_BEFORE_1970;
}

struct wm_date wm_date_from_days(int64_t days)
{
	int64_t since = days + DAYS_BEFORE_1970;
	int64_t era = (since >= 0 ? since : since - (ERA_DAYS - 1)) / ERA_DAYS;
	int64_t of_era = since - era * ERA_DAYS;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t from_march = (5 * of_year + 2) / 153;
	struct wm_date d = {
		.year = year + era * 400,
		.month = (int)(from_march < 10 ? from_march + 3 : from_march - 9),
		.day = (int)(of_year - (153 * from_march + 2) / 5 + 1),
	};

	d.year += d.month <= 2;
	return d;
}

int wm_month_days(int64_t year, int month)
{
	static const int8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return lengths[month - 1] + (is_leap && month == 2);
}
