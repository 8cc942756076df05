#include "wg/place.h"
#include <string.h>

/* The words: the peer's address (2), its scope, port and family; ours (2), our interface, the era
 * in which it was seen, whether it is proven, family. */
#define THEIRS 3
#define ALL    6
#define PROVEN (1u << 8)

typedef uint64_t words[ALL];

static void pack(const struct wm_endpoint *e, words w)
{
	memcpy(w, e->addr.bytes, 16);
	w[2] = (uint64_t)e->scope << 32 | (uint64_t)e->port << 8 | e->addr.family;
}

static void pack_local(const struct wm_udp_local *l, uint16_t era, words w)
{
	memset(&w[THEIRS], 0, 3 * sizeof(w[0]));
	if (l->addr.family == WM_FAMILY_NONE)
		return;
	memcpy(&w[THEIRS], l->addr.bytes, 16);
	w[5] = (uint64_t)l->link << 32 | (uint64_t)era << 16 | l->addr.family;
}

static void unpack(const words w, struct wm_endpoint *e)
{
	memcpy(e->addr.bytes, w, 16);
	e->addr.family = (uint8_t)w[2];
	e->port = (uint16_t)(w[2] >> 8);
	e->scope = (uint32_t)(w[2] >> 32);
}

static bool is_of_era(const words w, uint16_t era)
{
	return (uint8_t)w[5] != WM_FAMILY_NONE && (uint16_t)(w[5] >> 16) == era;
}

static void unpack_local(const words w, struct wm_udp_local *l)
{
	memcpy(l->addr.bytes, &w[THEIRS], 16);
	l->addr.family = (uint8_t)w[5];
	l->link = (uint32_t)(w[5] >> 32);
}

/* The words of one version. */
static void load(struct wm_wg_place *p, words w)
{
	uint32_t version;
	do {
		version = atomic_load_explicit(&p->version, memory_order_acquire);
		for (unsigned i = 0; i < ALL; i++)
			w[i] = atomic_load_explicit(&p->words[i], memory_order_acquire);
	} while (version % 2 != 0 ||
		 version != atomic_load_explicit(&p->version, memory_order_relaxed));
}

bool wm_wg_place_get(struct wm_wg_place *p, struct wm_endpoint *out)
{
	words w;
	load(p, w);
	unpack(w, out);
	return out->addr.family != WM_FAMILY_NONE;
}

bool wm_wg_place_path(struct wm_wg_place *p, uint16_t era, struct wm_wg_path *out)
{
	words w;
	load(p, w);
	unpack(w, &out->to);
	out->local = (struct wm_udp_local){.link = 0};
	if (w[5] & PROVEN && is_of_era(w, era) &&
	    !atomic_load_explicit(&p->is_refused, memory_order_relaxed))
		unpack_local(w, &out->local);
	return out->to.addr.family != WM_FAMILY_NONE;
}

bool wm_wg_place_claim(struct wm_wg_place *p, uint16_t era, struct wm_wg_path *out)
{
	words w;
	load(p, w);
	unpack(w, &out->to);
	unpack_local(w, &out->local);
	return is_of_era(w, era);
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

static void store(struct wm_wg_place *p, const words w)
{
	uint32_t version = lock_version(p);
	for (unsigned i = 0; i < ALL; i++)
		atomic_store_explicit(&p->words[i], w[i], memory_order_release);
	atomic_store_explicit(&p->version, version + 2, memory_order_release);
}

bool wm_wg_place_set(struct wm_wg_place *p, const struct wm_endpoint *e)
{
	words w, old;
	load(p, old);
	pack(e, w);
	if (memcmp(w, old, THEIRS * sizeof(w[0])) == 0)
		return false;
	memset(&w[THEIRS], 0, 3 * sizeof(w[0]));
	store(p, w);
	return true;
}

bool wm_wg_place_learn(struct wm_wg_place *p, uint16_t era, const struct wm_endpoint *from,
		       const struct wm_udp_local *local)
{
	words w, old;
	load(p, old);
	pack(from, w);
	pack_local(local, era, w);
	w[5] |= old[5] & PROVEN;
	if (memcmp(w, old, sizeof(words)) == 0 &&
	    !atomic_load_explicit(&p->is_refused, memory_order_relaxed))
		return false;
	w[5] &= ~(uint64_t)PROVEN;
	atomic_store_explicit(&p->is_refused, false, memory_order_relaxed);
	store(p, w);
	return w[5] != 0;
}

void wm_wg_place_prove(struct wm_wg_place *p, uint16_t era, const struct wm_wg_path *path)
{
	words w;
	pack(&path->to, w);
	pack_local(&path->local, era, w);
	uint32_t version = lock_version(p);
	bool is_same = true;
	for (unsigned i = 0; i < ALL; i++)
		is_same &= w[i] == atomic_load_explicit(&p->words[i], memory_order_relaxed);
	if (is_same)
		atomic_store_explicit(&p->words[5], w[5] | PROVEN, memory_order_release);
	atomic_store_explicit(&p->version, version + 2, memory_order_release);
}

void wm_wg_place_let_go(struct wm_wg_place *p)
{
	uint32_t version = lock_version(p);
	for (unsigned i = THEIRS; i < ALL; i++)
		atomic_store_explicit(&p->words[i], 0, memory_order_release);
	atomic_store_explicit(&p->version, version + 2, memory_order_release);
}
