/*
 * Any text as any message of the API; the first byte chooses which and whether unknown fields are
 * let pass. What parses must print, and parse again into its equal.
 */
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

	switch (byte) {
	case 0: return &google__protobuf__value__descriptor;
	case 1: return &google__protobuf__timestamp__descriptor;
	case 2: return &google__protobuf__duration__descriptor;
	default:
		return (byte & 1) != 0 ? methods[byte / 2 % n].request
				       : methods[byte / 2 % n].response;
	}
}

static void check_round_trip(struct wm_arena *a, const ProtobufCMessage *m)
{
	struct wm_buf text = {0};
	ProtobufCMessage *again;

	int rc = wm_pb_json_format(m, 0, &text, NULL);
	assert(rc == 0);
	rc = wm_pb_json_parse(a, m->descriptor, wm_buf_str(&text), text.len, 0, &again, NULL);
	assert(rc == WM_RESOURCE_EXHAUSTED || (rc == 0 && wm_pb_equal(m, again)));
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
	unsigned flags = (data[0] & 0x80) != 0 ? WM_PB_JSON_IGNORE_UNKNOWN : 0;
	wm_arena_init(&arena, 1 << 20);
	if (wm_pb_json_parse(&arena, choose(data[0] & 0x7f), (const char *)data + 1, size - 1,
			     flags, &m, &err) == 0)
		check_round_trip(&arena, m);
	wm_arena_fini(&arena);
	return 0;
}
