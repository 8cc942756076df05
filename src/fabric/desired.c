#include "fabric/desired.h"

#include <string.h>

#include "base/mem.h"

struct wm_desired *wm_desired_new(void)
{
	struct wm_desired *d = wm_alloc(sizeof(*d));

	wm_arena_init(&d->arena, 0);
	d->zone = "";
	return d;
}

void wm_desired_free(struct wm_desired *d)
{
	if (d == NULL)
		return;
	wm_free(d->peers);
	wm_arena_fini(&d->arena);
	wm_free(d);
}

/*
 * Room for one more of @n elements of @size, in the arena: the array is moved when n is a power of
 * two, which costs at most twice the memory.
 */
static void *grown(struct wm_desired *d, void *items, size_t n, size_t size)
{
	void *bigger;

	if (n != 0 && (n & (n - 1)) != 0)
		return items;
	bigger = wm_arena_alloc(&d->arena, (n == 0 ? 1 : 2 * n) * size);
	if (n > 0)
		memcpy(bigger, items, n * size);
	return bigger;
}

static void add_prefix(struct wm_desired *d, struct wm_prefix **list, size_t *n,
		       const struct wm_prefix *p)
{
	*list = grown(d, *list, *n, sizeof(**list));
	(*list)[(*n)++] = *p;
}

static const char *copied(struct wm_desired *d, const char *s)
{
	return s == NULL || s[0] == '\0' ? "" : wm_arena_strdup(&d->arena, s);
}

void wm_desired_add_network(struct wm_desired *d, const struct wm_prefix *p)
{
	add_prefix(d, &d->networks, &d->n_networks, p);
}

void wm_desired_set_zone(struct wm_desired *d, const char *zone)
{
	d->zone = copied(d, zone);
}

struct wm_desired_peer *wm_desired_add_peer(struct wm_desired *d, const char *id,
					    const uint8_t public_key[WM_WG_KEY])
{
	struct wm_desired_peer *p;

	if (d->n_peers == d->cap_peers) {
		d->cap_peers = d->cap_peers == 0 ? 8 : 2 * d->cap_peers;
		d->peers = wm_realloc(d->peers, d->cap_peers * sizeof(*d->peers));
	}
	p = &d->peers[d->n_peers++];
	memset(p, 0, sizeof(*p));
	p->id = copied(d, id);
	memcpy(p->public_key, public_key, WM_WG_KEY);
	p->endpoint = "";
	p->zone = "";
	return p;
}

void wm_desired_set_endpoint(struct wm_desired *d, struct wm_desired_peer *p, const char *endpoint,
			     const char *zone)
{
	p->endpoint = copied(d, endpoint);
	p->zone = copied(d, zone);
}

void wm_desired_add_candidate(struct wm_desired *d, struct wm_desired_peer *p, const char *endpoint)
{
	p->candidates = grown(d, p->candidates, p->n_candidates, sizeof(*p->candidates));
	p->candidates[p->n_candidates++] = copied(d, endpoint);
}

void wm_desired_add_allowed(struct wm_desired *d, struct wm_desired_peer *p,
			    const struct wm_prefix *prefix)
{
	add_prefix(d, &p->allowed, &p->n_allowed, prefix);
}

void wm_desired_add_route(struct wm_desired *d, struct wm_desired_peer *p,
			  const struct wm_prefix *prefix)
{
	add_prefix(d, &p->routes, &p->n_routes, prefix);
}
