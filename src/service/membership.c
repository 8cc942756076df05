/* v1.Membership: registration, and the two calls that end with one short transaction. */
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "mesh/ids.h"
#include "mesh/join.h"
#include "service/change.h"
#include "service/internal.h"
#include "service/live.h"
#include "store/store.h"

/* ---- Update ---- */

static int build_update(struct wm_change_op *c, struct wm_view *v, struct wm_txn **out,
			struct wm_err *err)
{
	return wm_update_build(v, (const V1__UpdateRequest *)c->request, true, out, err);
}

static void reply_update(struct wm_change_op *c)
{
	V1__UpdateResponse response = V1__UPDATE_RESPONSE__INIT;
	wm_rpc_call_reply(c->call, &response.base);
}

static int check_update(struct wm_service *s, struct wm_rpc_call *call,
			const V1__UpdateRequest *req, struct wm_err *err)
{
	int rc = wm_update_check(req, wm_graph_network(wm_live_graph(s->opts.live)), err);
	if (rc == 0)
		rc = wm_service_check_self(s, call, req->id, false, err);
	if (rc == 0)
		rc = wm_service_check_features(s, req->id, req->features, req->n_features, err);
	if (rc != 0)
		return rc;
	struct wm_rbac_action *actions;
	size_t n;
	wm_update_actions(wm_rpc_call_arena(call), req, &actions, &n);
	struct wm_view *view;
	rc = wm_store_view(s->opts.store, &view, err);
	if (rc != 0)
		return rc;
	rc = wm_rbac_check(view, wm_rpc_call_identity(call), actions, n, err);
	wm_view_close(view);
	return rc;
}

void wm_membership_update(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	struct wm_service *s = arg;
	struct wm_err err;
	if (check_update(s, call, (const V1__UpdateRequest *)request, &err) != 0)
		return wm_rpc_call_finish(call, &err);
	wm_change_start(s, call, request, build_update, reply_update);
}

/* ---- Leave ---- */

static int build_leave(struct wm_change_op *c, struct wm_view *v, struct wm_txn **out,
		       struct wm_err *err)
{
	const V1__LeaveRequest *req = (const V1__LeaveRequest *)c->request;
	return wm_leave_build(v, req->id, out, err);
}

static void reply_leave(struct wm_change_op *c)
{
	const V1__LeaveRequest *req = (const V1__LeaveRequest *)c->request;
	wm_info(c->service->opts.log, "node.left", "node=%s", req->id);
	V1__LeaveResponse response = V1__LEAVE_RESPONSE__INIT;
	wm_rpc_call_reply(c->call, &response.base);
}

/* True when RBAC is on and the caller's roles grant it everything: an administrator. */
static bool is_administrator(struct wm_service *s, const struct wm_rpc_call *call)
{
	const struct wm_rbac_action all = {V1__RULE_RESOURCE__RESOURCE_ALL, V1__RULE_VERB__VERB_ALL,
					   NULL};
	const char *caller = wm_rpc_call_identity(call);
	struct wm_view *view;
	if (wm_service_caller(s, call) != WM_CALLER_AUTHENTICATED ||
	    wm_store_view(s->opts.store, &view, NULL) != 0)
		return false;
	bool granted = wm_rbac_is_enabled(view) && wm_rbac_check(view, caller, &all, 1, NULL) == 0;
	wm_view_close(view);
	return granted;
}

static int check_leave(struct wm_service *s, struct wm_rpc_call *call, const V1__LeaveRequest *req,
		       struct wm_err *err)
{
	int rc = wm_node_id_check(req->id, "id", err);
	if (rc != 0)
		return rc;
	if (!is_administrator(s, call)) {
		rc = wm_service_check_self(s, call, req->id, false, err);
		if (rc != 0)
			return rc;
	}
	if (wm_streq(req->id, s->opts.node_id))
		return wm_fail(err, WM_FAILED_PRECONDITION,
			       "%s holds the only copy of the state and cannot leave its own mesh",
			       req->id);
	return 0;
}

void wm_membership_leave(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	struct wm_service *s = arg;
	struct wm_err err;
	if (check_leave(s, call, (const V1__LeaveRequest *)request, &err) != 0)
		return wm_rpc_call_finish(call, &err);
	wm_change_start(s, call, request, build_leave, reply_leave);
}

static const struct wm_rpc_handler handlers[] = {
	{.path = "/v1.Membership/Join", .on_request = wm_membership_join},
	{.path = "/v1.Membership/Update", .on_request = wm_membership_update},
	{.path = "/v1.Membership/Leave", .on_request = wm_membership_leave},
	{.path = "/v1.Membership/SubscribePeers", .on_request = wm_membership_subscribe},
};

void wm_membership_register(struct wm_service *s, struct wm_rpc_server *server)
{
	wm_rpc_server_register(server, handlers, WM_ARRAY_LEN(handlers), s);
}
