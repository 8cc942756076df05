#pragma once
/* The insides of TLS configs and connections, shared by the tls*.c files only. */
#include <openssl/ssl.h>
#include "base/buf.h"
#include "base/err.h"
#include "crypto/tls.h"

struct wm_tls_config {
	SSL_CTX *ctx;
	bool is_server;
	bool verifies_peer;
	bool verifies_name;
	struct wm_tls_hints hints;
	bool (*accept)(void *arg, const struct wm_pubkey *key); /* of a node; NULL = by chain */
	void *accept_arg;
};

struct wm_tls {
	SSL *ssl;
	struct wm_buf in; /* ciphertext that has come and is not read yet, from in_at on */
	size_t in_at;
	struct wm_buf out; /* ciphertext that is to go */
	bool is_server;
	bool verifies_peer;
	bool is_established;
	bool is_closed;
	unsigned key_updates; /* that came since there was anything to read */
	struct wm_tls_hints hints;
	bool (*accept)(void *arg, const struct wm_pubkey *key); /* as the config has them */
	void *accept_arg;
	struct wm_err *why; /* why the connection is dead; NULL: it is not */
	char *host;         /* whom a client dials; NULL on a server */
	char cn[64];        /* of the peer, "" for none */
};

/* More changes of keys, with nothing to read between them, are no peer's need. */
#define WM_TLS_KEY_UPDATES_MAX 32

/* A config that trusts nobody and shows nothing yet. */
struct wm_tls_config *wm_tls_config_alloc(bool is_server) __attribute__((returns_nonnull));
/* Counts what came in @ctx's connections to t->key_updates. */
void wm_tls_watch_key_updates(SSL_CTX *ctx);
/* Puts the connection's two buffers under @t->ssl. */
void wm_tls_bio_attach(struct wm_tls *t);
/* Makes @store ask the system's roots for what it does not hold itself. */
void wm_tls_roots_attach(X509_STORE *store);
/* OpenSSL's verify callback: notes in t->why why a chain is not accepted. */
int wm_tls_on_verify(int ok, X509_STORE_CTX *store);
/* The connection is dead; returns t->why, to be filled with the reason. */
struct wm_err *wm_tls_die(struct wm_tls *t) __attribute__((returns_nonnull));
/* After a call of OpenSSL failed: the connection is dead. Returns the code and copies t->why to
 * @err. */
int wm_tls_explain(struct wm_tls *t, struct wm_err *err);
