#include <assert.h>
#include <string.h>
#include <openssl/err.h>
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "crypto/evp.h"
#include "crypto/pki_cert.h"
#include "crypto/tls_impl.h"

static const unsigned char alpn_h2[] = {2, 'h', '2'};

/* The words that an error about a source starts with: what it is for, and its file. */
struct source_label {
	char text[320];
};

static struct source_label label_of(const char *what, const struct wm_tls_source *s)
{
	struct source_label l;
	bool file = !wm_str_is_empty(s->file);

	snprintf(l.text, sizeof(l.text), "%s%s%.256s", what, file ? ": " : "", file ? s->file : "");
	return l;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		       const unsigned char *in, unsigned in_len, void *arg)
{
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, alpn_h2, sizeof(alpn_h2), in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *new_context(bool is_server)
{
	SSL_CTX *ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	int groups[] = {NID_X25519, NID_X9_62_prime256v1, NID_secp384r1, NID_secp521r1};

	wm_evp_must(ctx != NULL);
	wm_evp_must(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1);
	wm_evp_must(SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1);
	wm_evp_must(SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
	wm_evp_must(SSL_CTX_set1_groups(ctx, groups, (int)WM_ARRAY_LEN(groups)) == 1);
	SSL_CTX_set_options(ctx,
			    SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	wm_evp_must(SSL_CTX_set_num_tickets(ctx, 0) == 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	wm_tls_watch_key_updates(ctx);
	if (is_server)
		SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
	else
		wm_evp_must(SSL_CTX_set_alpn_protos(ctx, alpn_h2, sizeof(alpn_h2)) == 0);
	return ctx;
}

struct wm_tls_config *wm_tls_config_alloc(bool is_server)
{
	struct wm_tls_config *c = wm_alloc(sizeof(*c));

	wm_evp_get();
	c->ctx = new_context(is_server);
	c->is_server = is_server;
	c->hints.ca = "--tls.ca-file";
	c->hints.names = "--tls.verify-chain-only";
	return c;
}

void wm_tls_config_free(struct wm_tls_config *c)
{
	if (c == NULL)
		return;
	SSL_CTX_free(c->ctx);
	wm_free(c);
}

void wm_tls_config_take(struct wm_tls_config *c, struct wm_tls_config *fresh)
{
	struct wm_tls_config old = *c;

	assert(c->is_server == fresh->is_server);
	*c = *fresh;
	*fresh = old;
	wm_tls_config_free(fresh);
}

/* ---- our own certificate ---- */

static int use_pair(SSL_CTX *ctx, STACK_OF(X509) * certs, EVP_PKEY *key, struct wm_err *err)
{
	X509 *leaf = sk_X509_value(certs, 0);
	char name[128];

	wm_x509_label(leaf, name, sizeof(name));
	if (X509_check_private_key(leaf, key) != 1) {
		ERR_clear_error();
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "the key does not belong to the certificate of %s", name);
	}
	if (SSL_CTX_use_certificate(ctx, leaf) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1)
		return wm_fail(err, WM_INVALID_ARGUMENT, "the certificate of %s cannot be used: %s",
			       name, wm_evp_reason());
	for (int i = 1; i < sk_X509_num(certs); i++) {
		if (SSL_CTX_add1_chain_cert(ctx, sk_X509_value(certs, i)) != 1)
			return wm_fail(err, WM_INVALID_ARGUMENT,
				       "certificate %d behind that of %s cannot be used: %s", i,
				       name, wm_evp_reason());
	}
	return 0;
}

static int load_certs(const struct wm_tls_source *s, const char *what, STACK_OF(X509) * *out,
		      struct wm_err *err)
{
	WM_AUTO(wm_pki_buf_wipe) struct wm_buf pem = {0};
	int rc = wm_tls_source_read(s, what, &pem, err);

	if (rc != 0)
		return rc;
	rc = wm_pem_certs_decode(pem.data, pem.len, out, err);
	return rc == 0 ? 0 : wm_wrap(err, "%s", label_of(what, s).text);
}

static int load_key(const struct wm_tls_source *s, const char *what, EVP_PKEY **out,
		    struct wm_err *err)
{
	WM_AUTO(wm_pki_buf_wipe) struct wm_buf pem = {0};
	int rc = wm_tls_source_read(s, what, &pem, err);

	if (rc != 0)
		return rc;
	rc = wm_pem_key_decode(pem.data, pem.len, out, err);
	return rc == 0 ? 0 : wm_wrap(err, "%s", label_of(what, s).text);
}

static int load_pair(SSL_CTX *ctx, const struct wm_tls_source *cert,
		     const struct wm_tls_source *key, const char *who, struct wm_err *err)
{
	STACK_OF(X509) *certs = NULL;
	EVP_PKEY *pkey = NULL;
	char cert_label[64], key_label[64];
	int rc;

	snprintf(cert_label, sizeof(cert_label), "%s certificate", who);
	snprintf(key_label, sizeof(key_label), "%s key", who);
	rc = load_certs(cert, cert_label, &certs, err);
	if (rc == 0)
		rc = load_key(key, key_label, &pkey, err);
	if (rc == 0) {
		rc = wm_x509_check_time(sk_X509_value(certs, 0), "the certificate", wm_clock_wall(),
					err);
		if (rc == 0)
			rc = use_pair(ctx, certs, pkey, err);
		if (rc != 0)
			rc = wm_wrap(err, "%s", label_of(cert_label, cert).text);
	}
	EVP_PKEY_free(pkey);
	sk_X509_pop_free(certs, X509_free);
	return rc;
}

static int use_self_signed(SSL_CTX *ctx, struct wm_err *err)
{
	struct wm_pki_cert *c;
	int rc = wm_pki_cert_new_self_signed(wm_clock_wall(), &c, err);

	if (rc != 0)
		return rc;
	wm_evp_must(SSL_CTX_use_certificate(ctx, c->cert) == 1);
	wm_evp_must(SSL_CTX_use_PrivateKey(ctx, c->key) == 1);
	wm_pki_cert_free(c);
	return 0;
}

/* ---- whom we trust ---- */

/* A bundle may hold expired authorities, but not only such. */
static int check_ca_times(STACK_OF(X509) * certs, struct wm_err *err)
{
	int rc = 0;

	for (int i = 0; i < sk_X509_num(certs); i++) {
		rc = wm_x509_check_time(sk_X509_value(certs, i), "the authority's certificate",
					wm_clock_wall(), err);
		if (rc == 0)
			break;
	}
	return rc;
}

static int trust_source(SSL_CTX *ctx, const struct wm_tls_source *s, const char *what,
			bool name_to_clients, struct wm_err *err)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	STACK_OF(X509) *certs = NULL;
	int rc = load_certs(s, what, &certs, err);

	if (rc != 0)
		return rc;
	rc = check_ca_times(certs, err);
	for (int i = 0; rc == 0 && i < sk_X509_num(certs); i++) {
		X509 *ca = sk_X509_value(certs, i);

		wm_evp_must(X509_STORE_add_cert(store, ca) == 1);
		if (name_to_clients)
			wm_evp_must(SSL_CTX_add_client_CA(ctx, ca) == 1);
	}
	sk_X509_pop_free(certs, X509_free);
	return rc == 0 ? 0 : wm_wrap(err, "%s", label_of(what, s).text);
}

static void demand_verification(struct wm_tls_config *c, int mode)
{
	/* Whatever stands in the trusted set is trusted, be it a root or not. */
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(c->ctx), X509_V_FLAG_PARTIAL_CHAIN);
	SSL_CTX_set_verify(c->ctx, mode, wm_tls_on_verify);
	c->verifies_peer = true;
}

/* ---- the two kinds of config ---- */

/* A key without a certificate is a mistake, and the other way round. */
static int check_both(const struct wm_tls_source *cert, const struct wm_tls_source *key,
		      const char *who, struct wm_err *err)
{
	if (wm_tls_source_is_empty(cert) == wm_tls_source_is_empty(key))
		return 0;
	return wm_fail(err, WM_INVALID_ARGUMENT, "%s %s is given without its %s", who,
		       wm_tls_source_is_empty(cert) ? "key" : "certificate",
		       wm_tls_source_is_empty(cert) ? "certificate" : "key");
}

static int set_up_server(struct wm_tls_config *c, const struct wm_tls_server_opts *o,
			 struct wm_err *err)
{
	int rc = check_both(&o->cert, &o->key, "server", err);

	if (rc == 0)
		rc = wm_tls_source_is_empty(&o->cert)
			     ? use_self_signed(c->ctx, err)
			     : load_pair(c->ctx, &o->cert, &o->key, "server", err);
	if (rc != 0 || !o->require_client_cert)
		return rc;
	/* Not the system's roots, as in the Go original: those sign a certificate for anybody. */
	if (wm_tls_source_is_empty(&o->client_ca))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "client certificates are demanded, but the client CA that signs "
			       "them is not given");
	rc = trust_source(c->ctx, &o->client_ca, "client CA", true, err);
	demand_verification(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
	return rc;
}

int wm_tls_config_new_server(const struct wm_tls_server_opts *opts, struct wm_tls_config **out,
			     struct wm_err *err)
{
	struct wm_tls_config *c = wm_tls_config_alloc(true);
	int rc = set_up_server(c, opts, err);

	if (rc == 0)
		*out = c;
	else
		wm_tls_config_free(c);
	return rc;
}

static int set_up_client(struct wm_tls_config *c, const struct wm_tls_client_opts *o,
			 struct wm_err *err)
{
	int rc = check_both(&o->cert, &o->key, "client", err);

	if (rc == 0 && !wm_tls_source_is_empty(&o->cert))
		rc = load_pair(c->ctx, &o->cert, &o->key, "client", err);
	if (rc == 0 && !wm_tls_source_is_empty(&o->ca))
		rc = trust_source(c->ctx, &o->ca, "CA", false, err);
	if (rc != 0 || o->skip_verify)
		return rc;
	/* The system's roots sign for anybody: without a look at the name that would prove nothing.
	 */
	if (!o->verify_chain_only)
		wm_tls_roots_attach(SSL_CTX_get_cert_store(c->ctx));
	else if (wm_tls_source_is_empty(&o->ca))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "%s needs an authority of your own: give its certificate with %s",
			       c->hints.names, c->hints.ca);
	demand_verification(c, SSL_VERIFY_PEER);
	c->verifies_name = !o->verify_chain_only;
	return rc;
}

int wm_tls_config_new_client(const struct wm_tls_client_opts *opts, struct wm_tls_config **out,
			     struct wm_err *err)
{
	struct wm_tls_config *c = wm_tls_config_alloc(false);
	int rc;

	if (opts->hints != NULL)
		c->hints = *opts->hints;
	rc = set_up_client(c, opts, err);
	if (rc == 0)
		*out = c;
	else
		wm_tls_config_free(c);
	return rc;
}
