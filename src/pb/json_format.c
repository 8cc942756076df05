/*
 * protojson, the printing half: one walk over the descriptors, each value straight into the buffer.
 * Types with a form of their own are found in one table by name. What has no JSON form ends the
 * walk, and the buffer is cut back to where it was.
 */
#include "base/mem.h"
#include "base/str.h"
#include "pb/field.h"
#include "pb/json.h"
#include "pb/json_number.h"
#include "pb/json_time.h"
#include "pb/map.h"
#include "pb/message.h"
#include "pb/v1.h"
#include <inttypes.h>
#include <string.h>

struct printer {
	struct wm_buf *out;
	bool indent;
	unsigned level; /* of indentation */
	unsigned depth; /* messages within messages */
	struct wm_err *err;
};

static int print_message(struct printer *p, const ProtobufCMessage *m);

static void print_char(struct printer *p, char c)
{
	wm_buf_add(p->out, &c, 1);
}

static void new_line(struct printer *p)
{
	if (!p->indent)
		return;
	print_char(p, '\n');
	for (unsigned i = 0; i < p->level; i++)
		wm_buf_add_str(p->out, "  ");
}

static void open_list(struct printer *p, char bracket)
{
	print_char(p, bracket);
	p->level++;
}

static void next_item(struct printer *p, bool *first)
{
	if (!*first)
		print_char(p, ',');
	*first = false;
	new_line(p);
}

static void close_list(struct printer *p, char bracket, bool empty)
{
	p->level--;
	if (!empty)
		new_line(p);
	print_char(p, bracket);
}

static void print_colon(struct printer *p)
{
	wm_buf_add_str(p->out, p->indent ? ": " : ":");
}

static void print_escaped(struct printer *p, unsigned char c)
{
	static const char special[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	const char *known = strchr(special, c);

	if (known != NULL)
		wm_buf_printf(p->out, "\\%c", letter[known - special]);
	else
		wm_buf_printf(p->out, "\\u%04x", c);
}

static int print_text(struct printer *p, const char *s)
{
	if (!wm_utf8_is_valid(s, strlen(s)))
		return wm_fail(p->err, WM_INVALID_ARGUMENT, "not UTF-8");
	print_char(p, '"');
	while (*s != '\0') {
		size_t plain = 0;
		while ((unsigned char)s[plain] >= 0x20 && s[plain] != '"' && s[plain] != '\\')
			plain++;
		wm_buf_add(p->out, s, plain);
		s += plain;
		if (*s != '\0')
			print_escaped(p, (unsigned char)*s++);
	}
	print_char(p, '"');
	return 0;
}

/* lowerCamel: "null_value" is "nullValue". */
static void print_name(struct printer *p, const char *name)
{
	print_char(p, '"');
	for (bool upper = false; *name != '\0'; name++) {
		bool lower = *name >= 'a' && *name <= 'z';
		if (*name != '_')
			print_char(p, upper && lower ? (char)(*name - 'a' + 'A') : *name);
		upper = *name == '_';
	}
	print_char(p, '"');
	print_colon(p);
}

static void print_bytes(struct printer *p, const ProtobufCBinaryData *bytes)
{
	size_t room = wm_b64_size(bytes->len);
	print_char(p, '"');
	if (bytes->len > 0) {
		wm_b64_format(bytes->data, bytes->len, (char *)wm_buf_reserve(p->out, room));
		wm_buf_commit(p->out, room - 1);
	}
	print_char(p, '"');
}

static void print_enum(struct printer *p, const ProtobufCEnumDescriptor *type, int number)
{
	const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(type, number);
	if (type == &google__protobuf__null_value__descriptor)
		wm_buf_add_str(p->out, "null");
	else if (known != NULL)
		wm_buf_printf(p->out, "\"%s\"", known->name);
	else
		wm_buf_printf(p->out, "%d", number);
}

static void print_real(struct printer *p, double value, bool is_float)
{
	char text[WM_JSON_REAL_SIZE];
	wm_json_real_format(value, is_float, text);
	wm_buf_add_str(p->out, text);
}

static int print_value(struct printer *p, const ProtobufCFieldDescriptor *f, const void *at)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		wm_buf_printf(p->out, "%" PRId32, *(const int32_t *)at);
		return 0;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		wm_buf_printf(p->out, "%" PRIu32, *(const uint32_t *)at);
		return 0;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		wm_buf_printf(p->out, "\"%" PRId64 "\"", *(const int64_t *)at);
		return 0;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		wm_buf_printf(p->out, "\"%" PRIu64 "\"", *(const uint64_t *)at);
		return 0;
	case PROTOBUF_C_TYPE_FLOAT: print_real(p, (double)*(const float *)at, true); return 0;
	case PROTOBUF_C_TYPE_DOUBLE: print_real(p, *(const double *)at, false); return 0;
	case PROTOBUF_C_TYPE_BOOL:
		wm_buf_add_str(p->out, *(const protobuf_c_boolean *)at ? "true" : "false");
		return 0;
	case PROTOBUF_C_TYPE_ENUM: print_enum(p, f->descriptor, *(const int *)at); return 0;
	case PROTOBUF_C_TYPE_BYTES: print_bytes(p, at); return 0;
	case PROTOBUF_C_TYPE_STRING: return print_text(p, wm_pb_field_text(at));
	case PROTOBUF_C_TYPE_MESSAGE: break;
	}
	return print_message(p, wm_pb_field_message(at));
}

/* A key is always text, whatever its type. */
static int print_key(struct printer *p, const ProtobufCMessage *entry)
{
	const ProtobufCFieldDescriptor *key = &entry->descriptor->fields[0];
	bool quoted = key->type == PROTOBUF_C_TYPE_STRING || wm_pb_field_size(key->type) == 8;

	if (!quoted)
		print_char(p, '"');
	int rc = print_value(p, key, wm_pb_field_at(entry, key, 0));
	if (!quoted)
		print_char(p, '"');
	print_colon(p);
	return rc;
}

static int print_entry(struct printer *p, const ProtobufCMessage *entry)
{
	const ProtobufCFieldDescriptor *value = &entry->descriptor->fields[1];

	if (wm_pb_field_count(entry, value) == 0)
		return wm_fail(p->err, WM_INVALID_ARGUMENT, "%s: entry without a value",
			       entry->descriptor->name);
	int rc = print_key(p, entry);
	if (rc == 0)
		rc = print_value(p, value, wm_pb_field_at(entry, value, 0));
	return rc;
}

static int print_map(struct printer *p, const ProtobufCMessage *m,
		     const ProtobufCFieldDescriptor *f)
{
	size_t n = wm_pb_field_count(m, f);
	WM_AUTO(wm_autofree) struct wm_pb_entry *sorted = wm_calloc(n + 1, sizeof(*sorted));
	bool first = true;
	int rc = 0;

	n = wm_pb_map_sort(wm_pb_field_at(m, f, 0), n, sorted);
	open_list(p, '{');
	p->depth++; /* an entry is a message too */
	for (size_t i = 0; rc == 0 && i < n; i++) {
		next_item(p, &first);
		rc = print_entry(p, sorted[i].entry);
	}
	p->depth--;
	close_list(p, '}', n == 0);
	return rc;
}

static int print_array(struct printer *p, const ProtobufCMessage *m,
		       const ProtobufCFieldDescriptor *f)
{
	size_t n = wm_pb_field_count(m, f);
	bool first = true;
	int rc = 0;

	open_list(p, '[');
	for (size_t i = 0; rc == 0 && i < n; i++) {
		next_item(p, &first);
		rc = print_value(p, f, wm_pb_field_at(m, f, i));
	}
	close_list(p, ']', n == 0);
	return rc;
}

/* True for what proto3 does not tell from an unset field. */
static bool is_default(const ProtobufCFieldDescriptor *f, const void *at)
{
	static const uint64_t zero;

	if (f->type == PROTOBUF_C_TYPE_STRING)
		return wm_pb_field_text(at)[0] == '\0';
	if (f->type == PROTOBUF_C_TYPE_BYTES)
		return ((const ProtobufCBinaryData *)at)->len == 0;
	return memcmp(at, &zero, wm_pb_field_size(f->type)) == 0;
}

static bool is_printed(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	if (wm_pb_field_count(m, f) == 0)
		return false;
	if (wm_pb_field_is_repeated(f) || wm_pb_field_is_oneof(f) ||
	    f->type == PROTOBUF_C_TYPE_MESSAGE)
		return true;
	return !is_default(f, wm_pb_field_at(m, f, 0));
}

static int print_field(struct printer *p, const ProtobufCMessage *m,
		       const ProtobufCFieldDescriptor *f)
{
	if (wm_pb_field_is_map(m->descriptor, f))
		return print_map(p, m, f);
	if (wm_pb_field_is_repeated(f))
		return print_array(p, m, f);
	return print_value(p, f, wm_pb_field_at(m, f, 0));
}

static int print_object(struct printer *p, const ProtobufCMessage *m)
{
	bool first = true;

	open_list(p, '{');
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		if (!is_printed(m, f))
			continue;
		next_item(p, &first);
		print_name(p, f->name);
		if (print_field(p, m, f) != 0)
			return wm_wrap(p->err, "%s.%s", m->descriptor->short_name, f->name);
	}
	close_list(p, '}', first);
	return 0;
}

static int print_timestamp(struct printer *p, const ProtobufCMessage *m)
{
	const Google__Protobuf__Timestamp *t = (const void *)m;
	char text[WM_JSON_TIME_SIZE];

	if (!wm_json_timestamp_format(t->seconds, t->nanos, text))
		return wm_fail(p->err, WM_INVALID_ARGUMENT, "time out of range");
	return print_text(p, text);
}

static int print_duration(struct printer *p, const ProtobufCMessage *m)
{
	const Google__Protobuf__Duration *d = (const void *)m;
	char text[WM_JSON_TIME_SIZE];

	if (!wm_json_duration_format(d->seconds, d->nanos, text))
		return wm_fail(p->err, WM_INVALID_ARGUMENT, "duration out of range");
	return print_text(p, text);
}

static int print_struct(struct printer *p, const ProtobufCMessage *m)
{
	return print_map(p, m, &m->descriptor->fields[0]);
}

static int print_list_value(struct printer *p, const ProtobufCMessage *m)
{
	return print_array(p, m, &m->descriptor->fields[0]);
}

static int print_any_value(struct printer *p, const ProtobufCMessage *m)
{
	const Google__Protobuf__Value *v = (const void *)m;
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field(m->descriptor, v->kind_case);

	if (f == NULL || wm_pb_field_count(m, f) == 0)
		return wm_fail(p->err, WM_INVALID_ARGUMENT, "a value that is not set");
	if (f->type == PROTOBUF_C_TYPE_DOUBLE && !wm_json_real_is_finite(v->number_value))
		return wm_fail(p->err, WM_INVALID_ARGUMENT, "a number that is not finite");
	return print_value(p, f, wm_pb_field_at(m, f, 0));
}

static const struct {
	const ProtobufCMessageDescriptor *type;
	int (*print)(struct printer *p, const ProtobufCMessage *m);
} own_forms[] = {
	{&google__protobuf__timestamp__descriptor, print_timestamp},
	{&google__protobuf__duration__descriptor, print_duration},
	{&google__protobuf__struct__descriptor, print_struct},
	{&google__protobuf__value__descriptor, print_any_value},
	{&google__protobuf__list_value__descriptor, print_list_value},
};

static int print_message(struct printer *p, const ProtobufCMessage *m)
{
	int (*print)(struct printer *p, const ProtobufCMessage *m) = print_object;

	if (p->depth >= WM_PB_DEPTH_MAX)
		return wm_fail(p->err, WM_INVALID_ARGUMENT, "more than %d messages within messages",
			       WM_PB_DEPTH_MAX);
	for (size_t i = 0; i < WM_ARRAY_LEN(own_forms); i++)
		if (own_forms[i].type == m->descriptor)
			print = own_forms[i].print;
	p->depth++;
	int rc = print(p, m);
	p->depth--;
	return rc;
}

int wm_pb_json_format(const ProtobufCMessage *m, unsigned flags, struct wm_buf *out,
		      struct wm_err *err)
{
	struct wm_err unread;
	struct printer p = {
		.out = out,
		.indent = (flags & WM_PB_JSON_INDENT) != 0,
		.err = err != NULL ? err : &unread,
	};
	size_t before = out->len;

	int rc = print_message(&p, m);
	if (rc != 0 && out->data != NULL) {
		out->len = before;
		out->data[before] = '\0';
	}
	return rc;
}
