#pragma once
/*
 * What the files of the client share. A channel has at most one connection that takes calls,
 * besides those that the server is ending; at most one round of attempts to get one (connect.c);
 * and calls, some of which wait for it. After wm_rpc_channel_close it lives on until the last of
 * all these is gone. Loop thread only.
 */
#include "base/backoff.h"
#include "base/list.h"
#include "base/log.h"
#include "loop/conn.h"
#include "rpc/client.h"
#include "rpc/h2.h"
#include "rpc/link.h"
#include "rpc/metadata.h"
#include "rpc/stats.h"

/* A server as the owner named it, and what its name resolves to. */
struct wm_rpc_target {
	struct wm_rpc_channel *channel;
	char *text; /* also the authority of its calls, but for a local socket */
	char host[256];
	uint16_t port;
	const char *path; /* of a local socket, in text; there is no more to resolve then */
	struct wm_resolve resolve;
	bool asking;
	int lasting; /* the code of a failure in this round that no waiting mends; 0 = none */
	unsigned n_addrs, next; /* those of resolve.found, and the first that was not tried */
};

/* One address that is being tried, from the dial to the server's SETTINGS. */
struct wm_rpc_attempt {
	struct wm_list node;
	struct wm_rpc_channel *channel; /* NULL: given up, goes when the dial has answered */
	struct wm_rpc_target *target;
	struct wm_dial dial;
	struct wm_rpc_client_conn *cc; /* is in its handshake; NULL while it dials */
	char name[128];
};

/* One run over all addresses. */
struct wm_rpc_round {
	bool running;
	bool begun; /* addresses are tried, not only asked for */
	struct wm_list attempts;
	struct wm_timer next; /* the next address is tried beside those that are */
	struct wm_timer late; /* the end of it all */
	struct wm_err reason; /* why those tried so far did not do */
	bool lasting;         /* at its end: no waiting mends it */
};

struct wm_rpc_client_conn {
	struct wm_list node;
	struct wm_rpc_channel *channel;
	const struct wm_rpc_target *target;
	struct wm_rpc_attempt *attempt; /* of which it is a part; NULL once it speaks HTTP/2 */
	struct wm_rpc_link link;
	struct wm_h2 *h2;
	struct wm_endpoint peer;
	bool has_peer;
	bool proved; /* has answered a call */
	unsigned n_calls;
	int64_t busy_at, pinged_at; /* when the first of the open calls came; when we pinged */
	struct wm_timer watch;      /* calls open: for silence; none: for being idle too long */
	char name[128];
};

struct wm_rpc_channel {
	struct wm_loop *loop;
	struct wm_log *log;
	struct wm_rpc_channel_opts opts;           /* its texts are our copies */
	struct wm_rpc_client_stats *stats, unseen; /* the owner's; for an owner without */
	struct wm_rpc_target *targets;
	size_t n_targets;
	struct wm_list calls;
	struct wm_list waiting; /* calls for a connection */
	struct wm_list conns;
	enum wm_rpc_channel_state state;
	struct wm_rpc_client_conn *conn; /* takes calls; set when READY */
	struct wm_rpc_round round;
	int64_t round_at;   /* when the last one began */
	int64_t not_before; /* when the next may */
	struct wm_backoff backoff;
	struct wm_timer pause; /* until then */
	struct wm_err reason;  /* of TRANSIENT_FAILURE */
	bool lasting;          /* the reason is: waiting does not help */
	int tokens;            /* for retries, in tenths */
	bool closed;
	bool closing; /* wm_rpc_channel_close is at work */
};

struct wm_rpc_client_call {
	struct wm_h2_stream st;
	struct wm_list node;    /* among the channel's calls */
	struct wm_list waiting; /* for a connection */
	struct wm_rpc_channel *channel;
	struct wm_rpc_client_conn *conn;    /* that has its stream */
	const struct wm_rpc_target *target; /* to which it was sent last; NULL: not at all */
	const struct wm_pb_method *method;
	struct wm_rpc_metadata request, headers, trailers;
	int64_t deadline; /* INT64_MAX = none */
	int64_t timeout;  /* what it was, for the error */
	struct wm_timer timer;
	struct wm_defer tell; /* the end */
	struct wm_err err;    /* of the call, or, before its end, of the last attempt */
	bool failed, ending, told, freeable; /* told: its callback has begun; freeable: has ended */
	bool wait_for_ready;
	/* Attempts. */
	struct wm_rpc_retry retry;
	struct wm_backoff backoff;
	struct wm_timer pause;
	unsigned n_attempts; /* that ended in a failure of theirs */
	bool refused;        /* was sent again, for free, though a server has seen it */
	bool retrying;       /* the attempt is over, its stream not yet */
	/* What the server has said in this one. */
	unsigned http_status;
	int grpc_status;  /* -1 = none came */
	bool status_only; /* ... and it came with the headers, which are all then */
	bool has_pushback;
	int64_t pushback_ms; /* -1 = do not come again */
	char grpc_message[WM_ERR_TEXT];
	char encoding[32], content_type[48];
	uint32_t n_messages;
	struct wm_arena message;
	struct wm_rpc_unary *unary; /* one of these */
	struct wm_rpc_stream *stream;
};

/* ---- channel.c ---- */
/* Opens @call on the connection, or has it wait for one, or fails it. */
void wm_rpc_channel_enqueue(struct wm_rpc_channel *c, struct wm_rpc_client_call *call);
/* The round has a winner: @cc speaks HTTP/2. */
void wm_rpc_channel_connected(struct wm_rpc_channel *c, struct wm_rpc_client_conn *cc);
/* The round is over and nobody could be reached; its reason says why. */
void wm_rpc_channel_unreachable(struct wm_rpc_channel *c);
/* @cc takes no more calls. */
void wm_rpc_channel_dropped(struct wm_rpc_channel *c, struct wm_rpc_client_conn *cc);
/* @cc has answered a call: what is there is a server. */
void wm_rpc_channel_proved(struct wm_rpc_channel *c, struct wm_rpc_client_conn *cc);
/* Something of the channel is gone: it may be the last that a closed one waited for. */
void wm_rpc_channel_release(struct wm_rpc_channel *c);

/* ---- connect.c ---- */
/* Puts IPv6 and IPv4 by turns, beginning with the family of the first (RFC 8305, section 4). */
void wm_rpc_interleave(struct wm_endpoint *list, unsigned n);
/* Fills in @t; INVALID_ARGUMENT when @text names no server. */
WM_MUST_CHECK int wm_rpc_target_init(struct wm_rpc_target *t, struct wm_rpc_channel *c,
				     const char *text, struct wm_err *err);
/* Names are being asked for, whose answers will come. */
bool wm_rpc_is_resolving(const struct wm_rpc_channel *c);
/* Begins a round, which ends with wm_rpc_channel_connected or _unreachable, not from inside. */
void wm_rpc_round_start(struct wm_rpc_channel *c);
/* Ends it, and is silent from now on. Names that are being asked for are answered later. */
void wm_rpc_round_stop(struct wm_rpc_channel *c);
/* The connection of @a speaks HTTP/2. */
void wm_rpc_attempt_won(struct wm_rpc_attempt *a);
/* The connection of @a is gone before it did. */
void wm_rpc_attempt_failed(struct wm_rpc_attempt *a, const struct wm_err *why);

/* ---- client_conn.c ---- */
/* Takes @conn. It reports to @a until it speaks HTTP/2. */
struct wm_rpc_client_conn *wm_rpc_client_conn_new(struct wm_rpc_attempt *a, struct wm_conn *conn);
/* Ends it, from the loop. */
void wm_rpc_client_conn_fail(struct wm_rpc_client_conn *cc, const struct wm_err *why);
/* Ends it at once, unless one of its callbacks is running: then right behind that. */
void wm_rpc_client_conn_abort(struct wm_rpc_client_conn *cc, const struct wm_err *why);
/* A call has got a stream on it. */
void wm_rpc_client_conn_add_call(struct wm_rpc_client_conn *cc);
/* And has lost it. */
void wm_rpc_client_conn_remove_call(struct wm_rpc_client_conn *cc);
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
/* Sends its headers, and what was queued, on @cc; UNAVAILABLE when @cc takes no more. */
WM_MUST_CHECK int wm_rpc_client_call_open(struct wm_rpc_client_call *call,
					  struct wm_rpc_client_conn *cc, struct wm_err *err);
/* Ends it for its owner, who is told from the loop: NULL = OK. Only the first end counts. */
void wm_rpc_client_call_end(struct wm_rpc_client_call *call, const struct wm_err *err);
/* Ends it with CANCELLED. */
void wm_rpc_client_call_cancel(struct wm_rpc_client_call *call);
/* The channel is gone, but for this call, which has told its end and may be freed any time. */
void wm_rpc_client_call_part(struct wm_rpc_client_call *call);
/* All that was sent has gone into the connection. */
void wm_rpc_client_call_take_drained(struct wm_h2_stream *s);
/* The stream is over. The call may be gone afterwards. */
void wm_rpc_client_call_take_over(struct wm_h2_stream *s, const struct wm_err *why);

/* ---- client_answer.c: what h2 tells, by stream ---- */
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

/* ---- client_retry.c ---- */
/* What was sent is kept for another attempt only up to a limit: to be called after each message. */
void wm_rpc_client_call_bound(struct wm_rpc_client_call *call);
/*
 * An attempt has ended as @err says (NULL = OK), by the server's word or by the lack of one: ends
 * the call, or makes it again.
 */
void wm_rpc_client_call_settle(struct wm_rpc_client_call *call, const struct wm_err *err);
/*
 * Its stream is over, and the server has not said how: @err is what is known. @connected: but the
 * connection takes calls as before.
 */
void wm_rpc_client_call_lost(struct wm_rpc_client_call *call, bool connected,
			     const struct wm_err *err);
/* The attempt that is being repeated has lost its stream. */
void wm_rpc_client_call_again(struct wm_rpc_client_call *call);
