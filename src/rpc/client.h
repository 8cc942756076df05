#pragma once
/*
 * The gRPC client. A channel is one server by name and port: it resolves, connects, speaks TLS and
 * HTTP/2 when the first call needs it, multiplexes calls over one connection and connects again for
 * the next call after a loss. A call is an embedded request under the contract of loop/loop.h.
 * Loop thread only.
 */
#include "base/arena.h"
#include "base/err.h"
#include "pb/methods.h"
#include <stdbool.h>
#include <stdint.h>

struct wm_endpoint;
struct wm_log;
struct wm_loop;
struct wm_rpc_channel;
struct wm_rpc_client_call; /* the wire half, private */
struct wm_tls_config;

struct wm_rpc_channel_opts {
	const char *target;        /* "host:port", "[::1]:8443" or "unix:///path"; copied */
	struct wm_tls_config *tls; /* borrowed for the channel's life; NULL = cleartext */
	const char *server_name;   /* checked in the certificate instead of the host; may be NULL */
	int64_t connect_timeout_ns; /* resolve, connect, TLS and HTTP/2 preface; 0 = 5 s */
	uint32_t max_message;       /* 0 = 4 MiB */
	bool gzip;                  /* send requests compressed, to servers known to take it */
	/* Metadata for every call (credentials), asked for at each start; may be NULL. */
	void (*credentials)(struct wm_rpc_client_call *call, void *arg);
	void *credentials_arg;
};

/* INVALID_ARGUMENT when the target is none; nothing is connected yet. */
WM_MUST_CHECK int wm_rpc_channel_new(struct wm_loop *loop, struct wm_log *log,
				     const struct wm_rpc_channel_opts *opts,
				     struct wm_rpc_channel **out, struct wm_err *err);
/* Open calls end with CANCELLED in the loop's next turn; @c is gone at once. */
void wm_rpc_channel_close(struct wm_rpc_channel *c); /* NULL is allowed */
/* The address connected to; false while there is none. */
bool wm_rpc_channel_peer(const struct wm_rpc_channel *c, struct wm_endpoint *out);

/* Adds request metadata, from the credentials hook; the rules are those of wm_rpc_call_add_header.
 */
void wm_rpc_client_call_add_metadata(struct wm_rpc_client_call *call, const char *key,
				     const char *value);
/*
 * The first value that the server sent under @key as header or, if not there, as trailer; NULL if
 * neither. From inside the callbacks: @call is the request's call, or, in its last callback, its
 * done. "-bin" values come decoded, *@len bytes long (@len may be NULL).
 */
const char *wm_rpc_client_call_metadata(const struct wm_rpc_client_call *call, const char *key,
					size_t *len);

/* ---- one request, one answer; zeroed before first use ---- */
struct wm_rpc_unary {
	struct wm_rpc_client_call *call; /* NULL while it does not run */
	struct wm_rpc_client_call *done; /* for its metadata, inside @cb only */
	void (*cb)(struct wm_rpc_unary *u, const struct wm_err *err);
	struct wm_arena arena;      /* holds the response; fini by wm_rpc_unary_fini */
	ProtobufCMessage *response; /* set on success, lives until fini */
};
struct wm_rpc_call_opts {
	int64_t deadline_ns; /* from now; 0 = none. Sent as grpc-timeout and enforced here too */
	const char *const *metadata; /* key, value, key, value, ..., NULL; may be NULL */
};
/*
 * @request is encoded before this returns. Errors reach @cb: the server's own status and message,
 * or UNAVAILABLE (cannot connect, connection lost; the text says which address and why),
 * UNAUTHENTICATED (one side does not accept the other's certificate), DEADLINE_EXCEEDED, CANCELLED.
 */
WM_MUST_CHECK int wm_rpc_unary_start(struct wm_rpc_channel *c, struct wm_rpc_unary *u,
				     const struct wm_pb_method *method,
				     const ProtobufCMessage *request,
				     const struct wm_rpc_call_opts *opts,
				     void (*cb)(struct wm_rpc_unary *u, const struct wm_err *err),
				     struct wm_err *err);
void wm_rpc_unary_cancel(struct wm_rpc_unary *u); /* harmless when it does not run */
void wm_rpc_unary_fini(struct wm_rpc_unary *u);   /* not while it runs */

/* ---- streams of the three kinds; the caller fills in the callbacks ---- */
struct wm_rpc_stream {
	struct wm_rpc_client_call *call; /* NULL while it does not run, so in on_end already */
	struct wm_rpc_client_call *done; /* for its metadata, inside on_end only */
	/* The server's headers have come, so its metadata can be read. May be NULL. */
	void (*on_headers)(struct wm_rpc_stream *s);
	/* What was sent so far has left. May be NULL. */
	void (*on_drain)(struct wm_rpc_stream *s);
	/* Each message of the server; borrowed during the call. */
	void (*on_message)(struct wm_rpc_stream *s, const ProtobufCMessage *message);
	/* Exactly once, last: NULL when the server ended with OK. */
	void (*on_end)(struct wm_rpc_stream *s, const struct wm_err *err);
};
/* Begins the call: messages may be sent at once, they wait for the connection. */
WM_MUST_CHECK int wm_rpc_stream_start(struct wm_rpc_channel *c, struct wm_rpc_stream *s,
				      const struct wm_pb_method *method,
				      const struct wm_rpc_call_opts *opts, struct wm_err *err);
/*
 * Queues a message. RESOURCE_EXHAUSTED while more than 1 MiB waits (on_drain tells when it has
 * left) and for a message above the limit; CANCELLED when the call is over (on_end says or said
 * why).
 */
WM_MUST_CHECK int wm_rpc_stream_send(struct wm_rpc_stream *s, const ProtobufCMessage *message,
				     struct wm_err *err);
/* No message follows; the server may still send. */
void wm_rpc_stream_half_close(struct wm_rpc_stream *s);
/* Bytes sent that wait for the server. */
size_t wm_rpc_stream_queued(const struct wm_rpc_stream *s);
/* Stops and resumes taking messages (flow control reaches the server). */
void wm_rpc_stream_pause(struct wm_rpc_stream *s, bool paused);
void wm_rpc_stream_cancel(struct wm_rpc_stream *s); /* harmless when it does not run */
