#pragma once
/*
 * The look at a message's bytes that comes before unpacking them. protobuf-c recurses as deep as
 * the sender likes and takes any bytes for text; what passes here cannot exhaust the stack and
 * holds only text that a C string can carry. Allocates nothing. Any thread.
 */
#include "base/err.h"
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

/*
 * Walks @len bytes as a @type. INVALID_ARGUMENT, naming message and field, for bytes that are cut
 * short or malformed, a known field in another wire form than its type's, nesting beyond
 * WM_PB_DEPTH_MAX, and text that is not UTF-8 or holds a NUL.
 */
WM_MUST_CHECK int wm_pb_scan(const ProtobufCMessageDescriptor *type, const void *data, size_t len,
			     struct wm_err *err);
