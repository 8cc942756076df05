/* v1.Mesh: what the mesh looks like, from this node's own state. */
#include "base/mem.h"
#include "mesh/dot.h"
#include "mesh/ids.h"
#include "mesh/nodes.h"
#include "service/internal.h"
#include "store/store.h"

/* Opens a view or finishes the call. */
static struct wm_view *open_view(struct wm_service *s, struct wm_rpc_call *call)
{
	struct wm_err err;
	struct wm_view *view;
	if (wm_store_view(s->opts.store, &view, &err) == 0)
		return view;
	wm_rpc_call_finish(call, &err);
	return NULL;
}

static void finish(struct wm_rpc_call *call, int rc, const ProtobufCMessage *response,
		   const struct wm_err *err)
{
	if (rc == 0)
		wm_rpc_call_reply(call, response);
	else
		wm_rpc_call_finish(call, err);
}

static void get_node(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	const V1__GetNodeRequest *req = (const V1__GetNodeRequest *)request;
	struct wm_err err;
	if (wm_id_check(req->id, "id", &err) != 0)
		return wm_rpc_call_finish(call, &err);
	struct wm_view *view = open_view(arg, call);
	if (view == NULL)
		return;
	V1__MeshNode *node = NULL;
	int rc = wm_node_get(wm_rpc_call_arena(call), view, req->id, &node, NULL, &err);
	wm_view_close(view);
	finish(call, rc, (ProtobufCMessage *)node, &err);
}

static void list_nodes(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	struct wm_view *view = open_view(arg, call);
	if (view == NULL)
		return;
	struct wm_err err;
	V1__NodeList list = V1__NODE_LIST__INIT;
	int rc = wm_node_list(wm_rpc_call_arena(call), view, &list.nodes, &list.n_nodes, &err);
	wm_view_close(view);
	finish(call, rc, &list.base, &err);
}

static void get_graph(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	struct wm_view *view = open_view(arg, call);
	if (view == NULL)
		return;
	struct wm_err err;
	V1__MeshGraph *graph = NULL;
	int rc = wm_dot_graph(wm_rpc_call_arena(call), view, &graph, &err);
	wm_view_close(view);
	finish(call, rc, (ProtobufCMessage *)graph, &err);
}

static const struct wm_rpc_handler handlers[] = {
	{.path = "/v1.Mesh/GetNode", .on_request = get_node},
	{.path = "/v1.Mesh/ListNodes", .on_request = list_nodes},
	{.path = "/v1.Mesh/GetMeshGraph", .on_request = get_graph},
};

void wm_mesh_register(struct wm_service *s, struct wm_rpc_server *server)
{
	wm_rpc_server_register(server, handlers, WM_ARRAY_LEN(handlers), s);
}
