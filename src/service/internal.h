#pragma once
/* What the files of service/ share: the context of all handlers and a few answers they have in
 * common. */
#include "base/list.h"
#include "base/log.h"
#include "loop/loop.h"
#include "rpc/server.h"
#include "service/service.h"

struct wm_service {
	struct wm_service_opts opts;
	struct wm_rpc_server *server;
	struct wm_list subscribers;
	struct wm_list watchers; /* of our health */
	struct wm_list changes;  /* of the state, in line; the first is under way */
	unsigned n_changes;
	struct wm_defer next_change;
	struct wm_list proxied;       /* calls that the leader answers, or that wait for one */
	unsigned n_waiting;           /* of them */
	struct wm_log_limit refusals; /* strangers cause them */
	bool stopping;
};

/* How a caller's identity was established. */
enum wm_caller_proof {
	WM_CALLER_UNKNOWN,
	WM_CALLER_AUTHENTICATED, /* by the auth provider */
	WM_CALLER_ADDRESS,       /* by a mesh address, which WireGuard ties to the node's key */
};

/* Who calls, and how we know. */
enum wm_caller_proof wm_service_caller(const struct wm_service *s, const struct wm_rpc_call *call);
/* The server that the caller has asked: another one, when that has sent the call on to us. */
const char *wm_service_asked(const struct wm_service *s, const struct wm_rpc_call *call);
/*
 * PERMISSION_DENIED unless the caller is @node_id itself. With an auth provider its word counts;
 * without one the mesh address does, and @anonymous says whether neither is acceptable too.
 */
WM_MUST_CHECK int wm_service_check_self(const struct wm_service *s, const struct wm_rpc_call *call,
					const char *node_id, bool anonymous, struct wm_err *err);
/* UNAVAILABLE or UNIMPLEMENTED when this node has no state to answer from. */
WM_MUST_CHECK int wm_service_check_state(const struct wm_service *s, struct wm_err *err);
/*
 * PERMISSION_DENIED when @node_id says that it serves what only a node that keeps the state serves,
 * and does not keep it: members follow whoever says so.
 */
WM_MUST_CHECK int wm_service_check_features(const struct wm_service *s, const char *node_id,
					    V1__FeaturePort *const *features, size_t n,
					    struct wm_err *err);
/* False for a method that servers keep among themselves: others are not told that it is there. */
bool wm_service_shows(const char *path);
/* True for the name of a service of which a method is served; *@needs_state: one that needs state.
 */
bool wm_service_has(const struct wm_service *s, const char *name, bool *needs_state);

void wm_membership_register(struct wm_service *s, struct wm_rpc_server *server);
void wm_node_register(struct wm_service *s, struct wm_rpc_server *server);
void wm_mesh_register(struct wm_service *s, struct wm_rpc_server *server);
void wm_health_register(struct wm_service *s, struct wm_rpc_server *server);
void wm_reflection_register(struct wm_service *s, struct wm_rpc_server *server);

/* What this node can serve may have changed: tells those who watch. */
void wm_health_changed(struct wm_service *s);
/* Tells them the last, and ends their calls. */
void wm_health_stop(struct wm_service *s);

/* Handlers of v1.Membership, a file each. */
void wm_membership_join(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg);
void wm_membership_update(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg);
void wm_membership_leave(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg);
void wm_membership_subscribe(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg);
/* Ends every subscription with UNAVAILABLE. */
void wm_membership_end_subscriptions(struct wm_service *s);
