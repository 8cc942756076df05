#pragma once
/*
 * The insides of certificates, for the files of crypto/ that build, read and use them. A struct
 * wm_pki_cert owns one reference of each part.
 */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "crypto/pki.h"

struct wm_pki_cert {
	X509 *cert;
	EVP_PKEY *key;
	X509 *issuer; /* NULL when unknown or the certificate itself */
};

/*
 * All certificates of a PEM text, at least one; blocks of other kinds are passed over. The caller
 * frees the stack with sk_X509_pop_free(out, X509_free).
 */
int wm_pem_certs_decode(const void *pem, size_t len, STACK_OF(X509) * *out, struct wm_err *err)
	WM_MUST_CHECK;
/*
 * The first private key of a PEM text: PKCS#8, SEC1, PKCS#1, or the 64 raw bytes of an Ed25519 key
 * in a "PRIVATE KEY" block, as the Go original writes them.
 */
int wm_pem_key_decode(const void *pem, size_t len, EVP_PKEY **out, struct wm_err *err)
	WM_MUST_CHECK;

/* The subject's common name when there is exactly one, of fewer than @size bytes of UTF-8. */
bool wm_x509_cn(const X509 *cert, char *out, size_t size);
/* What to call a certificate in a sentence: its common name, first DNS name, or "(no name)". */
const char *wm_x509_label(const X509 *cert, char *out, size_t size);
/* Takes control characters out of a name that a stranger chose, for terminals and logs. */
void wm_x509_make_printable(char *s);
/* A certificate's time in nanoseconds since 1970, held inside what an int64_t can say. */
int64_t wm_x509_time(const ASN1_TIME *t);
/* Fails when @cert is outside its time at @now_ns; the sentence starts with @what and its name. */
int wm_x509_check_time(const X509 *cert, const char *what, int64_t now_ns, struct wm_err *err)
	WM_MUST_CHECK;
