/*
 * Changes of membership read the graph around the node that they touch, so two of them at once are
 * in each other's way: one would fail its conditions and be built again. They therefore wait in
 * line here, one being proposed at a time; a condition that fails all the same means a change from
 * elsewhere.
 */
#include "service/change.h"

#include "service/internal.h"
#include "service/proxy.h"
#include <stdio.h>

#define MAX_TRIES   16
#define MAX_WAITING 16384

static void attempt(struct wm_change_op *c);

static void begin_next(struct wm_service *s)
{
	struct wm_list *first = wm_list_first(&s->changes);
	if (first != NULL)
		attempt(wm_container_of(first, struct wm_change_op, node));
}

/* The head of the line is through: @why NULL when the state contains it. The call, whose arena
 * holds
 * @c, ends with this. */
static void finish(struct wm_change_op *c, const struct wm_err *why)
{
	struct wm_service *s = c->service;
	wm_list_remove(&c->node);
	s->n_changes--;
	if (why == NULL) {
		char revision[24];
		snprintf(revision, sizeof(revision), "%llu",
			 (unsigned long long)wm_store_revision(s->opts.store));
		wm_rpc_call_add_trailer(c->call, WM_REVISION, revision);
		c->reply(c);
	} else
		wm_rpc_call_finish(c->call, why);
	wm_defer(s->opts.loop, &s->next_change, wm_change_next);
}

void wm_change_next(struct wm_defer *d)
{
	begin_next(wm_container_of(d, struct wm_service, next_change));
}

static void on_proposed(struct wm_propose *p, const struct wm_err *err)
{
	struct wm_change_op *c = wm_container_of(p, struct wm_change_op, propose);
	if (err == NULL || err->code != WM_FAILED_PRECONDITION)
		return finish(c, err);
	if (++c->tries < MAX_TRIES)
		return attempt(c);
	struct wm_err busy;
	wm_fail(&busy, WM_ABORTED, "others changed the same things %u times: try again", c->tries);
	finish(c, &busy);
}

static int build(struct wm_change_op *c, struct wm_txn **out, struct wm_err *err)
{
	struct wm_view *view;
	if (wm_rpc_call_is_cancelled(c->call))
		return wm_fail(err, WM_CANCELLED, "the caller went away while its change waited");
	int rc = wm_service_check_state(c->service, err);
	if (rc == 0)
		rc = wm_store_view(c->service->opts.store, &view, err);
	if (rc != 0)
		return rc;
	rc = c->build(c, view, out, err);
	wm_view_close(view);
	return rc;
}

static void attempt(struct wm_change_op *c)
{
	struct wm_err err;
	struct wm_txn *txn = NULL;
	if (build(c, &txn, &err) != 0)
		return finish(c, &err);
	if (txn == NULL)
		return finish(c, NULL);
	wm_store_propose(c->service->opts.store, &c->propose, txn, on_proposed);
}

void wm_change_start(struct wm_service *s, struct wm_rpc_call *call,
		     const ProtobufCMessage *request,
		     int (*build_txn)(struct wm_change_op *c, struct wm_view *v,
				      struct wm_txn **out, struct wm_err *err),
		     void (*reply)(struct wm_change_op *c))
{
	if (s->n_changes >= MAX_WAITING) {
		struct wm_err full;
		wm_fail(&full, WM_RESOURCE_EXHAUSTED, "%u changes are waiting: try again later",
			s->n_changes);
		return wm_rpc_call_finish(call, &full);
	}
	struct wm_change_op *c = wm_arena_alloc(wm_rpc_call_arena(call), sizeof(*c));
	c->service = s;
	c->call = call;
	c->request = request;
	c->build = build_txn;
	c->reply = reply;
	bool is_first = wm_list_is_empty(&s->changes);
	wm_list_push(&s->changes, &c->node);
	s->n_changes++;
	/* With somebody before us, or the step to the next one still due, our turn comes by itself.
	 */
	if (is_first)
		wm_defer(s->opts.loop, &s->next_change, wm_change_next);
}
