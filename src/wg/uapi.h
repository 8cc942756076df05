#pragma once
/*
 * The text protocol that stock `wg` speaks over a local socket with userspace WireGuard: lines of
 * key=value, an empty line at the end. Pure: text in, struct wm_wg_config out, and the reverse.
 */
#include "base/buf.h"
#include "base/err.h"
#include "platform/wgconfig.h"

#define WM_WG_UAPI_MAX (16u * 1024 * 1024) /* most bytes of a request */

enum wm_wg_uapi_verb { WM_WG_UAPI_GET, WM_WG_UAPI_SET };

/*
 * Parses a whole request, "get=1" or "set=1" with its lines, up to and without the empty line. On
 * success *@out belongs to the caller (wm_wg_config_free) and is NULL for get.
 */
WM_MUST_CHECK int wm_wg_uapi_parse(const char *text, size_t len, enum wm_wg_uapi_verb *verb,
				   struct wm_wg_config **out, struct wm_err *err);
/* Appends the answer to get: the configuration, errno=0 and the empty line. */
void wm_wg_uapi_format(const struct wm_wg_config *c, struct wm_buf *out);
/* Appends the answer to set: errno=0, or the negative errno that suits @code. */
void wm_wg_uapi_format_result(int code, struct wm_buf *out);
