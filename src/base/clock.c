#include "base/clock.h"

#include "base/calendar.h"
#include "base/mem.h"

#define DAY_NS (86400 * WM_NS_PER_S)

/* Exactly @width digits. */
static char *put_digits(char *out, int64_t v, int width)
{
	for (int i = width; i > 0; i--, v /= 10)
		out[i - 1] = (char)('0' + v % 10);
	return out + width;
}

/* Without its trailing zeros; nothing at all for a whole second. */
static char *put_fraction(char *out, int64_t ns)
{
	if (ns == 0)
		return out;
	*out++ = '.';
	out = put_digits(out, ns, 9);
	while (out[-1] == '0')
		out--;
	return out;
}

char *wm_time_format(int64_t wall_ns, char out[WM_TIME_TEXT])
{
	int64_t of_day = wall_ns % DAY_NS, days = wall_ns / DAY_NS;
	struct wm_date date;
	char *end = out;
	int s;

	if (of_day < 0) {
		of_day += DAY_NS;
		days--;
	}
	date = wm_date_from_days(days);
	s = (int)(of_day / WM_NS_PER_S);
	const struct {
		int64_t value;
		int width;
		char behind;
	} parts[] = {{date.year, 4, '-'}, {date.month, 2, '-'},  {date.day, 2, 'T'},
		     {s / 3600, 2, ':'},  {s / 60 % 60, 2, ':'}, {s % 60, 2, '\0'}};
	for (size_t i = 0; i < WM_ARRAY_LEN(parts); i++) {
		end = put_digits(end, parts[i].value, parts[i].width);
		*end++ = parts[i].behind;
	}
	end = put_fraction(end - 1, of_day % WM_NS_PER_S);
	*end++ = 'Z';
	*end = '\0';
	return out;
}
