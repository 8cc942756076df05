#pragma once
/*
 * The values of protojson that are no messages, from a reader into a field's memory. Used by the
 * parser only. What needs memory of its own gets it from the reader's arena.
 */
#include "pb/json_read.h"
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

enum { WM_JSON_STORED = 0, WM_JSON_SKIPPED = 1 };

/*
 * Reads a value of the type of @f, which is no message, into @at. WM_JSON_SKIPPED, with @at as it
 * was, for the name of an enum value that the type does not know, when @ignore_unknown says so.
 */
WM_MUST_CHECK int wm_json_scalar_read(struct wm_json_reader *r, const ProtobufCFieldDescriptor *f,
				      bool ignore_unknown, void *at);

/* Stores the text @key as the key of a map, of the type of @f; text itself is borrowed. */
WM_MUST_CHECK int wm_json_key_store(struct wm_json_reader *r, const ProtobufCFieldDescriptor *f,
				    const char *key, void *at);
