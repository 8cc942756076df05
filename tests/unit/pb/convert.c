/*
 * Converts messages between bytes and protojson for protojson_test.py, which compares with Google's
 * own implementation. A line in is "<operation> <type> <hex>", a line out is "ok <hex>" or
 * "error <code> <text>". Operations: print (bytes to JSON), pretty (the same, indented), parse
 * (JSON to bytes), lax (the same, unknown fields ignored), bytes (bytes to bytes).
 */
#include "base/mem.h"
#include "base/str.h"
#include "pb/grpc.h"
#include "pb/json.h"
#include "pb/message.h"
#include "pb/v1.h"
#include "all_types.pb-c.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WM_PB_TYPE(name) &name,
static const ProtobufCMessageDescriptor *const types[] = {
#include "type_rows.inc"
};

static const ProtobufCMessageDescriptor *find_type(const char *name)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(types); i++)
		if (strcmp(types[i]->name, name) == 0)
			return types[i];
	return NULL;
}

static int convert(struct wm_arena *a, const char *operation,
		   const ProtobufCMessageDescriptor *type, const struct wm_buf *in,
		   struct wm_buf *out, struct wm_err *err)
{
	ProtobufCMessage *m;
	bool from_json = operation[0] == 'p' && operation[1] == 'a', lax = operation[0] == 'l';
	bool to_json = operation[0] == 'p' && operation[1] == 'r';
	int rc;

	if (from_json || lax)
		rc = wm_pb_json_parse(a, type, wm_buf_str(in), in->len,
				      lax ? WM_PB_JSON_IGNORE_UNKNOWN : 0, &m, err);
	else
		rc = wm_pb_decode(a, type, in->data, in->len, &m, err);
	if (rc != 0)
		return rc;
	if (to_json)
		return wm_pb_json_format(m, operation[2] == 'e' ? WM_PB_JSON_INDENT : 0, out, err);
	wm_pb_encode(m, out);
	return 0;
}

static void answer(int rc, const struct wm_err *err, const struct wm_buf *out)
{
	if (rc != 0) {
		printf("error %s %s\n", wm_err_name(rc), err->text);
		return;
	}
	printf("ok ");
	for (size_t i = 0; i < out->len; i++)
		printf("%02x", out->data[i]);
	printf("\n");
}

static int convert_line(char *line)
{
	char *rest = line;
	const char *operation = wm_str_cut(&rest, ' '), *name = wm_str_cut(&rest, ' ');
	const ProtobufCMessageDescriptor *type = name != NULL ? find_type(name) : NULL;
	struct wm_buf in = {0}, out = {0};
	struct wm_arena arena;
	struct wm_err err;

	if (type == NULL || rest == NULL) {
		fprintf(stderr, "no such type: %s\n", name != NULL ? name : "(none)");
		return -1;
	}
	size_t n = strlen(rest) / 2;
	if (!wm_hex_parse(rest, wm_buf_reserve(&in, n), n))
		return -1;
	wm_buf_commit(&in, n);
	wm_arena_init(&arena, 64 << 20);
	int rc = convert(&arena, operation, type, &in, &out, &err);
	answer(rc, &err, &out);
	wm_arena_fini(&arena);
	wm_buf_fini(&in);
	wm_buf_fini(&out);
	return 0;
}

int main(void)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int rc = 0;

	while (rc == 0 && (n = getline(&line, &cap, stdin)) > 0) {
		line[n - 1] = '\0';
		rc = convert_line(line);
	}
	free(line);
	return rc == 0 ? 0 : 1;
}
