/*
 * Peers go to the device together, since it publishes what its workers read once per call. When
 * that fails nothing of it was applied, and each peer is told on its own, so that only the one at
 * fault is left out. Everything else is one call per step.
 */
#include "fabric/execute.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "fabric/journal.h"
#include "platform/link.h"
#include "platform/netns.h"
#include "platform/route.h"
#include "wg/device.h"

static bool is_peer_step(const struct wm_step *s)
{
	return s->op == WM_STEP_PEER_REMOVE || s->op == WM_STEP_PEER_PUT;
}

static const char *peer_name(const struct wm_step *s, const struct wm_state *have)
{
	const struct wm_state_peer *p =
		s->op == WM_STEP_PEER_PUT ? s->peer : wm_state_find_peer(have, s->key);

	return p == NULL ? "?" : p->id;
}

/* How the step is called in errors and on the list of what is not applied. */
static void name_step(const struct wm_step *s, const struct wm_state *have, char *out, size_t size)
{
	char text[WM_PREFIX_TEXT];

	switch (s->op) {
	case WM_STEP_PEER_REMOVE:
	case WM_STEP_PEER_PUT: snprintf(out, size, "peer %.80s", peer_name(s, have)); break;
	case WM_STEP_ROUTE_REMOVE:
	case WM_STEP_ROUTE_ADD:
		snprintf(out, size, "route %s", wm_prefix_format(&s->route.dst, text));
		break;
	case WM_STEP_ADDR_REMOVE:
	case WM_STEP_ADDR_ADD:
		snprintf(out, size, "address %s", wm_prefix_format(&s->addr, text));
		break;
	case WM_STEP_LINK_DOWN:
	case WM_STEP_LINK_UP: snprintf(out, size, "interface"); break;
	case WM_STEP_LINK_MTU: snprintf(out, size, "MTU %u", s->number); break;
	case WM_STEP_FORWARD_OFF:
	case WM_STEP_FORWARD_ON:
		snprintf(out, size, "forwarding of IPv%d", s->number == WM_FORWARDING_V4 ? 4 : 6);
		break;
	}
}

static bool is_vital(const struct wm_executor *x, const struct wm_step *s)
{
	if (s->op == WM_STEP_LINK_UP)
		return true;
	if (s->op == WM_STEP_ADDR_ADD)
		return s->addr.addr.family == WM_IPV4 || !x->has_ipv4;
	return s->op == WM_STEP_ROUTE_ADD && s->route.metric == 0 &&
	       (s->route.dst.addr.family == WM_IPV4 || !x->has_ipv4);
}

static void report(struct wm_executor *x, const struct wm_step *s, const struct wm_state *have,
		   const struct wm_err *err)
{
	char what[96];

	name_step(s, have, what, sizeof(what));
	x->failed++;
	x->on_failed(x->arg, what, err, is_vital(x, s));
}

/* ---- peers ---- */

struct peer_job {
	const struct wm_step *step;
	struct wm_peer_delta delta;
	bool greet;
};

/* A new peer of which no endpoint is known begins where it was in the last life of this node. */
static void recall(const struct wm_executor *x, struct wm_wg_peer_config *c, struct peer_job *job)
{
	const struct wm_endpoint *at;

	if (!job->delta.is_new || c->has_endpoint || x->recall == NULL)
		return;
	at = x->recall(x->recall_arg, c->public_key);
	if (at == NULL)
		return;
	c->has_endpoint = true;
	c->endpoint = *at;
	job->greet = true;
}

static void fill_job(const struct wm_executor *x, struct wm_wg_peer_config *c, struct peer_job *job,
		     const struct wm_step *s, const struct wm_state *have)
{
	memset(c, 0, sizeof(*c));
	memset(job, 0, sizeof(*job));
	job->step = s;
	if (s->op == WM_STEP_PEER_REMOVE) {
		memcpy(c->public_key, s->key, WM_WG_KEY);
		c->flags = WM_WG_PEER_REMOVE | WM_WG_PEER_UPDATE_ONLY;
		return;
	}
	wm_peer_diff(wm_state_find_peer(have, s->peer->public_key), s->peer, &job->delta);
	memcpy(c->public_key, s->peer->public_key, WM_WG_KEY);
	c->flags = job->delta.is_new ? WM_WG_PEER_REPLACE_ALLOWED : 0;
	c->has_endpoint = job->delta.push_endpoint;
	c->endpoint = s->peer->endpoint;
	c->has_places = job->delta.push_places;
	c->places = s->peer->places;
	c->n_places = s->peer->n_places;
	c->has_keepalive = job->delta.push_keepalive;
	c->keepalive_s = s->peer->keepalive_s;
	c->allowed = job->delta.allowed;
	c->n_allowed = job->delta.n_allowed;
	job->greet = job->delta.push_endpoint;
	recall(x, c, job);
}

static int configure(struct wm_executor *x, struct wm_wg_peer_config *peers, size_t n,
		     struct wm_err *err)
{
	struct wm_wg_config wish = {.peers = peers, .n_peers = n};

	return wm_wg_device_configure(x->device, &wish, err);
}

static void note_done(struct wm_executor *x, const struct peer_job *job, struct wm_state *have)
{
	x->done++;
	if (job->step->op == WM_STEP_PEER_REMOVE) {
		wm_state_drop_peer(have, job->step->key);
		return;
	}
	wm_state_put_peer(have, job->step->peer);
	if (job->greet)
		wm_wg_device_greet(x->device, job->step->peer->public_key);
}

static void do_peers(struct wm_executor *x, const struct wm_step *steps, size_t n,
		     struct wm_state *have)
{
	struct wm_wg_peer_config *peers = wm_calloc(n, sizeof(*peers));
	struct peer_job *jobs = wm_calloc(n, sizeof(*jobs));
	struct wm_err err;
	bool together;

	for (size_t i = 0; i < n; i++)
		fill_job(x, &peers[i], &jobs[i], &steps[i], have);
	together = configure(x, peers, n, &err) == 0;
	for (size_t i = 0; i < n; i++) {
		if (together || (n > 1 && configure(x, &peers[i], 1, &err) == 0))
			note_done(x, &jobs[i], have);
		else
			report(x, &steps[i], have, &err);
		wm_peer_delta_fini(&jobs[i].delta);
	}
	wm_free(jobs);
	wm_free(peers);
}

int wm_execute_no_peers(struct wm_executor *x, struct wm_state *have, struct wm_err *err)
{
	struct wm_wg_config wish = {.replace_peers = true};
	int code;

	if (have->n_peers == 0)
		return 0;
	code = wm_wg_device_configure(x->device, &wish, err);
	if (code == 0)
		wm_state_drop_peers(have);
	return code;
}

/* ---- the rest ---- */

static struct wm_route route_of(const struct wm_executor *x, const struct wm_step *s)
{
	return (struct wm_route){.dst = s->route.dst, .link = x->link, .metric = s->route.metric};
}

/* True when a route that is "already there" is just the one we want. */
static bool has_route(struct wm_executor *x, const struct wm_route *want)
{
	struct wm_route_list l;
	bool found = false;

	if (wm_route_list(x->net, x->link, &l, NULL) != 0)
		return false;
	for (size_t i = 0; i < l.n; i++)
		found |= wm_prefix_equal(&l.routes[i].dst, &want->dst) &&
			 l.routes[i].metric == want->metric;
	wm_route_list_fini(&l);
	return found;
}

static int add_route(struct wm_executor *x, const struct wm_step *s, struct wm_err *err)
{
	struct wm_route r = route_of(x, s);
	int code = wm_route_add(x->net, &r, err);

	return code == WM_ALREADY_EXISTS && has_route(x, &r) ? 0 : code;
}

static int add_addr(struct wm_executor *x, const struct wm_step *s, struct wm_err *err)
{
	int code = wm_link_addr_add(x->net, x->link, &s->addr, err);

	return code == WM_ALREADY_EXISTS ? 0 : code;
}

static int bring_up(struct wm_executor *x, struct wm_err *err)
{
	int code = wm_link_set_quiet(x->net, x->link, err);

	return code != 0 ? code : wm_link_set_up(x->net, x->link, true, err);
}

static int absent_is_well(int code)
{
	return code == WM_NOT_FOUND ? 0 : code;
}

static int do_step(struct wm_executor *x, const struct wm_step *s, struct wm_err *err)
{
	enum wm_forwarding family =
		s->number == WM_FORWARDING_V4 ? WM_FORWARDING_V4 : WM_FORWARDING_V6;
	struct wm_route r = route_of(x, s);

	switch (s->op) {
	case WM_STEP_ROUTE_REMOVE: return absent_is_well(wm_route_remove(x->net, &r, err));
	case WM_STEP_ADDR_REMOVE:
		return absent_is_well(wm_link_addr_remove(x->net, x->link, &s->addr, err));
	case WM_STEP_LINK_DOWN: return absent_is_well(wm_link_set_up(x->net, x->link, false, err));
	case WM_STEP_LINK_MTU: return wm_link_set_mtu(x->net, x->link, s->number, err);
	case WM_STEP_LINK_UP: return bring_up(x, err);
	case WM_STEP_ADDR_ADD: return add_addr(x, s, err);
	case WM_STEP_ROUTE_ADD: return add_route(x, s, err);
	case WM_STEP_FORWARD_OFF: return wm_journal_unforward(x->journal, family, err);
	case WM_STEP_FORWARD_ON: return wm_journal_forward(x->journal, family, err);
	case WM_STEP_PEER_REMOVE:
	case WM_STEP_PEER_PUT: break; /* do_peers' */
	}
	return 0;
}

struct doing {
	struct wm_executor *x;
	const struct wm_step *step;
};

static int do_it(void *arg, struct wm_err *err)
{
	const struct doing *d = arg;

	return do_step(d->x, d->step, err);
}

static void note_step(const struct wm_step *s, struct wm_state *have)
{
	switch (s->op) {
	case WM_STEP_ROUTE_REMOVE: wm_state_drop_route(have, &s->route); break;
	case WM_STEP_ADDR_REMOVE: wm_state_drop_addr(have, &s->addr); break;
	case WM_STEP_LINK_DOWN: have->up = false; break;
	case WM_STEP_LINK_MTU: have->mtu = s->number; break;
	case WM_STEP_LINK_UP: have->up = true; break;
	case WM_STEP_ADDR_ADD: wm_state_put_addr(have, &s->addr); break;
	case WM_STEP_ROUTE_ADD: wm_state_put_route(have, &s->route); break;
	case WM_STEP_FORWARD_OFF: have->forwarding &= ~s->number; break;
	case WM_STEP_FORWARD_ON: have->forwarding |= s->number; break;
	case WM_STEP_PEER_REMOVE:
	case WM_STEP_PEER_PUT: break;
	}
}

void wm_execute(struct wm_executor *x, const struct wm_steps *steps, struct wm_state *have)
{
	size_t n_peers = 0;
	struct wm_err err;

	/* Peer steps stand together at the front. */
	while (n_peers < steps->n && is_peer_step(&steps->steps[n_peers]))
		n_peers++;
	if (n_peers > 0)
		do_peers(x, steps->steps, n_peers, have);
	for (size_t i = n_peers; i < steps->n; i++) {
		const struct wm_step *s = &steps->steps[i];

		struct doing doing = {x, s};

		if (wm_netns_run(x->netns, do_it, &doing, &err) != 0) {
			report(x, s, have, &err);
			continue;
		}
		x->done++;
		note_step(s, have);
	}
}
