#include "pb/json_time.h"
#include <stdio.h>
#include <string.h>
#include "base/calendar.h"

#define SECONDS_MIN  (-62135596800) /* 0001-01-01T00:00:00Z */
#define SECONDS_MAX  253402300799   /* 9999-12-31T23:59:59Z */
#define DURATION_MAX 315576000000
#define DAY          86400
#define NANOS        1000000000

/* "", ".5"-like with 3, 6 or 9 digits. */
static void format_fraction(int32_t nanos, char out[16])
{
	if (nanos == 0)
		out[0] = '\0';
	else if (nanos % 1000000 == 0)
		snprintf(out, 16, ".%03d", nanos / 1000000);
	else if (nanos % 1000 == 0)
		snprintf(out, 16, ".%06d", nanos / 1000);
	else
		snprintf(out, 16, ".%09d", nanos);
}

/* Reads exactly @n digits and moves *@s behind them. */
static bool parse_digits(const char **s, int n, int *out)
{
	int v = 0;
	for (int i = 0; i < n; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		v = v * 10 + (**s - '0');
	}
	*out = v;
	return true;
}

static bool parse_char(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

/* An optional fraction of one to nine digits. */
static bool parse_fraction(const char **s, int32_t *nanos)
{
	int n = 0;
	*nanos = 0;
	if (!parse_char(s, '.'))
		return true;
	for (; **s >= '0' && **s <= '9'; (*s)++, n++) {
		if (n == 9)
			return false;
		*nanos = *nanos * 10 + (**s - '0');
	}
	for (int i = n; i < 9; i++)
		*nanos *= 10;
	return n > 0;
}

bool wm_json_timestamp_format(int64_t seconds, int32_t nanos, char out[WM_JSON_TIME_SIZE])
{
	char fraction[16];

	if (seconds < SECONDS_MIN || seconds > SECONDS_MAX || nanos < 0 || nanos >= NANOS)
		return false;
	int64_t days = (seconds - SECONDS_MIN) / DAY + SECONDS_MIN / DAY;
	int of_day = (int)(seconds - days * DAY);
	struct wm_date date = wm_date_from_days(days);
	format_fraction(nanos, fraction);
	snprintf(out, WM_JSON_TIME_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", (int)date.year,
		 date.month, date.day, of_day / 3600, of_day / 60 % 60, of_day % 60, fraction);
	return true;
}

static bool parse_date(const char **s, int64_t *days)
{
	int year, month, day;

	if (!parse_digits(s, 4, &year) || !parse_char(s, '-') || !parse_digits(s, 2, &month) ||
	    !parse_char(s, '-') || !parse_digits(s, 2, &day) || month < 1 || month > 12)
		return false;
	if (day < 1 || day > wm_month_days(year, month))
		return false;
	*days = wm_date_to_days(&(struct wm_date){year, month, day});
	return true;
}

/* Hours and minutes, as they stand in a time and in an offset from UTC. */
static bool parse_clock(const char **s, int *seconds)
{
	int hour, minute;
	if (!parse_digits(s, 2, &hour) || !parse_char(s, ':') || !parse_digits(s, 2, &minute) ||
	    hour > 23 || minute > 59)
		return false;
	*seconds = hour * 3600 + minute * 60;
	return true;
}

static bool parse_offset(const char **s, int *seconds)
{
	*seconds = 0;
	if (parse_char(s, 'Z'))
		return true;
	int sign = **s == '-' ? -1 : 1;
	if (!parse_char(s, '+') && !parse_char(s, '-'))
		return false;
	if (!parse_clock(s, seconds))
		return false;
	*seconds *= sign;
	return true;
}

bool wm_json_timestamp_parse(const char *s, int64_t *seconds, int32_t *nanos)
{
	int64_t days;
	int32_t fraction;
	int clock, second, offset;

	if (!parse_date(&s, &days) || !parse_char(&s, 'T') || !parse_clock(&s, &clock) ||
	    !parse_char(&s, ':') || !parse_digits(&s, 2, &second) || second > 59 ||
	    !parse_fraction(&s, &fraction) || !parse_offset(&s, &offset) || *s != '\0')
		return false;
	int64_t at = days * DAY + clock + second - offset;
	if (at < SECONDS_MIN || at > SECONDS_MAX)
		return false;
	*seconds = at;
	*nanos = fraction;
	return true;
}

bool wm_json_duration_format(int64_t seconds, int32_t nanos, char out[WM_JSON_TIME_SIZE])
{
	char fraction[16];
	bool negative = seconds < 0 || nanos < 0;

	if (seconds < -DURATION_MAX || seconds > DURATION_MAX || nanos <= -NANOS ||
	    nanos >= NANOS || (negative && (seconds > 0 || nanos > 0)))
		return false;
	format_fraction(negative ? -nanos : nanos, fraction);
	snprintf(out, WM_JSON_TIME_SIZE, "%s%lld%ss", negative ? "-" : "",
		 (long long)(negative ? -seconds : seconds), fraction);
	return true;
}

bool wm_json_duration_parse(const char *s, int64_t *seconds, int32_t *nanos)
{
	int64_t whole = 0;
	int32_t fraction;
	int sign = parse_char(&s, '-') ? -1 : 1;
	const char *digits = s;

	for (; *s >= '0' && *s <= '9'; s++) {
		whole = whole * 10 + (*s - '0');
		if (whole > DURATION_MAX)
			return false;
	}
	if (s == digits || !parse_fraction(&s, &fraction) || strcmp(s, "s") != 0)
		return false;
	*seconds = sign * whole;
	*nanos = sign * fraction;
	return true;
}
