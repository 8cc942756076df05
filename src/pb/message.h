#pragma once
/*
 * Messages in general: made, encoded, decoded, copied and compared by their descriptors. A decoded
 * or copied message lives whole in the arena that was passed and dies with it; nothing in it points
 * at the input. What a peer may make us hold is bounded by that arena's limit. Any thread, as far
 * as the arena is the caller's.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#define WM_PB_DEPTH_MAX 100 /* messages within messages, the outermost counted */

/* An empty message of @type, as v1__x__init leaves it; assign it to V1__X *. */
void *wm_pb_new(struct wm_arena *a, const ProtobufCMessageDescriptor *type)
	__attribute__((returns_nonnull));

/* Appends the bytes of @m to @out. */
void wm_pb_encode(const ProtobufCMessage *m, struct wm_buf *out);

/*
 * Decodes all @len bytes as a @type. INVALID_ARGUMENT for bytes that are none, for nesting beyond
 * WM_PB_DEPTH_MAX, and for a string that is not UTF-8 or holds a NUL (the field is named);
 * RESOURCE_EXHAUSTED when the arena's limit does not suffice. A map comes out sorted by key with
 * each key once, the last one received. Fields that the type does not know are kept as bytes and
 * encoded again, so that a message may be forwarded by an older node.
 */
WM_MUST_CHECK int wm_pb_decode(struct wm_arena *a, const ProtobufCMessageDescriptor *type,
			       const void *data, size_t len, ProtobufCMessage **out,
			       struct wm_err *err);

/* A deep copy in @a; assign it to the message's own type. */
void *wm_pb_copy(struct wm_arena *a, const ProtobufCMessage *m) __attribute__((returns_nonnull));

/*
 * True when both are of one type and would encode alike; the order of a map's entries does not
 * count, and NULL equals only NULL.
 */
bool wm_pb_equal(const ProtobufCMessage *a, const ProtobufCMessage *b);

/*
 * Adds @item (borrowed) to a repeated field of strings or messages whose array lies in @a:
 *     wm_pb_append(a, &list->n_nodes, &list->nodes, node);
 * The field was empty at first and grows only through here, by doubling: the array of a decoded
 * message has no room.
 */
void wm_pb_append(struct wm_arena *a, size_t *n, void *items, const void *item);
