#pragma once
/* From the bytes of a gRPC message to a message, for both sides. Pure; any thread. */
#include "base/arena.h"
#include "base/err.h"
#include "rpc/frame.h"

/*
 * Decodes @frame as a @type into @arena, within memory in proportion to its size. @encoding is what
 * grpc-encoding said ("" when nothing): a message compressed with anything but gzip is
 * UNIMPLEMENTED, with the name, or INTERNAL when none was named; one that unpacks to more than @max
 * bytes is RESOURCE_EXHAUSTED.
 */
WM_MUST_CHECK int wm_rpc_decode(struct wm_arena *arena, const ProtobufCMessageDescriptor *type,
				const struct wm_rpc_frame *frame, const char *encoding,
				uint32_t max, ProtobufCMessage **out, struct wm_err *err);
