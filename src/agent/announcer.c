#include "agent/announcer.h"

#include "agent/internal.h"
#include "agent/options.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define CONNECT_TIMEOUT (3 * WM_NS_PER_S)
#define CALL_TIMEOUT    (10 * WM_NS_PER_S)
#define FIRST_PAUSE     (200 * WM_NS_PER_MS)
#define LONGEST_PAUSE   (30 * WM_NS_PER_S)

struct wm_announcer {
	struct wm_agent *agent;
	struct wm_rpc_channel *channel;
	struct wm_rpc_unary unary;
	struct wm_timer timer;
	struct wm_backoff pause;
	unsigned attempts;
	bool is_due;    /* there is something to tell */
	bool is_asking; /* the call, or the proposal, is under way */
	bool is_dead;   /* to be freed when the call has ended */
};

static void tell(struct wm_announcer *n);

static void on_pause_over(struct wm_timer *t)
{
	tell(wm_container_of(t, struct wm_announcer, timer));
}

static void try_later(struct wm_announcer *n, const struct wm_err *why)
{
	struct wm_agent *a = n->agent;
	n->attempts++;
	wm_warn(a->log, "endpoints.not_told", "attempts=%u error=\"%s\"", n->attempts, why->text);
	if (!wm_err_may_retry(why->code)) {
		n->is_due = false;
		return;
	}
	wm_timer_start(a->loop, &n->timer, wm_backoff_next(&n->pause), on_pause_over);
}

/* @err NULL: the mesh knows. What changed meanwhile is told next. */
static void finish(struct wm_announcer *n, const struct wm_err *err)
{
	struct wm_agent *a = n->agent;
	char text[WM_ADDR_TEXT];
	n->is_asking = false;
	if (a->stopping)
		return;
	if (err != NULL) {
		n->is_due = true;
		return try_later(n, err);
	}
	wm_info(a->log, "endpoints.told", "primary=%s endpoints=%zu",
		wm_addr_format(&a->options->mesh_primary_endpoint, text),
		a->options->wireguard_endpoints.n);
	n->attempts = 0;
	wm_backoff_reset(&n->pause);
	if (n->is_due)
		tell(n);
}

void wm_announcer_done(struct wm_agent *a, const struct wm_err *err)
{
	if (a->announcer != NULL)
		finish(a->announcer, err);
}

/* ---- a member asks ---- */

static void on_updated(struct wm_rpc_unary *u, const struct wm_err *err)
{
	struct wm_announcer *n = wm_container_of(u, struct wm_announcer, unary);
	struct wm_err why;
	wm_err_copy(&why, err);
	wm_rpc_channel_close(n->channel);
	n->channel = NULL;
	wm_rpc_unary_fini(u);
	if (n->is_dead)
		wm_free(n);
	else
		finish(n, err == NULL ? NULL : &why);
}

static int ask(struct wm_announcer *n, const V1__JoinRequest *self, struct wm_err *err)
{
	struct wm_agent *a = n->agent;
	struct wm_endpoint at;
	char target[WM_ENDPOINT_TEXT];
	if (!wm_follower_target(a, n->attempts, &at))
		return wm_fail(err, WM_UNAVAILABLE, "no storage member of the mesh is known");
	wm_endpoint_format(&at, target);
	struct wm_rpc_channel_opts opts = {.target = target,
					   .tls = a->identity.client_tls,
					   .connect_timeout_ns = CONNECT_TIMEOUT};
	int rc = wm_rpc_channel_new(a->loop, a->log, &opts, &n->channel, err);
	if (rc != 0)
		return rc;
	V1__UpdateRequest req = V1__UPDATE_REQUEST__INIT;
	req.id = self->id;
	req.primaryendpoint = self->primaryendpoint;
	req.n_wireguardendpoints = self->n_wireguardendpoints;
	req.wireguardendpoints = self->wireguardendpoints;
	struct wm_rpc_call_opts call = {.deadline_ns = CALL_TIMEOUT};
	rc = wm_rpc_unary_start(n->channel, &n->unary, wm_pb_method_find("/v1.Membership/Update"),
				&req.base, &call, on_updated, err);
	if (rc != 0) {
		wm_rpc_channel_close(n->channel);
		n->channel = NULL;
	}
	return rc;
}

static int tell_others(struct wm_announcer *n, struct wm_err *err)
{
	struct wm_agent *a = n->agent;
	struct wm_arena arena;
	wm_arena_init(&arena, 0);
	const V1__JoinRequest *self = wm_agent_join_request(a, &arena);
	int rc = 0;
	n->is_asking = true;
	if (a->store != NULL) {
		rc = wm_founder_announce(a, err);
	} else if (wm_str_is_empty(self->primaryendpoint) || self->n_wireguardendpoints == 0) {
		n->is_asking = false;
		wm_joiner_start_again(a);
	} else {
		rc = ask(n, self, err);
	}
	wm_arena_fini(&arena);
	return rc;
}

static void tell(struct wm_announcer *n)
{
	struct wm_err err;
	n->is_due = false;
	if (tell_others(n, &err) != 0)
		finish(n, &err);
}

/* ---- from outside ---- */

void wm_announcer_on_member(struct wm_agent *a)
{
	struct wm_announcer *n = a->announcer;
	if (n != NULL && n->is_due && !n->is_asking && !wm_timer_is_running(&n->timer))
		tell(n);
}

void wm_announcer_start(struct wm_agent *a)
{
	if (a->announcer == NULL) {
		a->announcer = wm_alloc(sizeof(*a->announcer));
		a->announcer->agent = a;
		a->announcer->pause = (struct wm_backoff){
			.first_ns = FIRST_PAUSE, .max_ns = LONGEST_PAUSE, .growth_percent = 200};
	}
	a->announcer->is_due = true;
	if (a->ready)
		wm_announcer_on_member(a);
}

void wm_announcer_free(struct wm_announcer *n)
{
	if (n == NULL)
		return;
	wm_timer_stop(&n->timer);
	if (n->channel != NULL) {
		n->is_dead = true; /* its end comes through the loop, which still runs */
		wm_rpc_unary_cancel(&n->unary);
		return;
	}
	wm_free(n);
}
