#include "fabric/state.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

typedef int (*compare_fn)(const void *a, const void *b);

static int compare_prefixes(const void *a, const void *b)
{
	return wm_prefix_compare(a, b);
}

int wm_state_route_compare(const struct wm_state_route *a, const struct wm_state_route *b)
{
	int order = wm_prefix_compare(&a->dst, &b->dst);

	return order != 0 ? order : (a->metric > b->metric) - (a->metric < b->metric);
}

static int compare_routes(const void *a, const void *b)
{
	return wm_state_route_compare(a, b);
}

static int compare_peers(const void *a, const void *b)
{
	const struct wm_state_peer *p = a, *q = b;

	return memcmp(p->public_key, q->public_key, WM_WG_KEY);
}

/* Where @key is, or would be put, in a sorted array. */
static size_t find_place(const void *items, size_t n, size_t size, const void *key, compare_fn cmp,
			 bool *found)
{
	const char *base = items;
	size_t low = 0, high = n;

	*found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = cmp(base + middle * size, key);

		if (order == 0)
			*found = true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The slot of @key: the one that is there, or a new one (zeroed) in its place. */
static void *put_slot(void **items, size_t *n, size_t size, const void *key, compare_fn cmp)
{
	bool found;
	size_t at = find_place(*items, *n, size, key, cmp, &found);
	char *slot;

	if (!found) {
		/* Grows by doubling: the capacity is the next power of two. */
		if ((*n & (*n - 1)) == 0)
			*items = wm_realloc(*items, (*n == 0 ? 1 : 2 * *n) * size);
		slot = (char *)*items + at * size;
		memmove(slot + size, slot, (*n - at) * size);
		memset(slot, 0, size);
		(*n)++;
	}
	return (char *)*items + at * size;
}

/* Shrinking keeps the memory: when the count meets a power of two again, realloc is harmless. */
static void remove_slot(void *items, size_t *n, size_t size, size_t at)
{
	char *slot = (char *)items + at * size;

	memmove(slot, slot + size, (*n - at - 1) * size);
	(*n)--;
}

static void drop(void *items, size_t *n, size_t size, const void *key, compare_fn cmp)
{
	bool found;
	size_t at = find_place(items, *n, size, key, cmp, &found);

	if (found)
		remove_slot(items, n, size, at);
}

void wm_state_put_addr(struct wm_state *s, const struct wm_prefix *a)
{
	void *items = s->addrs;
	struct wm_prefix *slot = put_slot(&items, &s->n_addrs, sizeof(*a), a, compare_prefixes);

	s->addrs = items;
	*slot = *a;
}

void wm_state_drop_addr(struct wm_state *s, const struct wm_prefix *a)
{
	drop(s->addrs, &s->n_addrs, sizeof(*a), a, compare_prefixes);
}

bool wm_state_has_addr(const struct wm_state *s, const struct wm_prefix *a)
{
	bool found;

	find_place(s->addrs, s->n_addrs, sizeof(*a), a, compare_prefixes, &found);
	return found;
}

void wm_state_put_route(struct wm_state *s, const struct wm_state_route *r)
{
	void *items = s->routes;
	struct wm_state_route *slot = put_slot(&items, &s->n_routes, sizeof(*r), r, compare_routes);

	s->routes = items;
	*slot = *r;
}

void wm_state_drop_route(struct wm_state *s, const struct wm_state_route *r)
{
	drop(s->routes, &s->n_routes, sizeof(*r), r, compare_routes);
}

bool wm_state_has_route(const struct wm_state *s, const struct wm_state_route *r)
{
	bool found;

	find_place(s->routes, s->n_routes, sizeof(*r), r, compare_routes, &found);
	return found;
}

static void fini_peer(struct wm_state_peer *p)
{
	wm_free(p->id);
	wm_free(p->allowed);
}

void wm_state_put_peer(struct wm_state *s, const struct wm_state_peer *p)
{
	void *items = s->peers;
	struct wm_state_peer *slot = put_slot(&items, &s->n_peers, sizeof(*p), p, compare_peers);
	struct wm_state_peer old = *slot;

	s->peers = items;
	*slot = *p;
	slot->id = wm_strdup(p->id);
	slot->allowed = p->n_allowed == 0
				? NULL
				: wm_memdup(p->allowed, p->n_allowed * sizeof(*p->allowed));
	fini_peer(&old);
}

void wm_state_drop_peer(struct wm_state *s, const uint8_t public_key[WM_WG_KEY])
{
	struct wm_state_peer key;
	bool found;
	size_t at;

	memcpy(key.public_key, public_key, WM_WG_KEY);
	at = find_place(s->peers, s->n_peers, sizeof(key), &key, compare_peers, &found);
	if (!found)
		return;
	fini_peer(&s->peers[at]);
	remove_slot(s->peers, &s->n_peers, sizeof(key), at);
}

void wm_state_drop_peers(struct wm_state *s)
{
	for (size_t i = 0; i < s->n_peers; i++)
		fini_peer(&s->peers[i]);
	wm_free(s->peers);
	s->peers = NULL;
	s->n_peers = 0;
}

const struct wm_state_peer *wm_state_find_peer(const struct wm_state *s,
					       const uint8_t public_key[WM_WG_KEY])
{
	struct wm_state_peer key;
	bool found;
	size_t at;

	memcpy(key.public_key, public_key, WM_WG_KEY);
	at = find_place(s->peers, s->n_peers, sizeof(key), &key, compare_peers, &found);
	return found ? &s->peers[at] : NULL;
}

void wm_state_fini(struct wm_state *s)
{
	wm_state_drop_peers(s);
	wm_free(s->addrs);
	wm_free(s->routes);
	memset(s, 0, sizeof(*s));
}
