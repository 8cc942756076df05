#include "service/proxy.h"

#include "base/mem.h"
#include "base/str.h"
#include "pb/status.h"
#include "rpc/client.h"
#include "store/store.h"

/* Before a leader that answered "not me", or could not be reached, is asked again. */
#define PAUSE_NS (50 * WM_NS_PER_MS)
/* A reader as slow as that gets no more until it has read. */
#define QUEUED_MAX (256u << 10)

enum stage { UNDER_WAY, WAITING, CATCHING_UP };

struct proxied {             /* in the call's arena */
	struct wm_list node; /* of the service's, from on_request until the end */
	struct wm_service *service;
	struct wm_rpc_call *call;
	const ProtobufCMessage *request;
	enum stage stage;
	struct wm_rpc_unary unary;
	struct wm_rpc_stream stream;
	struct wm_watch watch; /* of our own state, while that catches up */
	uint64_t revision;     /* which it has to reach */
	struct wm_timer pause; /* until the next try; or until the stage has lasted too long */
	int64_t give_up_ns;
	bool repeatable;
	bool is_cancelled; /* by the caller */
	bool is_ending;    /* we stop */
	bool is_moved;     /* cancelled by us, since another leads now */
	bool has_answered; /* something of an answer was passed back */
};

static void attempt(struct proxied *p);

static void enter(struct proxied *p, enum stage stage)
{
	if (p->stage == WAITING)
		p->service->n_waiting--;
	if (stage == WAITING)
		p->service->n_waiting++;
	p->stage = stage;
	wm_timer_stop(&p->pause);
}

/* It needs us no more; its memory stays until the call is over. */
static void release(struct proxied *p)
{
	enter(p, UNDER_WAY);
	wm_watch_stop(&p->watch);
	wm_list_remove(&p->node);
}

/* The call, and @p with it, is gone afterwards. */
static void end(struct proxied *p, const struct wm_err *why)
{
	struct wm_arena answer = p->unary.arena;
	release(p);
	wm_rpc_call_finish(p->call, why);
	wm_arena_fini(&answer);
}

/* ---- waiting ---- */

static void on_pause_over(struct wm_timer *t)
{
	struct proxied *p = wm_container_of(t, struct proxied, pause);
	struct wm_err late;
	if (wm_loop_now(p->service->opts.loop) < p->give_up_ns)
		return attempt(p);
	wm_fail(&late, WM_UNAVAILABLE,
		"nobody leads the mesh: %s is asked of its leader, and a majority of the servers "
		"that hold its state has to be reachable to choose one",
		wm_rpc_call_method(p->call)->path + 1);
	end(p, &late);
}

static void wait_for(struct proxied *p, int64_t pause_ns)
{
	struct wm_loop *loop = p->service->opts.loop;
	int64_t left = p->give_up_ns - wm_loop_now(loop);
	if (left < 0)
		left = 0;
	enter(p, WAITING);
	wm_timer_start(loop, &p->pause, left < pause_ns ? left : pause_ns, on_pause_over);
}

static void try_again(struct proxied *p)
{
	if (!p->is_moved)
		return wait_for(p, PAUSE_NS);
	p->is_moved = false;
	attempt(p);
}

/* ---- the way back ---- */

/* Nothing was done there, or doing it again does no harm; and there is time for it. */
static bool may_repeat(const struct proxied *p, const struct wm_rpc_client_call *done,
		       const struct wm_err *err)
{
	if (p->has_answered || p->is_cancelled || p->is_ending ||
	    wm_loop_now(p->service->opts.loop) >= p->give_up_ns)
		return false;
	if (p->is_moved)
		return p->repeatable;
	if (err->code != WM_UNAVAILABLE)
		return false;
	return p->repeatable || done == NULL || wm_rpc_client_call_target(done) == NULL ||
	       wm_rpc_client_call_metadata(done, WM_NOT_LEADER, NULL) != NULL;
}

static void pass_details(struct proxied *p, const struct wm_rpc_client_call *done)
{
	const Google__Rpc__Status *said =
		done == NULL ? NULL : wm_rpc_client_call_details(done, wm_rpc_call_arena(p->call));
	for (size_t i = 0; said != NULL && i < said->n_details; i++)
		wm_rpc_call_add_detail(p->call, &said->details[i]->base);
}

/* How it ended there, or what is to be said instead of that. */
static void close_with(struct proxied *p, const struct wm_rpc_client_call *done,
		       const struct wm_err *err)
{
	struct wm_err lost;
	if (p->is_ending)
		wm_fail(&lost, WM_UNAVAILABLE, "%s is stopping", p->service->opts.node_id);
	else if (p->is_moved)
		wm_fail(&lost, WM_UNAVAILABLE,
			"the leader was lost while it worked on this: whether it was done is not "
			"known, look before you try again");
	else if (err != NULL)
		pass_details(p, done);
	end(p, p->is_ending || p->is_moved ? &lost : err);
}

static void pass_answer(struct proxied *p)
{
	struct wm_err failure;
	int rc = wm_rpc_call_send(p->call, p->unary.response, &failure);
	end(p, rc == 0 ? NULL : &failure);
}

static void on_caught_up(struct wm_timer *t)
{
	pass_answer(wm_container_of(t, struct proxied, pause));
}

/* Others are still being told: the call ends in the loop's next turn. */
static void on_changes(struct wm_watch *w, uint64_t revision, const struct wm_change *changes,
		       size_t n)
{
	struct proxied *p = wm_container_of(w, struct proxied, watch);
	if (revision >= p->revision)
		wm_timer_start(p->service->opts.loop, &p->pause, 0, on_caught_up);
}

static void on_watch_end(struct wm_watch *w, const struct wm_err *err)
{
	struct proxied *p = wm_container_of(w, struct proxied, watch);
	wm_timer_start(p->service->opts.loop, &p->pause, 0, on_caught_up);
}

static void catch_up(struct proxied *p)
{
	struct wm_service *s = p->service;
	enter(p, CATCHING_UP);
	p->watch.on_changes = on_changes;
	p->watch.on_end = on_watch_end;
	wm_store_watch(s->opts.store, &p->watch, "/", wm_store_revision(s->opts.store));
	wm_timer_start(s->opts.loop, &p->pause, WM_PROXY_CATCH_UP_NS, on_caught_up);
}

static bool is_ahead_of_us(struct proxied *p, const struct wm_rpc_client_call *done)
{
	const char *revision = wm_rpc_client_call_metadata(done, WM_REVISION, NULL);
	return revision != NULL && wm_parse_u64(revision, 0, UINT64_MAX, &p->revision) &&
	       p->revision > wm_store_revision(p->service->opts.store);
}

static void on_answer(struct wm_rpc_unary *u, const struct wm_err *err)
{
	struct proxied *p = wm_container_of(u, struct proxied, unary);
	if (err == NULL && !p->is_ending && is_ahead_of_us(p, u->done))
		return catch_up(p);
	if (err == NULL)
		return pass_answer(p);
	if (!may_repeat(p, u->done, err))
		return close_with(p, u->done, err);
	wm_rpc_unary_fini(u);
	try_again(p);
}

static void on_drained(struct wm_rpc_call *call, void *arg)
{
	struct proxied *p = arg;
	if (p->stream.call != NULL)
		wm_rpc_stream_pause(&p->stream, false);
}

static void on_message(struct wm_rpc_stream *s, const ProtobufCMessage *message)
{
	struct proxied *p = wm_container_of(s, struct proxied, stream);
	struct wm_err err;
	p->has_answered = true;
	if (wm_rpc_call_send(p->call, message, &err) != 0)
		return wm_rpc_stream_cancel(s); /* its reader is gone, or does not read */
	if (wm_rpc_call_queued(p->call) < QUEUED_MAX)
		return;
	wm_rpc_stream_pause(s, true);
	wm_rpc_call_on_drain(p->call, on_drained, p);
}

static void on_end(struct wm_rpc_stream *s, const struct wm_err *err)
{
	struct proxied *p = wm_container_of(s, struct proxied, stream);
	if (err != NULL && may_repeat(p, s->done, err))
		return try_again(p);
	close_with(p, s->done, err);
}

/* ---- the way there ---- */

static int send_stream(struct proxied *p, struct wm_rpc_channel *channel,
		       const struct wm_rpc_call_opts *opts, struct wm_err *err)
{
	p->stream = (struct wm_rpc_stream){.on_message = on_message, .on_end = on_end};
	int rc = wm_rpc_stream_start(channel, &p->stream, wm_rpc_call_method(p->call), opts, err);
	if (rc != 0)
		return rc;
	/* What goes wrong with it from here on, on_end says. */
	if (wm_rpc_stream_send(&p->stream, p->request, err) == 0)
		wm_rpc_stream_half_close(&p->stream);
	else
		wm_rpc_stream_cancel(&p->stream);
	return 0;
}

static int send_on(struct proxied *p, struct wm_rpc_channel *channel, struct wm_err *err)
{
	const char *caller = wm_rpc_call_identity(p->call);
	const struct wm_pb_method *method = wm_rpc_call_method(p->call);
	const char *const metadata[] = {WM_PROXIED_FROM, p->service->opts.node_id,
					caller == NULL ? NULL : WM_PROXIED_FOR, caller, NULL};
	struct wm_rpc_call_opts opts = {.metadata = metadata};
	int64_t deadline = wm_rpc_call_deadline(p->call);
	if (deadline != INT64_MAX)
		opts.deadline_ns = deadline - wm_clock_now();
	if (opts.deadline_ns < 0)
		opts.deadline_ns = 1;
	if (method->server_streaming)
		return send_stream(p, channel, &opts, err);
	return wm_rpc_unary_start(channel, &p->unary, method, p->request, &opts, on_answer, err);
}

static void attempt(struct proxied *p)
{
	struct wm_service *s = p->service;
	struct wm_rpc_channel *channel = NULL;
	struct wm_err err;
	switch (s->opts.leader(s->opts.arg, &channel)) {
	case WM_LEADER_SELF: /* we have become it: what is registered for the method takes over */
		release(p);
		return wm_rpc_call_hand_home(p->call, p->request);
	case WM_LEADER_UNKNOWN: return wait_for(p, WM_PROXY_WAIT_NS);
	case WM_LEADER_OTHER: break;
	}
	enter(p, UNDER_WAY);
	if (send_on(p, channel, &err) != 0)
		end(p, &err);
}

static void interrupt(struct proxied *p)
{
	wm_rpc_unary_cancel(&p->unary);
	wm_rpc_stream_cancel(&p->stream);
}

static void on_cancel(struct wm_rpc_call *call, const struct wm_err *why, void *arg)
{
	struct proxied *p = arg;
	p->is_cancelled = true;
	if (p->stage == UNDER_WAY)
		interrupt(p);
	else
		end(p, why);
}

static void on_request(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	struct proxied *p = arg;
	struct wm_service *s = p->service;
	struct wm_err full;
	if (s->n_waiting >= WM_PROXY_WAITING) {
		wm_fail(&full, WM_UNAVAILABLE, "nobody leads the mesh, and %u calls wait already",
			s->n_waiting);
		return wm_rpc_call_finish(call, &full);
	}
	p->request = request;
	p->give_up_ns = wm_loop_now(s->opts.loop) + WM_PROXY_WAIT_NS;
	wm_list_push(&s->proxied, &p->node);
	wm_rpc_call_on_cancel(call, on_cancel, p);
	attempt(p);
}

void wm_proxy_take(struct wm_service *s, struct wm_rpc_call *call, bool repeatable)
{
	static const struct wm_rpc_handler handler = {.path = "", .on_request = on_request};
	struct proxied *p = wm_arena_alloc(wm_rpc_call_arena(call), sizeof(*p));
	p->service = s;
	p->call = call;
	p->repeatable = repeatable;
	wm_rpc_call_hand_to(call, &handler, p);
}

/* ---- all of them ---- */

void wm_proxy_leader_changed(struct wm_service *s)
{
	struct wm_list *at, *next;
	wm_list_each_safe (at, next, &s->proxied) {
		struct proxied *p = wm_container_of(at, struct proxied, node);
		if (p->stage == WAITING) {
			attempt(p);
		} else if (p->stage == UNDER_WAY) {
			p->is_moved = true;
			interrupt(p);
		}
	}
}

void wm_proxy_stop(struct wm_service *s)
{
	struct wm_list *at, *next;
	wm_list_each_safe (at, next, &s->proxied) {
		struct proxied *p = wm_container_of(at, struct proxied, node);
		p->is_ending = true;
		switch (p->stage) {
		case WAITING: close_with(p, NULL, NULL); break;
		case UNDER_WAY: interrupt(p); break;
		case CATCHING_UP: pass_answer(p); break;
		}
	}
}
