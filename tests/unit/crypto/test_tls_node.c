#include "hex.h"
#include <openssl/ssl.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "crypto/key.h"
#include "crypto/pki.h"
#include "crypto/tls.h"

/* Nodes that know each other by their keys; and what others may try on such a port. */

static struct wm_key alpha, beta;

/* Lets one key in. */
static bool accept_only(void *arg, const struct wm_pubkey *key)
{
	return wm_pubkey_equal(arg, key);
}

static bool accept_nobody(void *arg, const struct wm_pubkey *key)
{
	(void)arg;
	(void)key;
	return false;
}

static struct wm_tls *new_node(const struct wm_key *own, struct wm_pubkey *peer, bool is_server)
{
	const struct wm_tls_node_opts o = {
		.key = own,
		.is_server = is_server,
		.accept = peer != NULL ? accept_only : accept_nobody,
		.arg = peer,
	};
	struct wm_tls_config *c = wm_tls_config_new_node(&o);
	struct wm_tls *t = wm_tls_new(c, is_server ? NULL : "172.16.0.1");

	wm_tls_config_free(c); /* a connection needs no config */
	return t;
}

struct ends {
	struct wm_tls *client, *server;
	struct wm_err client_err, server_err; /* code 0 = none */
};

static void carry(struct wm_tls *from, struct wm_tls *to, struct wm_err *err)
{
	WM_AUTO(wm_buf_fini) struct wm_buf wire = {0}, plain = {0};

	wm_tls_drain(from, &wire);
	if (wire.len == 0 || err->code != 0)
		return;
	if (wm_tls_feed(to, wire.data, wire.len, err) == 0 &&
	    wm_tls_read(to, &plain, 100, err) == 0)
		assert_int_equal(plain.len, 0);
}

static void talk(struct ends *e)
{
	for (int i = 0; i < 10; i++) {
		carry(e->client, e->server, &e->server_err);
		carry(e->server, e->client, &e->client_err);
	}
}

static void end(struct ends *e)
{
	wm_tls_free(e->client);
	wm_tls_free(e->server);
}

static void test_keys_are_known_to_both(void **state)
{
	struct wm_pubkey a = wm_key_public(&alpha), b = wm_key_public(&beta), seen;
	struct ends e = {new_node(&alpha, &b, false), new_node(&beta, &a, true), {0}, {0}};
	WM_AUTO(wm_buf_fini) struct wm_buf wire = {0}, plain = {0};

	(void)state;
	assert_false(wm_tls_peer_key(e.client, &seen)); /* not before it is proved */
	talk(&e);
	assert_true(wm_tls_is_established(e.client) && wm_tls_is_established(e.server));
	assert_true(wm_tls_peer_key(e.client, &seen) && wm_pubkey_equal(&seen, &b));
	assert_true(wm_tls_peer_key(e.server, &seen) && wm_pubkey_equal(&seen, &a));
	assert_string_equal(wm_tls_version(e.client), "TLSv1.3");
	assert_string_equal(wm_tls_alpn(e.server), "h2");
	assert_null(wm_tls_peer_cn(e.server)); /* a name that anybody may write proves nothing */
	assert_int_equal(wm_tls_write(e.client, "hello", 5, NULL), 0);
	wm_tls_drain(e.client, &wire);
	assert_int_equal(wm_tls_feed(e.server, wire.data, wire.len, NULL), 0);
	assert_int_equal(wm_tls_read(e.server, &plain, 100, NULL), 0);
	assert_int_equal(plain.len, 5);
	end(&e);
}

static void test_server_refuses_a_key(void **state)
{
	struct wm_pubkey b = wm_key_public(&beta);
	struct ends e = {new_node(&alpha, &b, false), new_node(&beta, NULL, true), {0}, {0}};

	(void)state;
	talk(&e);
	assert_int_equal(e.server_err.code, WM_UNAUTHENTICATED);
	assert_non_null(
		strstr(e.server_err.text, "the client has a node key that is not accepted"));
	assert_int_equal(e.client_err.code, WM_UNAUTHENTICATED);
	assert_non_null(strstr(e.client_err.text, "the server refused our certificate"));
	end(&e);
}

static void test_client_refuses_a_key(void **state)
{
	struct wm_pubkey a = wm_key_public(&alpha);
	/* Whoever answers is not the one that was wanted. */
	struct ends e = {new_node(&alpha, &a, false), new_node(&beta, &a, true), {0}, {0}};

	(void)state;
	talk(&e);
	assert_int_equal(e.client_err.code, WM_UNAUTHENTICATED);
	assert_non_null(
		strstr(e.client_err.text, "the server has a node key that is not accepted"));
	assert_int_equal(e.server_err.code, WM_UNAUTHENTICATED);
	assert_false(wm_tls_is_established(e.client) || wm_tls_is_established(e.server));
	end(&e);
}

/* ---- what is no node of ours ---- */

static bool accept_all(void *arg, const struct wm_pubkey *key)
{
	(void)arg;
	(void)key;
	return true;
}

static struct wm_tls *new_open_server(void)
{
	const struct wm_tls_node_opts o = {.key = &beta, .is_server = true, .accept = accept_all};
	struct wm_tls_config *c = wm_tls_config_new_node(&o);
	struct wm_tls *t = wm_tls_new(c, NULL);

	wm_tls_config_free(c);
	return t;
}

static struct wm_tls *new_plain_client(const char *cert, const char *key)
{
	const struct wm_tls_client_opts o = {
		.cert.data = cert, .key.data = key, .skip_verify = true};
	struct wm_tls_config *c;
	struct wm_tls *t;

	assert_int_equal(wm_tls_config_new_client(&o, &c, NULL), 0);
	t = wm_tls_new(c, "172.16.0.1");
	wm_tls_config_free(c);
	return t;
}

static void refuse_client(const char *cert, const char *key, const char *why)
{
	struct ends e = {new_plain_client(cert, key), new_open_server(), {0}, {0}};
	struct wm_pubkey seen;

	talk(&e);
	assert_false(wm_tls_is_established(e.server));
	assert_int_not_equal(e.server_err.code, 0);
	assert_non_null(strstr(e.server_err.text, why));
	assert_false(wm_tls_peer_key(e.server, &seen));
	end(&e);
}

static char *to_base64(const struct wm_buf *b)
{
	char *out = wm_alloc(wm_b64_size(b->len));

	wm_b64_format(b->data, b->len, out);
	return out;
}

static void refuse_certificate_of(enum wm_pki_key_type type, const char *why)
{
	const struct wm_pki_key_opts opts = {.type = type};
	WM_AUTO(wm_pki_buf_wipe) struct wm_buf cert = {0}, key = {0};
	struct wm_pki_cert *ca;
	char *cert_text, *key_text;

	assert_int_equal(
		wm_pki_cert_new_ca("ca", &opts, wm_clock_wall(), WM_PKI_CA_EXPIRY, &ca, NULL), 0);
	wm_pki_cert_encode(ca, false, &cert);
	wm_pki_cert_encode_key(ca, &key);
	wm_pki_cert_free(ca);
	cert_text = to_base64(&cert);
	key_text = to_base64(&key);
	refuse_client(cert_text, key_text, why);
	wm_free(cert_text);
	wm_free(key_text);
}

static void test_client_without_certificate(void **state)
{
	(void)state;
	refuse_client(NULL, NULL, "the client showed no certificate");
}

static void test_client_with_another_kind_of_key(void **state)
{
	(void)state;
	/* It cannot sign with Ed25519, and nothing else was offered: it shows none. */
	refuse_certificate_of(WM_PKI_ECDSA, "the client showed no certificate");
}

static void test_old_version(void **state)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl;
	struct wm_tls *server = new_open_server();
	struct wm_err err;
	char hello[4096];
	int n;

	(void)state;
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	ssl = SSL_new(ctx);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	assert_int_not_equal(SSL_connect(ssl), 1);
	n = BIO_read(SSL_get_wbio(ssl), hello, sizeof(hello));
	assert_true(n > 0);
	assert_int_equal(wm_tls_feed(server, hello, (size_t)n, &err), WM_UNAVAILABLE);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	wm_tls_free(server);
}

static int make_keys(void **state)
{
	(void)state;
	wm_key_generate(&alpha);
	wm_key_generate(&beta);
	return 0;
}

static int forget_keys(void **state)
{
	(void)state;
	wm_key_fini(&alpha);
	wm_key_fini(&beta);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_are_known_to_both),
		cmocka_unit_test(test_server_refuses_a_key),
		cmocka_unit_test(test_client_refuses_a_key),
		cmocka_unit_test(test_client_without_certificate),
		cmocka_unit_test(test_client_with_another_kind_of_key),
		cmocka_unit_test(test_old_version),
	};
	return cmocka_run_group_tests(tests, make_keys, forget_keys);
}
