#pragma once
/*
 * The gRPC client. A channel is a service by the names of its servers: when a call needs it, it
 * resolves them, races their addresses, speaks TLS and HTTP/2 with the first that answers and
 * multiplexes all calls over that connection, until it is lost, says goodbye or has been idle. A
 * call is an embedded request under the contract of loop/loop.h. docs/design/0006-client-channel.md
 * has the reasons. Loop thread only.
 *
 * A call that no server has looked at is sent again without anybody noticing: one that waited, was
 * refused, or was too late for a server that is stopping. A call that a server may have worked on
 * is sent again only under a retry policy, which is for methods that may be repeated.
 */
#include "base/arena.h"
#include "base/err.h"
#include "pb/methods.h"
#include <stdbool.h>
#include <stdint.h>

struct Google__Rpc__Status;
struct wm_endpoint;
struct wm_log;
struct wm_loop;
struct wm_rpc_channel;
struct wm_rpc_client_call; /* the wire half, private */
struct wm_rpc_client_stats;
struct wm_tls_config;

struct wm_rpc_channel_opts {
	const char *target; /* "host:port", "[::1]:8443" or "unix:///path"; copied */
	/* Instead of it: several servers, the preferred first; all offer the same. Copied. */
	const char *const *targets;
	size_t n_targets;
	struct wm_tls_config *tls; /* borrowed for the channel's life; NULL = cleartext */
	const char *server_name;   /* checked in the certificate instead of the host; may be NULL */
	/* All of resolve, connect, TLS and HTTP/2 preface, over all addresses; 0 = 5 s. */
	int64_t connect_timeout_ns;
	/* From the begin of an attempt that fails to the next: at first, and at most; 0 = 250 ms,
	 * 30 s. */
	int64_t backoff_ns, backoff_max_ns;
	/*
	 * With calls open, a server that has been silent for so long is pinged, and given up when
	 * it stays silent; 0 = 310 s, 20 s. Stock servers hang up on clients that ping more often
	 * than every 5 minutes; when one complains, the channel pings half as often.
	 */
	int64_t keepalive_ns, keepalive_timeout_ns;
	int64_t max_idle_ns;  /* a connection without calls is closed then; 0 = 5 min */
	uint32_t max_message; /* 0 = 4 MiB */
	bool gzip;            /* send requests compressed, to servers known to take it */
	/* Metadata for every call (credentials), asked for at each start; may be NULL. */
	void (*credentials)(struct wm_rpc_client_call *call, void *arg);
	void *credentials_arg;
	/* Counted into, together with other channels; borrowed until the loop is freed. May be
	 * NULL. */
	struct wm_rpc_client_stats *stats;
};

/* As gRPC has them, but for SHUTDOWN: a channel that was closed is gone. */
enum wm_rpc_channel_state {
	WM_RPC_IDLE,              /* no connection, and nobody wants one */
	WM_RPC_CONNECTING,        /* calls wait for the outcome */
	WM_RPC_READY,             /* calls are sent at once */
	WM_RPC_TRANSIENT_FAILURE, /* no server could be reached; a pause before the next attempt */
};

/* INVALID_ARGUMENT when a target is none; nothing is connected yet. */
WM_MUST_CHECK int wm_rpc_channel_new(struct wm_loop *loop, struct wm_log *log,
				     const struct wm_rpc_channel_opts *opts,
				     struct wm_rpc_channel **out, struct wm_err *err);
/* Open calls end with CANCELLED in the loop's next turn; @c is gone at once. */
void wm_rpc_channel_close(struct wm_rpc_channel *c); /* NULL is allowed */
enum wm_rpc_channel_state wm_rpc_channel_state(const struct wm_rpc_channel *c);
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

/*
 * What the server said of an error besides, for programs (grpc-status-details-bin), decoded into
 * @a; NULL when it said nothing, or nothing that can be read. From inside the callbacks, as above.
 */
const struct Google__Rpc__Status *wm_rpc_client_call_details(const struct wm_rpc_client_call *call,
							     struct wm_arena *a);
/*
 * The target that the call was sent to, last; NULL when none could be reached. From inside the
 * callbacks, and the channel's.
 */
const char *wm_rpc_client_call_target(const struct wm_rpc_client_call *call);

/* ---- one request, one answer; zeroed before first use ---- */
struct wm_rpc_unary {
	struct wm_rpc_client_call *call; /* NULL while it does not run */
	struct wm_rpc_client_call *done; /* for its metadata, inside @cb only */
	void (*cb)(struct wm_rpc_unary *u, const struct wm_err *err);
	struct wm_arena arena;      /* holds the response; fini by wm_rpc_unary_fini */
	ProtobufCMessage *response; /* set on success, lives until fini */
};
/* Codes for wm_rpc_retry: WM_RPC_RETRY_ON(WM_UNAVAILABLE) | ... */
#define WM_RPC_RETRY_ON(code) (1u << -(code))
/*
 * For calls that may be repeated, after gRFC A6: until the server's headers have come a call that
 * failed with one of these codes is made again, after a pause that grows. The server may say when
 * (grpc-retry-pushback-ms), or that it shall not be; when most calls of the channel fail, none is
 * made again. No attempt is begun that would begin after the deadline.
 */
struct wm_rpc_retry {
	unsigned max_attempts;    /* with the first; 5 at most */
	int64_t pause_ns, max_ns; /* the first pause and the longest, 20 % more or less */
	unsigned growth_percent;  /* 200: each pause is twice the one before */
	uint32_t codes;           /* bits of WM_RPC_RETRY_ON */
};
struct wm_rpc_call_opts {
	int64_t deadline_ns; /* from now; 0 = none. Sent as grpc-timeout and enforced here too */
	/*
	 * Waits for a server as long as the deadline allows instead of failing when none can be
	 * reached. What no waiting mends, such as a certificate, is reported all the same.
	 */
	bool wait_for_ready;
	const char *const *metadata;      /* key, value, key, value, ..., NULL; may be NULL */
	const struct wm_rpc_retry *retry; /* copied; NULL = not once more */
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
	/*
	 * The server's headers have come, so its metadata can be read. Not when all it has to say
	 * is how the call ended. May be NULL.
	 */
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
