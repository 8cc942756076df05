#pragma once
/*
 * A small certificate authority: certificates and their keys in memory, as PEM, and in a directory
 * that wmctl and nodes use:
 *     DIR/ca/{ca.crt,tls.crt,tls.key}  DIR/nodes/NAME/{ca.crt,tls.crt,tls.key}
 * tls.crt is the certificate and then the CA's, ca.crt the CA's alone; directories are 0700, keys
 * 0600, certificates 0644. The directory functions block and leave nothing half-done: what they
 * make is built aside and renamed into place. Any thread; one at a time per certificate.
 */
#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define WM_PKI_CA_NAME     "webmesh-ca"
#define WM_PKI_ADMIN_NAME  "admin"
#define WM_PKI_SELF_SIGNED "webmesh-selfsigned-server"
#define WM_PKI_CA_EXPIRY   (INT64_C(8760) * 3600 * 1000000000)
#define WM_PKI_LEAF_EXPIRY (INT64_C(2160) * 3600 * 1000000000)
#define WM_PKI_RSA_MIN     2048 /* below, current TLS libraries refuse the certificate */
#define WM_PKI_RSA_MAX     8192
#define WM_PKI_MAX_PEM     (1024u * 1024) /* most bytes of PEM text that are looked at */

enum wm_pki_key_type { WM_PKI_ECDSA, WM_PKI_RSA, WM_PKI_WEBMESH };

struct wm_pki_key_opts {
	enum wm_pki_key_type type;
	unsigned size; /* ecdsa 256 (also when 0), 384, 521; rsa in bits, 0 = 2048; else ignored */
};

/* A certificate with its private key and, unless it is its own issuer, the issuer's certificate. */
struct wm_pki_cert;

/* "ecdsa", "rsa", "webmesh". */
bool wm_pki_key_type_parse(const char *s, enum wm_pki_key_type *out);
const char *wm_pki_key_type_name(enum wm_pki_key_type type);

/* A new authority named @name, good from @now_ns (wall clock) for @expiry_ns. */
int wm_pki_cert_new_ca(const char *name, const struct wm_pki_key_opts *key, int64_t now_ns,
		       int64_t expiry_ns, struct wm_pki_cert **out, struct wm_err *err)
	WM_MUST_CHECK;
/* A certificate for the node @name (a valid node ID) from @ca, which must not expire before it
 * starts. */
int wm_pki_cert_new_leaf(const struct wm_pki_cert *ca, const char *name,
			 const struct wm_pki_key_opts *key, int64_t now_ns, int64_t expiry_ns,
			 struct wm_pki_cert **out, struct wm_err *err) WM_MUST_CHECK;
/* What a server without a certificate shows: P-256, a throw-away authority, a year. */
int wm_pki_cert_new_self_signed(int64_t now_ns, struct wm_pki_cert **out, struct wm_err *err)
	WM_MUST_CHECK;
/* From PEM texts (the first certificate counts, then the issuer if present); checks that the key is
 * the certificate's. */
int wm_pki_cert_decode(const void *cert_pem, size_t cert_len, const void *key_pem, size_t key_len,
		       struct wm_pki_cert **out, struct wm_err *err) WM_MUST_CHECK;
/* NULL is allowed. */
void wm_pki_cert_free(struct wm_pki_cert *c);
/* Appends the certificate's PEM and, with @chain, the issuer's behind it. */
void wm_pki_cert_encode(const struct wm_pki_cert *c, bool chain, struct wm_buf *out);
/* Appends the private key's PEM; the caller wipes @out (wm_pki_buf_wipe). */
void wm_pki_cert_encode_key(const struct wm_pki_cert *c, struct wm_buf *out);
/* Wipes and releases a buffer that held a key. Fits WM_AUTO. */
void wm_pki_buf_wipe(struct wm_buf *b);
/* The subject's common name of the first certificate in a PEM text, which must be a usable name. */
int wm_pki_cn_decode(const void *pem, size_t len, char *out, size_t size, struct wm_err *err)
	WM_MUST_CHECK;

struct wm_pki_init_opts {
	const char *ca_name;    /* NULL: WM_PKI_CA_NAME */
	const char *admin_name; /* NULL: WM_PKI_ADMIN_NAME */
	struct wm_pki_key_opts key;
	int64_t ca_expiry_ns;    /* 0: WM_PKI_CA_EXPIRY */
	int64_t admin_expiry_ns; /* 0: WM_PKI_LEAF_EXPIRY */
};

struct wm_pki_issue_opts {
	struct wm_pki_key_opts key;
	int64_t expiry_ns; /* 0: WM_PKI_LEAF_EXPIRY */
};

/* Makes @dir with an authority and the administrator's certificate; ALREADY_EXISTS when @dir is
 * there. */
int wm_pki_init(const char *dir, const struct wm_pki_init_opts *opts, struct wm_err *err)
	WM_MUST_CHECK;
/* Makes @dir/nodes/@name; ALREADY_EXISTS when it is there, NOT_FOUND when @dir holds no authority.
 */
int wm_pki_issue(const char *dir, const char *name, const struct wm_pki_issue_opts *opts,
		 struct wm_err *err) WM_MUST_CHECK;

/* The three files of one name, for a client's configuration. */
struct wm_pki_files {
	struct wm_buf ca, cert, key;
};
/* Reads them and checks that they belong together. */
int wm_pki_files_read(const char *dir, const char *name, struct wm_pki_files *out,
		      struct wm_err *err) WM_MUST_CHECK;
void wm_pki_files_fini(struct wm_pki_files *f);
