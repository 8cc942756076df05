#pragma once
/*
 * Metadata of a call: keys and values in order of arrival, all in two allocations, owned by whoever
 * embeds the struct. Values of keys that end in "-bin" are held decoded and travel as base64. Any
 * thread, one at a time.
 */
#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_RPC_HEADER_MAX (16u << 10) /* bytes of one header block, as HTTP/2 counts them */

struct wm_rpc_metadatum {
	uint32_t key, value; /* places in text, each with a NUL behind */
	uint32_t value_len;
};

/* Zeroed is empty. */
struct wm_rpc_metadata {
	struct wm_buf text;
	struct wm_rpc_metadatum *items;
	uint32_t n, cap;
};

/* Empty again; may be called on a zeroed struct. */
void wm_rpc_metadata_fini(struct wm_rpc_metadata *m);

/* False, and nothing added, for a key or value that may not be sent (see wm_rpc_call_add_header).
 */
bool wm_rpc_metadata_add(struct wm_rpc_metadata *m, const char *key, const char *value, size_t len);
/*
 * Adds what a header line of the wire says: several values when a "-bin" one holds commas. False,
 * and nothing added, when gRPC keeps the name for itself, or the value is neither printable ASCII
 * nor, under a "-bin" key, base64 (padded or not).
 */
bool wm_rpc_metadata_decode(struct wm_rpc_metadata *m, const char *key, size_t key_len,
			    const char *value, size_t value_len);

/* The first value of @key, or NULL; borrowed until the next add. @len may be NULL. */
const char *wm_rpc_metadata_find(const struct wm_rpc_metadata *m, const char *key, size_t *len);
/* The item at @i, borrowed until the next add; false when there is none. */
bool wm_rpc_metadata_at(const struct wm_rpc_metadata *m, size_t i, const char **key,
			const char **value, size_t *len);
/* True for a key whose values may be any bytes. */
bool wm_rpc_metadata_is_bin(const char *key);
