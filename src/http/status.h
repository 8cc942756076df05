#pragma once
/* The statuses that the server answers with, and the form of its dates. Any thread. */
#include <stddef.h>
#include <stdint.h>

struct wm_http_status {
	unsigned code;
	const char *reason;
};

#define WM_HTTP_STATUSES 14
/* All that are ever sent, in order. */
extern const struct wm_http_status wm_http_statuses[WM_HTTP_STATUSES];
/* The place of @code among them; that of 500 for one that is not there. */
size_t wm_http_status_index(unsigned code);

/* "Sun, 22 Nov 2026 09:22:41 GMT" (RFC 9110 section 5.6.7), from nanoseconds since 1970. */
#define WM_HTTP_DATE_TEXT 32
char *wm_http_date_format(int64_t wall_ns, char out[WM_HTTP_DATE_TEXT]);
