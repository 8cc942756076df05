#pragma once
/*
 * How servers that hold the state reach each other: gRPC under both node keys (crypto/tls.h,
 * webmesh.peer.v1), on their mesh addresses. Frames of the consensus go to each member on a link of
 * its own, a connection that is kept and made again; whoever has to ask the leader something uses
 * the same one. Snapshots are pulled, by one server at a time from another, over a connection made
 * for that. Who is a member is asked for every frame, so one that was removed has said its last.
 * Loop thread only.
 */
#include "base/addr.h"
#include "base/err.h"
#include "crypto/ident.h"
#include "crypto/key.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wm_log;
struct wm_loop;
struct wm_peer_port;
struct wm_rpc_call;
struct wm_rpc_channel;
struct wm_rpc_client_stats;
struct wm_rpc_server;

#define WM_PEER_FRAME_MAX (9u << 20) /* with what carries it */
#define WM_PEER_SERVES    4          /* snapshots at once; who comes beyond waits */

/* Where a member is, and the key that it has to prove there. */
struct wm_peer {
	struct wm_endpoint at;
	struct wm_pubkey key;
};

/* A snapshot that another server offered: this one, or a newer one. */
struct wm_peer_fetch_wish {
	const char *node_id;
	uint64_t index, term;
};

struct wm_peer_port_hooks {
	/* False when the node is unknown, or has no address or key that can be used. */
	bool (*find)(void *arg, const char *node_id, struct wm_peer *out);
	/* The storage member with this key, borrowed until the loop turns; NULL: a stranger's. */
	const char *(*member_of)(void *arg, const struct wm_pubkey *key);
	/* A member said this; borrowed. */
	void (*on_frame)(void *arg, const char *node_id, const uint8_t *frame, size_t len);
	/* The channel to this member is another now, or there is none any more. */
	void (*on_channel)(void *arg, const char *node_id);
	/* As wm_cluster_snapshot_share. */
	int (*share)(void *arg, int *fd, uint64_t *bytes, uint64_t *index, uint64_t *term,
		     struct wm_err *err);
	/* The empty file for the snapshot that is fetched; and its end, which takes @fd. */
	int (*fetch_open)(void *arg, int *fd, struct wm_err *err);
	void (*fetched)(void *arg, int fd, bool ok);
	void *arg;
};

struct wm_peer_port_opts {
	struct wm_loop *loop;
	struct wm_log *log;       /* may be NULL */
	const char *node_id;      /* ours; copied */
	const struct wm_key *key; /* ours; borrowed for the port's life */
	/* What decides about calls, and has members' IDs noted (wm_service_peer_gate). */
	int (*gate)(struct wm_rpc_call *call, void *arg, struct wm_err *err);
	void *gate_arg;
	struct wm_rpc_client_stats *client_stats; /* may be NULL */
	struct wm_peer_port_hooks hooks;
};

struct wm_peer_port_stats {
	uint32_t links, links_up; /* now: to members; and those that reach theirs */
	uint64_t sent, received;  /* frames */
	uint64_t sent_bytes, received_bytes;
	uint64_t dropped;                 /* frames that found no connection, or a full queue */
	uint64_t fetching_bytes;          /* now: that have come of a snapshot */
	uint64_t fetched, failed_fetches; /* snapshots */
	uint64_t served;                  /* snapshots that went to another server whole */
};

/* Registers with @server, which is not listening yet, and outlives the port. */
struct wm_peer_port *wm_peer_port_new(struct wm_rpc_server *server,
				      const struct wm_peer_port_opts *opts);
/*
 * Listens at these addresses as well; at most 8 in all. One that cannot be had yet (the interface
 * may get it a moment later) is tried again. *@bound (may be NULL): the first that could be had.
 */
void wm_peer_port_listen(struct wm_peer_port *p, const struct wm_endpoint *at, size_t n,
			 struct wm_endpoint *bound);
/*
 * These are the members, ourselves among them or not: opens and closes links. Also to be called
 * when what hooks.find or hooks.member_of say may be something else than before.
 */
void wm_peer_port_set_members(struct wm_peer_port *p, const char *const *node_ids, size_t n);
/*
 * Queues a frame, or drops it: the one who says it says it again. Of what has to wait for a
 * connection the newest is kept. Somebody who is no member, as far as we know, is answered too, if
 * hooks.find knows the way; that link is closed after a minute without frames.
 */
void wm_peer_port_send(struct wm_peer_port *p, const char *node_id, const uint8_t *frame,
		       size_t len);
/* To the peer port of a member, until hooks.on_channel says otherwise; NULL when there is none. */
struct wm_rpc_channel *wm_peer_port_channel(struct wm_peer_port *p, const char *node_id);
/*
 * Fetches a snapshot: hooks.fetch_open, then, once and not from inside, hooks.fetched. A connection
 * that breaks is made again and goes on where it was; ten seconds without a byte end it. While one
 * is under way no other wish is heard.
 */
void wm_peer_port_fetch(struct wm_peer_port *p, const struct wm_peer_fetch_wish *wish);
void wm_peer_port_stats(const struct wm_peer_port *p, struct wm_peer_port_stats *out);
/* Closes links and ends calls; from here on no hook runs. What is fetched is given up. */
void wm_peer_port_stop(struct wm_peer_port *p);
/* After stop and the server's drain. NULL is allowed. */
void wm_peer_port_free(struct wm_peer_port *p);
