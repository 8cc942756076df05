#pragma once
/*
 * gRPC's length-prefixed messages: a flag byte (1 = compressed), a length in four bytes, the
 * message. Bytes in, bytes out; any thread.
 */
#include "base/buf.h"
#include "base/err.h"
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_RPC_FRAME_HEADER 5
#define WM_RPC_MESSAGE_MAX  (4u << 20) /* what both sides take and send unless told otherwise */

struct wm_rpc_frame {
	bool compressed;
	const uint8_t *data; /* borrowed from the input */
	uint32_t len;
};

/*
 * The message at *@at of the @len bytes at @p: 1, with *@at moved behind it; 0 when more bytes are
 * needed; RESOURCE_EXHAUSTED, with both sizes, when it declares more than @max bytes; INTERNAL for
 * a flag byte that gRPC does not know. Judges a message by its header, before its bytes have come.
 */
WM_MUST_CHECK int wm_rpc_frame_decode(const uint8_t *p, size_t len, size_t *at, uint32_t max,
				      struct wm_rpc_frame *out, struct wm_err *err);

/*
 * Appends @m as one message, with @gzip compressed if that makes it shorter and it is worth the
 * work; RESOURCE_EXHAUSTED, with both sizes, above @max uncompressed bytes.
 */
WM_MUST_CHECK int wm_rpc_frame_encode(const ProtobufCMessage *m, uint32_t max, bool gzip,
				      struct wm_buf *out, struct wm_err *err);
