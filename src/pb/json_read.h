#pragma once
/*
 * A pull reader for JSON text (RFC 8259), used by the protojson parser only. It hands out one token
 * after the other and builds no tree, so what a text can make us hold is what the message holds;
 * and numbers stay text, so no 64-bit integer loses digits on the way. Strings lie in the arena.
 * The first error sticks to the reader and every later call returns it.
 */
#include "base/arena.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

enum wm_json_kind {
	WM_JSON_END, /* nothing but white space is left */
	WM_JSON_OBJECT,
	WM_JSON_ARRAY,
	WM_JSON_STRING,
	WM_JSON_NUMBER,
	WM_JSON_TRUE,
	WM_JSON_FALSE,
	WM_JSON_NULL,
	WM_JSON_BAD, /* no value can begin with this character */
};

struct wm_json_reader {
	struct wm_arena *arena;
	const char *start; /* of the text */
	const char *pos;
	const char *end;
	const char *place; /* what the next error is about: "v1.MeshNode.id", or NULL */
	const char *member;
	int code; /* of the first error, or 0 */
	struct wm_err *err;
};

/* Both the text and @err are borrowed until the last call. */
void wm_json_read_init(struct wm_json_reader *r, struct wm_arena *a, const char *text, size_t len,
		       struct wm_err *err);

/* Fails the reader with @code: "line 3, column 7: v1.MeshNode.id: <fmt>". Returns the code. */
int wm_json_read_fail(struct wm_json_reader *r, enum wm_code code, const char *fmt, ...)
	WM_PRINTF(3, 4);

/* What comes next; nothing but white space is passed. */
enum wm_json_kind wm_json_read_peek(struct wm_json_reader *r);

/* Passes the bracket that opens an object or array. */
WM_MUST_CHECK int wm_json_read_open(struct wm_json_reader *r, enum wm_json_kind kind);
/*
 * Passes to the next member and sets *@key, or to the next item. 1 when there is one, 0 when the
 * closing bracket was passed instead. *@first is true before the first call.
 */
WM_MUST_CHECK int wm_json_read_member(struct wm_json_reader *r, bool *first, const char **key);
WM_MUST_CHECK int wm_json_read_item(struct wm_json_reader *r, bool *first);

/* A string, decoded; it is UTF-8 and holds no NUL. */
WM_MUST_CHECK int wm_json_read_string(struct wm_json_reader *r, const char **out);
/* A number as it is written. */
WM_MUST_CHECK int wm_json_read_number(struct wm_json_reader *r, const char **out);
/* Passes true, false or null, whichever was peeked. */
WM_MUST_CHECK int wm_json_read_word(struct wm_json_reader *r, enum wm_json_kind kind);
/* Passes any value; at most @depth brackets within brackets. */
WM_MUST_CHECK int wm_json_read_skip(struct wm_json_reader *r, unsigned depth);
/* Fails unless the text is at its end. */
WM_MUST_CHECK int wm_json_read_end(struct wm_json_reader *r);

/* Length of the JSON number at the beginning of @s, of which @n bytes are left; 0 when there is
 * none. */
size_t wm_json_number_span(const char *s, size_t n);
