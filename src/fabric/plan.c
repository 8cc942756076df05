/*
 * Peers are taken in the order of their IDs, and the first to claim a prefix has it: WireGuard
 * gives a prefix to one peer only, and which one must not depend on the order in which a list
 * arrived.
 *
 * A tunnel must not carry its own packets. A route that covers the endpoint of a peer would send
 * the sealed packets into the tunnel again, unless the host is on a narrower subnet with that
 * endpoint. So such a route is left out; and where it is a network of the mesh itself that covers
 * it, the endpoint is.
 */
#include "fabric/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "platform/sysctl.h"

struct plan {
	const struct wm_desired *desired;
	const struct wm_plan_view *view;
	struct wm_state *out;
	struct wm_desired_peer **peers; /* by ID */
	struct wm_endpoint *endpoints;  /* of the same peers; family none = has none */
	struct wm_map owners;           /* prefix -> the peer that has it */
	struct wm_map keys;             /* public key -> peer */
};

static void refuse(struct plan *p, const char *kind, const char *name, int code, const char *why)
{
	char what[96];

	snprintf(what, sizeof(what), "%s %.64s", kind, name);
	p->view->refuse(p->view->arg, what, code, why);
}

static bool has_family(const struct plan *p, const struct wm_prefix *prefix)
{
	return prefix->addr.family == WM_IPV4 ? wm_prefix_is_valid(&p->desired->addr4)
					      : wm_prefix_is_valid(&p->desired->addr6);
}

static bool is_in_mesh(const struct plan *p, const struct wm_prefix *prefix)
{
	for (size_t i = 0; i < p->desired->n_networks; i++)
		if (wm_prefix_covers(&p->desired->networks[i], prefix))
			return true;
	return false;
}

/* True when a route to @dst would take packets that are meant for @e outside. */
static bool captures(const struct plan *p, const struct wm_prefix *dst, const struct wm_endpoint *e)
{
	const struct wm_endpoint_view *v = &p->view->endpoints;

	if (!wm_prefix_contains(dst, &e->addr))
		return false;
	for (size_t i = 0; i < v->n_local; i++)
		if (v->local[i].bits >= dst->bits && wm_prefix_contains(&v->local[i], &e->addr))
			return false;
	return true;
}

static void choose_endpoint(struct plan *p, size_t i)
{
	struct wm_endpoint *e = &p->endpoints[i];

	if (!wm_endpoint_choose(p->peers[i], &p->view->endpoints, e)) {
		memset(e, 0, sizeof(*e));
		return;
	}
	for (size_t k = 0; k < p->desired->n_networks; k++) {
		if (has_family(p, &p->desired->networks[k]) &&
		    captures(p, &p->desired->networks[k], e)) {
			refuse(p, "endpoint of peer", p->peers[i]->id, WM_FAILED_PRECONDITION,
			       "it lies inside the mesh's own network");
			memset(e, 0, sizeof(*e));
			return;
		}
	}
}

static bool is_own_address(const struct plan *p, const struct wm_prefix *prefix)
{
	return wm_prefix_covers(&p->desired->addr4, prefix) ||
	       wm_prefix_covers(&p->desired->addr6, prefix);
}

/* The sentence that says why nobody may have this prefix, or NULL. */
static const char *why_not(const struct plan *p, const struct wm_prefix *prefix)
{
	if (is_own_address(p, prefix))
		return "it is our own address";
	if (wm_addr_is_loopback(&prefix->addr) || wm_addr_is_multicast(&prefix->addr) ||
	    wm_addr_is_link_local(&prefix->addr))
		return "such addresses have no meaning beyond one host or link";
	return NULL;
}

/* The peer gets the prefix, or somebody learns why not. @raw may have host bits. */
static void allow(struct plan *p, struct wm_desired_peer *peer, struct wm_state_peer *out,
		  const struct wm_prefix *raw)
{
	struct wm_prefix prefix = wm_prefix_masked(raw);
	const struct wm_desired_peer *owner;
	char text[WM_PREFIX_TEXT], why[160];

	if (!wm_prefix_is_valid(&prefix) || !has_family(p, &prefix))
		return;
	wm_prefix_format(&prefix, text);
	if (wm_prefix_is_default(&prefix)) {
		if (!p->desired->no_full_tunnel)
			refuse(p, "route", text, WM_UNIMPLEMENTED,
			       "a full tunnel is not offered: it would carry its own packets");
		return;
	}
	if (why_not(p, &prefix) != NULL) {
		snprintf(why, sizeof(why), "offered by %.64s, but %s", peer->id,
			 why_not(p, &prefix));
		refuse(p, "prefix", text, WM_INVALID_ARGUMENT, why);
		return;
	}
	owner = wm_map_find(&p->owners, text);
	if (owner == peer)
		return;
	if (owner != NULL) {
		snprintf(why, sizeof(why), "offered by %.64s too, but %.64s has it", peer->id,
			 owner->id);
		refuse(p, "prefix", text, WM_ALREADY_EXISTS, why);
		return;
	}
	wm_map_put(&p->owners, text, peer);
	out->allowed[out->n_allowed++] = prefix;
}

/* Outside the mesh's own networks, an allowed prefix needs a route of its own. */
static void route_to(struct plan *p, const struct wm_prefix *prefix)
{
	struct wm_state_route r = {.dst = *prefix, .metric = WM_PLAN_ROUTE_METRIC};
	char text[WM_PREFIX_TEXT], e[WM_ENDPOINT_TEXT], why[256];

	if (is_in_mesh(p, prefix))
		return;
	for (size_t i = 0; i < p->desired->n_peers; i++) {
		if (!wm_addr_is_valid(&p->endpoints[i].addr) ||
		    !captures(p, prefix, &p->endpoints[i]))
			continue;
		snprintf(why, sizeof(why),
			 "it would carry the tunnel's own packets to %s, the endpoint of %.64s",
			 wm_endpoint_format(&p->endpoints[i], e), p->peers[i]->id);
		refuse(p, "route", wm_prefix_format(prefix, text), WM_FAILED_PRECONDITION, why);
		return;
	}
	wm_state_put_route(p->out, &r);
}

static uint16_t keepalive_for(const struct plan *p, bool has_endpoint)
{
	if (p->desired->keepalive_s != 0)
		return p->desired->keepalive_s;
	return !p->desired->is_public && has_endpoint ? WM_PLAN_NAT_KEEPALIVE_S : 0;
}

/* Everywhere that the peer may be, if it is not where it is expected. */
static void add_places(const struct wm_desired_peer *peer, struct wm_state_peer *out)
{
	struct wm_endpoint_text text;
	bool is_known;

	out->places[out->n_places++] = out->endpoint;
	for (size_t i = 0; i < peer->n_candidates && out->n_places < WM_STATE_PLACES; i++) {
		wm_endpoint_text_parse(peer->candidates[i], &text);
		is_known = text.kind != WM_ENDPOINT_LITERAL;
		for (size_t k = 0; k < out->n_places; k++)
			is_known |= wm_endpoint_equal(&out->places[k], &text.literal);
		if (!is_known)
			out->places[out->n_places++] = text.literal;
	}
}

/* Places to which our own routes lead through the tunnel are none: it would run inside itself. */
static void drop_inner_places(const struct plan *p, struct wm_state_peer *peer)
{
	size_t kept = 0;

	for (size_t i = 0; i < peer->n_places; i++) {
		bool is_inner = false;

		for (size_t k = 0; k < p->out->n_routes && !is_inner; k++)
			is_inner = captures(p, &p->out->routes[k].dst, &peer->places[i]);
		if (!is_inner)
			peer->places[kept++] = peer->places[i];
	}
	peer->n_places = kept;
}

static int compare_prefixes(const void *a, const void *b)
{
	return wm_prefix_compare(a, b);
}

static void plan_peer(struct plan *p, size_t i)
{
	struct wm_desired_peer *peer = p->peers[i];
	struct wm_state_peer out = {.endpoint = p->endpoints[i]};
	struct wm_prefix *allowed;

	if (wm_map_find_n(&p->keys, peer->public_key, WM_WG_KEY) != NULL) {
		refuse(p, "peer", peer->id, WM_ALREADY_EXISTS, "another peer has the same key");
		return;
	}
	wm_map_put_n(&p->keys, peer->public_key, WM_WG_KEY, peer);
	allowed = wm_calloc(peer->n_allowed + peer->n_routes + 1, sizeof(*allowed));
	out.allowed = allowed;
	memcpy(out.public_key, peer->public_key, WM_WG_KEY);
	out.has_endpoint = wm_addr_is_valid(&out.endpoint.addr);
	if (out.has_endpoint)
		add_places(peer, &out);
	out.keepalive_s = keepalive_for(p, out.has_endpoint);
	for (size_t k = 0; k < peer->n_allowed; k++)
		allow(p, peer, &out, &peer->allowed[k]);
	for (size_t k = 0; k < peer->n_routes; k++)
		allow(p, peer, &out, &peer->routes[k]);
	if (out.n_allowed > 1)
		qsort(allowed, out.n_allowed, sizeof(*allowed), compare_prefixes);
	for (size_t k = 0; k < out.n_allowed; k++)
		route_to(p, &allowed[k]);
	out.id = wm_strdup(peer->id);
	wm_state_put_peer(p->out, &out);
	wm_free(out.id);
	wm_free(allowed);
}

static int compare_by_id(const void *a, const void *b)
{
	struct wm_desired_peer *const *p = a, *const *q = b;
	int order = strcmp((*p)->id, (*q)->id);

	return order != 0 ? order : memcmp((*p)->public_key, (*q)->public_key, WM_WG_KEY);
}

static void plan_link(struct plan *p)
{
	const struct wm_desired *d = p->desired;
	unsigned families = (wm_prefix_is_valid(&d->addr4) ? WM_FORWARDING_V4 : 0u) |
			    (wm_prefix_is_valid(&d->addr6) ? WM_FORWARDING_V6 : 0u);

	p->out->up = true;
	p->out->mtu = d->mtu;
	p->out->forwarding = d->forwarding & families;
	if ((families & WM_FORWARDING_V4) != 0)
		wm_state_put_addr(p->out, &d->addr4);
	if ((families & WM_FORWARDING_V6) != 0)
		wm_state_put_addr(p->out, &d->addr6);
	for (size_t i = 0; i < d->n_networks; i++) {
		struct wm_state_route r = {.dst = wm_prefix_masked(&d->networks[i])};

		if (has_family(p, &r.dst) && !wm_prefix_is_default(&r.dst))
			wm_state_put_route(p->out, &r);
	}
}

void wm_plan_make(const struct wm_desired *d, const struct wm_plan_view *view, struct wm_state *out)
{
	struct plan p = {.desired = d, .view = view, .out = out};

	p.peers = wm_calloc(d->n_peers + 1, sizeof(*p.peers));
	p.endpoints = wm_calloc(d->n_peers + 1, sizeof(*p.endpoints));
	for (size_t i = 0; i < d->n_peers; i++)
		p.peers[i] = &d->peers[i];
	if (d->n_peers > 1)
		qsort(p.peers, d->n_peers, sizeof(*p.peers), compare_by_id);
	plan_link(&p);
	for (size_t i = 0; i < d->n_peers; i++)
		choose_endpoint(&p, i);
	for (size_t i = 0; i < d->n_peers; i++)
		plan_peer(&p, i);
	for (size_t i = 0; i < out->n_peers; i++)
		drop_inner_places(&p, &out->peers[i]);
	wm_map_fini(&p.owners);
	wm_map_fini(&p.keys);
	wm_free(p.endpoints);
	wm_free(p.peers);
}
