/*
 * The gate in front of every handler: find the method's row, find out who calls, refuse what the
 * row does not allow. A caller is known by the auth provider's word, or, inside the mesh, by its
 * address: WireGuard lets a packet in only from the addresses of the key that sealed it. Metadata
 * in which a caller says who it is counts for nothing here.
 */
#include "service/internal.h"

#include "auth/auth.h"
#include "base/mem.h"
#include "base/str.h"
#include "service/live.h"
#include "service/proxy.h"
#include <string.h>

enum served_by {
	WM_SERVED_BY_LEADER,
	WM_SERVED_BY_ANY,
	WM_SERVED_BY_LOCAL,
	WM_SERVED_TO_MEMBERS,
};

struct policy {
	const char *path;
	enum served_by where;
	bool in_mesh;
	bool repeatable;
};

static const struct policy table[] = {
#define WM_POLICY_ROW(path, where, in_mesh, repeatable) {path, where, in_mesh, repeatable},
#include "service/policy.def.h"
#undef WM_POLICY_ROW
};

#define MAX_HEADERS 64

static const struct policy *find_policy(const char *path)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(table); i++)
		if (wm_streq(table[i].path, path))
			return &table[i];
	return NULL;
}

bool wm_service_shows(const char *path)
{
	const struct policy *policy = find_policy(path);
	return policy == NULL || policy->where != WM_SERVED_TO_MEMBERS;
}

bool wm_service_has(const struct wm_service *s, const char *name, bool *needs_state)
{
	size_t len = strlen(name);
	bool found = false;
	for (size_t i = 0; i < WM_ARRAY_LEN(table); i++) {
		const char *path = table[i].path;
		if (strncmp(path + 1, name, len) != 0 || path[1 + len] != '/' ||
		    !wm_service_shows(path) || !wm_rpc_server_has(s->server, path))
			continue;
		found = true;
		if (table[i].where != WM_SERVED_BY_LOCAL)
			*needs_state = true;
	}
	return found;
}

/* True when the call came over the mesh. */
static bool came_over_mesh(const struct wm_service *s, const struct wm_rpc_call *call,
			   struct wm_addr *from)
{
	struct wm_endpoint peer;
	if (!wm_rpc_call_peer(call, &peer))
		return false;
	*from = peer.addr;
	return s->opts.is_mesh_path(s->opts.arg, from, wm_rpc_call_interface(call));
}

static int authenticate(const struct wm_service *s, struct wm_rpc_call *call, struct wm_err *err)
{
	struct wm_auth_header headers[MAX_HEADERS];
	struct wm_auth_call question = {.headers = headers, .peer_cn = wm_rpc_call_peer_cn(call)};
	size_t at = 0;
	while (question.n_headers < MAX_HEADERS &&
	       wm_rpc_call_metadata_next(call, &at, &headers[question.n_headers].name,
					 &headers[question.n_headers].value))
		question.n_headers++;
	char id[WM_IDENT_TEXT];
	int rc = wm_auth_identify(s->opts.auth, &question, id, err);
	if (rc != 0)
		return wm_wrap(err, "authenticate");
	wm_rpc_call_set_identity(call, id);
	return 0;
}

static bool says_true(const struct wm_rpc_call *call, const char *key)
{
	const char *value = wm_rpc_call_metadata(call, key);
	return value != NULL && wm_streq(value, "true");
}

/* The Go original's servers read the first name, its own command line writes the second. */
static bool prefers_leader(const struct wm_rpc_call *call)
{
	return says_true(call, "x-webmesh-prefer-leader") || says_true(call, "prefer-leader");
}

static bool leads(const struct wm_service *s)
{
	struct wm_rpc_channel *channel;
	return s->opts.leader == NULL || s->opts.leader(s->opts.arg, &channel) == WM_LEADER_SELF;
}

/* What the caller may have is settled: who answers? */
static int place_call(struct wm_service *s, struct wm_rpc_call *call, const struct policy *policy,
		      struct wm_err *err)
{
	if (policy->where == WM_SERVED_BY_LOCAL)
		return 0;
	int rc = wm_service_check_state(s, err);
	if (rc != 0 || (policy->where == WM_SERVED_BY_ANY && !prefers_leader(call)) || leads(s))
		return rc;
	wm_proxy_take(s, call, policy->repeatable);
	return 0;
}

int wm_service_gate(struct wm_rpc_call *call, void *arg, struct wm_err *err)
{
	struct wm_service *s = arg;
	const char *path = wm_rpc_call_method(call)->path;
	const struct policy *policy = find_policy(path);
	if (policy == NULL)
		return wm_fail(err, WM_UNIMPLEMENTED, "%s is not in this version", path + 1);
	if (policy->where == WM_SERVED_TO_MEMBERS)
		return wm_fail(err, WM_PERMISSION_DENIED,
			       "%s is for servers among themselves, on the peer port", path + 1);
	struct wm_addr from;
	bool over_mesh = came_over_mesh(s, call, &from);
	if (s->opts.auth != NULL) {
		int rc = authenticate(s, call, err);
		if (rc != 0)
			return rc;
	} else if (over_mesh && s->opts.live != NULL) {
		const char *id = wm_graph_node_at(wm_live_graph(s->opts.live), &from);
		if (id != NULL)
			wm_rpc_call_set_identity(call, id);
	}
	if (policy->in_mesh && !over_mesh)
		return wm_fail(
			err, WM_PERMISSION_DENIED,
			"%s is only for callers inside the mesh: call it over a mesh address",
			path + 1);
	return place_call(s, call, policy, err);
}

/* ---- the peer port ---- */

/* Whose call is it that another server sends on? It has looked at the caller as we would have. */
static int take_word(const struct wm_service *s, struct wm_rpc_call *call, const char *member,
		     struct wm_err *err)
{
	const char *from = wm_rpc_call_metadata(call, WM_PROXIED_FROM);
	const char *caller = wm_rpc_call_metadata(call, WM_PROXIED_FOR);
	if (from == NULL || !wm_streq(from, member))
		return wm_fail(err, WM_PERMISSION_DENIED,
			       "%s: the call of %s does not come from it (%s)", WM_PROXIED_FROM,
			       member, from == NULL ? "nobody said" : from);
	if (caller != NULL && !wm_ident_is_valid(caller, strlen(caller)))
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s is not an ID", WM_PROXIED_FOR);
	if (caller != NULL)
		wm_rpc_call_set_identity(call, caller);
	return 0;
}

int wm_service_peer_gate(struct wm_rpc_call *call, void *arg, struct wm_err *err)
{
	struct wm_service *s = arg;
	const char *path = wm_rpc_call_method(call)->path;
	const struct policy *policy = find_policy(path);
	const struct wm_pubkey *key = wm_rpc_call_peer_key(call);
	const char *member = key == NULL ? NULL : s->opts.member_of(s->opts.arg, key);
	/* Its key was good when it connected; it may have been removed since. */
	if (member == NULL)
		return wm_fail(err, WM_PERMISSION_DENIED,
			       "the peer port is for servers that hold the mesh's state");
	if (policy == NULL || policy->where == WM_SERVED_BY_LOCAL)
		return wm_fail(err, WM_UNIMPLEMENTED, "%s is not answered on the peer port",
			       path + 1);
	if (policy->where == WM_SERVED_TO_MEMBERS) {
		wm_rpc_call_set_identity(call, member);
		return 0;
	}
	int rc = take_word(s, call, member, err);
	if (rc == 0)
		rc = wm_service_check_state(s, err);
	if (rc != 0 || leads(s))
		return rc;
	wm_rpc_call_add_trailer(call, WM_NOT_LEADER, "true");
	return wm_fail(err, WM_UNAVAILABLE, "%s does not lead the mesh (any more)",
		       s->opts.node_id);
}

const char *wm_service_asked(const struct wm_service *s, const struct wm_rpc_call *call)
{
	const char *from = wm_rpc_call_peer_key(call) == NULL
				   ? NULL
				   : wm_rpc_call_metadata(call, WM_PROXIED_FROM);
	return from != NULL ? from : s->opts.node_id;
}

enum wm_caller_proof wm_service_caller(const struct wm_service *s, const struct wm_rpc_call *call)
{
	if (wm_rpc_call_identity(call) == NULL)
		return WM_CALLER_UNKNOWN;
	return s->opts.auth != NULL ? WM_CALLER_AUTHENTICATED : WM_CALLER_ADDRESS;
}

int wm_service_check_self(const struct wm_service *s, const struct wm_rpc_call *call,
			  const char *node_id, bool anonymous, struct wm_err *err)
{
	const char *caller = wm_rpc_call_identity(call);
	if (caller == NULL && anonymous)
		return 0;
	if (caller == NULL)
		return wm_fail(
			err, WM_PERMISSION_DENIED,
			"nobody may act for %s without saying who it is: call over its mesh address",
			node_id);
	if (!wm_streq(caller, node_id))
		return wm_fail(err, WM_PERMISSION_DENIED, "%s may not act for %s", caller, node_id);
	return 0;
}

int wm_service_check_state(const struct wm_service *s, struct wm_err *err)
{
	if (s->stopping)
		return wm_fail(err, WM_UNAVAILABLE, "%s is stopping", s->opts.node_id);
	if (s->opts.store == NULL)
		return wm_fail(err, WM_UNAVAILABLE,
			       "%s holds no state of the mesh: ask a storage member",
			       s->opts.node_id);
	return 0;
}

static bool is_of_keepers(V1__Feature feature)
{
	return feature == V1__FEATURE__MEMBERSHIP || feature == V1__FEATURE__STORAGE_QUERIER ||
	       feature == V1__FEATURE__STORAGE_PROVIDER || feature == V1__FEATURE__REGISTRAR;
}

int wm_service_check_features(const struct wm_service *s, const char *node_id,
			      V1__FeaturePort *const *features, size_t n, struct wm_err *err)
{
	if (wm_streq(node_id, s->opts.node_id))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (is_of_keepers(features[i]->feature))
			return wm_fail(
				err, WM_PERMISSION_DENIED,
				"features: %s does not keep the state of the mesh and cannot "
				"offer %s",
				node_id,
				protobuf_c_enum_descriptor_get_value(&v1__feature__descriptor,
								     (int)features[i]->feature)
					->name);
	return 0;
}
