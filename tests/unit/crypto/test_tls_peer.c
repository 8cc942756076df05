#include "hex.h"
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include "base/clock.h"
#include "base/mem.h"
#include "crypto/pki.h"
#include "crypto/tls.h"

/*
 * Our engine against OpenSSL driven directly, as the peer that our own configuration would not let
 * us be: one with an expired certificate, an old protocol, another ALPN, an address in its
 * certificate, a client certificate of a server.
 */
#define HOUR (3600 * WM_NS_PER_S)

static struct wm_pki_cert *ca;
static char *ca_pem;

static char *to_base64(const struct wm_buf *b)
{
	char *out = wm_alloc(wm_b64_size(b->len));

	wm_b64_format(b->data, b->len, out);
	return out;
}

static int make_ca(void **state)
{
	const struct wm_pki_key_opts key = {0};
	WM_AUTO(wm_buf_fini) struct wm_buf b = {0};

	assert_int_equal(wm_pki_cert_new_ca("webmesh-ca", &key, wm_clock_wall() - 72 * HOUR,
					    240 * HOUR, &ca, NULL),
			 0);
	wm_pki_cert_encode(ca, false, &b);
	ca_pem = to_base64(&b);
	return 0;
}

static int free_ca(void **state)
{
	wm_pki_cert_free(ca);
	wm_free(ca_pem);
	return 0;
}

/* ---- the foreign peer ---- */

struct foreign {
	SSL_CTX *ctx;
	SSL *ssl;
};

static struct foreign new_foreign(bool is_server)
{
	struct foreign p = {
		.ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method())};

	assert_non_null(p.ctx);
	return p;
}

static void use_cert(struct foreign *p, int64_t now, int64_t expiry)
{
	const struct wm_pki_key_opts opts = {0};
	WM_AUTO(wm_pki_buf_wipe) struct wm_buf text = {0};
	struct wm_pki_cert *c;
	EVP_PKEY *key;
	X509 *cert;
	BIO *in;

	assert_int_equal(wm_pki_cert_new_leaf(ca, "node-2", &opts, now, expiry, &c, NULL), 0);
	wm_pki_cert_encode(c, false, &text);
	wm_pki_cert_encode_key(c, &text);
	wm_pki_cert_free(c);
	in = BIO_new_mem_buf(text.data, (int)text.len);
	cert = PEM_read_bio_X509(in, NULL, NULL, NULL);
	key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	assert_int_equal(SSL_CTX_use_certificate(p->ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(p->ctx, key), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
	BIO_free(in);
}

static void start(struct foreign *p, bool is_server)
{
	p->ssl = SSL_new(p->ctx);
	SSL_set_bio(p->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	if (is_server)
		SSL_set_accept_state(p->ssl);
	else
		SSL_set_connect_state(p->ssl);
}

static void end(struct foreign *p)
{
	SSL_free(p->ssl);
	SSL_CTX_free(p->ctx);
}

/* Carries ciphertext both ways until neither side has more; our side's verdict is in @err. */
static void talk(struct wm_tls *t, struct foreign *p, struct wm_err *err)
{
	WM_AUTO(wm_buf_fini) struct wm_buf plain = {0};
	char piece[4096];

	memset(err, 0, sizeof(*err));
	for (int i = 0; i < 20; i++) {
		WM_AUTO(wm_buf_fini) struct wm_buf b = {0};
		int n;

		wm_tls_drain(t, &b);
		if (b.len > 0)
			BIO_write(SSL_get_rbio(p->ssl), b.data, (int)b.len);
		SSL_do_handshake(p->ssl);
		SSL_read(p->ssl, piece, sizeof(piece));
		while ((n = BIO_read(SSL_get_wbio(p->ssl), piece, sizeof(piece))) > 0) {
			if (err->code == 0 && wm_tls_feed(t, piece, (size_t)n, err) != 0)
				assert_int_not_equal(err->code, 0);
		}
	}
	if (err->code == 0 && wm_tls_read(t, &plain, 100, err) != 0)
		assert_int_not_equal(err->code, 0);
}

static struct wm_tls *new_client(const char *host)
{
	struct wm_tls_client_opts o = {.ca.data = ca_pem};
	struct wm_tls_config *c;
	struct wm_tls *t;

	assert_int_equal(wm_tls_config_new_client(&o, &c, NULL), 0);
	t = wm_tls_new(c, host);
	wm_tls_config_free(c);
	return t;
}

static struct wm_tls *new_server(void)
{
	struct wm_tls_server_opts o = {.require_client_cert = true, .client_ca.data = ca_pem};
	struct wm_tls_config *c;
	struct wm_tls *t;

	assert_int_equal(wm_tls_config_new_server(&o, &c, NULL), 0);
	t = wm_tls_new(c, NULL);
	wm_tls_config_free(c);
	return t;
}

static void assert_says(const struct wm_err *err, int code, const char *part)
{
	if (err->code != code || strstr(err->text, part) == NULL)
		fail_msg("got %d: %s; wanted %d: %s", err->code, err->text, code, part);
}

/* ---- certificates out of their time ---- */

static void test_expired_server(void **state)
{
	struct foreign p = new_foreign(true);
	struct wm_tls *t = new_client("node-2");
	struct wm_err err;

	use_cert(&p, wm_clock_wall() - 48 * HOUR, HOUR);
	start(&p, true);
	talk(t, &p, &err);
	assert_says(&err, WM_UNAUTHENTICATED, "the server's certificate (node-2) expired on 20");
	wm_tls_free(t);
	end(&p);
}

static void test_server_from_the_future(void **state)
{
	struct foreign p = new_foreign(true);
	struct wm_tls *t = new_client("node-2");
	struct wm_err err;

	use_cert(&p, wm_clock_wall() + 24 * HOUR, HOUR);
	start(&p, true);
	talk(t, &p, &err);
	assert_says(&err, WM_UNAUTHENTICATED,
		    "the server's certificate (node-2) is not valid before 20");
	assert_says(&err, WM_UNAUTHENTICATED, "is the clock right?");
	wm_tls_free(t);
	end(&p);
}

static void test_expired_client(void **state)
{
	struct foreign p = new_foreign(false);
	struct wm_tls *t = new_server();
	struct wm_err err;

	use_cert(&p, wm_clock_wall() - 48 * HOUR, HOUR);
	start(&p, false);
	talk(t, &p, &err);
	assert_says(&err, WM_UNAUTHENTICATED, "the client's certificate (node-2) expired on 20");
	assert_false(wm_tls_is_established(t));
	wm_tls_free(t);
	end(&p);
}

/* ---- names and uses ---- */

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(e);
	assert_int_equal(X509_add_ext(cert, e, -1), 1);
	X509_EXTENSION_free(e);
}

/* A certificate that is its own authority, for the names and the use given; returns its text. */
static char *use_own_cert(struct foreign *p, const char *names, const char *use)
{
	X509 *cert = X509_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	WM_AUTO(wm_buf_fini) struct wm_buf b = {0};
	BIO *out = BIO_new(BIO_s_mem());
	char *pem;

	X509_set_version(cert, X509_VERSION_3);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
				   (const unsigned char *)"own\x1b[2J", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	if (names != NULL)
		add_extension(cert, NID_subject_alt_name, names);
	add_extension(cert, NID_ext_key_usage, use);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(p->ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(p->ctx, key), 1);
	PEM_write_bio_X509(out, cert);
	long n = BIO_get_mem_data(out, &pem);
	wm_buf_add(&b, pem, (size_t)n);
	BIO_free(out);
	EVP_PKEY_free(key);
	X509_free(cert);
	return to_base64(&b);
}

/* What our client says to a server with such a certificate, which it trusts as an authority. */
static void judge(const char *names, const char *use, const char *host, struct wm_err *err)
{
	struct foreign p = new_foreign(true);
	WM_AUTO(wm_autofree) char *pem = use_own_cert(&p, names, use);
	struct wm_tls_client_opts o = {.ca.data = pem};
	struct wm_tls_config *c;
	struct wm_tls *t;

	assert_int_equal(wm_tls_config_new_client(&o, &c, NULL), 0);
	t = wm_tls_new(c, host);
	wm_tls_config_free(c);
	start(&p, true);
	talk(t, &p, err);
	wm_tls_free(t);
	end(&p);
}

static void test_addresses_in_certificates(void **state)
{
	static const char names[] = "IP:10.0.0.1,IP:fd00::1,DNS:*.example.org";
	static const char *const good[] = {"10.0.0.1", "fd00::1", "fd00:0::1%eth0", "a.example.org",
					   "A.Example.Org."};
	static const char *const bad[] = {
		"10.0.0.2", "fd00::2", "a.b.example.org", "example.org", "10.0.0.1.example.com",
		"own"};
	struct wm_err err;

	for (size_t i = 0; i < WM_ARRAY_LEN(good); i++) {
		judge(names, "serverAuth", good[i], &err);
		if (err.code != 0)
			fail_msg("%s: %s", good[i], err.text);
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		judge(names, "serverAuth", bad[i], &err);
		assert_says(&err, WM_UNAUTHENTICATED,
			    "the server's certificate is for 10.0.0.1, fd00::1, *.example.org, "
			    "not ");
	}
	judge(NULL, "serverAuth", "own", &err);
	assert_says(&err, WM_UNAUTHENTICATED, "is for no name at all, not own");
}

static void test_certificate_of_another_use(void **state)
{
	struct wm_err err;

	judge("DNS:own", "clientAuth", "own", &err);
	assert_says(&err, WM_UNAUTHENTICATED,
		    "the certificate (own?[2J) of the server may not be used by a server");
}

/* ---- protocols ---- */

static void test_tls12(void **state)
{
	struct foreign p = new_foreign(false);
	struct wm_tls *t = new_server();
	struct wm_err err;

	use_cert(&p, wm_clock_wall(), HOUR);
	SSL_CTX_set_max_proto_version(p.ctx, TLS1_2_VERSION);
	SSL_CTX_set_alpn_protos(p.ctx, (const unsigned char *)"\x08http/1.1\x02h2", 12);
	start(&p, false);
	talk(t, &p, &err);
	assert_int_equal(err.code, 0);
	assert_true(wm_tls_is_established(t));
	assert_string_equal(wm_tls_version(t), "TLSv1.2");
	assert_string_equal(wm_tls_alpn(t), "h2");
	assert_string_equal(wm_tls_peer_cn(t), "node-2");
	/* Renegotiation is not for the client to start. */
	SSL_renegotiate(p.ssl);
	talk(t, &p, &err);
	assert_true(wm_tls_is_established(t));
	wm_tls_free(t);
	end(&p);
}

static void test_old_protocol(void **state)
{
	struct foreign p = new_foreign(false);
	struct wm_tls *t = new_server();
	struct wm_err err;

	SSL_CTX_set_security_level(p.ctx, 0);
	SSL_CTX_set_min_proto_version(p.ctx, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(p.ctx, TLS1_1_VERSION);
	start(&p, false);
	talk(t, &p, &err);
	assert_says(&err, WM_UNAVAILABLE, "the client speaks neither TLS 1.2 nor 1.3");
	wm_tls_free(t);
	end(&p);

	p = new_foreign(true);
	t = new_client("node-2");
	use_cert(&p, wm_clock_wall(), HOUR);
	SSL_CTX_set_security_level(p.ctx, 0);
	SSL_CTX_set_min_proto_version(p.ctx, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(p.ctx, TLS1_1_VERSION);
	start(&p, true);
	talk(t, &p, &err);
	assert_says(&err, WM_UNAVAILABLE, "the server speaks neither TLS 1.2 nor 1.3");
	wm_tls_free(t);
	end(&p);
}

static void test_alpn(void **state)
{
	struct foreign p = new_foreign(false);
	struct wm_tls *t = new_server();
	struct wm_err err;

	/* Another protocol only: refused. */
	use_cert(&p, wm_clock_wall(), HOUR);
	SSL_CTX_set_alpn_protos(p.ctx, (const unsigned char *)"\x08http/1.1", 9);
	start(&p, false);
	talk(t, &p, &err);
	assert_says(&err, WM_UNAVAILABLE, "the client does not speak HTTP/2");
	wm_tls_free(t);
	end(&p);
	/* No ALPN at all: accepted, and told apart. */
	p = new_foreign(false);
	t = new_server();
	use_cert(&p, wm_clock_wall(), HOUR);
	start(&p, false);
	talk(t, &p, &err);
	assert_int_equal(err.code, 0);
	assert_true(wm_tls_is_established(t));
	assert_string_equal(wm_tls_alpn(t), "");
	wm_tls_free(t);
	end(&p);
}

/* No session is kept: the server gives no ticket, and every handshake is a full one. */
static void test_no_resumption(void **state)
{
	struct foreign p = new_foreign(false);
	struct wm_tls *t = new_server();
	SSL_SESSION *session;
	struct wm_err err;

	use_cert(&p, wm_clock_wall(), HOUR);
	start(&p, false);
	talk(t, &p, &err);
	session = SSL_get1_session(p.ssl);
	assert_false(SSL_SESSION_is_resumable(session));
	SSL_SESSION_free(session);
	wm_tls_free(t);
	end(&p);
}

static void test_common_names(void **state)
{
	static const struct {
		const char *subject[2];
		int len[2];
		const char *cn;
	} rows[] = {
		{{"node-1", NULL}, {6, 0}, "node-1"},
		{{"admin", "node-1"}, {5, 6}, NULL},
		{{"admin\0.evil", NULL}, {11, 0}, NULL},
		{{NULL, NULL}, {0, 0}, NULL},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		X509 *cert = X509_new();
		EVP_PKEY *key = EVP_EC_gen("P-256");
		BIO *out = BIO_new(BIO_s_mem());
		char *pem, cn[64];
		int rc;

		for (int n = 0; n < 2 && rows[i].subject[n] != NULL; n++)
			X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
						   (const unsigned char *)rows[i].subject[n],
						   rows[i].len[n], -1, 0);
		X509_set_pubkey(cert, key);
		X509_gmtime_adj(X509_getm_notBefore(cert), 0);
		X509_gmtime_adj(X509_getm_notAfter(cert), 60);
		assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
		PEM_write_bio_X509(out, cert);
		size_t n = (size_t)BIO_get_mem_data(out, &pem);
		rc = wm_pki_cn_decode(pem, n, cn, sizeof(cn), NULL);
		if (rows[i].cn == NULL)
			assert_int_equal(rc, WM_INVALID_ARGUMENT);
		else
			assert_string_equal(cn, rows[i].cn);
		BIO_free(out);
		EVP_PKEY_free(key);
		X509_free(cert);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expired_server),
		cmocka_unit_test(test_server_from_the_future),
		cmocka_unit_test(test_expired_client),
		cmocka_unit_test(test_addresses_in_certificates),
		cmocka_unit_test(test_certificate_of_another_use),
		cmocka_unit_test(test_tls12),
		cmocka_unit_test(test_old_protocol),
		cmocka_unit_test(test_alpn),
		cmocka_unit_test(test_no_resumption),
		cmocka_unit_test(test_common_names),
	};

	return cmocka_run_group_tests(tests, make_ca, free_ca);
}
