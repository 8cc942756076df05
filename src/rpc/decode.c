#include "rpc/decode.h"
#include "base/str.h"
#include "pb/message.h"

/* A message of two bytes may become a struct of some hundred; one of megabytes is mostly content.
 */
#define GROWTH     32
#define GROWTH_MIN (256u << 10)
#define GROWTH_MAX (64u << 20)

static size_t memory_for(size_t len)
{
	size_t n = GROWTH * len + GROWTH_MIN;
	return n < GROWTH_MAX ? n : GROWTH_MAX;
}

int wm_rpc_decode(struct wm_arena *arena, const ProtobufCMessageDescriptor *type,
		  const struct wm_rpc_frame *frame, const char *encoding, ProtobufCMessage **out,
		  struct wm_err *err)
{
	if (frame->compressed && (encoding[0] == '\0' || wm_streq(encoding, "identity")))
		return wm_fail(err, WM_INTERNAL,
			       "a compressed message came, but no grpc-encoding was named");
	if (frame->compressed)
		return wm_fail(err, WM_UNIMPLEMENTED, "grpc-encoding \"%s\" is not supported",
			       encoding);
	size_t limit = arena->limit;
	arena->limit = arena->used + memory_for(frame->len);
	int rc = wm_pb_decode(arena, type, frame->data, frame->len, out, err);
	arena->limit = limit;
	return rc == 0 ? 0 : wm_wrap(err, "%s", type->name);
}
