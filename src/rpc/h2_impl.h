#pragma once
/* What h2.c, h2_events.c and h2_stream.c share: the body of a connection. Loop thread only. */
#include "loop/loop.h"
#include "rpc/h2.h"
#include "rpc/h2_guard.h"
#include <nghttp2/nghttp2.h>

struct wm_h2 {
	struct wm_loop *loop;
	const struct wm_h2_events *events;
	void *arg;
	nghttp2_session *session;
	struct wm_h2_budget *budget;
	struct wm_h2_stats *stats; /* may be NULL */
	struct wm_list streams;
	struct wm_list ready;
	struct wm_defer work;
	struct wm_buf out; /* frames collected in this turn */
	size_t out_bytes;  /* messages that wait in streams */
	size_t held;       /* received and not delivered */
	struct wm_h2_guard guard;
	int64_t heard_at;             /* when bytes came last */
	struct wm_h2_stream *heading; /* its header block has begun and is not complete */
	struct wm_timer block;        /* how long it may take */
	uint32_t max_message;
	bool server, greeted, settings_came, settings_told, goaway_came, goaway_told, lost;
	bool failing;
	bool aborted; /* at once: nobody takes what has come */
	bool cut_off; /* nothing that comes is looked at any more */
	bool flooded; /* that is why */
	bool broken;  /* no frame of HTTP/2, or not here */
	bool said_goaway;
	bool busy;
	struct wm_err *why; /* of failing, or NULL: ten thousand healthy ones need no room for it */
	struct wm_err *goaway; /* what the peer said, or NULL */
	char said[128];        /* nghttp2's last complaint */
};

/* The callbacks of every session, made once. */
nghttp2_session_callbacks *wm_h2_callbacks(void);
/* The peer is cut off, for @kind: it is told so, and what it still sends is not looked at. */
void wm_h2_flooded(struct wm_h2 *h, enum wm_flood kind);
/* Where sessions get their memory from. */
nghttp2_mem *wm_h2_memory(void);
/* Has @s looked at in the loop's next turn. */
void wm_h2_mark(struct wm_h2_stream *s);
/* Has the connection looked at in the loop's next turn. */
void wm_h2_schedule(struct wm_h2 *h);
/* Adds @s to the connection. */
void wm_h2_attach(struct wm_h2 *h, struct wm_h2_stream *s);
/* Tells what is to be told of @s, which may be gone afterwards. */
void wm_h2_stream_tell(struct wm_h2_stream *s);
/*
 * Client: no stream that waits for its turn will get it. nghttp2 would find that out only when the
 * number of open streams allows the next.
 */
void wm_h2_refuse_unsent(struct wm_h2 *h);
/* Ends what is left of a connection that fails, which may be gone afterwards. */
void wm_h2_bury(struct wm_h2 *h);
/* Ends @s as far as the connection is concerned; @s may be gone afterwards. */
void wm_h2_stream_over(struct wm_h2_stream *s, const struct wm_err *why);
/* Bytes have come for @s. */
void wm_h2_stream_take(struct wm_h2_stream *s, const uint8_t *p, size_t n);
/* nghttp2 asks for the next bytes to send. */
ssize_t wm_h2_stream_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size,
			  uint32_t *flags, nghttp2_data_source *source, void *arg);
