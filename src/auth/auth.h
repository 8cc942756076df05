#pragma once
/*
 * Who calls: a table of ways to tell, one row each. A provider gets what a call brought with it and
 * answers with the caller's ID, which is a node ID or a user's name. Pure; any thread.
 */
#include "base/err.h"
#include "crypto/ident.h"
#include <stdbool.h>
#include <stddef.h>

struct wm_auth_header {
	const char *name; /* lower case */
	const char *value;
};

/* What a call brought; borrowed for the length of the question. */
struct wm_auth_call {
	const struct wm_auth_header *headers;
	size_t n_headers;
	const char *peer_cn;  /* of the certificate that TLS has verified, or NULL */
	const void *peer_der; /* that certificate, or NULL */
	size_t peer_der_len;
};

struct wm_auth_provider {
	const char *name;
	/*
	 * Writes the caller's ID. UNAUTHENTICATED with a reason when the call does not prove one.
	 */
	int (*authenticate)(const struct wm_auth_call *call, char id[WM_IDENT_TEXT],
			    struct wm_err *err);
};

/* The provider of this name ("mtls"), or NULL. */
const struct wm_auth_provider *wm_auth_provider_find(const char *name);
/* Asks @p about @call and checks that its answer is a usable ID. */
int wm_auth_identify(const struct wm_auth_provider *p, const struct wm_auth_call *call,
		     char id[WM_IDENT_TEXT], struct wm_err *err) WM_MUST_CHECK;
/* The first header of this name (lower case), or NULL. */
const char *wm_auth_call_header(const struct wm_auth_call *call, const char *name);
