#include "rpc/decode.h"
#include "base/str.h"
#include "pb/message.h"
#include "rpc/gzip.h"

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

static int decode_plain(struct wm_arena *arena, const ProtobufCMessageDescriptor *type,
			const void *data, size_t len, ProtobufCMessage **out, struct wm_err *err)
{
	size_t limit = arena->limit;
	arena->limit = arena->used + memory_for(len);
	int rc = wm_pb_decode(arena, type, data, len, out, err);
	arena->limit = limit;
	return rc == 0 ? 0 : wm_wrap(err, "%s", type->name);
}

int wm_rpc_decode(struct wm_arena *arena, const ProtobufCMessageDescriptor *type,
		  const struct wm_rpc_frame *frame, const char *encoding, uint32_t max,
		  ProtobufCMessage **out, struct wm_err *err)
{
	struct wm_buf plain = {0};
	if (!frame->compressed)
		return decode_plain(arena, type, frame->data, frame->len, out, err);
	if (encoding[0] == '\0' || wm_streq(encoding, "identity"))
		return wm_fail(err, WM_INTERNAL,
			       "a compressed message came, but no grpc-encoding was named");
	if (!wm_streq(encoding, WM_RPC_GZIP))
		return wm_fail(err, WM_UNIMPLEMENTED,
			       "grpc-encoding \"%s\" is not supported, gzip is", encoding);
	int rc = wm_rpc_gzip_decode(frame->data, frame->len, max, &plain, err);
	if (rc == 0)
		rc = decode_plain(arena, type, plain.data, plain.len, out, err);
	wm_buf_fini(&plain);
	return rc;
}
