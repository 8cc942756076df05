#pragma once
/* A header block under construction: names and values for nghttp2, with memory for those made up.
 */
#include "base/arena.h"
#include "rpc/metadata.h"
#include <nghttp2/nghttp2.h>
#include <stddef.h>

/* Zeroed is empty. */
struct wm_rpc_fields {
	nghttp2_nv *nv;
	size_t n, cap;
	struct wm_arena arena;
};

/* Empty again; may be called on a zeroed struct. */
void wm_rpc_fields_fini(struct wm_rpc_fields *f);
/* Both are borrowed until the block has been submitted. */
void wm_rpc_fields_add(struct wm_rpc_fields *f, const char *name, const char *value);
/* All of @m, values of "-bin" keys as base64 without padding. */
void wm_rpc_fields_add_metadata(struct wm_rpc_fields *f, const struct wm_rpc_metadata *m);
/* A value of any bytes, as base64 without padding; @key is borrowed until the block is submitted.
 */
void wm_rpc_fields_add_bin(struct wm_rpc_fields *f, const char *key, const void *value, size_t len);
/* grpc-status, and grpc-message when there is a text. @err NULL is OK. */
void wm_rpc_fields_add_status(struct wm_rpc_fields *f, const struct wm_err *err);
