/* https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, http-grpc-status-mapping.md */
#include "rpc/status.h"
#include "base/str.h"
#include <nghttp2/nghttp2.h>
#include <stdio.h>

void wm_rpc_percent_encode(const char *text, struct wm_buf *out)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p >= 0x20 && *p <= 0x7e && *p != '%')
			wm_buf_add(out, p, 1);
		else
			wm_buf_printf(out, "%%%02X", *p);
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Length of @s without a character that was cut at its end. */
static size_t whole_characters(const char *s, size_t n)
{
	size_t start = n;
	while (start > 0 && n - start < 4 && ((unsigned char)s[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0 || ((unsigned char)s[start - 1] & 0xc0) != 0xc0)
		return n;
	return wm_utf8_is_valid(s + start - 1, n - start + 1) ? n : start - 1;
}

static void make_presentable(char *s, size_t n)
{
	bool utf8 = wm_utf8_is_valid(s, n);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		bool control = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
		if (control || (c >= 0x80 && !utf8))
			s[i] = '?';
	}
}

char *wm_rpc_percent_decode(const char *text, size_t len, char *out, size_t size)
{
	size_t n = 0, at = 0;
	while (at < len && n + 1 < size) {
		int hi = -1, lo = -1;
		if (text[at] == '%' && len - at > 2) {
			hi = hex_digit(text[at + 1]);
			lo = hex_digit(text[at + 2]);
		}
		bool coded = hi >= 0 && lo >= 0;
		out[n++] = (char)(coded ? hi << 4 | lo : text[at]);
		at += coded ? 3 : 1;
	}
	if (at < len)
		n = whole_characters(out, n);
	out[n] = '\0';
	make_presentable(out, n);
	return out;
}

static const struct {
	char unit;
	int64_t ns;
} timeout_units[] = {
	{'n', 1},
	{'u', 1000},
	{'m', 1000000},
	{'S', 1000000000},
	{'M', 60 * 1000000000LL},
	{'H', 3600 * 1000000000LL},
};
#define N_UNITS        (sizeof(timeout_units) / sizeof(timeout_units[0]))
#define TIMEOUT_DIGITS 8
#define TIMEOUT_LIMIT  100000000LL /* the first number that eight digits do not hold */

bool wm_rpc_timeout_parse(const char *text, size_t len, int64_t *out_ns)
{
	if (len < 2 || len > TIMEOUT_DIGITS + 1)
		return false;
	int64_t value = 0;
	for (size_t i = 0; i < len - 1; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (text[i] - '0');
	}
	for (size_t i = 0; i < N_UNITS; i++) {
		if (timeout_units[i].unit != text[len - 1])
			continue;
		/* Hours can exceed what 64 bits hold: such a deadline is none. */
		if (__builtin_mul_overflow(value, timeout_units[i].ns, out_ns))
			*out_ns = INT64_MAX;
		return true;
	}
	return false;
}

char *wm_rpc_timeout_format(int64_t ns, char out[WM_RPC_TIMEOUT_TEXT])
{
	if (ns < 1)
		ns = 1;
	size_t i = 0;
	int64_t value = ns;
	while (value >= TIMEOUT_LIMIT && i + 1 < N_UNITS) {
		i++;
		value = ns / timeout_units[i].ns + (ns % timeout_units[i].ns != 0);
	}
	snprintf(out, WM_RPC_TIMEOUT_TEXT, "%u%c", (unsigned)value, timeout_units[i].unit);
	return out;
}

enum wm_code wm_rpc_code_of_http(unsigned status)
{
	switch (status) {
	case 400: return WM_INTERNAL;
	case 401: return WM_UNAUTHENTICATED;
	case 403: return WM_PERMISSION_DENIED;
	case 404: return WM_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504: return WM_UNAVAILABLE;
	default: return WM_UNKNOWN;
	}
}

enum wm_code wm_rpc_code_of_reset(uint32_t code)
{
	switch (code) {
	case NGHTTP2_REFUSED_STREAM: return WM_UNAVAILABLE;
	case NGHTTP2_CANCEL: return WM_CANCELLED;
	case NGHTTP2_ENHANCE_YOUR_CALM: return WM_RESOURCE_EXHAUSTED;
	case NGHTTP2_INADEQUATE_SECURITY: return WM_PERMISSION_DENIED;
	case NGHTTP2_NO_ERROR:
	case NGHTTP2_PROTOCOL_ERROR:
	case NGHTTP2_INTERNAL_ERROR:
	case NGHTTP2_FLOW_CONTROL_ERROR:
	case NGHTTP2_SETTINGS_TIMEOUT:
	case NGHTTP2_FRAME_SIZE_ERROR:
	case NGHTTP2_COMPRESSION_ERROR:
	case NGHTTP2_CONNECT_ERROR: return WM_INTERNAL;
	default: return WM_UNKNOWN;
	}
}

unsigned wm_rpc_status_of_code(int code)
{
	return code <= 0 && code >= WM_UNAUTHENTICATED ? (unsigned)-code : (unsigned)-WM_UNKNOWN;
}
