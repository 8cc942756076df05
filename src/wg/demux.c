#include "wg/demux.h"
#include "wg/message.h"
#include <stdbool.h>

#define STUN_COOKIE 0x2112a442u

static bool is_stun(const uint8_t *p, size_t len)
{
	if (len < 20 || (p[0] & 0xc0) != 0)
		return false;
	size_t body = (size_t)(p[2] << 8 | p[3]);
	uint32_t cookie = (uint32_t)p[4] << 24 | (uint32_t)p[5] << 16 | (uint32_t)p[6] << 8 | p[7];
	return body == len - 20 && body % 4 == 0 && cookie == STUN_COOKIE;
}

/* Malformed also for what is not WireGuard at all; the caller has looked at the type word. */
static enum wm_wg_kind kind_of_type(uint32_t type, size_t len)
{
	switch (type) {
	case WM_WG_INITIATION:
		return len == sizeof(struct wm_wg_initiation) ? WM_WG_KIND_INITIATION
							      : WM_WG_KIND_MALFORMED;
	case WM_WG_RESPONSE:
		return len == sizeof(struct wm_wg_response) ? WM_WG_KIND_RESPONSE
							    : WM_WG_KIND_MALFORMED;
	case WM_WG_COOKIE:
		return len == sizeof(struct wm_wg_cookie_reply) ? WM_WG_KIND_COOKIE
								: WM_WG_KIND_MALFORMED;
	default:
		/* The plaintext is padded to 16 bytes, except where the sender's MTU cut that
		 * short. */
		return len >= WM_WG_DATA_MIN ? WM_WG_KIND_DATA : WM_WG_KIND_MALFORMED;
	}
}

enum wm_wg_kind wm_wg_demux_parse(const uint8_t *data, size_t len)
{
	uint32_t type = len >= 4 ? wm_wg_get_le32(data) : 0;
	bool is_ours = type >= WM_WG_INITIATION && type <= WM_WG_DATA;
	enum wm_wg_kind kind = is_ours ? kind_of_type(type, len) : WM_WG_KIND_FOREIGN;
	if (kind != WM_WG_KIND_FOREIGN && kind != WM_WG_KIND_MALFORMED)
		return kind;
	return is_stun(data, len) ? WM_WG_KIND_STUN : kind;
}
