#include "pb/json_scalar.h"
#include "base/str.h"
#include "pb/field.h"
#include "pb/json_number.h"
#include "pb/v1.h"
#include <stdint.h>
#include <string.h>

static int fail(struct wm_json_reader *r, const char *what)
{
	return wm_json_read_fail(r, WM_INVALID_ARGUMENT, "%s", what);
}

static int exhausted(struct wm_json_reader *r)
{
	return wm_json_read_fail(r, WM_RESOURCE_EXHAUSTED, "larger than the limit");
}

/* The text of a number, which may stand in quotes. */
static int read_number(struct wm_json_reader *r, const char **out)
{
	if (wm_json_read_peek(r) == WM_JSON_STRING)
		return wm_json_read_string(r, out);
	return wm_json_read_number(r, out);
}

static bool is_unsigned(ProtobufCType type)
{
	return type == PROTOBUF_C_TYPE_UINT32 || type == PROTOBUF_C_TYPE_FIXED32 ||
	       type == PROTOBUF_C_TYPE_UINT64 || type == PROTOBUF_C_TYPE_FIXED64;
}

static int store_unsigned(struct wm_json_reader *r, bool wide, const char *text, void *at)
{
	uint64_t v;
	if (!wm_json_uint_parse(text, wide ? UINT64_MAX : UINT32_MAX, &v))
		return fail(r, "no whole number of this size");
	if (wide)
		*(uint64_t *)at = v;
	else
		*(uint32_t *)at = (uint32_t)v;
	return 0;
}

static int store_signed(struct wm_json_reader *r, bool wide, const char *text, void *at)
{
	int64_t v;
	if (!wm_json_int_parse(text, wide ? INT64_MIN : INT32_MIN, wide ? INT64_MAX : INT32_MAX,
			       &v))
		return fail(r, "no whole number of this size");
	if (wide)
		*(int64_t *)at = v;
	else
		*(int32_t *)at = (int32_t)v;
	return 0;
}

/* Stores the whole number @text as an integer of @type. */
static int store_number(struct wm_json_reader *r, ProtobufCType type, const char *text, void *at)
{
	bool wide = wm_pb_field_size(type) == 8;
	return is_unsigned(type) ? store_unsigned(r, wide, text, at)
				 : store_signed(r, wide, text, at);
}

static int parse_integer(struct wm_json_reader *r, ProtobufCType type, void *at)
{
	const char *text;
	int rc = read_number(r, &text);
	return rc == 0 ? store_number(r, type, text, at) : rc;
}

static int parse_real(struct wm_json_reader *r, bool is_float, void *at)
{
	const char *text;
	double value;

	int rc = read_number(r, &text);
	if (rc != 0)
		return rc;
	if (!wm_json_real_parse(text, is_float, &value))
		return fail(r, "no number of this size");
	if (is_float)
		*(float *)at = (float)value;
	else
		*(double *)at = value;
	return 0;
}

static int parse_bool(struct wm_json_reader *r, protobuf_c_boolean *at)
{
	enum wm_json_kind kind = wm_json_read_peek(r);
	if (kind != WM_JSON_TRUE && kind != WM_JSON_FALSE)
		return fail(r, "true or false expected");
	*at = kind == WM_JSON_TRUE;
	return wm_json_read_word(r, kind);
}

static int parse_enum(struct wm_json_reader *r, const ProtobufCEnumDescriptor *type,
		      bool ignore_unknown, int *at)
{
	const char *name;
	enum wm_json_kind kind = wm_json_read_peek(r);

	if (kind == WM_JSON_NULL && type == &google__protobuf__null_value__descriptor) {
		*at = 0;
		return wm_json_read_word(r, kind);
	}
	if (kind != WM_JSON_STRING)
		return parse_integer(r, PROTOBUF_C_TYPE_ENUM, at);
	int rc = wm_json_read_string(r, &name);
	if (rc != 0)
		return rc;
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(type, name);
	if (value == NULL && ignore_unknown)
		return WM_JSON_SKIPPED;
	if (value == NULL)
		return wm_json_read_fail(r, WM_INVALID_ARGUMENT, "%s has no value %.60s",
					 type->name, name);
	*at = value->value;
	return 0;
}

static int parse_text(struct wm_json_reader *r, char **at)
{
	const char *text;
	int rc = wm_json_read_string(r, &text);
	if (rc == 0)
		memcpy(at, &text, sizeof(text));
	return rc;
}

/* Either alphabet, with or without padding, brought into the one form that the strict decoder
 * takes. */
static int parse_bytes(struct wm_json_reader *r, ProtobufCBinaryData *at)
{
	const char *text;
	int rc = wm_json_read_string(r, &text);
	if (rc != 0)
		return rc;
	size_t n = strlen(text);
	char *canonical = wm_arena_try(r->arena, n + 5);
	uint8_t *data = wm_arena_try(r->arena, n / 4 * 3 + 3);
	if (canonical == NULL || data == NULL)
		return exhausted(r);
	for (size_t i = 0; i < n; i++)
		canonical[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
	while (n % 4 != 0)
		canonical[n++] = '=';
	size_t len = 0;
	if (!wm_b64_parse(canonical, n, data, n / 4 * 3, &len))
		return fail(r, "no base64");
	*at = (ProtobufCBinaryData){.len = len, .data = len > 0 ? data : NULL};
	return 0;
}

int wm_json_scalar_read(struct wm_json_reader *r, const ProtobufCFieldDescriptor *f,
			bool ignore_unknown, void *at)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64: return parse_integer(r, f->type, at);
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE: return parse_real(r, f->type == PROTOBUF_C_TYPE_FLOAT, at);
	case PROTOBUF_C_TYPE_BOOL: return parse_bool(r, at);
	case PROTOBUF_C_TYPE_ENUM: return parse_enum(r, f->descriptor, ignore_unknown, at);
	case PROTOBUF_C_TYPE_STRING: return parse_text(r, at);
	case PROTOBUF_C_TYPE_BYTES: return parse_bytes(r, at);
	case PROTOBUF_C_TYPE_MESSAGE: break;
	}
	return fail(r, "a scalar expected");
}

int wm_json_key_store(struct wm_json_reader *r, const ProtobufCFieldDescriptor *f, const char *key,
		      void *at)
{
	if (f->type == PROTOBUF_C_TYPE_STRING) {
		memcpy(at, &key, sizeof(key));
		return 0;
	}
	if (f->type != PROTOBUF_C_TYPE_BOOL)
		return store_number(r, f->type, key, at);
	if (strcmp(key, "true") != 0 && strcmp(key, "false") != 0)
		return fail(r, "the key must be true or false");
	*(protobuf_c_boolean *)at = key[0] == 't';
	return 0;
}
