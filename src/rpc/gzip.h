#pragma once
/*
 * gzip, the one compression of gRPC messages that everybody knows. Whole messages, bytes in, bytes
 * out, bounded by what the message may be afterwards. Any thread.
 */
#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_RPC_GZIP "gzip" /* its name in grpc-encoding */

/*
 * Appends what @p unpacks to. RESOURCE_EXHAUSTED as soon as that is above @max bytes, however much
 * would follow; INTERNAL for bytes that are no gzip, that end early, or have others behind them.
 */
WM_MUST_CHECK int wm_rpc_gzip_decode(const void *p, size_t len, uint32_t max, struct wm_buf *out,
				     struct wm_err *err);
/* True when gzip is named in a list of encodings ("identity, gzip"). */
bool wm_rpc_gzip_is_in(const char *encodings);
/* Appends @p packed, if that is shorter; false, with nothing appended, if it is not. */
bool wm_rpc_gzip_encode(const void *p, size_t len, struct wm_buf *out);
