#pragma once
/*
 * TLS as bytes in and bytes out. A struct wm_tls_config is a server's or a client's side of the
 * matter, made once and shared by all connections; a struct wm_tls is one connection and does no
 * I/O: the caller feeds ciphertext that came from the wire, drains ciphertext that is to go there,
 * and reads and writes plaintext in between. TLS 1.2 and 1.3, ALPN "h2", no resumption, no
 * renegotiation. A config may be made on any thread, and may be freed before its connections; a
 * connection belongs to one thread at a time.
 */
#include "base/buf.h"
#include "base/err.h"
#include "crypto/key.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A PEM text: in a file, or base64 of it in a string (as configuration holds it). Not both. */
struct wm_tls_source {
	const char *file; /* NULL or "": none */
	const char *data; /* NULL or "": none */
};

struct wm_tls_server_opts {
	struct wm_tls_source cert, key; /* both empty: a fresh self-signed certificate */
	bool require_client_cert;       /* mTLS: demand one and verify it */
	struct wm_tls_source client_ca; /* who signs the clients' certificates; needed then */
};

/* What the program calls its options, for errors that say what to do. */
struct wm_tls_hints {
	const char *ca;    /* "--tls.ca-file" */
	const char *names; /* "--tls.verify-chain-only" */
};

struct wm_tls_client_opts {
	struct wm_tls_source ca;          /* trusted besides the system's roots, */
	struct wm_tls_source cert, key;   /* our own, for mTLS; both or none */
	bool verify_chain_only;           /* any name will do, but then it alone is trusted */
	bool skip_verify;                 /* anybody will do */
	const struct wm_tls_hints *hints; /* static; NULL: as in the comments above */
};

struct wm_tls_config;
struct wm_tls;

/*
 * Both fail with a sentence that names the file or option and what is wrong: unreadable, not PEM,
 * key of another certificate, certificate expired (with the date), no certificate in a CA file.
 */
int wm_tls_config_new_server(const struct wm_tls_server_opts *opts, struct wm_tls_config **out,
			     struct wm_err *err) WM_MUST_CHECK;
int wm_tls_config_new_client(const struct wm_tls_client_opts *opts, struct wm_tls_config **out,
			     struct wm_err *err) WM_MUST_CHECK;

struct wm_tls_node_opts {
	const struct wm_key *key; /* our own; only looked at during the call */
	bool is_server;
	/*
	 * The peer shows @key, whose private half it has to prove before the handshake is over: is
	 * it one that we talk to? On the thread of the connection, from inside wm_tls_feed.
	 */
	bool (*accept)(void *arg, const struct wm_pubkey *key);
	void *arg; /* outlives the config and its connections */
};
/*
 * Nodes that know each other by their node keys: TLS 1.3 only, each side shows a certificate that
 * it has made for its Ed25519 key, and of the peer's nothing counts but the key. Names, dates and
 * signers are not looked at, so clocks may be wrong.
 */
struct wm_tls_config *wm_tls_config_new_node(const struct wm_tls_node_opts *opts)
	__attribute__((returns_nonnull));
/*
 * New connections of @c are made as @fresh says from here on; those that live go on. Takes @fresh,
 * which is of the same side. On the thread that makes connections.
 */
void wm_tls_config_take(struct wm_tls_config *c, struct wm_tls_config *fresh);
/* NULL is allowed. Connections that live keep what they need. */
void wm_tls_config_free(struct wm_tls_config *c);

/* Reads a source into @out (to be wiped: wm_pki_buf_wipe); @what names it in errors ("client CA").
 */
int wm_tls_source_read(const struct wm_tls_source *s, const char *what, struct wm_buf *out,
		       struct wm_err *err) WM_MUST_CHECK;
/* True when neither a file nor data is given. */
bool wm_tls_source_is_empty(const struct wm_tls_source *s);
/* The common name of the first certificate of @s: what a node is called under mTLS. */
int wm_tls_source_cn(const struct wm_tls_source *s, char *out, size_t size, struct wm_err *err)
	WM_MUST_CHECK;

/*
 * A connection in the role of its config. @host is whom a client dials: a DNS name (sent as SNI)
 * or an IP literal without brackets (checked against the certificate's IP names), and must not be
 * empty while names are verified; a server passes NULL. A client's first flight can be drained at
 * once.
 */
struct wm_tls *wm_tls_new(const struct wm_tls_config *c, const char *host)
	__attribute__((returns_nonnull));
/* NULL is allowed. Says nothing to the peer; wm_tls_close does. */
void wm_tls_free(struct wm_tls *t);

/*
 * Takes in ciphertext and carries the handshake on. After an error the connection is dead; there
 * may still be an alert to drain, which tells the peer why. The text of the error says what to do:
 * it is UNAUTHENTICATED when one side does not accept the other's certificate, UNAVAILABLE when the
 * bytes are not TLS or the versions do not meet.
 */
int wm_tls_feed(struct wm_tls *t, const void *p, size_t n, struct wm_err *err) WM_MUST_CHECK;
/* Appends to @out what is to go to the peer. Call it after each feed, write and close. */
void wm_tls_drain(struct wm_tls *t, struct wm_buf *out);
bool wm_tls_has_output(const struct wm_tls *t);
/* True once plaintext may flow. */
bool wm_tls_is_established(const struct wm_tls *t);
/* Appends what has arrived to @out, at most @max bytes; 0 bytes means more must be fed. */
int wm_tls_read(struct wm_tls *t, struct wm_buf *out, size_t max, struct wm_err *err) WM_MUST_CHECK;
/* True after the peer said that it sends no more (close_notify) and all of it was read. */
bool wm_tls_is_closed(const struct wm_tls *t);
/* Encrypts all of @p; FAILED_PRECONDITION before the handshake is done. */
int wm_tls_write(struct wm_tls *t, const void *p, size_t n, struct wm_err *err) WM_MUST_CHECK;
/* Tells the peer that no more will come. */
void wm_tls_close(struct wm_tls *t);

/* What ALPN agreed on ("h2"), or "" when the peer knows no ALPN. */
const char *wm_tls_alpn(const struct wm_tls *t);
/* "TLSv1.3", for logs. */
const char *wm_tls_version(const struct wm_tls *t);
/* The common name of the peer's verified certificate; NULL when it showed none or it is no text. */
const char *wm_tls_peer_cn(const struct wm_tls *t);
/* The key that the peer has proved; false unless the config is that of a node, and established. */
bool wm_tls_peer_key(const struct wm_tls *t, struct wm_pubkey *out);
/* How many certificates the peer showed, the leaf first. */
size_t wm_tls_peer_certs(const struct wm_tls *t);
/* Appends the DER of the @i-th to @out; false when there is none. */
bool wm_tls_peer_cert_encode(const struct wm_tls *t, size_t i, struct wm_buf *out);
