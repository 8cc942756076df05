#include "http/status.h"
#include "base/clock.h"
#include <stdio.h>
#include <time.h>

#define UNKNOWN 9 /* the row of 500 */

const struct wm_http_status wm_http_statuses[WM_HTTP_STATUSES] = {
	{200, "OK"},
	{400, "Bad Request"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{408, "Request Timeout"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{417, "Expectation Failed"},
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
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(wall_ns / WM_NS_PER_S);
	struct tm tm;
	if (gmtime_r(&seconds, &tm) == NULL)
		tm = (struct tm){.tm_mday = 1, .tm_year = 70, .tm_wday = 4};
	snprintf(out, WM_HTTP_DATE_TEXT, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
		 tm.tm_mday, months[tm.tm_mon], (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min,
		 tm.tm_sec);
	return out;
}
