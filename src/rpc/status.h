#pragma once
/*
 * Texts and numbers of gRPC over HTTP/2: the percent coding of grpc-message, grpc-timeout, and the
 * codes that stand for a status which never came. Pure; any thread.
 */
#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Appends @text with everything but printable ASCII, and '%', as %XX. */
void wm_rpc_percent_encode(const char *text, struct wm_buf *out);
/*
 * The reverse, cut to fit @size at a character's edge. Lenient as gRPC asks: a '%' that begins no
 * code stays. Control characters and bytes that are not UTF-8 come out as '?', for the text will be
 * shown to people. Returns @out.
 */
char *wm_rpc_percent_decode(const char *text, size_t len, char *out, size_t size);

/* "20m", "1500u": one to eight digits and a unit. False for anything else. */
bool wm_rpc_timeout_parse(const char *text, size_t len, int64_t *out_ns);
#define WM_RPC_TIMEOUT_TEXT 12
/* The finest unit that fits, rounded up; at least "1n". */
char *wm_rpc_timeout_format(int64_t ns, char out[WM_RPC_TIMEOUT_TEXT]);

/* What an HTTP status other than 200 means when no grpc-status came with it. */
enum wm_code wm_rpc_code_of_http(unsigned status);
/* What the code of an RST_STREAM means. */
enum wm_code wm_rpc_code_of_reset(uint32_t code);
/* The number that goes into grpc-status. */
unsigned wm_rpc_status_of_code(int code);
