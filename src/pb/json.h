#pragma once
/*
 * The canonical JSON form of a message ("protojson"): lowerCamel field names, enums by name, 64-bit
 * integers as text, bytes as base64, default values left out, and the forms of their own that
 * Timestamp, Duration, Struct, Value, ListValue and Empty have. This is what the state stores and
 * what -o json prints. Any thread, as far as the arena or buffer is the caller's.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include <protobuf-c/protobuf-c.h>

enum wm_pb_json_flag {
	WM_PB_JSON_INDENT = 1,         /* format: one member per line, two spaces per level */
	WM_PB_JSON_IGNORE_UNKNOWN = 2, /* parse: skip fields that the type does not know */
};

/*
 * Appends the text of @m. An enum number without a name is printed as a number; a map is printed in
 * the order of its keys. INVALID_ARGUMENT, with @out as it was, for what has no JSON form: a
 * Timestamp or Duration out of range, a Value that is not finite or not set, nesting beyond
 * WM_PB_DEPTH_MAX.
 */
WM_MUST_CHECK int wm_pb_json_format(const ProtobufCMessage *m, unsigned flags, struct wm_buf *out,
				    struct wm_err *err);

/*
 * Parses all @len bytes of @text as a @type, all of it in @a. Accepts what every protojson parser
 * does: the JSON or the original name of a field, enums by name or number, integers as number or
 * text and with an exponent, base64 of either alphabet, null for "not set". INVALID_ARGUMENT with
 * line, column and field for anything else, so for an unknown or repeated field, a repeated key of
 * a map or of an object, two members of a oneof, nesting beyond WM_PB_DEPTH_MAX, text that is not
 * UTF-8, or a NUL in a string; RESOURCE_EXHAUSTED when the arena's limit does not suffice.
 */
WM_MUST_CHECK int wm_pb_json_parse(struct wm_arena *a, const ProtobufCMessageDescriptor *type,
				   const char *text, size_t len, unsigned flags,
				   ProtobufCMessage **out, struct wm_err *err);
