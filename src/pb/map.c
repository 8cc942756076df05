#include "pb/map.h"
#include "pb/field.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

int wm_pb_map_compare(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	const ProtobufCFieldDescriptor *key = &a->descriptor->fields[0];
	const void *x = wm_pb_field_at(a, key, 0), *y = wm_pb_field_at(b, key, 0);

	switch (key->type) {
	case PROTOBUF_C_TYPE_STRING: return strcmp(wm_pb_field_text(x), wm_pb_field_text(y));
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32: return COMPARE(*(const uint32_t *)x, *(const uint32_t *)y);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64: return COMPARE(*(const int64_t *)x, *(const int64_t *)y);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64: return COMPARE(*(const uint64_t *)x, *(const uint64_t *)y);
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_BOOL:
	case PROTOBUF_C_TYPE_ENUM:
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE: break; /* protoc allows none of the last five as a key */
	}
	return COMPARE(*(const int32_t *)x, *(const int32_t *)y);
}

static int compare_entries(const void *x, const void *y)
{
	const struct wm_pb_entry *a = x, *b = y;
	int by_key = wm_pb_map_compare(a->entry, b->entry);
	return by_key != 0 ? by_key : COMPARE(a->order, b->order);
}

size_t wm_pb_map_sort(ProtobufCMessage *const *entries, size_t n, struct wm_pb_entry *out)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		out[i] = (struct wm_pb_entry){.entry = entries[i], .order = i};
	if (n > 1)
		qsort(out, n, sizeof(*out), compare_entries);
	for (size_t i = 0; i < n; i++) {
		if (i + 1 < n && wm_pb_map_compare(out[i].entry, out[i + 1].entry) == 0)
			continue;
		out[kept++] = out[i];
	}
	return kept;
}

static int exhausted(const ProtobufCMessage *m, struct wm_err *err)
{
	return wm_fail(err, WM_RESOURCE_EXHAUSTED, "%s: larger than the limit for a message",
		       m->descriptor->name);
}

static int settle_entry(struct wm_arena *a, ProtobufCMessage *entry, struct wm_err *err)
{
	const ProtobufCFieldDescriptor *value = &entry->descriptor->fields[1];
	if (value->type != PROTOBUF_C_TYPE_MESSAGE || wm_pb_field_count(entry, value) > 0)
		return 0;
	const ProtobufCMessageDescriptor *type = value->descriptor;
	ProtobufCMessage *empty = wm_arena_try(a, type->sizeof_message);
	if (empty == NULL)
		return exhausted(entry, err);
	protobuf_c_message_init(type, empty);
	*(ProtobufCMessage **)wm_pb_field_slot(entry, value) = empty;
	return 0;
}

static int settle_map(struct wm_arena *a, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
		      struct wm_err *err)
{
	ProtobufCMessage **entries = *(ProtobufCMessage ***)wm_pb_field_slot(m, f);
	size_t *n = wm_pb_field_length(m, f);

	struct wm_pb_entry *sorted = *n > 0 ? wm_arena_try(a, *n * sizeof(*sorted)) : NULL;
	if (*n > 0 && sorted == NULL)
		return exhausted(m, err);
	*n = wm_pb_map_sort(entries, *n, sorted);
	for (size_t i = 0; i < *n; i++) {
		entries[i] = sorted[i].entry;
		int rc = settle_entry(a, entries[i], err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int settle_field(struct wm_arena *a, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
			struct wm_err *err)
{
	int rc = 0;

	if (f->type != PROTOBUF_C_TYPE_MESSAGE)
		return 0;
	if (wm_pb_field_is_map(m->descriptor, f))
		rc = settle_map(a, m, f, err);
	for (size_t i = 0; rc == 0 && i < wm_pb_field_count(m, f); i++)
		rc = wm_pb_map_settle(a, wm_pb_field_message(wm_pb_field_at(m, f, i)), err);
	return rc;
}

int wm_pb_map_settle(struct wm_arena *a, ProtobufCMessage *m, struct wm_err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < m->descriptor->n_fields; i++)
		rc = settle_field(a, m, &m->descriptor->fields[i], err);
	return rc;
}
