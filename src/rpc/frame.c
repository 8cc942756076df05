#include "rpc/frame.h"
#include "base/wire.h"
#include "pb/message.h"
#include "rpc/gzip.h"

#define GZIP_MIN 512 /* a shorter message fits a packet as it is */

static int fail_size(struct wm_err *err, size_t size, uint32_t max)
{
	return wm_fail(err, WM_RESOURCE_EXHAUSTED, "message of %zu bytes is above the limit of %u",
		       size, max);
}

int wm_rpc_frame_decode(const uint8_t *p, size_t len, size_t *at, uint32_t max,
			struct wm_rpc_frame *out, struct wm_err *err)
{
	struct wm_wire w;
	if (*at == len) /* with nothing there may be no place for it either */
		return 0;
	wm_wire_init_read(&w, p + *at, len - *at);
	uint8_t flag = wm_wire_get_u8(&w);
	uint32_t size = wm_wire_get_be32(&w);
	if (!wm_wire_ok(&w))
		return 0;
	if (flag > 1)
		return wm_fail(err, WM_INTERNAL, "message with unknown flag byte 0x%02x", flag);
	if (size > max)
		return fail_size(err, size, max);
	const uint8_t *data = wm_wire_skip(&w, size);
	if (!wm_wire_ok(&w))
		return 0;
	*out = (struct wm_rpc_frame){.compressed = flag == 1, .data = data, .len = size};
	*at += WM_RPC_FRAME_HEADER + size;
	return 1;
}

static void put_header(bool compressed, size_t size, struct wm_buf *out)
{
	struct wm_wire w;
	wm_wire_init_write(&w, wm_buf_reserve(out, WM_RPC_FRAME_HEADER + size),
			   WM_RPC_FRAME_HEADER);
	wm_wire_put_u8(&w, compressed ? 1 : 0);
	wm_wire_put_be32(&w, (uint32_t)size);
	wm_buf_commit(out, WM_RPC_FRAME_HEADER);
}

static void put_shortest(const ProtobufCMessage *m, struct wm_buf *out)
{
	struct wm_buf plain = {0}, packed = {0};
	wm_pb_encode(m, &plain);
	bool compressed = wm_rpc_gzip_encode(plain.data, plain.len, &packed);
	const struct wm_buf *shortest = compressed ? &packed : &plain;
	put_header(compressed, shortest->len, out);
	wm_buf_add(out, shortest->data, shortest->len);
	wm_buf_fini(&plain);
	wm_buf_fini(&packed);
}

int wm_rpc_frame_encode(const ProtobufCMessage *m, uint32_t max, bool gzip, struct wm_buf *out,
			struct wm_err *err)
{
	size_t size = protobuf_c_message_get_packed_size(m);
	if (size > max)
		return fail_size(err, size, max);
	if (gzip && size >= GZIP_MIN) {
		put_shortest(m, out);
		return 0;
	}
	put_header(false, size, out); /* with room for the message, whose size is known */
	wm_buf_commit(out, protobuf_c_message_pack(m, wm_buf_reserve(out, size)));
	return 0;
}
