#pragma once
/*
 * What the files of the server share. A server has ports, a port has connections, a connection has
 * calls. A connection lives until its link is gone and its last call has been finished, since calls
 * borrow its names; a call lives until its handler has finished it and its stream is over. Loop
 * thread only.
 */
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "loop/conn.h"
#include "rpc/h2.h"
#include "rpc/link.h"
#include "rpc/server.h"
#include "rpc/sources.h"

struct wm_rpc_route { /* a row of the server's table of methods */
	const struct wm_rpc_handler *handler;
	const struct wm_pb_method *method;
	void *arg;
	struct wm_rpc_method_stats stats;
};

struct wm_rpc_server {
	struct wm_loop *loop;
	struct wm_log *log;
	struct wm_map routes; /* path -> struct wm_rpc_route */
	struct wm_list ports;
	struct wm_list conns;
	struct wm_rpc_turns handshakes;
	uint32_t n_conns;
	struct wm_rpc_sources sources;
	struct wm_rpc_stats stats;
	struct wm_h2_budget budget;
	bool draining, cancelled;
	struct wm_timer grace;
	struct wm_defer drained;
	void (*done)(void *arg);
	void *done_arg;
	struct wm_log_limit full_lines, refused_lines, slowed_lines; /* strangers cause them */
};

struct wm_rpc_port {
	struct wm_list node;
	struct wm_rpc_server *server;
	struct wm_listener *listener;
	struct wm_rpc_server_opts opts;
};

struct wm_rpc_server_conn {
	struct wm_list node;
	struct wm_rpc_port *port;
	struct wm_rpc_server *server;
	struct wm_rpc_link link;
	struct wm_h2 *h2; /* NULL before the handshake and after the end */
	/* Until it greets; then when it is looked after next; then from "soon" to "now" of its end.
	 */
	struct wm_timer timer;
	struct wm_list calls;
	int64_t quiet_since; /* when it greeted or its last call ended */
	int64_t pinged_at;
	bool greeted, link_gone, cancelled;
	bool has_peer;
	struct wm_endpoint peer;
	struct wm_rpc_source *source; /* NULL: a local socket */
	struct wm_rpc_turn turn;      /* in the line of its source */
	unsigned interface;
	char *peer_cn;
	struct wm_pubkey *peer_key; /* the node key that the client proved; NULL = none */
	char name[WM_ENDPOINT_TEXT + 16];
};

struct wm_rpc_call {
	struct wm_h2_stream st;
	struct wm_list node;
	struct wm_rpc_server_conn *conn;
	struct wm_rpc_route *route;           /* NULL until the headers were accepted */
	const struct wm_rpc_handler *handler; /* the route's, or what the gate chose */
	void *handler_arg;
	int64_t began_ns, ended_ns; /* at the route, by the handler; 0 = not yet */
	char *path;
	char http_method[8], content_type[48], encoding[32], timeout[16];
	char accepts[64]; /* encodings */
	struct wm_rpc_metadata request, headers, trailers;
	struct wm_buf details;   /* of its status, packed */
	struct wm_arena arena;   /* of the handler */
	struct wm_arena message; /* of one message on_message is told */
	ProtobufCMessage *first; /* the request of a unary or server-streaming method */
	int64_t deadline;
	struct wm_timer timer;
	char *identity;
	void *data;     /* the handler's */
	bool handed;    /* the handler has it, and must finish it */
	bool finished;  /* the handler is done, or never had it */
	bool cancelled; /* there is nobody to answer */
	bool answered;  /* its status was sent, or is about to be */
	bool sent;      /* a message was sent */
	struct wm_err status;
	bool has_status; /* status is an error */
	void (*on_drain)(struct wm_rpc_call *call, void *arg);
	void *on_drain_arg;
	void (*on_cancel)(struct wm_rpc_call *call, const struct wm_err *why, void *arg);
	void *on_cancel_arg;
};

/* ---- server_conn.c ---- */
/* Takes @c, a connection that has been accepted on @port, and that has entered @source. */
void wm_rpc_server_conn_new(struct wm_rpc_port *port, struct wm_conn *c,
			    struct wm_rpc_source *source);
/* No new calls: soon, or from now on. */
void wm_rpc_server_conn_drain(struct wm_rpc_server_conn *sc, bool final);
/* Every call of it is told that the server stops. Calls and connections may be gone afterwards. */
void wm_rpc_server_conn_cancel(struct wm_rpc_server_conn *sc);
/* Its time is over, whatever its client does. */
void wm_rpc_server_conn_end(struct wm_rpc_server_conn *sc);
/* A call of it has been freed: it may be the last thing that was waited for. */
void wm_rpc_server_conn_release(struct wm_rpc_server_conn *sc);
extern const struct wm_h2_events wm_rpc_server_events;

/* ---- server.c ---- */
/* A connection from @source (NULL: a local socket) is no more. */
void wm_rpc_server_conn_gone(struct wm_rpc_server *s, struct wm_rpc_source *source);

/* ---- server_request.c: a call as the wire makes it ---- */
struct wm_rpc_call *wm_rpc_call_new(struct wm_rpc_server_conn *sc);
/* Notes a header field. */
void wm_rpc_call_take_field(struct wm_rpc_call *call, const char *name, size_t name_len,
			    const char *value, size_t value_len);
/* The headers are complete: the call is judged. */
void wm_rpc_call_take_head(struct wm_rpc_call *call);
/* One message of the request. */
void wm_rpc_call_take_message(struct wm_rpc_call *call, const struct wm_rpc_frame *frame);
/* The client has sent its last message. */
void wm_rpc_call_take_end(struct wm_rpc_call *call);

/* ---- server_call.c ---- */
/* Ends a call that its handler does not have or has lost: answers @err, if anybody listens. */
void wm_rpc_call_refuse(struct wm_rpc_call *call, const struct wm_err *err);
/* Nobody listens any more, or may; @answer: they are still told. The call may be gone afterwards.
 */
void wm_rpc_call_cancel(struct wm_rpc_call *call, const struct wm_err *why, bool answer);
/* Its stream is over. The call may be gone afterwards. */
void wm_rpc_call_over(struct wm_rpc_call *call, const struct wm_err *why);
/* All that was sent has gone into the connection. */
void wm_rpc_call_take_drained(struct wm_rpc_call *call);
/* Adds status and trailers to the last block. */
void wm_rpc_call_put_trailers(struct wm_rpc_call *call, struct wm_rpc_fields *f);
