/* The prefix part of base/addr.h. */
#include "base/addr.h"

#include <string.h>

#include "base/str.h"

bool wm_prefix_is_valid(const struct wm_prefix *p)
{
	return wm_addr_is_valid(&p->addr) && p->bits <= wm_addr_bits(&p->addr);
}

bool wm_prefix_equal(const struct wm_prefix *a, const struct wm_prefix *b)
{
	return wm_prefix_compare(a, b) == 0;
}

int wm_prefix_compare(const struct wm_prefix *a, const struct wm_prefix *b)
{
	int order = wm_addr_compare(&a->addr, &b->addr);

	return order != 0 ? order : (int)a->bits - (int)b->bits;
}

bool wm_prefix_parse(const char *s, struct wm_prefix *out)
{
	const char *slash = s != NULL ? strchr(s, '/') : NULL;
	char addr[WM_ADDR_TEXT];
	struct wm_prefix p;
	uint64_t bits;
	unsigned mapped;

	if (slash == NULL || (size_t)(slash - s) >= sizeof(addr))
		return false;
	if (!wm_parse_u64(slash + 1, 0, 128, &bits) || (slash[1] == '0' && slash[2] != '\0'))
		return false;
	memcpy(addr, s, (size_t)(slash - s));
	addr[slash - s] = '\0';
	if (!wm_addr_parse(addr, &p.addr))
		return false;
	/* The length of an IPv4 prefix that was written as a mapped one counts 96 bits more. */
	mapped = p.addr.family == WM_IPV4 && strchr(addr, ':') != NULL ? 96 : 0;
	if (bits < mapped || bits - mapped > wm_addr_bits(&p.addr))
		return false;
	p.bits = (uint8_t)(bits - mapped);
	*out = p;
	return true;
}

char *wm_prefix_format(const struct wm_prefix *p, char out[WM_PREFIX_TEXT])
{
	char *end = out;

	if (wm_prefix_is_valid(p)) {
		end += strlen(wm_addr_format(&p->addr, out));
		*end++ = '/';
		end = wm_put_u64(end, p->bits);
	}
	*end = '\0';
	return out;
}

/* The bits of byte @i that belong to a prefix of @bits bits. */
static uint8_t mask_byte(unsigned bits, unsigned i)
{
	if (bits >= 8 * i + 8)
		return 0xff;
	if (bits <= 8 * i)
		return 0;
	return (uint8_t)(0xff << (8 * i + 8 - bits));
}

struct wm_prefix wm_prefix_masked(const struct wm_prefix *p)
{
	struct wm_prefix masked = *p;

	for (unsigned i = 0; i < sizeof(masked.addr.bytes); i++)
		masked.addr.bytes[i] &= mask_byte(p->bits, i);
	return masked;
}

bool wm_prefix_contains(const struct wm_prefix *p, const struct wm_addr *a)
{
	if (!wm_prefix_is_valid(p) || p->addr.family != a->family)
		return false;
	for (unsigned i = 0; 8 * i < p->bits; i++) {
		if (((p->addr.bytes[i] ^ a->bytes[i]) & mask_byte(p->bits, i)) != 0)
			return false;
	}
	return true;
}

bool wm_prefix_covers(const struct wm_prefix *outer, const struct wm_prefix *inner)
{
	return wm_prefix_is_valid(inner) && outer->bits <= inner->bits &&
	       wm_prefix_contains(outer, &inner->addr);
}

bool wm_prefix_overlaps(const struct wm_prefix *a, const struct wm_prefix *b)
{
	return wm_prefix_covers(a, b) || wm_prefix_covers(b, a);
}

struct wm_prefix wm_prefix_of_addr(const struct wm_addr *a)
{
	return (struct wm_prefix){.addr = *a, .bits = (uint8_t)wm_addr_bits(a)};
}

bool wm_prefix_is_default(const struct wm_prefix *p)
{
	return p->bits == 0 && wm_addr_is_valid(&p->addr);
}
