/*
 * v1.Membership.Join, in order: what needs consensus is refused, fields are checked, the caller
 * must be the node that joins, its roles must grant what it asks for, then one transaction. The
 * answer is computed after the watchers of the store have seen the change, so this node's own
 * device knows the newcomer before the newcomer knows us.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "loop/loop.h"
#include "mesh/join.h"
#include "service/change.h"
#include "service/internal.h"
#include "service/live.h"

static int build_join(struct wm_change_op *c, struct wm_view *v, struct wm_txn **out,
		      struct wm_err *err)
{
	const V1__JoinRequest *req = (const V1__JoinRequest *)c->request;
	struct wm_service *s = c->service;
	struct wm_join join = {
		.req = req,
		.server = wm_service_asked(s, c->call),
		.authenticated = wm_service_caller(s, c->call) != WM_CALLER_UNKNOWN,
		.now_ns = wm_clock_wall(),
		.fixed = s->opts.fixed,
		.n_fixed = s->opts.n_fixed,
	};
	return wm_join_build(v, wm_live_graph(s->opts.live), &join, out, err);
}

static void reply_join(struct wm_change_op *c)
{
	const V1__JoinRequest *req = (const V1__JoinRequest *)c->request;
	struct wm_err err;
	V1__JoinResponse *response;
	if (wm_join_answer(wm_live_graph(c->service->opts.live), req->id,
			   wm_rpc_call_arena(c->call), &response, &err) != 0)
		return wm_rpc_call_finish(c->call, &err);
	wm_info(c->service->opts.log, "node.joined", "node=%s ipv4=%s ipv6=%s peers=%zu", req->id,
		response->addressipv4, response->addressipv6, response->n_peers);
	wm_rpc_call_reply(c->call, &response->base);
}

/* A node that joins as it was told and asks for what this version cannot give learns it at once. */
static int refuse_storage_roles(const V1__JoinRequest *req, struct wm_err *err)
{
	if (!req->asvoter && !req->asobserver)
		return 0;
	return wm_fail(
		err, WM_UNIMPLEMENTED,
		"as%s: this version keeps the state on the founding node alone; join without it",
		req->asvoter ? "Voter" : "Observer");
}

/*
 * Our own record is ours to write: whoever joins under our name, with our certificate or, where
 * there are none, with no more than our public key, would take the state away from under the
 * members.
 */
static int refuse_own_name(const struct wm_service *s, const V1__JoinRequest *req,
			   struct wm_err *err)
{
	if (!wm_streq(req->id, s->opts.node_id))
		return 0;
	return wm_fail(err, WM_ALREADY_EXISTS,
		       "id \"%s\" is that of the node that was asked: choose another", req->id);
}

static int check_roles(struct wm_service *s, struct wm_rpc_call *call, const V1__JoinRequest *req,
		       struct wm_err *err)
{
	struct wm_rbac_action *actions;
	size_t n;
	wm_join_actions(wm_rpc_call_arena(call), req, &actions, &n);
	if (n == 0)
		return 0;
	struct wm_view *view;
	int rc = wm_store_view(s->opts.store, &view, err);
	if (rc != 0)
		return rc;
	rc = wm_rbac_check(view, wm_rpc_call_identity(call), actions, n, err);
	wm_view_close(view);
	return rc;
}

static void note_refusal(struct wm_service *s, const V1__JoinRequest *req, const struct wm_err *err)
{
	char node[128], why[256];
	if (!wm_log_limit_allow(&s->refusals, 5, wm_loop_now(s->opts.loop)))
		return;
	wm_info(s->opts.log, "join.refused", "node=%s error=%s suppressed=%u",
		wm_log_quote(req->id, node, sizeof(node)),
		wm_log_quote(err->text, why, sizeof(why)), s->refusals.suppressed);
}

/* Allowed to who proves its ID, but two machines that share one take the network from each other.
 */
static void note_new_key(struct wm_service *s, struct wm_rpc_call *call, const V1__JoinRequest *req)
{
	const V1__MeshNode *node =
		wm_graph_node(wm_live_graph(s->opts.live), wm_rpc_call_arena(call), req->id);
	char text[128];
	if (wm_service_caller(s, call) == WM_CALLER_UNKNOWN || node == NULL ||
	    *node->publickey == '\0' || wm_streq(node->publickey, req->publickey) ||
	    !wm_log_limit_allow(&s->refusals, 5, wm_loop_now(s->opts.loop)))
		return;
	wm_warn(s->opts.log, "join.new_key",
		"node=%s hint=\"its old key is out; two machines with one ID take turns like this\"",
		wm_log_quote(req->id, text, sizeof(text)));
}

void wm_membership_join(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	struct wm_service *s = arg;
	const V1__JoinRequest *req = (const V1__JoinRequest *)request;
	const struct wm_network *network = wm_graph_network(wm_live_graph(s->opts.live));
	struct wm_err err;
	int rc;
	if (network == NULL)
		rc = wm_fail(&err, WM_UNAVAILABLE, "this mesh is not founded yet");
	else if ((rc = refuse_storage_roles(req, &err)) == 0 &&
		 (rc = wm_join_check(req, network, &err)) == 0 &&
		 (rc = wm_service_check_self(s, call, req->id, true, &err)) == 0 &&
		 (rc = refuse_own_name(s, req, &err)) == 0 &&
		 (rc = wm_service_check_features(s, req->id, req->features, req->n_features,
						 &err)) == 0)
		rc = check_roles(s, call, req, &err);
	if (rc != 0) {
		note_refusal(s, req, &err);
		return wm_rpc_call_finish(call, &err);
	}
	note_new_key(s, call, req);
	wm_change_start(s, call, request, build_join, reply_join);
}
