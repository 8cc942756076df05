#pragma once
/*
 * Reaching into a message by its descriptors: what a field holds and where. Used inside pb/ only;
 * everyone else names the members of the generated structs. Nothing here allocates.
 */
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes that one element of @type takes in a message. */
size_t wm_pb_field_size(ProtobufCType type);

/* True for what is generated from map<K, V>: repeated entries with key = 1 and value = 2. */
bool wm_pb_field_is_map(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *f);

bool wm_pb_field_is_repeated(const ProtobufCFieldDescriptor *f);
bool wm_pb_field_is_oneof(const ProtobufCFieldDescriptor *f);

/* How many elements @m holds: of a repeated field its length, of any other 0 (unset) or 1. */
size_t wm_pb_field_count(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f);

/* The place of element @i; for text, bytes and messages the place of the pointer or pair. NULL in
 * an empty array. */
const void *wm_pb_field_at(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, size_t i);

/* The submessage at such a place; may be NULL. */
ProtobufCMessage *wm_pb_field_message(const void *at);
/* The text at such a place; "" where there is none. */
const char *wm_pb_field_text(const void *at);

/* The field's own memory in @m, to be written: its value, or its array's pointer, and its count. */
void *wm_pb_field_slot(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f);
size_t *wm_pb_field_length(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f);
/* Which member of the oneof is set, to be written. */
uint32_t *wm_pb_field_case(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f);
