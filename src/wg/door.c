#include "wg/door.h"
#include <string.h>
#include "wg/message.h"

#define SECOND   1000000000LL
#define SLICE_NS (SECOND / 100)

/* Of one prefix in a slice. */
#define SHARE_TRUSTED  100
#define SHARE_STRANGER (WM_WG_DOOR_STRANGERS / 100 / 8)

void wm_wg_door_init(struct wm_wg_door *d, uint64_t key)
{
	memset(d, 0, sizeof(*d));
	d->key = key | 1;
}

/* Mixes as the finalizer of MurmurHash3 does; the key keeps it from being foreseen. */
static uint64_t mix(uint64_t h)
{
	h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ (h >> 33);
}

/* Of the first @n bytes; never 0. */
static uint64_t hash_address(const struct wm_wg_door *d, const struct wm_addr *a, size_t n)
{
	uint64_t words[2] = {0, 0};
	memcpy(words, a->bytes, n);
	uint64_t h = mix(mix(mix(d->key ^ a->family) ^ words[0]) * d->key ^ words[1]);
	return h != 0 ? h : 1;
}

static uint64_t hash_source(const struct wm_wg_door *d, const struct wm_addr *a)
{
	return hash_address(d, a, a->family == WM_IPV6 ? 16 : 4);
}

void wm_wg_door_know(struct wm_wg_door *d, const struct wm_addr *source)
{
	uint64_t h = hash_source(d, source);
	_Atomic uint64_t *slot = &d->known[h % WM_WG_DOOR_KNOWN];
	if (atomic_load_explicit(slot, memory_order_relaxed) != h)
		atomic_store_explicit(slot, h, memory_order_relaxed);
}

static bool is_known(const struct wm_wg_door *d, const struct wm_addr *source)
{
	uint64_t h = hash_source(d, source);
	return atomic_load_explicit(&d->known[h % WM_WG_DOOR_KNOWN], memory_order_relaxed) == h;
}

void wm_wg_door_load(struct wm_wg_door *d, int64_t now)
{
	atomic_store_explicit(&d->loaded_until, now + SECOND, memory_order_relaxed);
}

bool wm_wg_door_is_loaded(const struct wm_wg_door *d, int64_t now)
{
	return now < atomic_load_explicit(&d->loaded_until, memory_order_relaxed);
}

/* Only what has macs has a second one; cookie replies answer something of ours. */
static bool has_second_mac(const uint8_t *data, size_t len)
{
	static const uint8_t none[WM_WG_MAC];
	uint32_t type = len >= sizeof(struct wm_wg_response) ? wm_wg_get_le32(data) : 0;
	if (type != WM_WG_INITIATION && type != WM_WG_RESPONSE)
		return true;
	return memcmp(data + len - WM_WG_MAC, none, WM_WG_MAC) != 0;
}

/* Threads that begin a slice at once may give out a few turns more: no harm. */
static bool take_turn(struct wm_wg_turns *t, uint32_t per_second, int64_t slice)
{
	if (atomic_exchange_explicit(&t->slice, slice, memory_order_relaxed) != slice)
		atomic_store_explicit(&t->count, 0, memory_order_relaxed);
	return atomic_fetch_add_explicit(&t->count, 1, memory_order_relaxed) < per_second / 100;
}

static bool take_share(struct wm_wg_door *d, enum wm_wg_door_class class,
		       const struct wm_addr *source, unsigned most, int64_t slice)
{
	size_t prefix = source->family == WM_IPV6 ? 7 : 3;
	uint64_t h = class == WM_WG_DOOR_IS_KNOWN ? hash_source(d, source)
						  : hash_address(d, source, prefix);
	_Atomic uint32_t *share = &d->shares[class][h % WM_WG_DOOR_PREFIXES];
	uint32_t value = atomic_load_explicit(share, memory_order_relaxed);
	uint32_t begin = (uint32_t)slice << 8;
	if (value < begin || value - begin > UINT8_MAX)
		value = begin;
	if (value - begin >= most)
		return false;
	atomic_store_explicit(share, value + 1, memory_order_relaxed);
	return true;
}

enum wm_drop wm_wg_door_judge(struct wm_wg_door *d, const struct wm_endpoint *from,
			      const uint8_t *data, size_t len, int64_t now)
{
	int64_t slice = now / SLICE_NS;
	bool is_in;
	if (!wm_wg_door_is_loaded(d, now))
		return WM_DROP_NONE;
	if (is_known(d, &from->addr))
		is_in = take_share(d, WM_WG_DOOR_IS_KNOWN, &from->addr, SHARE_TRUSTED, slice);
	else if (has_second_mac(data, len))
		is_in = take_share(d, WM_WG_DOOR_HAS_MAC, &from->addr, SHARE_TRUSTED, slice) &&
			take_turn(&d->macs, WM_WG_DOOR_MACS, slice);
	else
		is_in = take_share(d, WM_WG_DOOR_STRANGE, &from->addr, SHARE_STRANGER, slice) &&
			take_turn(&d->strangers, WM_WG_DOOR_STRANGERS, slice);
	return is_in ? WM_DROP_NONE : WM_DROP_LOAD;
}
