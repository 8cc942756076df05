#pragma once
/*
 * The head of an HTTP/1 request, decoded strictly (RFC 9112 sections 2 to 6, RFC 9110): what two
 * implementations could read in two ways is refused, not guessed, since that is how requests are
 * smuggled past a proxy. Requests with content are told apart but not read: nobody here takes any.
 * Bytes in, a struct out. Any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_HTTP_HEAD_MAX   8192 /* bytes of the request line and all fields; above is 431 */
#define WM_HTTP_TARGET_MAX 2048 /* bytes of the target; above is 414 */
#define WM_HTTP_FIELDS_MAX 64   /* above is 431 */
#define WM_HTTP_HOST_MAX   255  /* bytes of the host; above is 400 */

struct wm_http_head {
	unsigned status;   /* 0: to be answered; else the status that it is to be refused with */
	bool is_head_only; /* HEAD: the answer has no body */
	bool keep_alive;   /* what version and Connection say; false for what cannot be trusted */
	const char *path;  /* as sent, in @target, from its "/" on */
	const char *query; /* what follows "?", in @target; "" for none */
	char target[WM_HTTP_TARGET_MAX + 2];
	/* Whom the client means to ask, from the target or else Host, without the port, an IPv6
	 * address in brackets; "" for nobody, as HTTP/1.0 allows. */
	char host[WM_HTTP_HOST_MAX + 1];
};

/* How far a head that comes in pieces has been looked through. A zeroed struct is the start. */
struct wm_http_scan {
	size_t at;   /* bytes looked at */
	size_t line; /* where the line at hand begins */
	unsigned lines;
};

/*
 * Decodes the head at the front of the @n bytes, which have been shown to @scan from their first
 * byte on. Returns 0 while its end has not come, else the bytes that it takes, with *@out filled;
 * when that is refused as no HTTP (400, 414, 431), all @n are taken, for where the next request
 * would begin is not known. Never asks for more than WM_HTTP_HEAD_MAX bytes.
 */
size_t wm_http_head_decode(struct wm_http_scan *scan, const uint8_t *p, size_t n,
			   struct wm_http_head *out);
