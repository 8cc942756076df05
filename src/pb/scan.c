#include "pb/scan.h"
#include "base/str.h"
#include "base/wire.h"
#include "pb/field.h"
#include "pb/message.h"
#include <stdint.h>
#include <string.h>

enum wire_type { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

#define FIELD_NUMBER_MAX ((1u << 29) - 1)

static int scan(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len,
		unsigned depth, struct wm_err *err);

static enum wire_type wire_type_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT: return FIXED32;
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE: return FIXED64;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE: return BYTES;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_BOOL:
	case PROTOBUF_C_TYPE_ENUM: break;
	}
	return VARINT;
}

/* Numbers that repeat may also come packed. */
static bool accepts(const ProtobufCFieldDescriptor *f, unsigned wire_type)
{
	return wire_type == wire_type_of(f->type) ||
	       (wire_type == BYTES && wm_pb_field_is_repeated(f));
}

static int scan_content(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *f,
			const uint8_t *p, size_t n, unsigned depth, struct wm_err *err)
{
	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		return scan(f->descriptor, p, n, depth + 1, err);
	if (f->type != PROTOBUF_C_TYPE_STRING || n == 0)
		return 0;
	if (!wm_utf8_is_valid(p, n))
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s.%s is not UTF-8", type->name, f->name);
	if (memchr(p, '\0', n) != NULL)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s.%s holds a NUL character", type->name,
			       f->name);
	return 0;
}

/* Passes one value; for text, bytes and messages returns its place and sets *@n. */
static const uint8_t *skip_value(struct wm_wire *w, unsigned wire_type, size_t *n)
{
	uint64_t size;

	*n = 0;
	switch (wire_type) {
	case VARINT: wm_wire_get_varint(w); return NULL;
	case FIXED64: wm_wire_get_le64(w); return NULL;
	case FIXED32: wm_wire_get_le32(w); return NULL;
	case BYTES:
		size = wm_wire_get_varint(w);
		if (size > wm_wire_left(w))
			break;
		*n = (size_t)size;
		return wm_wire_skip(w, *n);
	default: /* groups, and what was never defined */ break;
	}
	wm_wire_fail(w);
	return NULL;
}

static int scan_field(const ProtobufCMessageDescriptor *type, struct wm_wire *w, unsigned depth,
		      struct wm_err *err)
{
	size_t n;
	uint64_t tag = wm_wire_get_varint(w);
	uint64_t number = tag >> 3;
	unsigned wire_type = tag & 7;
	const uint8_t *content = skip_value(w, wire_type, &n);

	if (!wm_wire_ok(w) || number == 0 || number > FIELD_NUMBER_MAX)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: cut short or malformed", type->name);
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field(type, (unsigned)number);
	if (f == NULL)
		return 0;
	if (!accepts(f, wire_type))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "%s.%s: wire type %u is not that of its type", type->name, f->name,
			       wire_type);
	return wire_type == BYTES ? scan_content(type, f, content, n, depth, err) : 0;
}

static int scan(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len,
		unsigned depth, struct wm_err *err)
{
	struct wm_wire w;
	int rc = 0;

	if (depth > WM_PB_DEPTH_MAX)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "%s: more than %d messages within messages", type->name,
			       WM_PB_DEPTH_MAX);
	wm_wire_init_read(&w, data, len);
	while (rc == 0 && wm_wire_left(&w) > 0)
		rc = scan_field(type, &w, depth, err);
	return rc;
}

int wm_pb_scan(const ProtobufCMessageDescriptor *type, const void *data, size_t len,
	       struct wm_err *err)
{
	return scan(type, data, len, 1, err);
}
