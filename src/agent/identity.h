#pragma once
/*
 * Who this node is: its ID, its key, and both sides of its TLS. Made before anything else, so that
 * a wrong file ends the start before the host or the mesh was touched.
 */
#include "base/err.h"
#include "crypto/ident.h"
#include "crypto/key.h"

struct wm_auth_provider;
struct wm_log;
struct wm_node_options;
struct wm_tls_config;

struct wm_identity {
	char node_id[WM_IDENT_TEXT];
	struct wm_key *key; /* in the vault */
	char public_text[WM_PUBKEY_TEXT];
	struct wm_tls_config *server_tls;    /* NULL: cleartext */
	struct wm_tls_config *client_tls;    /* NULL: cleartext */
	const struct wm_auth_provider *auth; /* NULL: anonymous callers */
};

/* Reads key and certificates; makes the key file when it is missing, a key in memory without one.
 */
WM_MUST_CHECK int wm_identity_init(struct wm_identity *id, const struct wm_node_options *o,
				   struct wm_log *log, struct wm_err *err);
/*
 * Checks that @o still makes the same node of us, and makes both sides of TLS anew from the files
 * as they are now; NULL where there is none. FAILED_PRECONDITION when only a restart will do; what
 * would have to be waited for, such as a pipe, is INVALID_ARGUMENT.
 */
WM_MUST_CHECK int wm_identity_renew(const struct wm_identity *id, const struct wm_node_options *o,
				    struct wm_log *log, struct wm_tls_config **server,
				    struct wm_tls_config **client, struct wm_err *err);
void wm_identity_fini(struct wm_identity *id); /* wipes the key */
