#pragma once
/*
 * The entries of a map field. On the wire and in memory a map is a list of entries in any order, in
 * which a key may come twice (the last counts); here it gets an order. Used inside pb/ only.
 */
#include "base/arena.h"
#include "base/err.h"
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct wm_pb_entry {
	ProtobufCMessage *entry;
	size_t order; /* its place in the field */
};

/* Negative, zero or positive as the key of @a comes before, is, or comes after that of @b. */
int wm_pb_map_compare(const ProtobufCMessage *a, const ProtobufCMessage *b);

/* Fills @out with the @n @entries in the order of their keys, equal keys in the order of the field;
 * of these only the last is kept. Returns how many remain. */
size_t wm_pb_map_sort(ProtobufCMessage *const *entries, size_t n, struct wm_pb_entry *out);

/*
 * Sorts every map of @m, at any depth, in place, and gives an entry that came without its message
 * an empty one. RESOURCE_EXHAUSTED when the limit of @a does not suffice.
 */
WM_MUST_CHECK int wm_pb_map_settle(struct wm_arena *a, ProtobufCMessage *m, struct wm_err *err);
