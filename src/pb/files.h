#pragma once
/*
 * The .proto files of everything that is served, as descriptors, and where each name is declared:
 * what reflection answers from. Made at build time; constant data.
 */
#include <stddef.h>
#include <stdint.h>

struct wm_pb_file {
	const char *name;    /* "v1/node.proto" */
	const uint8_t *data; /* a google.protobuf.FileDescriptorProto */
	size_t len;
	const uint8_t *imports; /* whatever it needs, directly or not: numbers of files */
	size_t n_imports;
};

/* The file at @i; NULL behind the last. */
const struct wm_pb_file *wm_pb_file_at(size_t i);
/* The file of this name, or NULL. */
const struct wm_pb_file *wm_pb_file_find(const char *name);
/* The file that declares a message, enum, service or method by its full name, or NULL. */
const struct wm_pb_file *wm_pb_file_declaring(const char *symbol);
