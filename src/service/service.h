#pragma once
/*
 * The API of a node: the services of package v1, and gRPC's own for health and reflection, over one
 * rpc server, behind one gate that finds out
 * who calls and holds each method against the policy table. Membership and Mesh are served by nodes
 * that hold state, Node by all. Everything in the options is borrowed. Loop thread only.
 */
#include "base/addr.h"
#include "base/arena.h"
#include "base/err.h"
#include "mesh/leases.h"
#include "pb/v1.h"

struct wm_auth_provider;
struct wm_live;
struct wm_log;
struct wm_loop;
struct wm_rpc_client_stats;
struct wm_pubkey;
struct wm_rpc_channel;
struct wm_rpc_server;
struct wm_service;
struct wm_store;
struct wm_tls_config;

/* Who decides, as far as this server knows. */
enum wm_leader { WM_LEADER_SELF, WM_LEADER_OTHER, WM_LEADER_UNKNOWN };

struct wm_service_opts {
	struct wm_loop *loop;
	struct wm_log *log;
	const char *node_id;
	struct wm_store *store;                   /* NULL: this node holds no state */
	struct wm_live *live;                     /* with the store */
	const struct wm_auth_provider *auth;      /* NULL: callers are anonymous outside the mesh */
	struct wm_tls_config *client_tls;         /* for asking other nodes; NULL = cleartext */
	struct wm_rpc_client_stats *client_stats; /* of asking them; may be NULL */
	bool mesh_api;                            /* serve v1.Mesh */
	const struct wm_lease_static *fixed;
	size_t n_fixed;
	/* What only the node itself knows; @out and what it points to live in @a. */
	void (*status)(void *arg, struct wm_arena *a, V1__Status *out);
	/* Is a connection from @from that this interface brought one from inside the mesh? */
	bool (*is_mesh_path)(void *arg, const struct wm_addr *from, unsigned interface);
	/*
	 * Who leads? *@channel, where it is another: to its peer port, until
	 * wm_service_leader_changed. NULL: always we.
	 */
	enum wm_leader (*leader)(void *arg, struct wm_rpc_channel **channel);
	/*
	 * The storage member with this node key, whose ID is borrowed until the loop turns; NULL
	 * when it is none. Needed with a peer port.
	 */
	const char *(*member_of)(void *arg, const struct wm_pubkey *key);
	/* The mesh address and API port of another node; false when it is unknown here. */
	bool (*find_node)(void *arg, const char *id, struct wm_endpoint *out);
	void *arg;
};

/* Registers the services with @server, which is not listening yet. */
struct wm_service *wm_service_new(struct wm_rpc_server *server, const struct wm_service_opts *opts);
/* Ends the subscriptions; before the server is drained, so that their calls can finish. */
void wm_service_stop(struct wm_service *s);
/* After the store has ended its proposals. */
void wm_service_free(struct wm_service *s);

/* The gate, for struct wm_rpc_server_opts; @arg is the service. */
struct wm_rpc_call;
int wm_service_gate(struct wm_rpc_call *call, void *arg, struct wm_err *err);
/*
 * The gate of the peer port, where storage members call by their node keys (crypto/tls.h): either
 * for themselves, or for a caller whom they have looked at, and whose word they carry.
 */
int wm_service_peer_gate(struct wm_rpc_call *call, void *arg, struct wm_err *err);
/* What opts.leader answers may be another now. */
void wm_service_leader_changed(struct wm_service *s);
/* A node that becomes a storage member after the server was opened: from now on it serves state. */
void wm_service_set_state(struct wm_service *s, struct wm_store *store, struct wm_live *live);
