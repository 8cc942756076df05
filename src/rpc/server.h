#pragma once
/*
 * The gRPC server: HTTP/2 over TLS (or cleartext), on the control loop. The owner registers
 * handlers by method and may put one gate in front of all of them. A call object is the handler's
 * from the moment it is handed one until wm_rpc_call_finish: it stays valid even when the client
 * went away (wm_rpc_call_on_cancel tells), so an answer that comes late is simply dropped. Loop
 * thread only.
 *
 * Limits besides those of the options: ten seconds from accept to the client's HTTP/2 settings;
 * 16 KiB of request headers, in 9 frames and ten seconds at most; 32 MiB of a connection and 256
 * MiB in all that came and was not yet delivered (calls beyond end with RESOURCE_EXHAUSTED); frames
 * that carry nothing, by rate. Who is cut off for a flood and comes back, and who shakes hands in
 * vain, does so at a rate that falls (rpc/sources.h); others from its address wait with it.
 * Protocol:
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
#include "base/addr.h"
#include "base/arena.h"
#include "base/err.h"
#include "pb/methods.h"
#include "rpc/stats.h"
#include <stdbool.h>
#include <stdint.h>

struct wm_log;
struct wm_loop;
struct wm_pubkey;
struct wm_rpc_call;
struct wm_rpc_server;
struct wm_tls_config;

struct wm_rpc_handler {
	const char *path; /* "/v1.Node/GetStatus", a row of pb/methods.h */
	/*
	 * The request is complete: unary and server-streaming methods. @request lives in the call's
	 * arena, until finish.
	 */
	void (*on_request)(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg);
	/* Client-streaming and two-way methods: the call begins; each message (borrowed during the
	 * call only); the client has sent its last. */
	void (*on_open)(struct wm_rpc_call *call, void *arg);
	void (*on_message)(struct wm_rpc_call *call, const ProtobufCMessage *message, void *arg);
	void (*on_half_close)(struct wm_rpc_call *call, void *arg);
	uint32_t max_message; /* bytes of one message to this method; 0 = what the options say */
};

struct wm_rpc_server_opts {
	struct wm_endpoint at; /* port 0 = any */
	const char *path;      /* or a local socket */
	int socket;            /* as struct wm_listen_opts */
	/* Calls here came by no interface that counts: wm_rpc_call_interface is 0. */
	bool hides_interface;
	struct wm_tls_config *tls; /* borrowed; NULL = cleartext */
	/*
	 * Runs before every handler, when the headers are complete: refuse by returning nonzero
	 * with
	 * @err filled, or note who calls by wm_rpc_call_set_identity. May be NULL.
	 */
	int (*gate)(struct wm_rpc_call *call, void *arg, struct wm_err *err);
	void *gate_arg;
	uint32_t max_message;     /* bytes of one message; 0 = 4 MiB */
	uint32_t max_connections; /* 0 = 10,000; in any case fewer than there are descriptors */
	/* Of them from one IPv4 address or IPv6 /64, and three in four at most; 0 = all. */
	uint32_t max_per_source;
	uint32_t max_streams; /* per connection; 0 = 256 */
	uint32_t max_queued;  /* bytes waiting for a slow reader, per connection; 0 = 8 MiB */
	/*
	 * A connection without calls is ended after so long, as HTTP/2 has it: its client is told
	 * first, and one that has sent a call meanwhile is served. 0 = one hour.
	 */
	int64_t max_idle_ns;
	/*
	 * While calls run and their client is silent for so long, it is pinged; one that does not
	 * answer in time is given up. 0 = ten minutes and 20 s.
	 */
	int64_t keepalive_ns, keepalive_timeout_ns;
};

/* A server without methods and addresses. */
struct wm_rpc_server *wm_rpc_server_new(struct wm_loop *loop, struct wm_log *log);
/* Before open. @handlers and @arg are borrowed for the server's life. A path twice is our bug. */
void wm_rpc_server_register(struct wm_rpc_server *s, const struct wm_rpc_handler *handlers,
			    size_t n, void *arg);
/* True when a handler is registered for @path. */
bool wm_rpc_server_has(const struct wm_rpc_server *s, const char *path);
/* Adds a listening address; may be called for several. */
WM_MUST_CHECK int wm_rpc_server_listen(struct wm_rpc_server *s,
				       const struct wm_rpc_server_opts *opts,
				       struct wm_endpoint *bound, struct wm_err *err);
/* Copies the counters: what there is now, and what happened since the server was made. */
void wm_rpc_server_stats(const struct wm_rpc_server *s, struct wm_rpc_stats *out);
/*
 * Calls @each with every registered method, in the order of registration, and what it counts
 * (borrowed during the call). Calls of unknown methods are in wm_rpc_server_stats only.
 */
void wm_rpc_server_each_method(const struct wm_rpc_server *s,
			       void (*each)(void *arg, const struct wm_pb_method *method,
					    const struct wm_rpc_method_stats *stats),
			       void *arg);
/*
 * No new connections or calls (GOAWAY); running calls have @grace_ns, then they are cancelled.
 * @done runs once, never from inside drain, when the last connection is gone and the last call
 * finished.
 */
void wm_rpc_server_drain(struct wm_rpc_server *s, int64_t grace_ns, void (*done)(void *arg),
			 void *arg);
/* Only after drain has reported, or before listen. */
void wm_rpc_server_free(struct wm_rpc_server *s);

/* ---- a call ---- */
const struct wm_pb_method *wm_rpc_call_method(const struct wm_rpc_call *call);
/* The loop that the call, and so its handler, runs on. */
struct wm_loop *wm_rpc_call_loop(const struct wm_rpc_call *call);
/* For what the answer is built from; dies with the call. */
struct wm_arena *wm_rpc_call_arena(struct wm_rpc_call *call);
/*
 * The first value of a request header (lower-case key), or NULL. "-bin" values come decoded and may
 * hold NULs: wm_rpc_call_metadata_n says how long they are. What gRPC itself uses is not among
 * them.
 */
const char *wm_rpc_call_metadata(const struct wm_rpc_call *call, const char *key);
/* The same, with the value's length. */
const char *wm_rpc_call_metadata_n(const struct wm_rpc_call *call, const char *key, size_t *len);
/* Walks all of them; *@at starts at 0. False at the end. */
bool wm_rpc_call_metadata_next(const struct wm_rpc_call *call, size_t *at, const char **key,
			       const char **value);
/* False over a local socket. */
bool wm_rpc_call_peer(const struct wm_rpc_call *call, struct wm_endpoint *out);
/* The index of the interface that brought the connection; 0 when nobody knows. */
unsigned wm_rpc_call_interface(const struct wm_rpc_call *call);
/* Subject CN of the verified client certificate, or NULL. Borrowed from the connection. */
const char *wm_rpc_call_peer_cn(const struct wm_rpc_call *call);
/* The node key that the client has proved (wm_tls_config_new_node), or NULL. Borrowed likewise. */
const struct wm_pubkey *wm_rpc_call_peer_key(const struct wm_rpc_call *call);
/* Nanoseconds of wm_clock_now, or INT64_MAX without a deadline. */
int64_t wm_rpc_call_deadline(const struct wm_rpc_call *call);
/* Who calls, as the gate found out; NULL when nobody said. Copied. */
void wm_rpc_call_set_identity(struct wm_rpc_call *call, const char *id);
/* What set_identity said, borrowed; or NULL. */
const char *wm_rpc_call_identity(const struct wm_rpc_call *call);

/*
 * From inside the gate: this call goes to @handler (borrowed for the call's life) instead of the
 * one that is registered for its method. Its path is not looked at.
 */
void wm_rpc_call_hand_to(struct wm_rpc_call *call, const struct wm_rpc_handler *handler, void *arg);
/*
 * From such a handler that has had its on_request and will not answer itself: the one that is
 * registered gets @request after all, and the call.
 */
void wm_rpc_call_hand_home(struct wm_rpc_call *call, const ProtobufCMessage *request);
/* The handler's own state of this call; starts as NULL, and is only kept. */
void wm_rpc_call_set_data(struct wm_rpc_call *call, void *data);
/* What set_data said. */
void *wm_rpc_call_data(const struct wm_rpc_call *call);

/*
 * Metadata of the answer: before the first message goes out; a trailer until finish. Copied. A key
 * of other characters than 0-9 a-z _ - . or one that gRPC reserves, and a value that is not
 * printable ASCII (unless the key ends in "-bin", which is sent as base64), is left out and logged.
 */
void wm_rpc_call_add_header(struct wm_rpc_call *call, const char *key, const char *value);
/* As add_header, for what is sent behind the last message. */
void wm_rpc_call_add_trailer(struct wm_rpc_call *call, const char *key, const char *value);
/*
 * Adds a message (an Any: what it holds) that tells programs what the text of an error tells
 * people; sent when the call ends with an error (rpc/details.h). Copied. What is beyond 4 KiB is
 * left out and logged.
 */
void wm_rpc_call_add_detail(struct wm_rpc_call *call, const ProtobufCMessage *detail);
/* Sends the headers now instead of with the first message; later ones are left out. */
void wm_rpc_call_send_headers(struct wm_rpc_call *call);

/*
 * Queues one message. RESOURCE_EXHAUSTED when the reader is too slow for the connection's bound,
 * CANCELLED when nobody listens any more; the handler still has to finish the call.
 */
WM_MUST_CHECK int wm_rpc_call_send(struct wm_rpc_call *call, const ProtobufCMessage *message,
				   struct wm_err *err);
/* Stops and resumes on_message and on_half_close; flow control reaches the client. */
void wm_rpc_call_pause(struct wm_rpc_call *call, bool paused);
/* Bytes of this call that wait for the reader; lets a stream coalesce instead of queueing. */
size_t wm_rpc_call_queued(const struct wm_rpc_call *call);
/* @cb runs when everything sent so far has left; once per call of this function. */
void wm_rpc_call_on_drain(struct wm_rpc_call *call, void (*cb)(struct wm_rpc_call *call, void *arg),
			  void *arg);
/*
 * @cb runs once if the client cancels, its deadline passes, the connection breaks or the server
 * stops, before the handler has finished; never after finish. The handler must still finish.
 */
void wm_rpc_call_on_cancel(struct wm_rpc_call *call,
			   void (*cb)(struct wm_rpc_call *call, const struct wm_err *why,
				      void *arg),
			   void *arg);
/* True once nobody waits for the answer any more. */
bool wm_rpc_call_is_cancelled(const struct wm_rpc_call *call);
/* Ends the call with OK (@err NULL) or an error. The call is gone afterwards. */
void wm_rpc_call_finish(struct wm_rpc_call *call, const struct wm_err *err);
/* Sends one message and finishes with OK. */
void wm_rpc_call_reply(struct wm_rpc_call *call, const ProtobufCMessage *message);
