#pragma once
/*
 * What the files of the client share. A channel has at most one connection that takes calls,
 * besides those that the server is ending, at most one attempt to connect, and calls, some of which
 * wait for it. After wm_rpc_channel_close it lives on until the last of all these is gone. Loop
 * thread only.
 */
#include "base/list.h"
#include "base/log.h"
#include "loop/conn.h"
#include "rpc/client.h"
#include "rpc/h2.h"
#include "rpc/link.h"
#include "rpc/metadata.h"

struct wm_rpc_client_conn {
	struct wm_list node;
	struct wm_rpc_channel *channel;
	struct wm_rpc_link link;
	struct wm_h2 *h2;
	struct wm_endpoint peer;
	bool has_peer;
	bool settled; /* it speaks HTTP/2: calls may go */
	char name[128];
};

struct wm_rpc_channel {
	struct wm_loop *loop;
	struct wm_log *log;
	struct wm_rpc_channel_opts opts; /* its texts are our copies */
	char *target;                    /* also the authority */
	char host[256];
	uint16_t port;
	const char *path; /* of a local socket, in target */
	struct wm_list calls;
	struct wm_list waiting; /* calls for a connection */
	struct wm_list conns;
	struct wm_rpc_client_conn *conn; /* takes calls; NULL while there is none */
	/* The attempt to get one. */
	bool connecting, asking_name, dialing;
	struct wm_rpc_client_conn *trying; /* is in its handshake */
	struct wm_resolve resolve;
	struct wm_dial dial;
	struct wm_timer step; /* of the address that is tried */
	unsigned next_addr;
	int64_t connect_by;
	int64_t step_by;
	char trying_name[128];
	struct wm_err reason; /* why the addresses tried so far did not do */
	bool closed;
	bool closing; /* wm_rpc_channel_close is at work */
};

struct wm_rpc_client_call {
	struct wm_h2_stream st;
	struct wm_list node;    /* among the channel's calls */
	struct wm_list waiting; /* for a connection */
	struct wm_rpc_channel *channel;
	const struct wm_pb_method *method;
	struct wm_rpc_metadata request, headers, trailers;
	int64_t deadline; /* INT64_MAX = none */
	int64_t timeout;  /* what it was, for the error */
	struct wm_timer timer;
	struct wm_defer tell; /* the end */
	struct wm_err err;
	bool failed, ending, told, freeable; /* told: its callback has begun; freeable: has ended */
	unsigned http_status;
	int grpc_status; /* -1 = none came */
	char grpc_message[WM_ERR_TEXT];
	char encoding[32], content_type[48];
	uint32_t n_messages;
	struct wm_arena message;
	struct wm_rpc_unary *unary; /* one of these */
	struct wm_rpc_stream *stream;
};

/* ---- channel.c ---- */
/* Opens @call on the connection, or has it wait for one. */
void wm_rpc_channel_enqueue(struct wm_rpc_channel *c, struct wm_rpc_client_call *call);
/* @cc is the channel's first proof of an HTTP/2 server. */
void wm_rpc_channel_connected(struct wm_rpc_channel *c, struct wm_rpc_client_conn *cc);
/* @cc takes no more calls. */
void wm_rpc_channel_dropped(struct wm_rpc_channel *c, struct wm_rpc_client_conn *cc);
/* The attempt @cc was has failed: the next address. */
void wm_rpc_channel_refused(struct wm_rpc_channel *c, const struct wm_err *why);
/* Something of the channel is gone: it may be the last that a closed one waited for. */
void wm_rpc_channel_release(struct wm_rpc_channel *c);

/* ---- client_conn.c ---- */
/* Takes @conn. @name is the address, for errors. */
struct wm_rpc_client_conn *wm_rpc_client_conn_new(struct wm_rpc_channel *c, struct wm_conn *conn,
						  const char *name);
/* Ends it, from the loop. */
void wm_rpc_client_conn_fail(struct wm_rpc_client_conn *cc, const struct wm_err *why);
/* Ends it at once, unless one of its callbacks is running: then right behind that. */
void wm_rpc_client_conn_abort(struct wm_rpc_client_conn *cc, const struct wm_err *why);
extern const struct wm_h2_events wm_rpc_client_events;

/* ---- client_call.c ---- */
/* A call on @c, not yet started; NULL and @err when it cannot be. */
struct wm_rpc_client_call *wm_rpc_client_call_new(struct wm_rpc_channel *c,
						  const struct wm_pb_method *method,
						  const struct wm_rpc_call_opts *opts,
						  struct wm_err *err);
/* Never started. */
void wm_rpc_client_call_free(struct wm_rpc_client_call *call);
/* From now on it ends by its owner being told. */
void wm_rpc_client_call_start(struct wm_rpc_client_call *call);
/* Sends its headers, and what was queued, on @cc. */
void wm_rpc_client_call_open(struct wm_rpc_client_call *call, struct wm_rpc_client_conn *cc);
/* Ends it for its owner, who is told from the loop: NULL = OK. Only the first end counts. */
void wm_rpc_client_call_end(struct wm_rpc_client_call *call, const struct wm_err *err);
/* Ends it with CANCELLED. */
void wm_rpc_client_call_cancel(struct wm_rpc_client_call *call);
/* What h2 tells, by stream. */
void wm_rpc_client_call_take_field(struct wm_h2_stream *s, bool tail, const char *name,
				   size_t name_len, const char *value, size_t value_len);
/* The headers are complete. */
void wm_rpc_client_call_take_head(struct wm_h2_stream *s);
/* One message of the answer. */
void wm_rpc_client_call_take_message(struct wm_h2_stream *s, const struct wm_rpc_frame *frame);
/* What came is no message, or too large. */
void wm_rpc_client_call_take_bad(struct wm_h2_stream *s, const struct wm_err *err);
/* The server has ended the call: its status counts now. */
void wm_rpc_client_call_take_end(struct wm_h2_stream *s);
/* All that was sent has gone into the connection. */
void wm_rpc_client_call_take_drained(struct wm_h2_stream *s);
/* The stream is over. The call may be gone afterwards. */
void wm_rpc_client_call_take_over(struct wm_h2_stream *s, const struct wm_err *why);
