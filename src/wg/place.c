#include "wg/place.h"
#include <string.h>

static void pack(const struct wm_endpoint *e, uint64_t words[3])
{
	memcpy(words, e->addr.bytes, 16);
	words[2] = (uint64_t)e->scope << 32 | (uint64_t)e->port << 8 | e->addr.family;
}

static void unpack(const uint64_t words[3], struct wm_endpoint *e)
{
	memcpy(e->addr.bytes, words, 16);
	e->addr.family = (uint8_t)words[2];
	e->port = (uint16_t)(words[2] >> 8);
	e->scope = (uint32_t)(words[2] >> 32);
}

/* The words of one version. */
static void load_words(struct wm_wg_place *p, uint64_t words[3])
{
	uint32_t version;
	do {
		version = atomic_load_explicit(&p->version, memory_order_acquire);
		for (unsigned i = 0; i < 3; i++)
			words[i] = atomic_load_explicit(&p->words[i], memory_order_acquire);
	} while (version % 2 != 0 ||
		 version != atomic_load_explicit(&p->version, memory_order_relaxed));
}

bool wm_wg_place_get(struct wm_wg_place *p, struct wm_endpoint *out)
{
	uint64_t words[3];
	load_words(p, words);
	unpack(words, out);
	return out->addr.family != WM_FAMILY_NONE;
}

/* Waits for another writer to finish; they are few and quick. */
static uint32_t lock_version(struct wm_wg_place *p)
{
	for (;;) {
		uint32_t version = atomic_load_explicit(&p->version, memory_order_relaxed) & ~1u;
		if (atomic_compare_exchange_weak(&p->version, &version, version + 1))
			return version;
	}
}

bool wm_wg_place_set(struct wm_wg_place *p, const struct wm_endpoint *e)
{
	uint64_t words[3], old[3];
	pack(e, words);
	load_words(p, old);
	if (memcmp(words, old, sizeof(words)) == 0)
		return false;
	uint32_t version = lock_version(p);
	for (unsigned i = 0; i < 3; i++)
		atomic_store_explicit(&p->words[i], words[i], memory_order_release);
	atomic_store_explicit(&p->version, version + 2, memory_order_release);
	return true;
}
