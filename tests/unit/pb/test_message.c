/* Encoding, decoding, copying and comparing messages, and what decoding refuses. */
#include "base/mem.h"
#include "pb/message.h"
#include "pb/v1.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TYPE_STRUCT (&google__protobuf__struct__descriptor)
#define TYPE_VALUE  (&google__protobuf__value__descriptor)
#define TYPE_NODE   (&v1__mesh_node__descriptor)
#define TYPE_EDGE   (&v1__mesh_edge__descriptor)

struct fixture {
	struct wm_arena arena;
	struct wm_buf buf;
	struct wm_err err;
};

static int setup(void **state)
{
	struct fixture *f = wm_alloc(sizeof(*f));
	wm_arena_init(&f->arena, 1 << 20);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	wm_arena_fini(&f->arena);
	wm_buf_fini(&f->buf);
	wm_free(f);
	return 0;
}

static char *text(struct fixture *f, const char *s)
{
	return wm_arena_strdup(&f->arena, s);
}

static V1__MeshEdge *edge_new(struct fixture *f, const char *keys)
{
	V1__MeshEdge *edge = wm_pb_new(&f->arena, TYPE_EDGE);
	edge->source = text(f, "a");
	edge->weight = 99;
	for (const char *k = keys; *k != '\0'; k++) {
		V1__MeshEdge__AttributesEntry *e =
			wm_pb_new(&f->arena, &v1__mesh_edge__attributes_entry__descriptor);
		e->key = wm_arena_printf(&f->arena, "%c", *k);
		e->value = wm_arena_printf(&f->arena, "%d", (int)(k - keys));
		wm_pb_append(&f->arena, &edge->n_attributes, &edge->attributes, e);
	}
	return edge;
}

static V1__MeshNode *node_new(struct fixture *f)
{
	V1__MeshNode *node = wm_pb_new(&f->arena, TYPE_NODE);
	node->id = text(f, "edge-3");
	node->joinedat = wm_pb_new(&f->arena, &google__protobuf__timestamp__descriptor);
	node->joinedat->seconds = 1700000000;
	for (int i = 0; i < 5; i++) {
		V1__FeaturePort *port = wm_pb_new(&f->arena, &v1__feature_port__descriptor);
		port->feature = V1__FEATURE__MEMBERSHIP;
		port->port = 8443 + i;
		wm_pb_append(&f->arena, &node->n_features, &node->features, port);
		wm_pb_append(&f->arena, &node->n_wireguardendpoints, &node->wireguardendpoints,
			     wm_arena_printf(&f->arena, "10.0.0.%d:51820", i));
	}
	return node;
}

static int decode(struct fixture *f, const ProtobufCMessageDescriptor *type, const void *data,
		  size_t len, ProtobufCMessage **out)
{
	/* An exact copy, so that AddressSanitizer sees a byte read past the end. */
	WM_AUTO(wm_autofree) void *exact = wm_memdup(data, len);
	return wm_pb_decode(&f->arena, type, exact, len, out, &f->err);
}

static void test_new_is_empty(void **state)
{
	struct fixture *f = *state;
	V1__MeshNode *node = wm_pb_new(&f->arena, TYPE_NODE);
	assert_string_equal(node->id, "");
	assert_null(node->joinedat);
	wm_pb_encode(&node->base, &f->buf);
	assert_int_equal(f->buf.len, 0);
}

static void test_round_trip(void **state)
{
	struct fixture *f = *state;
	V1__MeshNode *node = node_new(f);
	ProtobufCMessage *back;

	wm_buf_add_str(&f->buf, "kept");
	wm_pb_encode(&node->base, &f->buf);
	assert_memory_equal(f->buf.data, "kept", 4);
	assert_int_equal(decode(f, TYPE_NODE, f->buf.data + 4, f->buf.len - 4, &back), 0);
	assert_true(wm_pb_equal(&node->base, back));
	assert_string_equal(((V1__MeshNode *)back)->wireguardendpoints[4], "10.0.0.4:51820");
	assert_int_equal(((V1__MeshNode *)back)->features[4]->port, 8447);
}

static void test_copy_is_deep(void **state)
{
	struct fixture *f = *state;
	struct wm_arena other;
	wm_arena_init(&other, 0);
	V1__MeshNode *node = node_new(f);
	V1__MeshNode *copy = wm_pb_copy(&other, &node->base);
	wm_pb_encode(&node->base, &f->buf);

	memset(node->id, 'x', strlen(node->id));
	node->features[0]->port = 1;
	node->wireguardendpoints[0][0] = 'x';
	wm_arena_reset(&f->arena);

	ProtobufCMessage *first;
	assert_int_equal(decode(f, TYPE_NODE, f->buf.data, f->buf.len, &first), 0);
	assert_true(wm_pb_equal(&copy->base, first));
	wm_arena_fini(&other);
}

static void test_copy_of_bytes_and_oneof(void **state)
{
	struct fixture *f = *state;
	V1__QueryResponse *response = wm_pb_new(&f->arena, &v1__query_response__descriptor);
	ProtobufCBinaryData items[] = {{3, (uint8_t *)text(f, "a\0b")}, {0, NULL}};
	response->n_items = 2;
	response->items = items;
	V1__QueryResponse *copy = wm_pb_copy(&f->arena, &response->base);
	assert_true(wm_pb_equal(&response->base, &copy->base));
	assert_ptr_not_equal(copy->items[0].data, items[0].data);
	copy->items[0].data[2] = 'c';
	assert_false(wm_pb_equal(&response->base, &copy->base));

	Google__Protobuf__Value *value = wm_pb_new(&f->arena, TYPE_VALUE);
	value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE;
	value->bool_value = 1;
	Google__Protobuf__Value *other = wm_pb_copy(&f->arena, &value->base);
	assert_true(wm_pb_equal(&value->base, &other->base));
	other->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_NULL_VALUE;
	assert_false(wm_pb_equal(&value->base, &other->base));
}

static void test_equal(void **state)
{
	struct fixture *f = *state;
	V1__MeshEdge *a = edge_new(f, "xy"), *b = edge_new(f, "xy");
	V1__MeshNode *node = node_new(f);

	assert_true(wm_pb_equal(NULL, NULL));
	assert_false(wm_pb_equal(&a->base, NULL));
	assert_false(wm_pb_equal(&a->base, &node->base));
	assert_true(wm_pb_equal(&a->base, &b->base));
	V1__MeshEdge__AttributesEntry *entry = b->attributes[0];
	b->attributes[0] = b->attributes[1];
	b->attributes[1] = entry;
	assert_true(wm_pb_equal(&a->base, &b->base));
	entry->value = text(f, "other");
	assert_false(wm_pb_equal(&a->base, &b->base));
	b = edge_new(f, "xy");
	b->target = text(f, "b");
	assert_false(wm_pb_equal(&a->base, &b->base));
	assert_false(wm_pb_equal(&a->base, &edge_new(f, "x")->base));
}

static void test_map_is_settled(void **state)
{
	struct fixture *f = *state;
	ProtobufCMessage *back;
	wm_pb_encode(&edge_new(f, "cabca")->base, &f->buf);
	assert_int_equal(decode(f, TYPE_EDGE, f->buf.data, f->buf.len, &back), 0);

	V1__MeshEdge *edge = (V1__MeshEdge *)back;
	assert_int_equal(edge->n_attributes, 3);
	static const char *const keys[] = {"a", "b", "c"}, *const values[] = {"4", "2", "3"};
	for (int i = 0; i < 3; i++) {
		assert_string_equal(edge->attributes[i]->key, keys[i]);
		assert_string_equal(edge->attributes[i]->value, values[i]);
	}
	assert_true(wm_pb_equal(back, &edge_new(f, "cabca")->base));
}

static void test_map_entry_without_message(void **state)
{
	struct fixture *f = *state;
	ProtobufCMessage *back;
	/* connections { key: "a" } */
	assert_int_equal(decode(f, &v1__list_connections_response__descriptor,
				"\x0a\x03\x0a\x01"
				"a",
				5, &back),
			 0);
	V1__ListConnectionsResponse *list = (V1__ListConnectionsResponse *)back;
	assert_int_equal(list->n_connections, 1);
	assert_non_null(list->connections[0]->value);
	assert_string_equal(list->connections[0]->value->domain, "");
}

static void test_unknown_fields_are_kept(void **state)
{
	struct fixture *f = *state;
	ProtobufCMessage *back;
	/* id: "a", then field 1000 twice: as a varint and as bytes */
	static const char data[] = "\x0a\x01"
				   "a\xc0\x3e\x07\xc2\x3e\x02xy";
	assert_int_equal(decode(f, &v1__leave_request__descriptor, data, sizeof(data) - 1, &back),
			 0);
	ProtobufCMessage *copy = wm_pb_copy(&f->arena, back);
	assert_true(wm_pb_equal(back, copy));
	wm_pb_encode(copy, &f->buf);
	assert_int_equal(f->buf.len, sizeof(data) - 1);
	assert_memory_equal(f->buf.data, data, sizeof(data) - 1);
	copy->unknown_fields[0].data[0] ^= 1;
	assert_false(wm_pb_equal(back, copy));
}

/* A chain of Values in ListValues, @depth messages in all, the innermost a Value. */
static void nest(struct wm_buf *out, unsigned depth)
{
	wm_buf_clear(out);
	for (unsigned i = 1; i < depth; i++) {
		uint8_t head[11] = {(i & 1) != 0 ? 0x0a : 0x32};
		size_t n = 1;
		for (size_t left = out->len; left >= 0x80 || n == 1 || head[n - 1] >= 0x80;
		     left >>= 7)
			head[n++] = (uint8_t)((left & 0x7f) | (left >= 0x80 ? 0x80 : 0));
		struct wm_buf outer = {0};
		wm_buf_add(&outer, head, n);
		if (out->len > 0)
			wm_buf_add(&outer, out->data, out->len);
		wm_buf_fini(out);
		*out = outer;
	}
}

static void test_nesting_is_bounded(void **state)
{
	struct fixture *f = *state;
	ProtobufCMessage *back;

	/* An even depth has a Value outside, an odd one a ListValue. */
	nest(&f->buf, WM_PB_DEPTH_MAX);
	const ProtobufCMessageDescriptor *list = &google__protobuf__list_value__descriptor;
	assert_int_equal(decode(f, list, f->buf.data, f->buf.len, &back), 0);
	nest(&f->buf, WM_PB_DEPTH_MAX + 1);
	assert_int_equal(decode(f, TYPE_VALUE, f->buf.data, f->buf.len, &back),
			 WM_INVALID_ARGUMENT);
	assert_non_null(strstr(f->err.text, "messages within messages"));
	nest(&f->buf, 12001);
	assert_in_range(f->buf.len, 30000, 60000);
	assert_int_equal(decode(f, TYPE_VALUE, f->buf.data, f->buf.len, &back),
			 WM_INVALID_ARGUMENT);
}

static void test_bad_bytes(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		const char *says;
	} bad[] = {
		{"\x0a", 1, "malformed"}, /* no length */
		{"\x0a\x05"
		 "ab",
		 4, "malformed"}, /* too short */
		{"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "malformed"},
		{"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, "malformed"},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, "malformed"},
		{"\x02\x01"
		 "a",
		 3, "malformed"},             /* field 0 */
		{"\x0b\x0c", 2, "malformed"}, /* a group */
		{"\x0f", 1, "malformed"},     /* wire type 7 */
		{"\x0a\x01\xff", 3, "v1.MeshNode.id is not UTF-8"},
		{"\x0a\x03"
		 "a\0b",
		 5, "v1.MeshNode.id holds a NUL"},
		{"\x08\x01", 2, "v1.MeshNode.id: wire type 0"},
		{"\x0d\0\0\0\0", 5, "v1.MeshNode.id: wire type 5"},
		{"\x09\0\0\0", 4, "malformed"},
		{"\x4a\x02\x08\xff", 4, "v1.FeaturePort: cut short or malformed"},
		{"\x5a\x01\x0a", 3, "google.protobuf.Timestamp"},
	};
	struct fixture *f = *state;
	ProtobufCMessage *back = NULL;

	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		assert_int_equal(decode(f, TYPE_NODE, bad[i].data, bad[i].len, &back),
				 WM_INVALID_ARGUMENT);
		if (strstr(f->err.text, bad[i].says) == NULL)
			fail_msg("case %zu says: %s", i, f->err.text);
		assert_null(back);
	}
}

static void test_every_cut_is_refused_or_whole(void **state)
{
	struct fixture *f = *state;
	ProtobufCMessage *back;
	wm_pb_encode(&node_new(f)->base, &f->buf);
	for (size_t n = 0; n < f->buf.len; n++) {
		int rc = decode(f, TYPE_NODE, f->buf.data, n, &back);
		assert_true(rc == WM_INVALID_ARGUMENT || rc == 0);
	}
}

static void test_limit_is_kept(void **state)
{
	struct fixture *f = *state;
	ProtobufCMessage *back;
	/* Three bytes of input, a message of 100 bytes and more each. */
	for (int i = 0; i < 20000; i++)
		wm_buf_add(&f->buf, "\x0a\x00", 2);
	assert_int_equal(decode(f, &v1__node_list__descriptor, f->buf.data, f->buf.len, &back),
			 WM_RESOURCE_EXHAUSTED);
	/* Each merges into the one before, which copies the list so far. */
	wm_arena_reset(&f->arena);
	wm_buf_clear(&f->buf);
	for (int i = 0; i < 10000; i++)
		wm_buf_add(&f->buf, "\x12\x04\x0a\x02\x10\x01", 6);
	assert_int_equal(
		decode(f, &v1__put_connection_request__descriptor, f->buf.data, f->buf.len, &back),
		WM_RESOURCE_EXHAUSTED);
}

/* Whatever the limit, the answer is the message or RESOURCE_EXHAUSTED. */
static void test_every_limit(void **state)
{
	struct fixture *f = *state;
	ProtobufCMessage *back;
	int rc = WM_RESOURCE_EXHAUSTED;

	wm_pb_encode(&edge_new(f, "cabca")->base, &f->buf);
	for (size_t limit = 1; rc != 0; limit += 8) {
		struct wm_arena a;
		wm_arena_init(&a, limit);
		rc = wm_pb_decode(&a, TYPE_EDGE, f->buf.data, f->buf.len, &back, &f->err);
		assert_true(rc == 0 || rc == WM_RESOURCE_EXHAUSTED);
		wm_arena_fini(&a);
		assert_true(limit < 10000);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_new_is_empty),
		T(test_round_trip),
		T(test_copy_is_deep),
		T(test_copy_of_bytes_and_oneof),
		T(test_equal),
		T(test_map_is_settled),
		T(test_map_entry_without_message),
		T(test_unknown_fields_are_kept),
		T(test_nesting_is_bounded),
		T(test_bad_bytes),
		T(test_every_cut_is_refused_or_whole),
		T(test_limit_is_kept),
		T(test_every_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
