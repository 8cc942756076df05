#include "pb/field.h"
#include <stdint.h>
#include <string.h>

size_t wm_pb_field_size(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_ENUM: return 4;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE: return 8;
	case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE: break;
	}
	return sizeof(void *);
}

/* protoc names the entry type of map field x_y in message M "M.XYEntry", and keeps that to itself.
 */
bool wm_pb_field_is_map(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *f)
{
	if (f->type != PROTOBUF_C_TYPE_MESSAGE || !wm_pb_field_is_repeated(f))
		return false;
	const ProtobufCMessageDescriptor *entry = f->descriptor;
	size_t outer = strlen(type->name), inner = strlen(entry->name);
	return inner > outer + 6 && strncmp(entry->name, type->name, outer) == 0 &&
	       entry->name[outer] == '.' && strcmp(entry->name + inner - 5, "Entry") == 0 &&
	       entry->n_fields == 2 && entry->fields[0].id == 1 && entry->fields[1].id == 2 &&
	       strcmp(entry->fields[0].name, "key") == 0 &&
	       strcmp(entry->fields[1].name, "value") == 0;
}

bool wm_pb_field_is_repeated(const ProtobufCFieldDescriptor *f)
{
	return f->label == PROTOBUF_C_LABEL_REPEATED;
}

bool wm_pb_field_is_oneof(const ProtobufCFieldDescriptor *f)
{
	return (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

static const void *member(const ProtobufCMessage *m, unsigned offset)
{
	return (const char *)m + offset;
}

size_t wm_pb_field_count(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	if (wm_pb_field_is_repeated(f))
		return *(const size_t *)member(m, f->quantifier_offset);
	if (wm_pb_field_is_oneof(f) && *(const uint32_t *)member(m, f->quantifier_offset) != f->id)
		return 0;
	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		return wm_pb_field_message(member(m, f->offset)) != NULL;
	return 1;
}

const void *wm_pb_field_at(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, size_t i)
{
	const void *at = member(m, f->offset);
	if (!wm_pb_field_is_repeated(f))
		return at;
	const char *items = *(const char *const *)at;
	return items != NULL ? items + i * wm_pb_field_size(f->type) : NULL;
}

ProtobufCMessage *wm_pb_field_message(const void *at)
{
	return *(ProtobufCMessage *const *)at;
}

const char *wm_pb_field_text(const void *at)
{
	const char *text = *(const char *const *)at;
	return text != NULL ? text : "";
}

void *wm_pb_field_slot(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	return (char *)m + f->offset;
}

size_t *wm_pb_field_length(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	return (void *)((char *)m + f->quantifier_offset);
}

uint32_t *wm_pb_field_case(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	return (void *)((char *)m + f->quantifier_offset);
}
