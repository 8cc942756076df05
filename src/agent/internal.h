#pragma once
/*
 * What the files of agent/ share: the node as one struct, whose parts are born in the order in
 * which they stand here and die in the reverse. Loop thread only.
 */
#include "agent/identity.h"
#include "base/addr.h"
#include "base/arena.h"
#include "base/backoff.h"
#include "loop/loop.h"
#include "mesh/ids.h"
#include "pb/v1.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "service/live.h"
#include "service/service.h"
#include "store/store.h"
#include "wg/device.h"

/* Of the journal. */
#define WM_AGENT_RUN_DIR "/run/webmesh"

struct wm_announcer;
struct wm_cluster;
struct wm_cluster_hooks;
struct wm_fabric;
struct wm_joiner;
struct wm_metrics;
struct wm_netns;
struct wm_places;
struct wm_follower;
struct wm_node_options;
struct wm_quorum;
struct wm_rpc_server_opts;
struct wm_supervisor;
struct wm_suspend;

struct wm_agent {
	struct wm_node_options *options; /* borrowed */
	struct wm_log *log;
	struct wm_identity identity;
	struct wm_loop *loop;
	struct wm_supervisor *supervisor;
	struct wm_signal *sigint, *sigterm, *sighup;
	unsigned reloads, refused_reloads; /* that were asked for; and of these */
	struct wm_netns *netns;            /* where the interface is; NULL = where we are */
	struct wm_wg_device *device;
	struct wm_timer recovery; /* of a device that broke */
	struct wm_backoff recovery_pause;
	int64_t recovered_ns;       /* when that was last; 0 = never */
	struct wm_suspend *suspend; /* NULL: the host's sleep is not seen */
	struct wm_poll *sleep_poll;
	struct wm_places *places; /* of peers, for the next run and from the last */
	struct wm_fabric *fabric;
	struct wm_rpc_server *server;
	struct wm_service *service;
	struct wm_rpc_client_stats client_stats; /* of every channel that we open */
	struct wm_endpoint api;                  /* where the API listens; port 0 = it does not */
	struct wm_metrics *metrics;              /* NULL = not wanted */

	/* A node that holds the state. */
	struct wm_quorum *quorum;
	struct wm_cluster *cluster;
	struct wm_store *store; /* the cluster's */
	struct wm_live *live;
	struct wm_live_listener own_peers;
	struct wm_defer refresh;
	struct wm_timer farewell; /* before a removed peer's path goes */

	/* A node that asks others. */
	struct wm_joiner *joiner;
	struct wm_follower *follower;
	struct wm_announcer *announcer; /* of either kind */

	/* What the mesh last said of us; lives in @view_arena. */
	struct wm_arena view_arena;
	struct wm_timer save;   /* of the view, a moment after it changed */
	bool cannot_save;       /* said once */
	V1__JoinResponse *view; /* NULL before membership */
	struct wm_prefix networks[2];
	size_t n_networks;

	int64_t started_wall_ns, started_ns;
	bool ready;
	bool stopping;
	struct wm_timer limit; /* of the start, then of the stop */
	const char *waits_for; /* while stopping */
	bool cut_short;        /* the stop took too long: parts of it still run */
	struct wm_defer next;  /* the step of the stop that follows */
	struct wm_propose founding;
	struct wm_err why; /* code 0: stopped because somebody asked */
};

/* ---- agent.c ---- */
/* Membership is there: applies it and says that the node is ready. */
void wm_agent_become_member(struct wm_agent *a, const V1__JoinResponse *view);

/* Finds this host's addresses if @o wants them, and fills in the endpoints of @o. */
WM_MUST_CHECK int wm_agent_detect_endpoints(struct wm_agent *a, struct wm_node_options *o,
					    struct wm_err *err);

/* Gives the device its key and port. */
WM_MUST_CHECK int wm_agent_configure_device(struct wm_agent *a, struct wm_err *err);

/* Leaves the interface, as it is now, with the service manager. */
void wm_agent_keep_interface(struct wm_agent *a);

/* ---- namespace.c ---- */
/* With wireguard.netns: a thread enters it. While there is the privilege for it. */
WM_MUST_CHECK int wm_agent_enter_namespace(struct wm_agent *a, struct wm_err *err);
/* Undoes what crashed processes have left, here and in that namespace. */
WM_MUST_CHECK int wm_agent_sweep(struct wm_agent *a, struct wm_err *err);
/* From here on what is dialed in the mesh's networks is dialed there. The loop is new. */
void wm_agent_dial_inside(struct wm_agent *a);
/* The API there as well, when it listens at every address of ours, as @outside has it. */
WM_MUST_CHECK int wm_agent_listen_inside(struct wm_agent *a,
					 const struct wm_rpc_server_opts *outside,
					 struct wm_err *err);
/* Is the address in a network of the mesh? */
bool wm_agent_is_mesh_address(const struct wm_agent *a, const struct wm_addr *addr);

/* ---- recover.c ---- */
/* The device works no more: says so, makes it anew, and tries until that works. */
void wm_agent_recover(struct wm_agent *a, const struct wm_err *why);

/* ---- awake.c ---- */
/* From here on peers are greeted when the host has slept; the device is open. */
void wm_agent_watch_sleep(struct wm_agent *a);
void wm_agent_forget_sleep(struct wm_agent *a);

/* ---- interface.c ---- */
/* True when an interface that has the name of ours is to make room for it. */
bool wm_agent_may_free_name(const struct wm_agent *a);
/* Removes that interface, if it is still there. */
WM_MUST_CHECK int wm_agent_free_name(struct wm_agent *a, struct wm_err *err);
/* Adds to @err, with which the device could not be opened, what can be done; returns @rc. */
int wm_agent_explain_name(const struct wm_agent *a, int rc, struct wm_err *err);

/* ---- reload.c ---- */
/* Reads the options again and lives by those that may change: all of them, or none. */
void wm_agent_reload(struct wm_agent *a);

/* ---- stop.c ---- */
/* Ends the node, orderly; @why NULL when it was asked to. The first reason counts. */
void wm_agent_stop(struct wm_agent *a, const struct wm_err *why);
/* What is synchronous, in reverse order of birth; the loop turns a last time for what was closed.
 */
void wm_agent_fini(struct wm_agent *a);
/* The stop took too long: undoes what was done to the host, and says what was waited for. */
int wm_agent_fail_cut_short(struct wm_agent *a, struct wm_err *err);

/*
 * Did a connection come through the tunnel? An address in our networks is not enough, for a bridge
 * of containers or a whole LAN may lie in them too: our own interface has to have brought it. What
 * this node asks itself has its own address and comes by no cable. With an interface in another
 * network namespace, only what came in there counts, and @interface is 0 for all else, whose
 * numbers mean other interfaces. @arg is the agent.
 */
bool wm_agent_is_mesh_path(void *arg, const struct wm_addr *from, unsigned interface);

/* ---- metrics.c ---- */
/* Opens the endpoint of the node's figures, if it is wanted. */
WM_MUST_CHECK int wm_agent_open_metrics(struct wm_agent *a, struct wm_err *err);

/* ---- view.c ---- */
/* Takes over (copies) what the mesh says of us and makes the fabric so. */
WM_MUST_CHECK int wm_agent_apply_view(struct wm_agent *a, const V1__JoinResponse *view,
				      struct wm_err *err);
/* The same with other peers, as a subscription or our own graph reports them. */
WM_MUST_CHECK int wm_agent_apply_peers(struct wm_agent *a, const V1__PeerConfigurations *config,
				       struct wm_err *err);
/* The same view again, by other options. */
WM_MUST_CHECK int wm_agent_reapply_view(struct wm_agent *a, struct wm_err *err);
/* Comes back to the peers of the last run; NOT_FOUND when nothing of it was kept. */
WM_MUST_CHECK int wm_agent_restore_view(struct wm_agent *a, struct wm_err *err);
/* Goes on with the peers of the last run while the mesh is asked, if that run ended just now: its
 * sessions wait at their other ends. */
void wm_agent_resume_view(struct wm_agent *a);
/* Writes what has changed and was not written yet. */
void wm_agent_save_view(struct wm_agent *a);
/* Forgets them, for a node that has left. */
void wm_agent_forget_view(struct wm_agent *a);
/* The mesh address and API port of a direct peer. */
bool wm_agent_find_peer(const struct wm_agent *a, const char *id, struct wm_endpoint *out);

/* ---- request.c ---- */
/* What this node tells a server that it joins; lives in @arena. */
V1__JoinRequest *wm_agent_join_request(struct wm_agent *a, struct wm_arena *arena);

/* ---- status.c ---- */
void wm_agent_status(void *arg, struct wm_arena *arena, V1__Status *out);
/* "alpha in webmesh.internal, 172.16.0.1/32": this member in a line, in @out. */
#define WM_NODE_STATUS 160
const char *wm_agent_status_line(const struct wm_agent *a, char out[WM_NODE_STATUS]);

/* ---- state.c ---- */
/* Opens this server's share of the state; what is not there yet begins with us alone. */
WM_MUST_CHECK int wm_agent_open_state(struct wm_agent *a, struct wm_err *err);

/* ---- quorum.c ---- */
/* Before the server listens. */
void wm_quorum_new(struct wm_agent *a);
/* What the consensus asks of us. */
void wm_quorum_hooks(struct wm_agent *a, struct wm_cluster_hooks *out);
/* For the service (struct wm_service_opts); @arg is the agent. */
enum wm_leader wm_quorum_leader(void *arg, struct wm_rpc_channel **channel);
const char *wm_quorum_member_of(void *arg, const struct wm_pubkey *key);
/* This node holds the state and has its addresses: from now on the other servers may come. */
void wm_quorum_open(struct wm_agent *a);
/* If this node leads and another can, that one shall; then @done, after a second at the latest. */
void wm_quorum_hand_over(struct wm_agent *a, void (*done)(struct wm_agent *a));
/* Parts from the others; before the server is drained. */
void wm_quorum_stop(struct wm_agent *a);
void wm_quorum_free(struct wm_quorum *q); /* NULL is allowed; after the server */

/* ---- founder.c ---- */
/* Opens the state and founds the mesh or comes back to it; ends in become_member or stop. */
WM_MUST_CHECK int wm_founder_start(struct wm_agent *a, struct wm_err *err);
/* Writes our own record anew, as request.c has it; ends in wm_announcer_done unless it fails. */
WM_MUST_CHECK int wm_founder_announce(struct wm_agent *a, struct wm_err *err);

/* ---- joiner.c ---- */
/* Asks the join addresses in turn until one lets us in; ends in become_member or stop. */
void wm_joiner_start(struct wm_agent *a);
/* Asks once more, in the background, since the mesh we knew does not answer. */
void wm_joiner_start_again(struct wm_agent *a);
/* The addresses are other ones now: if it waits to ask again, the wait is over. */
void wm_joiner_hurry(struct wm_agent *a);
/* Why the last address that was asked did not let us in; code 0 when none has answered yet. */
const struct wm_err *wm_joiner_last_error(const struct wm_agent *a);
bool wm_joiner_is_running(const struct wm_agent *a);
/* Asks to be forgotten, then calls @done whatever came of it. */
void wm_joiner_leave(struct wm_agent *a, void (*done)(struct wm_agent *a));
void wm_joiner_free(struct wm_joiner *j); /* NULL is allowed */

/* ---- follower.c ---- */
/* Follows the peers that a storage member streams to us. */
void wm_follower_start(struct wm_agent *a);
/* Where membership is kept: the mesh address of a storage member; false when none is known. */
bool wm_follower_target(const struct wm_agent *a, unsigned attempt, struct wm_endpoint *out);
/* The peer with this WireGuard key has begun a new session with us. If it is the one that we
 * follow, it may have lost the stream with the last one: it is asked. */
void wm_follower_on_greeted(struct wm_agent *a, const uint8_t key[WM_WG_KEY]);
void wm_follower_free(struct wm_follower *f); /* NULL is allowed */
