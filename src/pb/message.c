#include "pb/message.h"
#include "base/mem.h"
#include "pb/field.h"
#include "pb/map.h"
#include "pb/scan.h"
#include <assert.h>
#include <string.h>

void *wm_pb_new(struct wm_arena *a, const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *m = wm_arena_alloc(a, type->sizeof_message);
	protobuf_c_message_init(type, m);
	return m;
}

void wm_pb_encode(const ProtobufCMessage *m, struct wm_buf *out)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	if (n > 0)
		wm_buf_commit(out, protobuf_c_message_pack(m, wm_buf_reserve(out, n)));
}

/* protobuf-c's allocator over an arena. It reports one and the same NULL for bytes that are wrong
 * and memory that is gone, so the arena's refusal is remembered here. */
struct arena_allocator {
	ProtobufCAllocator base;
	struct wm_arena *arena;
	bool exhausted;
};

static void *arena_alloc(void *data, size_t size)
{
	struct arena_allocator *a = data;
	void *p = wm_arena_try(a->arena, size > 0 ? size : 1);
	if (p == NULL)
		a->exhausted = true;
	return p;
}

static void arena_free(void *data, void *pointer)
{
}

int wm_pb_decode(struct wm_arena *a, const ProtobufCMessageDescriptor *type, const void *data,
		 size_t len, ProtobufCMessage **out, struct wm_err *err)
{
	struct arena_allocator allocator = {{arena_alloc, arena_free, NULL}, a, false};
	allocator.base.allocator_data = &allocator;

	int rc = wm_pb_scan(type, data, len, err);
	if (rc != 0)
		return rc;
	ProtobufCMessage *m = protobuf_c_message_unpack(type, &allocator.base, len, data);
	if (allocator.exhausted)
		return wm_fail(err, WM_RESOURCE_EXHAUSTED,
			       "%s: larger than the limit for a message", type->name);
	if (m == NULL)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: malformed", type->name);
	rc = wm_pb_map_settle(a, m, err);
	if (rc == 0)
		*out = m;
	return rc;
}

/* The value at @at, which is a bitwise copy so far, gets memory of its own. */
static void own_value(struct wm_arena *a, ProtobufCType type, void *at)
{
	if (type == PROTOBUF_C_TYPE_STRING) {
		char **text = at;
		if (*text != NULL && *text != protobuf_c_empty_string)
			*text = wm_arena_strdup(a, *text);
	} else if (type == PROTOBUF_C_TYPE_BYTES) {
		ProtobufCBinaryData *bytes = at;
		bytes->data = bytes->len > 0 ? wm_arena_memdup(a, bytes->data, bytes->len) : NULL;
	} else if (type == PROTOBUF_C_TYPE_MESSAGE) {
		ProtobufCMessage **m = at;
		*m = *m != NULL ? wm_pb_copy(a, *m) : NULL;
	}
}

static void own_field(struct wm_arena *a, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	size_t n = wm_pb_field_count(m, f), size = wm_pb_field_size(f->type);
	char *at = wm_pb_field_slot(m, f);

	if (wm_pb_field_is_repeated(f)) {
		char *items = n > 0 ? wm_arena_memdup(a, *(char **)(void *)at, n * size) : NULL;
		*(char **)(void *)at = items;
		at = items;
	}
	for (size_t i = 0; i < n; i++)
		own_value(a, f->type, at + i * size);
}

static void own_unknown(struct wm_arena *a, ProtobufCMessage *m)
{
	if (m->n_unknown_fields == 0)
		return;
	m->unknown_fields = wm_arena_memdup(a, m->unknown_fields,
					    m->n_unknown_fields * sizeof(m->unknown_fields[0]));
	for (unsigned i = 0; i < m->n_unknown_fields; i++) {
		ProtobufCMessageUnknownField *u = &m->unknown_fields[i];
		u->data = wm_arena_memdup(a, u->data, u->len);
	}
}

void *wm_pb_copy(struct wm_arena *a, const ProtobufCMessage *m)
{
	ProtobufCMessage *copy = wm_arena_memdup(a, m, m->descriptor->sizeof_message);
	for (unsigned i = 0; i < m->descriptor->n_fields; i++)
		own_field(a, copy, &m->descriptor->fields[i]);
	own_unknown(a, copy);
	return copy;
}

static bool values_equal(ProtobufCType type, const void *a, const void *b)
{
	if (type == PROTOBUF_C_TYPE_STRING)
		return strcmp(wm_pb_field_text(a), wm_pb_field_text(b)) == 0;
	if (type == PROTOBUF_C_TYPE_MESSAGE)
		return wm_pb_equal(wm_pb_field_message(a), wm_pb_field_message(b));
	if (type == PROTOBUF_C_TYPE_BYTES) {
		const ProtobufCBinaryData *x = a, *y = b;
		return x->len == y->len && (x->len == 0 || memcmp(x->data, y->data, x->len) == 0);
	}
	if (type == PROTOBUF_C_TYPE_BOOL)
		return !*(const protobuf_c_boolean *)a == !*(const protobuf_c_boolean *)b;
	return memcmp(a, b, wm_pb_field_size(type)) == 0;
}

static struct wm_pb_entry *sort_map(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
				    size_t *n)
{
	*n = wm_pb_field_count(m, f);
	struct wm_pb_entry *sorted = wm_calloc(*n + 1, sizeof(*sorted));
	*n = wm_pb_map_sort(wm_pb_field_at(m, f, 0), *n, sorted);
	return sorted;
}

static bool maps_equal(const ProtobufCMessage *a, const ProtobufCMessage *b,
		       const ProtobufCFieldDescriptor *f)
{
	size_t n, m;
	WM_AUTO(wm_autofree) struct wm_pb_entry *x = sort_map(a, f, &n);
	WM_AUTO(wm_autofree) struct wm_pb_entry *y = sort_map(b, f, &m);
	bool equal = n == m;

	for (size_t i = 0; equal && i < n; i++)
		equal = wm_pb_equal(x[i].entry, y[i].entry);
	return equal;
}

static bool fields_equal(const ProtobufCMessage *a, const ProtobufCMessage *b,
			 const ProtobufCFieldDescriptor *f)
{
	if (wm_pb_field_is_map(a->descriptor, f))
		return maps_equal(a, b, f);
	size_t n = wm_pb_field_count(a, f);
	bool equal = n == wm_pb_field_count(b, f);
	for (size_t i = 0; equal && i < n; i++)
		equal = values_equal(f->type, wm_pb_field_at(a, f, i), wm_pb_field_at(b, f, i));
	return equal;
}

static bool unknown_equal(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	bool equal = a->n_unknown_fields == b->n_unknown_fields;
	for (unsigned i = 0; equal && i < a->n_unknown_fields; i++) {
		const ProtobufCMessageUnknownField *x = &a->unknown_fields[i];
		const ProtobufCMessageUnknownField *y = &b->unknown_fields[i];
		equal = x->tag == y->tag && x->len == y->len &&
			memcmp(x->data, y->data, x->len) == 0;
	}
	return equal;
}

bool wm_pb_equal(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	bool equal = a->descriptor == b->descriptor && unknown_equal(a, b);
	for (unsigned i = 0; equal && i < a->descriptor->n_fields; i++)
		equal = fields_equal(a, b, &a->descriptor->fields[i]);
	return equal;
}

void wm_pb_append(struct wm_arena *a, size_t *n, void *items, const void *item)
{
	void **array;
	memcpy(&array, items, sizeof(array));
	if ((*n & (*n - 1)) == 0) { /* 0, 1, 2, 4, 8 ...: full */
		void **larger = wm_arena_alloc(a, (*n > 0 ? 2 * *n : 1) * sizeof(*array));
		if (*n > 0)
			memcpy(larger, array, *n * sizeof(*array));
		array = larger;
		memcpy(items, &array, sizeof(array));
	}
	memcpy(&array[(*n)++], &item, sizeof(item));
}
