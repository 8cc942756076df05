#pragma once
/*
 * The layout of the registry: where each kind of object lies in the key-value state. Keys of other
 * implementations are as they have them; "ipam" and "index" are ours. Paths are returned by value,
 * so wm_txn_delete(t, wm_path_node(id).text) needs no buffer. Names must have been checked
 * (mesh/ids.h). Pure functions, any thread.
 */
#include "base/addr.h"
#include "mesh/ids.h"
#include <stdint.h>

#define WM_REGISTRY          "/registry/"
#define WM_PATH_NODES        "/registry/nodes/"
#define WM_PATH_EDGES        "/registry/edges/"
#define WM_PATH_ROLES        "/registry/roles/"
#define WM_PATH_BINDINGS     "/registry/rolebindings/"
#define WM_PATH_GROUPS       "/registry/groups/"
#define WM_PATH_ACLS         "/registry/network-acls/"
#define WM_PATH_ROUTES       "/registry/routes/"
#define WM_PATH_STATE        "/registry/meshstate/"
#define WM_PATH_STATE_V4     "/registry/meshstate/ipv4prefix"
#define WM_PATH_STATE_V6     "/registry/meshstate/ipv6prefix"
#define WM_PATH_STATE_DOMAIN "/registry/meshstate/meshdomain"
#define WM_PATH_RBAC         "/registry/rbac-disabled"
#define WM_PATH_LEASES       "/registry/ipam/ipv4/"     /* <8 hex digits> -> node ID */
#define WM_PATH_PUBKEYS      "/registry/index/pubkeys/" /* <peer ID of the key> -> node ID */
#define WM_PATH_TOPOLOGY     "/registry/index/topology" /* rewritten by all that changes edges */

#define WM_PATH_TEXT 192

struct wm_path {
	char text[WM_PATH_TEXT];
};

struct wm_path wm_path_node(const char *id);
/* One direction of an edge; an edge is stored as two. */
struct wm_path wm_path_edge(const char *source, const char *target);
/* All edges that leave @source: a prefix to scan. */
struct wm_path wm_path_edges_of(const char *source);
struct wm_path wm_path_role(const char *name);
struct wm_path wm_path_binding(const char *name);
struct wm_path wm_path_group(const char *name);
struct wm_path wm_path_acl(const char *name);
struct wm_path wm_path_route(const char *name);
/* The lease of an IPv4 address (host order). */
struct wm_path wm_path_lease(uint32_t ipv4);
struct wm_path wm_path_pubkey(const char *peer_id);

enum wm_path_kind {
	WM_PATH_IS_OTHER, /* nothing that the model knows, or malformed */
	WM_PATH_IS_NODE,
	WM_PATH_IS_EDGE,
	WM_PATH_IS_ROLE,
	WM_PATH_IS_BINDING,
	WM_PATH_IS_GROUP,
	WM_PATH_IS_ACL,
	WM_PATH_IS_ROUTE,
	WM_PATH_IS_STATE,
	WM_PATH_IS_LEASE,
};

struct wm_path_parts {
	enum wm_path_kind kind;
	char name[WM_ID_MAX + 1];   /* of the object; the source of an edge */
	char target[WM_ID_MAX + 1]; /* of an edge */
};

/* Takes a key apart; any text may come in. */
enum wm_path_kind wm_path_parse(const char *key, struct wm_path_parts *out);
