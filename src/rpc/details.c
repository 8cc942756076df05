#include "rpc/details.h"
#include "pb/message.h"
#include "pb/status.h"
#include "rpc/status.h"

/*
 * Encodings of one type that follow each other are merged by whoever decodes them, repeated fields
 * by appending. So each detail is kept as a Status that holds nothing else.
 */
static Google__Protobuf__Any *pack(struct wm_arena *a, const ProtobufCMessage *detail,
				   struct wm_buf *packed)
{
	Google__Protobuf__Any *any = wm_pb_new(a, &google__protobuf__any__descriptor);
	wm_pb_encode(detail, packed);
	any->type_url = wm_arena_printf(a, "type.googleapis.com/%s", detail->descriptor->name);
	any->value = (ProtobufCBinaryData){.data = packed->data, .len = packed->len};
	return any;
}

bool wm_rpc_details_add(struct wm_buf *details, const ProtobufCMessage *detail)
{
	struct wm_arena a;
	struct wm_buf packed = {0};
	size_t before = details->len;
	wm_arena_init(&a, 0);
	Google__Rpc__Status *status = wm_pb_new(&a, &google__rpc__status__descriptor);
	bool is_packed = detail->descriptor == &google__protobuf__any__descriptor;
	const void *any = is_packed ? (const void *)detail : pack(&a, detail, &packed);
	wm_pb_append(&a, &status->n_details, &status->details, any);
	wm_pb_encode(&status->base, details);
	wm_arena_fini(&a);
	wm_buf_fini(&packed);
	if (details->len <= WM_RPC_DETAILS_MAX)
		return true;
	details->len = before;
	return false;
}

void wm_rpc_details_encode(const struct wm_err *err, const struct wm_buf *details,
			   struct wm_buf *out)
{
	struct wm_arena a;
	wm_arena_init(&a, 0);
	Google__Rpc__Status *status = wm_pb_new(&a, &google__rpc__status__descriptor);
	status->code = (int32_t)wm_rpc_status_of_code(err->code);
	status->message = wm_arena_strdup(&a, err->text);
	wm_pb_encode(&status->base, out);
	wm_arena_fini(&a);
	wm_buf_add(out, details->data, details->len);
}
