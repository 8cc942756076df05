#include "wg/inner.h"
#include <string.h>

#define IPV4_HEADER 20
#define IPV6_HEADER 40

static bool parse_v4(const uint8_t *p, size_t len, struct wm_wg_inner *out)
{
	if (len < IPV4_HEADER || (size_t)(p[0] & 0x0f) * 4 < IPV4_HEADER)
		return false;
	out->version = 4;
	out->len = (size_t)(p[2] << 8 | p[3]);
	out->source = p + 12;
	out->target = p + 16;
	return out->len >= (size_t)(p[0] & 0x0f) * 4 && out->len <= len;
}

static bool parse_v6(const uint8_t *p, size_t len, struct wm_wg_inner *out)
{
	if (len < IPV6_HEADER)
		return false;
	out->version = 6;
	out->len = IPV6_HEADER + (size_t)(p[4] << 8 | p[5]);
	out->source = p + 8;
	out->target = p + 24;
	return out->len <= len;
}

bool wm_wg_inner_parse(const uint8_t *data, size_t len, struct wm_wg_inner *out)
{
	if (len == 0)
		return false;
	if (data[0] >> 4 == 4)
		return parse_v4(data, len, out);
	return data[0] >> 4 == 6 && parse_v6(data, len, out);
}

static bool is_mapped(const uint8_t addr[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	return memcmp(addr, mapped, sizeof(mapped)) == 0;
}

bool wm_wg_inner_is_mapped(const struct wm_wg_inner *inner)
{
	return inner->version == 6 && (is_mapped(inner->source) || is_mapped(inner->target));
}
