#pragma once
/* From the bytes of a gRPC message to a message, for both sides. Pure; any thread. */
#include "base/arena.h"
#include "base/err.h"
#include "rpc/frame.h"

/*
 * Decodes @frame as a @type into @arena, within memory in proportion to its size. @encoding is what
 * grpc-encoding said ("" when nothing): a compressed message is UNIMPLEMENTED, with its name, or
 * INTERNAL when none was named.
 */
WM_MUST_CHECK int wm_rpc_decode(struct wm_arena *arena, const ProtobufCMessageDescriptor *type,
				const struct wm_rpc_frame *frame, const char *encoding,
				ProtobufCMessage **out, struct wm_err *err);
