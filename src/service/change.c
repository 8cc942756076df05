#include "service/change.h"

#include "service/internal.h"

/* Each failure means that somebody else got through, so this many bound a call, not the service. */
#define MAX_TRIES 256

static void attempt(struct wm_change_op *c);

static void on_proposed(struct wm_propose *p, const struct wm_err *err)
{
	struct wm_change_op *c = wm_container_of(p, struct wm_change_op, propose);
	if (err == NULL)
		return c->reply(c);
	if (err->code != WM_FAILED_PRECONDITION)
		return wm_rpc_call_finish(c->call, err);
	if (++c->tries < MAX_TRIES && !wm_rpc_call_is_cancelled(c->call))
		return attempt(c);
	struct wm_err busy;
	wm_fail(&busy, WM_ABORTED, "%u others changed the same things first: try again", c->tries);
	wm_rpc_call_finish(c->call, &busy);
}

static void attempt(struct wm_change_op *c)
{
	struct wm_err err;
	struct wm_view *view;
	struct wm_txn *txn = NULL;
	if (wm_store_view(c->service->opts.store, &view, &err) != 0)
		return wm_rpc_call_finish(c->call, &err);
	int rc = c->build(c, view, &txn, &err);
	wm_view_close(view);
	if (rc != 0)
		return wm_rpc_call_finish(c->call, &err);
	if (txn == NULL)
		return c->reply(c);
	wm_store_propose(c->service->opts.store, &c->propose, txn, on_proposed);
}

void wm_change_start(struct wm_service *s, struct wm_rpc_call *call, const ProtobufCMessage *request,
		     int (*build)(struct wm_change_op *c, struct wm_view *v, struct wm_txn **out,
				  struct wm_err *err),
		     void (*reply)(struct wm_change_op *c))
{
	struct wm_change_op *c = wm_arena_alloc(wm_rpc_call_arena(call), sizeof(*c));
	c->service = s;
	c->call = call;
	c->request = request;
	c->build = build;
	c->reply = reply;
	attempt(c);
}
