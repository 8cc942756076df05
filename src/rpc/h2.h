#pragma once
/*
 * One HTTP/2 connection of gRPC streams, for both sides: bytes in, bytes out, over whatever its
 * owner plugs in. A stream is embedded in a call. What arrives is noted while the bytes are taken
 * in and told afterwards, from the loop, so that a callback may do anything to the connection:
 * send, cancel, fail it. Bytes to send are collected and written once per turn. Loop thread only.
 *
 * Memory is bounded: a stream that is paused gives no window back; what all streams of a connection
 * hold undelivered, and what those of all connections of a budget hold, is limited; sending stops
 * being encoded while the wire is full (the owner bounds what it queues by wm_h2_queued).
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "rpc/fields.h"
#include "rpc/frame.h"
#include "rpc/stats.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wm_h2;
struct wm_loop;

struct wm_h2_stream {
	struct wm_list node;  /* among the streams of its connection */
	struct wm_list ready; /* among those with something to tell */
	struct wm_h2 *h2;     /* NULL before it is opened and once it is over */
	int32_t id;
	uint32_t close_code;
	struct wm_buf in;  /* came and was not delivered */
	size_t in_owed;    /* received bytes whose window was not given back */
	struct wm_buf out; /* to be sent, from out_at on */
	size_t out_at;
	uint32_t header_bytes;
	uint32_t max_message; /* received; 0 = the connection's */
	bool header_overflow; /* the block exceeded WM_RPC_HEADER_MAX and is incomplete */
	bool interim;         /* the block is a 1xx answer */
	bool has_head, told_head, has_end, told_end, closed;
	bool paused, deaf; /* deaf: nothing of what comes is of interest any more */
	bool skips;        /* only its end is, or that it is long: */
	size_t skipped;    /* bytes */
	bool over_budget;
	bool gzip; /* messages may be sent compressed */
	bool keep; /* what was sent is kept in out, for wm_h2_stream_rewind */
	bool sent; /* client: its headers have gone to the wire, so the peer may act on it */
	bool responded, out_end, out_deferred, drained;
	bool plain; /* what is sent is a text: no trailers follow */
};

/* What the owner is told. From inside nghttp2 only where it says so; otherwise from the loop. */
struct wm_h2_events {
	/*
	 * Server: a request begins; returns the stream in its new call, zeroed, or NULL to refuse
	 * it. From inside: nothing may be sent.
	 */
	struct wm_h2_stream *(*on_begin)(void *arg);
	/* A field of the headers or (@tail) trailers. From inside: nothing may be sent. */
	void (*on_field)(struct wm_h2_stream *s, bool tail, const char *name, size_t name_len,
			 const char *value, size_t value_len);
	void (*on_head)(struct wm_h2_stream *s);
	void (*on_message)(struct wm_h2_stream *s, const struct wm_rpc_frame *frame);
	/* What came is no gRPC message, too large, or more than we hold. Nothing follows but
	 * on_over. */
	void (*on_bad)(struct wm_h2_stream *s, const struct wm_err *err);
	/* The peer has sent its last message (and trailers). */
	void (*on_end)(struct wm_h2_stream *s);
	/* All that was queued for the stream has gone into the connection. */
	void (*on_drained)(struct wm_h2_stream *s);
	/* Server: the last message is on its way; adds the trailers to @f. From inside. */
	void (*on_trailers)(struct wm_h2_stream *s, struct wm_rpc_fields *f);
	/*
	 * The last for this stream: NULL when both sides ended it. It is the owner's to free, or,
	 * on a client, to rewind. A peer that says goodbye ends what it will not look at as refused
	 * (close_code REFUSED_STREAM), and so ends what has not been sent by then.
	 */
	void (*on_over)(struct wm_h2_stream *s, const struct wm_err *why);
	/* The peer's SETTINGS have come for the first time: it speaks HTTP/2. */
	void (*on_settings)(void *arg);
	/* The peer takes no new streams; perhaps it is gone, and on_lost comes later. */
	void (*on_goaway)(void *arg, const struct wm_err *why);
	/*
	 * The last of all: every stream is over. @why is set always; is the connection's end,
	 * orderly or not. The owner frees the connection, inside or later.
	 */
	void (*on_lost)(void *arg, const struct wm_err *why);
	/* The wire. Bytes written but not gone, and writing. */
	size_t (*queued)(void *arg);
	void (*write)(void *arg, const void *p, size_t n);
};

/* Shared by all connections of a server: bytes received and not delivered. */
struct wm_h2_budget {
	size_t used, limit;
};

struct wm_h2_opts {
	struct wm_loop *loop;
	const struct wm_h2_events *events;
	void *arg;
	bool server;
	uint32_t max_streams;        /* of the peer's making */
	uint32_t max_message;        /* received */
	struct wm_h2_budget *budget; /* may be NULL */
	struct wm_h2_stats *stats;   /* counted into; may be NULL */
};

/* Greets the peer in the loop's next turn. */
struct wm_h2 *wm_h2_new(const struct wm_h2_opts *opts);
/* Forgets it: from on_lost or later, or when no stream is open and no callback of it is running. */
void wm_h2_free(struct wm_h2 *h);
/* False once it has failed, which the owner may not have been told yet. */
bool wm_h2_is_open(const struct wm_h2 *h);
/* True once the peer was cut off because it floods us. */
bool wm_h2_is_flooded(const struct wm_h2 *h);
/* True once the peer has said what HTTP/2 does not allow. */
bool wm_h2_is_broken(const struct wm_h2 *h);
/* True while the peer has not said much for nothing of late. */
bool wm_h2_is_calm(const struct wm_h2 *h);
/* Takes in bytes from the wire. */
void wm_h2_feed(struct wm_h2 *h, const void *p, size_t n);
/* The wire has room again. */
void wm_h2_resume(struct wm_h2 *h);
/*
 * Ends the connection for @why, from the loop: on_over for each stream, then on_lost. A client's
 * stream that is paused and whose answer has come whole is not over before that has been taken.
 */
void wm_h2_fail(struct wm_h2 *h, const struct wm_err *why);
/* At once, and all of them, unless a callback of the connection is running: then as soon as it
 * returns. */
void wm_h2_abort(struct wm_h2 *h, const struct wm_err *why);
/* Says that no new streams are taken: soon (@final false), or from now on. */
void wm_h2_goaway(struct wm_h2 *h, bool final);
/* Asks the peer for a sign of life. */
void wm_h2_ping(struct wm_h2 *h);
/* When the last bytes came, in nanoseconds of the loop's clock; at first, when @h was made. */
int64_t wm_h2_heard_at(const struct wm_h2 *h);
/* Bytes that wait to be sent, on all streams and on the wire. */
size_t wm_h2_queued(const struct wm_h2 *h);

/* ---- streams ---- */
/* Client: opens @s with these headers. UNAVAILABLE when the connection takes no more. */
WM_MUST_CHECK int wm_h2_stream_open(struct wm_h2 *h, struct wm_h2_stream *s,
				    const struct wm_rpc_fields *f, struct wm_err *err);
/* Server: the headers of the answer; with @end they are all of it. */
void wm_h2_stream_respond(struct wm_h2_stream *s, const struct wm_rpc_fields *f, bool end);
/* Server: the headers of an answer that is no gRPC, and all of its body. */
void wm_h2_stream_respond_text(struct wm_h2_stream *s, const struct wm_rpc_fields *f,
			       const char *text);
/*
 * Client: makes a stream that is over ready to be opened once more, with all that was queued for it
 * from the beginning. Only while nothing of that is lost: it was kept, or never sent.
 */
void wm_h2_stream_rewind(struct wm_h2_stream *s);
/* What was sent is needed no more, and is not kept from now on. */
void wm_h2_stream_forget(struct wm_h2_stream *s);
/* Queues a message; on a client also before the stream is opened. */
WM_MUST_CHECK int wm_h2_stream_send(struct wm_h2_stream *s, const ProtobufCMessage *m, uint32_t max,
				    struct wm_err *err);
/* No message follows. */
void wm_h2_stream_end(struct wm_h2_stream *s);
/* Bytes of messages that wait to be sent on it. */
size_t wm_h2_stream_queued(const struct wm_h2_stream *s);
/* on_drained comes in the loop's next turn, unless something is queued until then. */
void wm_h2_stream_tell_drained(struct wm_h2_stream *s);
/* Stops and resumes on_message and on_end; the peer runs out of window. */
void wm_h2_stream_pause(struct wm_h2_stream *s, bool paused);
/* Ends it at once with an HTTP/2 error code; on_over follows. */
void wm_h2_stream_reset(struct wm_h2_stream *s, uint32_t code);
/* What still comes is thrown away. */
void wm_h2_stream_deafen(struct wm_h2_stream *s);
/*
 * What comes is thrown away, but on_end comes when the peer has ended or when it is more than
 * anybody waits for.
 */
void wm_h2_stream_skip(struct wm_h2_stream *s);
/* Frees its buffers; only when it is over or was never opened. */
void wm_h2_stream_fini(struct wm_h2_stream *s);
