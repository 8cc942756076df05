#pragma once
/* What the files of the peer port share. Loop thread only. */
#include "base/backoff.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/log.h"
#include "cluster/peer_port.h"
#include "loop/loop.h"
#include "pb/peer.h"
#include "rpc/client.h"
#include "rpc/server.h"

#define WM_PEER_LISTENS   8
#define WM_PEER_BOOT      "x-webmesh-boot" /* of the caller: another one after each start */
#define WM_PEER_BOOT_TEXT 17
#define WM_PEER_CHUNK     (256u << 10)

struct wm_peer_fetch;

struct wm_peer_port {
	struct wm_peer_port_opts opts;
	char node_id[WM_IDENT_TEXT];
	char boot[WM_PEER_BOOT_TEXT];
	struct wm_rpc_server *server;
	struct wm_tls_config *tls;                   /* of the server's side */
	struct wm_endpoint missing[WM_PEER_LISTENS]; /* that could not be had yet */
	size_t n_missing, n_listens;
	struct wm_timer listen_again;
	struct wm_list links;    /* struct wm_peer_link */
	struct wm_list incoming; /* streams of frames that others have to us */
	struct wm_list serves;   /* snapshots that others pull */
	unsigned n_serves;
	struct wm_peer_fetch *fetch; /* NULL = none */
	struct wm_peer_port_stats stats;
	struct wm_log_limit lines; /* what others can cause */
	bool is_stopping;
};

/* One connection, its TLS and the stream on it; lives on until the stream has ended. */
struct wm_peer_way {
	void *owner; /* the link, or the fetch; NULL: given up */
	struct wm_peer to;
	struct wm_tls_config *tls;
	struct wm_rpc_channel *channel;
	struct wm_rpc_stream stream;
	bool is_up;    /* the other side has taken the stream */
	bool may_free; /* the stream has ended, or never was */
};

struct wm_peer_link {
	struct wm_list node;
	struct wm_peer_port *port;
	char node_id[WM_IDENT_TEXT];
	char boot[WM_PEER_BOOT_TEXT]; /* that it was last seen with */
	bool is_member;
	struct wm_peer_way *way; /* NULL: nobody knows where it is */
	struct wm_buf newest;    /* the last frame that found no connection */
	struct wm_backoff backoff;
	struct wm_timer again; /* the next try */
	struct wm_timer idle;  /* of a link to no member: until it goes */
	bool said_down;
};

/* ---- peer_link.c ---- */
struct wm_peer_link *wm_peer_link_find(struct wm_peer_port *p, const char *node_id);
struct wm_peer_link *wm_peer_link_new(struct wm_peer_port *p, const char *node_id, bool is_member);
/* Looks again where the member is: a way that leads elsewhere is given up for another. */
void wm_peer_link_refresh(struct wm_peer_link *l);
/* The member has just come to us, in the run @boot (NULL: it did not say): so it is there. */
void wm_peer_link_seen(struct wm_peer_link *l, const char *boot);
void wm_peer_link_send(struct wm_peer_link *l, const uint8_t *frame, size_t len);
void wm_peer_link_free(struct wm_peer_link *l);
/* TLS and a channel to @to, who has to prove that key; NULL when that is no address. */
struct wm_peer_way *wm_peer_way_new(struct wm_peer_port *p, const struct wm_peer *to);
/* The way is gone when its stream has ended. */
void wm_peer_way_close(struct wm_peer_way *w);
/* To be called last by what ends the stream. */
void wm_peer_way_ended(struct wm_peer_way *w);

/* ---- peer_serve.c ---- */
void wm_peer_serve(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg);
/* Ends those of @node_id, or all (NULL). */
void wm_peer_serves_end(struct wm_peer_port *p, const char *node_id, const struct wm_err *why);

/* ---- peer_fetch.c ---- */
/* That have come of what is under way. */
uint64_t wm_peer_fetch_bytes(const struct wm_peer_port *p);
/* Gives up what is under way, and tells nobody. */
void wm_peer_fetch_drop(struct wm_peer_port *p);

/* ---- peer_port.c ---- */
/* True when the caller is still the member that it was. Else the call is to be ended with @err. */
WM_MUST_CHECK int wm_peer_check(const struct wm_peer_port *p, const struct wm_rpc_call *call,
				struct wm_err *err);
bool wm_peer_is_same(const struct wm_peer *a, const struct wm_peer *b);
