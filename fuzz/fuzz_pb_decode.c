/*
 * Any bytes as any message of the API; the first byte chooses which. What decodes must encode into
 * something that decodes into its equal, be equal to its copy, and print as JSON or say why not.
 */
#include "base/mem.h"
#include "pb/json.h"
#include "pb/message.h"
#include "pb/methods.h"
#include "pb/v1.h"
#include <assert.h>
#include <stdint.h>

static const ProtobufCMessageDescriptor *choose(uint8_t byte)
{
	size_t n;
	const struct wm_pb_method *methods = wm_pb_method_all(&n);
	size_t at = byte % (2 * n + 1);

	if (at == 2 * n)
		return &google__protobuf__struct__descriptor;
	return at < n ? methods[at].request : methods[at - n].response;
}

static void check_round_trip(struct wm_arena *a, const ProtobufCMessage *m)
{
	struct wm_buf bytes = {0}, text = {0};
	ProtobufCMessage *again;

	wm_pb_encode(m, &bytes);
	assert(wm_pb_equal(m, wm_pb_copy(a, m)));
	if (wm_pb_decode(a, m->descriptor, bytes.data, bytes.len, &again, NULL) == 0) {
		bytes.len = 0;
		wm_pb_encode(again, &bytes);
	}
	if (wm_pb_json_format(m, WM_PB_JSON_INDENT, &text, NULL) == 0) {
		int rc = wm_pb_json_parse(a, m->descriptor, wm_buf_str(&text), text.len, 0, &again,
					  NULL);
		assert(rc == 0 || rc == WM_RESOURCE_EXHAUSTED);
	}
	wm_buf_fini(&bytes);
	wm_buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wm_arena arena;
	struct wm_err err;
	ProtobufCMessage *m;

	if (size == 0)
		return 0;
	wm_arena_init(&arena, 1 << 20);
	if (wm_pb_decode(&arena, choose(data[0]), data + 1, size - 1, &m, &err) == 0)
		check_round_trip(&arena, m);
	wm_arena_fini(&arena);
	return 0;
}
