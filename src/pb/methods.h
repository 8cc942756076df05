#pragma once
/*
 * One row per RPC of the API and of the peer port, made at build time from proto: what protobuf-c's
 * own service descriptors would lack (streaming) or cannot express (an RPC named Register).
 * Constant data.
 */
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct wm_pb_method {
	const char *path; /* "/v1.Membership/Join" */
	const ProtobufCMessageDescriptor *request;
	const ProtobufCMessageDescriptor *response;
	bool client_streaming;
	bool server_streaming;
};

/* The row of @path, or NULL. */
const struct wm_pb_method *wm_pb_method_find(const char *path);

/* All rows, in the order of the .proto files; their number goes to *@n. */
const struct wm_pb_method *wm_pb_method_all(size_t *n);
