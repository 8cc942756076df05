#pragma once
/*
 * What a status says besides its code and text, for programs: messages of any type, packed into a
 * google.rpc.Status, which travels as the trailer grpc-status-details-bin. Any thread.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#define WM_RPC_DETAILS_KEY "grpc-status-details-bin"
#define WM_RPC_DETAILS_MAX 4096 /* bytes of all of them: stock clients take 8 KiB of trailers */

/*
 * Appends @detail, or what it holds if it is an Any, to @details, which is empty at first. False,
 * and nothing appended, when they would be too large to be sent.
 */
bool wm_rpc_details_add(struct wm_buf *details, const ProtobufCMessage *detail);
/* Appends what goes into the trailer: @err with @details. */
void wm_rpc_details_encode(const struct wm_err *err, const struct wm_buf *details,
			   struct wm_buf *out);
