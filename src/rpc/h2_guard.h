#pragma once
/*
 * What an HTTP/2 peer may cost us, judged frame by frame before nghttp2 sees it: frames that carry
 * nothing are paid for from a bucket that leaks, header blocks come in few pieces, and nobody
 * speaks on a stream that he has ended. Pure: time is passed in, and nothing is allocated. One
 * thread at a time.
 */
#include "rpc/stats.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_H2_FRAME_HEAD    9
#define WM_H2_RESETS_KEPT   16
#define WM_H2_CONTINUATIONS 8     /* headers of the size that is allowed fit into one frame */
#define WM_H2_CALM_MAX      10000 /* the bucket's size, and how much of it is free again in a second */
#define WM_H2_CALM_RATE     5000
#define WM_H2_CALM          100 /* a greeting and more */
#define WM_H2_COST_CHEAP    1   /* what some implementations measure their windows with */
#define WM_H2_COST_DEAR     10
#define WM_H2_DATA_ANSWERS \
	2                 /* window updates that each frame of data we send may be answered with */
#define WM_H2_DRIBBLE 128 /* bytes of data below which the peer's window made the frame small */

struct wm_h2_frame_head {
	uint32_t length;
	uint8_t type, flags;
	int32_t stream;
};

struct wm_h2_guard {
	bool server;
	/* Where in the bytes we are. */
	uint32_t left; /* of the preface or of the payload */
	uint8_t head[WM_H2_FRAME_HEAD];
	uint8_t n_head;
	/* The bucket. */
	uint32_t level;
	int64_t at;
	/* The header block that goes on in further frames. */
	bool in_block;
	unsigned continuations;
	/*
	 * Streams of the peer's: the last that it opened; the last run of numbers that it skipped;
	 * and those that we reset, on which something may still be on its way. When these are more
	 * than we keep, nothing is said against streams up to the last that was forgotten.
	 */
	int32_t last_stream, skipped_from, skipped_to;
	int32_t resets[WM_H2_RESETS_KEPT];
	unsigned n_resets;
	int32_t forgotten;
};

/* A connection's first byte is expected at @now (nanoseconds of the loop). */
void wm_h2_guard_init(struct wm_h2_guard *g, bool server, int64_t now);
/*
 * Cuts the next piece off @n > 0 bytes: up to the end of the frame, or as much of it as is there.
 * True when the head of a frame became complete in it: @head is filled, and is to be judged before
 * the piece is used. The piece's size goes to @piece.
 */
bool wm_h2_guard_cut(struct wm_h2_guard *g, const uint8_t *p, size_t n, size_t *piece,
		     struct wm_h2_frame_head *head);
/* True when this frame is one too many, of a kind that goes to @kind. */
bool wm_h2_guard_is_flood(struct wm_h2_guard *g, const struct wm_h2_frame_head *head, int64_t now,
			  enum wm_flood *kind);
/* True when the peer has spent more than it may with this much more for nothing. */
bool wm_h2_guard_charge(struct wm_h2_guard *g, unsigned cost, int64_t now);
/* True while next to nothing is in the bucket. */
bool wm_h2_guard_is_calm(const struct wm_h2_guard *g, int64_t now);
/* We have sent a frame of data: it may be answered. */
void wm_h2_guard_refund(struct wm_h2_guard *g);
/* We have reset @stream, or a stream we refused. */
void wm_h2_guard_note_reset(struct wm_h2_guard *g, int32_t stream);
/*
 * Server: nonzero, the HTTP/2 error code of the connection's end (RFC 9113, 5.1 and 5.1.1), when
 * the peer may not send @head on its stream, which is not @open. Notes a stream that it opens.
 */
uint32_t wm_h2_guard_judge(struct wm_h2_guard *g, const struct wm_h2_frame_head *head, bool open);
