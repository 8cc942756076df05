#include "http/status.h"
#include "base/calendar.h"
#include "base/clock.h"
#include <stdio.h>

#define DAY_S   86400
#define UNKNOWN 10 /* the row of 500 */

const struct wm_http_status wm_http_statuses[WM_HTTP_STATUSES] = {
	{200, "OK"},
	{400, "Bad Request"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{408, "Request Timeout"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{417, "Expectation Failed"},
	{421, "Misdirected Request"},
	{431, "Request Header Fields Too Large"},
	[UNKNOWN] = {500, "Internal Server Error"},
	{501, "Not Implemented"},
	{503, "Service Unavailable"},
	{505, "HTTP Version Not Supported"},
};

size_t wm_http_status_index(unsigned code)
{
	for (size_t i = 0; i < WM_HTTP_STATUSES; i++)
		if (wm_http_statuses[i].code == code)
			return i;
	return UNKNOWN;
}

/* strftime would write the names in the language of the locale. */
char *wm_http_date_format(int64_t wall_ns, char out[WM_HTTP_DATE_TEXT])
{
	/* The first of 1970 was a Thursday. */
	static const char days[7][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	uint64_t seconds = wall_ns > 0 ? (uint64_t)(wall_ns / WM_NS_PER_S) : 0;
	unsigned of_day = (unsigned)(seconds % DAY_S);
	struct wm_date d = wm_date_from_days((int64_t)(seconds / DAY_S));
	snprintf(out, WM_HTTP_DATE_TEXT, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
		 days[seconds / DAY_S % 7], (unsigned)d.day % 100, months[(d.month - 1) % 12],
		 (unsigned)d.year % 10000, of_day / 3600, of_day / 60 % 60, of_day % 60);
	return out;
}
