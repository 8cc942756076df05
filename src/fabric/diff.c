/*
 * Both states are sorted, so every list is compared by one walk over the two. The order of the
 * steps: peers first, since handshakes take longest and need nothing else; what is to go before
 * what is to come, since a new route may have the destination of an old one; the link's size before
 * it comes up, addresses before routes, which the kernel picks source addresses for; forwarding
 * last.
 */
#include "fabric/diff.h"

#include <string.h>

#include "base/mem.h"
#include "platform/sysctl.h"

static struct wm_step *add(struct wm_steps *s, enum wm_step_op op)
{
	struct wm_step *step;

	if ((s->n & (s->n - 1)) == 0)
		s->steps = wm_realloc(s->steps, (s->n == 0 ? 1 : 2 * s->n) * sizeof(*step));
	step = &s->steps[s->n++];
	memset(step, 0, sizeof(*step));
	step->op = op;
	return step;
}

static bool same_peer(const struct wm_state_peer *have, const struct wm_state_peer *want)
{
	struct wm_peer_delta d;
	bool same;

	wm_peer_diff(have, want, &d);
	same = !d.push_endpoint && !d.push_places && !d.push_keepalive && d.n_allowed == 0 &&
	       have->has_endpoint == want->has_endpoint && strcmp(have->id, want->id) == 0;
	wm_peer_delta_fini(&d);
	return same;
}

static void diff_peers(const struct wm_state *have, const struct wm_state *want,
		       struct wm_steps *out)
{
	for (size_t i = 0; i < have->n_peers; i++)
		if (wm_state_find_peer(want, have->peers[i].public_key) == NULL)
			memcpy(add(out, WM_STEP_PEER_REMOVE)->key, have->peers[i].public_key,
			       WM_WG_KEY);
	for (size_t i = 0; i < want->n_peers; i++) {
		const struct wm_state_peer *p = &want->peers[i];
		const struct wm_state_peer *old = wm_state_find_peer(have, p->public_key);

		if (old == NULL || !same_peer(old, p))
			add(out, WM_STEP_PEER_PUT)->peer = p;
	}
}

/* What @a has and @b lacks. */
static void diff_routes(const struct wm_state *a, const struct wm_state *b, enum wm_step_op op,
			struct wm_steps *out)
{
	for (size_t i = 0; i < a->n_routes; i++)
		if (!wm_state_has_route(b, &a->routes[i]))
			add(out, op)->route = a->routes[i];
}

static void diff_addrs(const struct wm_state *a, const struct wm_state *b, enum wm_step_op op,
		       struct wm_steps *out)
{
	for (size_t i = 0; i < a->n_addrs; i++)
		if (!wm_state_has_addr(b, &a->addrs[i]))
			add(out, op)->addr = a->addrs[i];
}

static void diff_forwarding(unsigned bits, enum wm_step_op op, struct wm_steps *out)
{
	static const enum wm_forwarding families[] = {WM_FORWARDING_V4, WM_FORWARDING_V6};

	for (size_t i = 0; i < WM_ARRAY_LEN(families); i++)
		if ((bits & families[i]) != 0)
			add(out, op)->number = families[i];
}

void wm_state_diff(const struct wm_state *have, const struct wm_state *want, struct wm_steps *out)
{
	memset(out, 0, sizeof(*out));
	diff_peers(have, want, out);
	diff_routes(have, want, WM_STEP_ROUTE_REMOVE, out);
	diff_addrs(have, want, WM_STEP_ADDR_REMOVE, out);
	if (have->up && !want->up)
		add(out, WM_STEP_LINK_DOWN);
	if (want->mtu != 0 && have->mtu != want->mtu)
		add(out, WM_STEP_LINK_MTU)->number = want->mtu;
	if (want->up && !have->up)
		add(out, WM_STEP_LINK_UP);
	diff_addrs(want, have, WM_STEP_ADDR_ADD, out);
	diff_routes(want, have, WM_STEP_ROUTE_ADD, out);
	diff_forwarding(have->forwarding & ~want->forwarding, WM_STEP_FORWARD_OFF, out);
	diff_forwarding(want->forwarding & ~have->forwarding, WM_STEP_FORWARD_ON, out);
}

void wm_steps_fini(struct wm_steps *s)
{
	wm_free(s->steps);
	memset(s, 0, sizeof(*s));
}

static void add_allowed(struct wm_peer_delta *d, const struct wm_prefix *p, bool remove)
{
	d->allowed[d->n_allowed].prefix = *p;
	d->allowed[d->n_allowed++].remove = remove;
}

static bool same_places(const struct wm_state_peer *have, const struct wm_state_peer *want)
{
	if (have->n_places != want->n_places)
		return false;
	for (size_t i = 0; i < want->n_places; i++)
		if (!wm_endpoint_equal(&have->places[i], &want->places[i]))
			return false;
	return true;
}

/* One walk over two sorted lists. */
static void diff_allowed(const struct wm_state_peer *have, const struct wm_state_peer *want,
			 struct wm_peer_delta *out)
{
	size_t i = 0, k = 0, n_have = have == NULL ? 0 : have->n_allowed;

	out->allowed = wm_calloc(n_have + want->n_allowed + 1, sizeof(*out->allowed));
	while (i < n_have || k < want->n_allowed) {
		int order = i == n_have ? 1
			    : k == want->n_allowed
				    ? -1
				    : wm_prefix_compare(&have->allowed[i], &want->allowed[k]);

		if (order < 0)
			add_allowed(out, &have->allowed[i++], true);
		else if (order > 0)
			add_allowed(out, &want->allowed[k++], false);
		else
			i++, k++;
	}
}

void wm_peer_diff(const struct wm_state_peer *have, const struct wm_state_peer *want,
		  struct wm_peer_delta *out)
{
	memset(out, 0, sizeof(*out));
	out->is_new = have == NULL;
	out->push_endpoint =
		want->has_endpoint && (have == NULL || !have->has_endpoint ||
				       !wm_endpoint_equal(&have->endpoint, &want->endpoint));
	out->push_places = have == NULL ? want->n_places > 0 : !same_places(have, want);
	out->push_keepalive = have == NULL || have->keepalive_s != want->keepalive_s;
	diff_allowed(have, want, out);
}

void wm_peer_delta_fini(struct wm_peer_delta *d)
{
	wm_free(d->allowed);
	memset(d, 0, sizeof(*d));
}
