#include "wg/ratelimit.h"
#include "crypto/hash.h"
#include <string.h>

#define TOKEN_NS (1000000000LL / 20)
#define BURST_NS (5 * TOKEN_NS)

void wm_wg_ratelimit_init(struct wm_wg_ratelimit *r, const uint8_t key[16])
{
	memset(r, 0, sizeof(*r));
	memcpy(r->key, key, sizeof(r->key));
}

static uint64_t hash_source(const struct wm_wg_ratelimit *r, const struct wm_addr *source)
{
	uint8_t text[9] = {source->family}, digest[16];
	uint64_t h;
	memcpy(text + 1, source->bytes, source->family == WM_IPV6 ? 8 : 4);
	wm_hash_blake2s_mac(r->key, sizeof(r->key), text, sizeof(text), digest, sizeof(digest));
	memcpy(&h, digest, sizeof(h));
	return h != 0 ? h : 1;
}

/* The entry of @source, or the one that has been full longest, handed over to it. */
static struct wm_wg_rate_entry *find_entry(struct wm_wg_rate_entry *row, uint64_t source,
					   int64_t now)
{
	struct wm_wg_rate_entry *oldest = &row[0];
	for (unsigned i = 0; i < WM_WG_RATE_WAYS; i++) {
		if (row[i].source == source)
			return &row[i];
		if (row[i].source == 0 || (oldest->source != 0 && row[i].full_at < oldest->full_at))
			oldest = &row[i];
	}
	*oldest = (struct wm_wg_rate_entry){.source = source, .full_at = now};
	return oldest;
}

bool wm_wg_ratelimit_allow(struct wm_wg_ratelimit *r, const struct wm_addr *source, int64_t now)
{
	uint64_t h = hash_source(r, source);
	struct wm_wg_rate_entry *e = find_entry(r->rows[h % WM_WG_RATE_ROWS], h, now);
	int64_t full_at = (e->full_at > now ? e->full_at : now) + TOKEN_NS;
	if (full_at - now > BURST_NS)
		return false;
	e->full_at = full_at;
	return true;
}
