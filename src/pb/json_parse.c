/*
 * protojson, the reading half: the descriptor says what may come next, the reader hands it out, and
 * each value is written where it belongs in a message that lies in the arena from the start. Arrays
 * grow by doubling. A map is sorted when it is complete, and a key that came twice shows as
 * neighbours.
 */
#include "base/mem.h"
#include "pb/field.h"
#include "pb/json.h"
#include "pb/json_read.h"
#include "pb/json_scalar.h"
#include "pb/json_time.h"
#include "pb/map.h"
#include "pb/message.h"
#include "pb/v1.h"
#include <string.h>

struct parser {
	struct wm_json_reader r;
	struct wm_arena *arena;
	unsigned flags;
	unsigned depth; /* messages within messages */
};

static int parse_message(struct parser *p, const ProtobufCMessageDescriptor *type,
			 ProtobufCMessage **out);

static int fail(struct parser *p, const char *what)
{
	return wm_json_read_fail(&p->r, WM_INVALID_ARGUMENT, "%s", what);
}

static int exhausted(struct parser *p)
{
	return wm_json_read_fail(&p->r, WM_RESOURCE_EXHAUSTED, "larger than the limit");
}

static bool is_null_value(const ProtobufCFieldDescriptor *f)
{
	return f->descriptor == &google__protobuf__null_value__descriptor ||
	       f->descriptor == &google__protobuf__value__descriptor;
}

/* One value of the type of @f; as wm_json_scalar_read, but any type. */
static int parse_value(struct parser *p, const ProtobufCFieldDescriptor *f, void *at)
{
	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		return parse_message(p, f->descriptor, at);
	return wm_json_scalar_read(&p->r, f, (p->flags & WM_PB_JSON_IGNORE_UNKNOWN) != 0, at);
}

/* Room for one more element of a repeated field, zeroed; NULL when the limit is reached. */
static void *grow(struct parser *p, const ProtobufCFieldDescriptor *f, void **items, size_t n)
{
	size_t size = wm_pb_field_size(f->type);

	if ((n & (n - 1)) == 0) { /* 0, 1, 2, 4, 8 ...: full */
		void *larger = wm_arena_try(p->arena, (n > 0 ? 2 * n : 1) * size);
		if (larger == NULL)
			return NULL;
		if (n > 0)
			memcpy(larger, *items, n * size);
		*items = larger;
	}
	return (char *)*items + n * size;
}

static int refuse_null(struct parser *p, const ProtobufCFieldDescriptor *f)
{
	if (wm_json_read_peek(&p->r) == WM_JSON_NULL && !is_null_value(f))
		return fail(p, "null stands for no element here");
	return 0;
}

static int parse_array(struct parser *p, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	void *items = NULL;
	size_t n = 0;
	bool first = true;
	int rc = wm_json_read_open(&p->r, WM_JSON_ARRAY);

	while (rc == 0 && (rc = wm_json_read_item(&p->r, &first)) == 1) {
		void *at = grow(p, f, &items, n);
		if (at == NULL)
			return exhausted(p);
		rc = refuse_null(p, f);
		if (rc == 0)
			rc = parse_value(p, f, at);
		n += rc == WM_JSON_STORED;
		if (rc == WM_JSON_SKIPPED)
			rc = 0;
	}
	if (rc == 0) {
		memcpy(wm_pb_field_slot(m, f), &items, sizeof(items));
		*wm_pb_field_length(m, f) = n;
	}
	return rc;
}

static ProtobufCMessage *new_message(struct parser *p, const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *m = wm_arena_try(p->arena, type->sizeof_message);
	if (m != NULL)
		protobuf_c_message_init(type, m);
	return m;
}

static int parse_entry(struct parser *p, const char *key, ProtobufCMessage *entry)
{
	const ProtobufCFieldDescriptor *fields = entry->descriptor->fields;

	int rc = wm_json_key_store(&p->r, &fields[0], key, wm_pb_field_slot(entry, &fields[0]));
	if (rc == 0)
		rc = refuse_null(p, &fields[1]);
	if (rc == 0)
		rc = parse_value(p, &fields[1], wm_pb_field_slot(entry, &fields[1]));
	return rc;
}

/* Sorts the map; since it came from JSON, a key that is there twice is an error. */
static int finish_map(struct parser *p, ProtobufCMessage **entries, size_t n)
{
	struct wm_pb_entry *sorted = wm_arena_try(p->arena, (n + 1) * sizeof(*sorted));
	if (sorted == NULL)
		return exhausted(p);
	if (wm_pb_map_sort(entries, n, sorted) != n)
		return fail(p, "a key that is there twice");
	for (size_t i = 0; i < n; i++)
		entries[i] = sorted[i].entry;
	return 0;
}

static int parse_map(struct parser *p, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	ProtobufCMessage **entries = NULL;
	size_t n = 0;
	const char *key;
	bool first = true;
	int rc = wm_json_read_open(&p->r, WM_JSON_OBJECT);

	p->depth++; /* an entry is a message too */
	while (rc == 0 && (rc = wm_json_read_member(&p->r, &first, &key)) == 1) {
		ProtobufCMessage **at = grow(p, f, (void **)&entries, n);
		if (at == NULL || (*at = new_message(p, f->descriptor)) == NULL)
			return exhausted(p);
		rc = parse_entry(p, key, *at);
		n += rc == WM_JSON_STORED;
		if (rc == WM_JSON_SKIPPED)
			rc = 0;
	}
	p->depth--;
	if (rc == 0)
		rc = finish_map(p, entries, n);
	if (rc == 0) {
		memcpy(wm_pb_field_slot(m, f), &entries, sizeof(entries));
		*wm_pb_field_length(m, f) = n;
	}
	return rc;
}

static int parse_single(struct parser *p, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	uint64_t value[2] = {0}; /* as large as any type, so that a failure stores nothing */
	_Static_assert(sizeof(value) >= sizeof(ProtobufCBinaryData), "room for any value");

	if (wm_pb_field_is_oneof(f) && *wm_pb_field_case(m, f) != 0)
		return fail(p, "another field of the same oneof is set");
	int rc = parse_value(p, f, value);
	if (rc != WM_JSON_STORED)
		return rc == WM_JSON_SKIPPED ? 0 : rc;
	memcpy(wm_pb_field_slot(m, f), value, wm_pb_field_size(f->type));
	if (wm_pb_field_is_oneof(f))
		*wm_pb_field_case(m, f) = f->id;
	return 0;
}

static int parse_field(struct parser *p, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	if (wm_json_read_peek(&p->r) == WM_JSON_NULL &&
	    (wm_pb_field_is_repeated(f) || !is_null_value(f)))
		return wm_json_read_word(&p->r, WM_JSON_NULL);
	if (wm_pb_field_is_map(m->descriptor, f))
		return parse_map(p, m, f);
	if (wm_pb_field_is_repeated(f))
		return parse_array(p, m, f);
	return parse_single(p, m, f);
}

/* True when @key is the lowerCamel form of @name. */
static bool is_json_name(const char *name, const char *key)
{
	for (bool upper = false; *name != '\0'; name++) {
		bool lower = *name >= 'a' && *name <= 'z';
		char c = upper && lower ? (char)(*name - 'a' + 'A') : *name;
		upper = *name == '_';
		if (!upper && *key++ != c)
			return false;
	}
	return *key == '\0';
}

static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type,
						  const char *key)
{
	for (unsigned i = 0; i < type->n_fields; i++)
		if (strcmp(type->fields[i].name, key) == 0 ||
		    is_json_name(type->fields[i].name, key))
			return &type->fields[i];
	return NULL;
}

static int parse_member(struct parser *p, ProtobufCMessage *m, const char *key, bool *seen)
{
	const ProtobufCFieldDescriptor *f = find_field(m->descriptor, key);

	p->r.place = m->descriptor->name;
	p->r.member = f != NULL ? f->name : NULL;
	if (f == NULL && (p->flags & WM_PB_JSON_IGNORE_UNKNOWN) != 0)
		return wm_json_read_skip(&p->r, WM_PB_DEPTH_MAX);
	if (f == NULL)
		return wm_json_read_fail(&p->r, WM_INVALID_ARGUMENT, "unknown field \"%.60s\"",
					 key);
	if (seen[f - m->descriptor->fields])
		return fail(p, "a field that is there twice");
	seen[f - m->descriptor->fields] = true;
	return parse_field(p, m, f);
}

static int parse_object(struct parser *p, ProtobufCMessage *m)
{
	bool first = true;
	const char *key;
	bool *seen = wm_arena_try(p->arena, m->descriptor->n_fields + 1);
	if (seen == NULL)
		return exhausted(p);
	int rc = wm_json_read_open(&p->r, WM_JSON_OBJECT);
	while (rc == 0 && (rc = wm_json_read_member(&p->r, &first, &key)) == 1)
		rc = parse_member(p, m, key, seen);
	p->r.place = m->descriptor->name;
	p->r.member = NULL;
	return rc;
}

static int parse_timestamp(struct parser *p, ProtobufCMessage *m)
{
	Google__Protobuf__Timestamp *t = (void *)m;
	const char *text;
	int rc = wm_json_read_string(&p->r, &text);
	if (rc == 0 && !wm_json_timestamp_parse(text, &t->seconds, &t->nanos))
		return fail(p, "no time like 2006-01-02T15:04:05Z");
	return rc;
}

static int parse_duration(struct parser *p, ProtobufCMessage *m)
{
	Google__Protobuf__Duration *d = (void *)m;
	const char *text;
	int rc = wm_json_read_string(&p->r, &text);
	if (rc == 0 && !wm_json_duration_parse(text, &d->seconds, &d->nanos))
		return fail(p, "no duration like 1.5s");
	return rc;
}

static int parse_struct(struct parser *p, ProtobufCMessage *m)
{
	return parse_map(p, m, &m->descriptor->fields[0]);
}

static int parse_list_value(struct parser *p, ProtobufCMessage *m)
{
	return parse_array(p, m, &m->descriptor->fields[0]);
}

/* The kind of text decides which field of the Value it becomes. */
static int parse_any_value(struct parser *p, ProtobufCMessage *m)
{
	static const uint32_t field_of[] = {
		[WM_JSON_OBJECT] = GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE,
		[WM_JSON_ARRAY] = GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE,
		[WM_JSON_STRING] = GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE,
		[WM_JSON_NUMBER] = GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE,
		[WM_JSON_TRUE] = GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE,
		[WM_JSON_FALSE] = GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE,
		[WM_JSON_NULL] = GOOGLE__PROTOBUF__VALUE__KIND_NULL_VALUE,
		[WM_JSON_BAD] = 0,
	};
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(
		m->descriptor, field_of[wm_json_read_peek(&p->r)]);

	if (f == NULL)
		return fail(p, "a value expected");
	return parse_single(p, m, f);
}

static const struct {
	const ProtobufCMessageDescriptor *type;
	int (*parse)(struct parser *p, ProtobufCMessage *m);
} own_forms[] = {
	{&google__protobuf__timestamp__descriptor, parse_timestamp},
	{&google__protobuf__duration__descriptor, parse_duration},
	{&google__protobuf__struct__descriptor, parse_struct},
	{&google__protobuf__value__descriptor, parse_any_value},
	{&google__protobuf__list_value__descriptor, parse_list_value},
};

static int parse_message(struct parser *p, const ProtobufCMessageDescriptor *type,
			 ProtobufCMessage **out)
{
	int (*parse)(struct parser *p, ProtobufCMessage *m) = parse_object;

	if (p->depth >= WM_PB_DEPTH_MAX)
		return wm_json_read_fail(&p->r, WM_INVALID_ARGUMENT,
					 "more than %d messages within messages", WM_PB_DEPTH_MAX);
	for (size_t i = 0; i < WM_ARRAY_LEN(own_forms); i++)
		if (own_forms[i].type == type)
			parse = own_forms[i].parse;
	ProtobufCMessage *m = new_message(p, type);
	if (m == NULL)
		return exhausted(p);
	p->depth++;
	int rc = parse(p, m);
	p->depth--;
	if (rc == 0)
		*out = m;
	return rc;
}

int wm_pb_json_parse(struct wm_arena *a, const ProtobufCMessageDescriptor *type, const char *text,
		     size_t len, unsigned flags, ProtobufCMessage **out, struct wm_err *err)
{
	struct parser p = {.arena = a, .flags = flags};
	ProtobufCMessage *m = NULL;

	wm_json_read_init(&p.r, a, text, len, err);
	p.r.place = type->name;
	int rc = parse_message(&p, type, &m);
	if (rc == 0)
		rc = wm_json_read_end(&p.r);
	if (rc == 0)
		*out = m;
	return rc;
}
