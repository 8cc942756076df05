#include "base/addr.h"

#include <string.h>

#include "base/socket.h"
#include "base/str.h"

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

static size_t addr_size(const struct wm_addr *a)
{
	return wm_addr_bits(a) / 8;
}

/* True when the first @bits bits of @a are those of @top, an address of family @family. */
static bool is_in(const struct wm_addr *a, enum wm_family family, uint16_t top, unsigned bits)
{
	unsigned high = (unsigned)a->bytes[0] << 8 | a->bytes[1];

	return a->family == family && high >> (16 - bits) == (unsigned)top >> (16 - bits);
}

bool wm_addr_is_valid(const struct wm_addr *a)
{
	return a->family == WM_IPV4 || a->family == WM_IPV6;
}

bool wm_addr_equal(const struct wm_addr *a, const struct wm_addr *b)
{
	return wm_addr_compare(a, b) == 0;
}

int wm_addr_compare(const struct wm_addr *a, const struct wm_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, addr_size(a));
}

bool wm_addr_parse(const char *s, struct wm_addr *out)
{
	struct wm_addr a = {.family = WM_IPV4};

	if (s == NULL)
		return false;
	if (strchr(s, ':') == NULL) {
		if (inet_pton(AF_INET, s, a.bytes) != 1)
			return false;
	} else {
		if (inet_pton(AF_INET6, s, a.bytes) != 1)
			return false;
		a.family = WM_IPV6;
	}
	*out = wm_addr_unmapped(&a);
	return true;
}

struct wm_addr wm_addr_unmapped(const struct wm_addr *a)
{
	struct wm_addr v4 = {.family = WM_IPV4};

	if (a->family != WM_IPV6 || memcmp(a->bytes, v4_mapped, sizeof(v4_mapped)) != 0)
		return *a;
	memcpy(v4.bytes, a->bytes + sizeof(v4_mapped), 4);
	return v4;
}

/* The first of the longest runs of two and more zero groups, the one that "::" stands for. */
static int find_zero_run(const uint16_t groups[8], int *len)
{
	int best = -1;

	*len = 1;
	for (int i = 0; i < 8; i++) {
		int end = i;

		while (end < 8 && groups[end] == 0)
			end++;
		if (end - i > *len) {
			best = i;
			*len = end - i;
		}
	}
	return best;
}

static char *put_v4(char *out, const uint8_t bytes[4])
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			*out++ = '.';
		out = wm_put_u64(out, bytes[i]);
	}
	return out;
}

/* Without leading zeros. */
static char *put_hex(char *out, uint16_t group)
{
	for (int shift = 12; shift >= 0; shift -= 4)
		if (shift == 0 || group >> shift != 0)
			*out++ = "0123456789abcdef"[group >> shift & 15];
	return out;
}

static char *put_v6(char *out, const uint8_t bytes[16])
{
	uint16_t groups[8];
	int run, run_len;
	bool colon = false;

	for (int i = 0; i < 8; i++)
		groups[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
	run = find_zero_run(groups, &run_len);
	for (int i = 0; i < 8; i++) {
		if (i == run) {
			*out++ = ':';
			*out++ = ':';
			i += run_len - 1;
			colon = false;
			continue;
		}
		if (colon)
			*out++ = ':';
		out = put_hex(out, groups[i]);
		colon = true;
	}
	return out;
}

/* Without printf: status and logs format addresses by the thousand. */
char *wm_addr_format(const struct wm_addr *a, char out[WM_ADDR_TEXT])
{
	char *end = out;

	if (a->family == WM_IPV4)
		end = put_v4(out, a->bytes);
	else if (a->family == WM_IPV6)
		end = put_v6(out, a->bytes);
	*end = '\0';
	return out;
}

bool wm_addr_is_unspecified(const struct wm_addr *a)
{
	static const uint8_t zero[16];

	return wm_addr_is_valid(a) && memcmp(a->bytes, zero, addr_size(a)) == 0;
}

bool wm_addr_is_loopback(const struct wm_addr *a)
{
	static const uint8_t one[16] = {[15] = 1};

	if (a->family == WM_IPV6)
		return memcmp(a->bytes, one, sizeof(one)) == 0;
	return is_in(a, WM_IPV4, 0x7f00, 8);
}

bool wm_addr_is_link_local(const struct wm_addr *a)
{
	return is_in(a, WM_IPV4, 0xa9fe, 16) || is_in(a, WM_IPV6, 0xfe80, 10);
}

bool wm_addr_is_multicast(const struct wm_addr *a)
{
	return is_in(a, WM_IPV4, 0xe000, 4) || is_in(a, WM_IPV6, 0xff00, 8);
}

bool wm_addr_is_private(const struct wm_addr *a)
{
	return is_in(a, WM_IPV4, 0x0a00, 8) || is_in(a, WM_IPV4, 0xac10, 12) ||
	       is_in(a, WM_IPV4, 0xc0a8, 16) || is_in(a, WM_IPV6, 0xfc00, 7);
}

unsigned wm_addr_bits(const struct wm_addr *a)
{
	if (a->family == WM_IPV4)
		return 32;
	return a->family == WM_IPV6 ? 128 : 0;
}

struct wm_addr wm_addr_v4(uint32_t host_order)
{
	struct wm_addr a = {.family = WM_IPV4};

	for (int i = 0; i < 4; i++)
		a.bytes[i] = (uint8_t)(host_order >> (24 - 8 * i));
	return a;
}
