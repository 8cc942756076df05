#include <string.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include "base/mem.h"
#include "crypto/evp.h"
#include "crypto/key.h"
#include "crypto/tls_impl.h"

/*
 * TLS between nodes (RFC 8446 with Ed25519, RFC 8410): the certificate is a wrapping that the
 * protocol wants around a key, no more. So the peer's is not verified as one: our callback stands
 * in the place of OpenSSL's whole walk along the chain, and takes the key out of it. That the peer
 * has the private half is proved by its CertificateVerify, which OpenSSL checks against that same
 * key.
 */

/* By way of PKCS #8 (RFC 8410, 7): a raw key OpenSSL 3.0 would keep outside its secure heap. */
static EVP_PKEY *new_pkey(const struct wm_key *key)
{
	static const uint8_t head[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
				       0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
	uint8_t der[sizeof(head) + WM_KEY_SEED];
	const unsigned char *at = der;
	EVP_PKEY *out;

	memcpy(der, head, sizeof(head));
	memcpy(der + sizeof(head), key->secret.bytes, WM_KEY_SEED);
	out = d2i_PrivateKey(EVP_PKEY_ED25519, NULL, &at, sizeof(der));
	wm_wipe(der, sizeof(der));
	wm_evp_must(out != NULL);
	return out;
}

/* Good from the first to the last moment that a certificate can name (RFC 5280, 4.1.2.5). */
static X509 *new_cert(EVP_PKEY *pkey)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_NAME_new();
	static const unsigned char label[] = "webmesh node";

	wm_evp_must(cert != NULL && name != NULL);
	wm_evp_must(X509_set_version(cert, X509_VERSION_3) == 1);
	wm_evp_must(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1);
	wm_evp_must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, label, -1, -1, 0) == 1);
	wm_evp_must(X509_set_subject_name(cert, name) == 1);
	wm_evp_must(X509_set_issuer_name(cert, name) == 1);
	wm_evp_must(ASN1_TIME_set_string_X509(X509_getm_notBefore(cert), "19700101000000Z") == 1);
	wm_evp_must(ASN1_TIME_set_string_X509(X509_getm_notAfter(cert), "99991231235959Z") == 1);
	wm_evp_must(X509_set_pubkey(cert, pkey) == 1);
	wm_evp_must(X509_sign(cert, pkey, NULL) > 0);
	X509_NAME_free(name);
	return cert;
}

static bool key_of_cert(X509 *cert, struct wm_pubkey *out)
{
	EVP_PKEY *pkey = cert == NULL ? NULL : X509_get0_pubkey(cert);
	size_t n = sizeof(out->bytes);

	return pkey != NULL && EVP_PKEY_is_a(pkey, "ED25519") &&
	       EVP_PKEY_get_raw_public_key(pkey, out->bytes, &n) == 1 && n == sizeof(out->bytes);
}

static int refuse(struct wm_tls *t, X509_STORE_CTX *store, const char *what, const char *which)
{
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	if (t->why == NULL)
		wm_fail(wm_tls_die(t), WM_UNAUTHENTICATED, "%s %s%s",
			t->is_server ? "the client" : "the server", what, which);
	return 0;
}

static int on_cert(X509_STORE_CTX *store, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct wm_tls *t = SSL_get_app_data(ssl);
	struct wm_pubkey key;
	char id[WM_PEER_ID_TEXT];

	(void)arg;
	if (!key_of_cert(X509_STORE_CTX_get0_cert(store), &key))
		return refuse(t, store, "shows a certificate without a node key", "");
	if (!t->accept(t->accept_arg, &key))
		return refuse(t, store, "has a node key that is not accepted here: ",
			      wm_pubkey_format_id(&key, id));
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

struct wm_tls_config *wm_tls_config_new_node(const struct wm_tls_node_opts *opts)
{
	struct wm_tls_config *c = wm_tls_config_alloc(opts->is_server);
	EVP_PKEY *pkey = new_pkey(opts->key);
	X509 *cert = new_cert(pkey);
	char algorithm[] = "ed25519"; /* the calls below are macros that cast a const away */

	c->accept = opts->accept;
	c->accept_arg = opts->arg;
	wm_evp_must(SSL_CTX_set_min_proto_version(c->ctx, TLS1_3_VERSION) == 1);
	wm_evp_must(SSL_CTX_set1_sigalgs_list(c->ctx, algorithm) == 1);
	wm_evp_must(SSL_CTX_set1_client_sigalgs_list(c->ctx, algorithm) == 1);
	wm_evp_must(SSL_CTX_use_certificate(c->ctx, cert) == 1);
	wm_evp_must(SSL_CTX_use_PrivateKey(c->ctx, pkey) == 1);
	SSL_CTX_set_cert_verify_callback(c->ctx, on_cert, NULL);
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	X509_free(cert);
	EVP_PKEY_free(pkey);
	return c;
}

bool wm_tls_peer_key(const struct wm_tls *t, struct wm_pubkey *out)
{
	return t->accept != NULL && t->is_established &&
	       key_of_cert(SSL_get0_peer_certificate(t->ssl), out);
}
