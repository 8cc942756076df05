#include "rpc/h2_guard.h"
#include "base/clock.h"
#include <nghttp2/nghttp2.h>
#include <string.h>

#define PREFACE 24 /* bytes of a client before its first frame */
#define TICK_NS (WM_NS_PER_S / WM_H2_CALM_RATE)

void wm_h2_guard_init(struct wm_h2_guard *g, bool server, int64_t now)
{
	*g = (struct wm_h2_guard){.server = server, .left = server ? PREFACE : 0, .at = now};
}

/* ---- cutting ---- */

static void decode_head(const uint8_t *p, struct wm_h2_frame_head *head)
{
	head->length = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
	head->type = p[3];
	head->flags = p[4];
	head->stream = (int32_t)((uint32_t)(p[5] & 0x7f) << 24 | (uint32_t)p[6] << 16 |
				 (uint32_t)p[7] << 8 | p[8]);
}

static size_t at_most(size_t n, size_t most)
{
	return n < most ? n : most;
}

bool wm_h2_guard_cut(struct wm_h2_guard *g, const uint8_t *p, size_t n, size_t *piece,
		     struct wm_h2_frame_head *head)
{
	size_t taken = 0;
	bool complete = false;
	if (g->left == 0) {
		taken = at_most(n, (size_t)(WM_H2_FRAME_HEAD - g->n_head));
		memcpy(g->head + g->n_head, p, taken);
		g->n_head = (uint8_t)(g->n_head + taken);
		complete = g->n_head == WM_H2_FRAME_HEAD;
	}
	if (complete) {
		decode_head(g->head, head);
		g->left = head->length;
		g->n_head = 0;
	}
	size_t more = at_most(n - taken, g->left);
	g->left -= (uint32_t)more;
	*piece = taken + more;
	return complete;
}

/* ---- floods ---- */

bool wm_h2_guard_charge(struct wm_h2_guard *g, unsigned cost, int64_t now)
{
	int64_t leaked = (now - g->at) / TICK_NS;
	g->level = leaked > g->level ? 0 : g->level - (uint32_t)leaked;
	g->at += leaked * TICK_NS;
	g->level += cost;
	return g->level > WM_H2_CALM_MAX;
}

bool wm_h2_guard_is_calm(const struct wm_h2_guard *g, int64_t now)
{
	return g->level <= WM_H2_CALM + (now - g->at) / TICK_NS;
}

void wm_h2_guard_refund(struct wm_h2_guard *g)
{
	unsigned back = WM_H2_DATA_ANSWERS * WM_H2_COST_CHEAP;
	g->level = g->level > back ? g->level - back : 0;
}

/* Padding may be all that is in it. */
static bool may_be_empty(const struct wm_h2_frame_head *head)
{
	bool padded = (head->flags & NGHTTP2_FLAG_PADDED) != 0;
	return (head->flags & NGHTTP2_FLAG_END_STREAM) == 0 && head->length <= (padded ? 256 : 0);
}

/* What a frame may be one too many of; WM_FLOOD_COUNT when it is welcome. */
static enum wm_flood kind_of(const struct wm_h2_frame_head *head)
{
	switch (head->type) {
	case NGHTTP2_DATA: return may_be_empty(head) ? WM_FLOOD_EMPTY_DATA : WM_FLOOD_COUNT;
	case NGHTTP2_HEADERS:
	case NGHTTP2_CONTINUATION: return WM_FLOOD_COUNT;
	case NGHTTP2_PRIORITY: return WM_FLOOD_PRIORITY;
	case NGHTTP2_RST_STREAM: return WM_FLOOD_RESET;
	case NGHTTP2_SETTINGS: return WM_FLOOD_SETTINGS;
	case NGHTTP2_PING: return WM_FLOOD_PING;
	case NGHTTP2_WINDOW_UPDATE: return WM_FLOOD_WINDOW;
	default: return WM_FLOOD_UNKNOWN;
	}
}

static unsigned cost_of(enum wm_flood kind)
{
	bool cheap = kind == WM_FLOOD_PING || kind == WM_FLOOD_WINDOW;
	return cheap ? WM_H2_COST_CHEAP : WM_H2_COST_DEAR;
}

static bool in_too_many_pieces(struct wm_h2_guard *g, const struct wm_h2_frame_head *head)
{
	if (head->type == NGHTTP2_HEADERS)
		g->continuations = 0;
	else if (head->type == NGHTTP2_CONTINUATION)
		g->continuations++;
	else
		return false;
	g->in_block = (head->flags & NGHTTP2_FLAG_END_HEADERS) == 0;
	return g->continuations > WM_H2_CONTINUATIONS;
}

bool wm_h2_guard_is_flood(struct wm_h2_guard *g, const struct wm_h2_frame_head *head, int64_t now,
			  enum wm_flood *kind)
{
	*kind = WM_FLOOD_CONTINUATION;
	if (in_too_many_pieces(g, head))
		return true;
	*kind = kind_of(head);
	return *kind != WM_FLOOD_COUNT && wm_h2_guard_charge(g, cost_of(*kind), now);
}

/* ---- streams that are over ---- */

void wm_h2_guard_note_reset(struct wm_h2_guard *g, int32_t stream)
{
	int32_t *slot = &g->resets[g->n_resets++ % WM_H2_RESETS_KEPT];
	if (*slot > g->forgotten)
		g->forgotten = *slot;
	*slot = stream;
}

static bool was_reset(const struct wm_h2_guard *g, int32_t stream)
{
	if (stream <= g->forgotten)
		return true;
	for (size_t i = 0; i < WM_H2_RESETS_KEPT; i++) {
		if (g->resets[i] == stream)
			return true;
	}
	return false;
}

static void note_opened(struct wm_h2_guard *g, int32_t stream)
{
	if (stream > g->last_stream + 2) {
		g->skipped_from = g->last_stream + 1;
		g->skipped_to = stream - 2;
	}
	g->last_stream = stream;
}

uint32_t wm_h2_guard_judge(struct wm_h2_guard *g, const struct wm_h2_frame_head *head, bool open)
{
	bool theirs = head->stream % 2 == 1; /* nghttp2 judges the others */
	if (!theirs || open || (head->type != NGHTTP2_DATA && head->type != NGHTTP2_HEADERS))
		return 0;
	if (head->stream > g->last_stream) {
		if (head->type == NGHTTP2_HEADERS)
			note_opened(g, head->stream);
		return 0;
	}
	if (was_reset(g, head->stream))
		return 0;
	if (head->stream >= g->skipped_from && head->stream <= g->skipped_to)
		return NGHTTP2_PROTOCOL_ERROR;
	return NGHTTP2_STREAM_CLOSED;
}
