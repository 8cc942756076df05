#include "hex.h"
#include "base/clock.h"
#include "base/mem.h"
#include "crypto/pki.h"
#include "crypto/tls.h"

/*
 * Servers and clients that talk in memory: each mode, and each way in which one side may not like
 * the other. Certificates are made here, in the past or for another use where a test wants that.
 */
#define HOUR (3600 * WM_NS_PER_S)

/* A certificate as configuration holds it: base64 of PEM. */
struct ident {
	char *cert, *key;
};

struct world {
	struct wm_pki_cert *ca, *other_ca;
	char *ca_pem, *other_ca_pem;
	struct ident node1, node2, stranger, expired, p384, rsa, webmesh;
};

static struct world w;

static char *to_base64(const struct wm_buf *b)
{
	char *out = wm_alloc(wm_b64_size(b->len));

	wm_b64_format(b->data, b->len, out);
	return out;
}

static char *cert_text(const struct wm_pki_cert *c)
{
	WM_AUTO(wm_buf_fini) struct wm_buf b = {0};

	wm_pki_cert_encode(c, true, &b);
	return to_base64(&b);
}

static struct ident new_ident(const struct wm_pki_cert *ca, const char *name,
			      enum wm_pki_key_type type, unsigned size, int64_t now, int64_t expiry)
{
	const struct wm_pki_key_opts key = {type, size};
	WM_AUTO(wm_pki_buf_wipe) struct wm_buf b = {0};
	struct wm_pki_cert *c;
	struct ident out;

	assert_int_equal(wm_pki_cert_new_leaf(ca, name, &key, now, expiry, &c, NULL), 0);
	wm_pki_cert_encode_key(c, &b);
	out.cert = cert_text(c);
	out.key = to_base64(&b);
	wm_pki_cert_free(c);
	return out;
}

static int make_world(void **state)
{
	const struct wm_pki_key_opts key = {0};
	int64_t now = wm_clock_wall();
	int64_t then = now - 48 * HOUR;

	assert_int_equal(wm_pki_cert_new_ca("webmesh-ca", &key, then, 96 * HOUR, &w.ca, NULL), 0);
	assert_int_equal(wm_pki_cert_new_ca("webmesh-ca", &key, then, 96 * HOUR, &w.other_ca, NULL),
			 0);
	w.ca_pem = cert_text(w.ca);
	w.other_ca_pem = cert_text(w.other_ca);
	w.node1 = new_ident(w.ca, "node-1", WM_PKI_ECDSA, 256, now, HOUR);
	w.node2 = new_ident(w.ca, "node-2", WM_PKI_ECDSA, 256, now, HOUR);
	w.stranger = new_ident(w.other_ca, "node-2", WM_PKI_ECDSA, 256, now, HOUR);
	/* Good for a second two days ago; only the peer ever loads it. */
	w.expired = new_ident(w.ca, "node-2", WM_PKI_ECDSA, 256, then, WM_NS_PER_S);
	w.p384 = new_ident(w.ca, "node-2", WM_PKI_ECDSA, 384, now, HOUR);
	w.rsa = new_ident(w.ca, "node-2", WM_PKI_RSA, 2048, now, HOUR);
	w.webmesh = new_ident(w.ca, "node-2", WM_PKI_WEBMESH, 0, now, HOUR);
	return 0;
}

static void free_ident(struct ident *i)
{
	wm_free(i->cert);
	wm_free(i->key);
}

static int free_world(void **state)
{
	struct ident *all[] = {&w.node1, &w.node2, &w.stranger, &w.expired,
			       &w.p384,  &w.rsa,   &w.webmesh};

	for (size_t i = 0; i < WM_ARRAY_LEN(all); i++)
		free_ident(all[i]);
	wm_free(w.ca_pem);
	wm_free(w.other_ca_pem);
	wm_pki_cert_free(w.ca);
	wm_pki_cert_free(w.other_ca);
	return 0;
}

static struct wm_tls_server_opts server_of(const struct ident *i)
{
	return (struct wm_tls_server_opts){.cert.data = i->cert, .key.data = i->key};
}

static struct wm_tls_server_opts mtls_server(void)
{
	struct wm_tls_server_opts o = server_of(&w.node1);

	o.require_client_cert = true;
	o.client_ca.data = w.ca_pem;
	return o;
}

static struct wm_tls_client_opts client_of(const struct ident *i)
{
	struct wm_tls_client_opts o = {.ca.data = w.ca_pem};

	if (i != NULL) {
		o.cert.data = i->cert;
		o.key.data = i->key;
	}
	return o;
}

/* Two ends and what each of them says about the handshake. */
struct pair {
	struct wm_tls *server, *client;
	struct wm_err server_err, client_err;
};

/* Carries ciphertext one way, in pieces of @piece bytes; true when there was some. */
static bool carry(struct wm_tls *from, struct wm_tls *to, struct wm_err *err, size_t piece)
{
	WM_AUTO(wm_buf_fini) struct wm_buf b = {0};

	wm_tls_drain(from, &b);
	for (size_t at = 0; at < b.len; at += piece) {
		size_t n = b.len - at < piece ? b.len - at : piece;

		if (wm_tls_feed(to, b.data + at, n, err) != 0)
			break;
	}
	return b.len > 0;
}

static void read_to(struct wm_tls *t, struct wm_buf *out, struct wm_err *err)
{
	if (wm_tls_read(t, out, 1 << 20, err) != 0)
		assert_int_not_equal(err->code, 0);
}

static void talk(struct pair *p, size_t piece)
{
	WM_AUTO(wm_buf_fini) struct wm_buf none = {0};
	bool more = true;

	for (int i = 0; more && i < 20; i++) {
		more = carry(p->client, p->server, &p->server_err, piece);
		more |= carry(p->server, p->client, &p->client_err, piece);
	}
	/* Under TLS 1.3 the server's verdict comes after the client's side is done. */
	read_to(p->client, &none, &p->client_err);
	assert_int_equal(none.len, 0);
}

static void connect_pair(struct pair *p, const struct wm_tls_server_opts *so,
			 const struct wm_tls_client_opts *co, const char *host)
{
	struct wm_tls_config *sc, *cc;
	struct wm_err err;

	memset(p, 0, sizeof(*p));
	if (wm_tls_config_new_server(so, &sc, &err) != 0)
		fail_msg("%s", err.text);
	if (wm_tls_config_new_client(co, &cc, &err) != 0)
		fail_msg("%s", err.text);
	p->server = wm_tls_new(sc, NULL);
	p->client = wm_tls_new(cc, host);
	wm_tls_config_free(sc); /* connections keep what they need */
	wm_tls_config_free(cc);
	talk(p, SIZE_MAX);
}

static void end_pair(struct pair *p)
{
	wm_tls_free(p->server);
	wm_tls_free(p->client);
}

static void assert_text_passes(struct wm_tls *from, struct wm_tls *to, size_t n)
{
	WM_AUTO(wm_autofree) uint8_t *text = wm_alloc(n);
	WM_AUTO(wm_buf_fini) struct wm_buf got = {0};
	struct wm_err err;

	for (size_t i = 0; i < n; i++)
		text[i] = (uint8_t)(i * 31 + n);
	assert_int_equal(wm_tls_write(from, text, n, &err), 0);
	carry(from, to, &err, 1000);
	assert_int_equal(wm_tls_read(to, &got, n + 1, &err), 0);
	assert_int_equal(got.len, n);
	assert_memory_equal(got.data, text, n);
	assert_false(wm_tls_has_output(from));
}

static void assert_works(struct pair *p)
{
	if (!wm_tls_is_established(p->server) || !wm_tls_is_established(p->client))
		fail_msg("server: %s; client: %s", p->server_err.text, p->client_err.text);
	assert_int_equal(p->server_err.code, 0);
	assert_int_equal(p->client_err.code, 0);
	assert_string_equal(wm_tls_alpn(p->server), "h2");
	assert_string_equal(wm_tls_alpn(p->client), "h2");
	assert_string_equal(wm_tls_version(p->server), "TLSv1.3");
	assert_text_passes(p->client, p->server, 5);
	assert_text_passes(p->server, p->client, 100000);
	assert_text_passes(p->client, p->server, 16384);
}

static void assert_says(const struct wm_err *err, int code, const char *part)
{
	if (err->code != code || strstr(err->text, part) == NULL)
		fail_msg("got %d: %s; wanted %d: %s", err->code, err->text, code, part);
}

/* ---- what works ---- */

static void test_name_and_chain(void **state)
{
	struct wm_tls_server_opts so = server_of(&w.node1);
	struct wm_tls_client_opts co = client_of(NULL);
	struct pair p;

	connect_pair(&p, &so, &co, "node-1");
	assert_works(&p);
	assert_string_equal(wm_tls_peer_cn(p.client), "node-1");
	assert_null(wm_tls_peer_cn(p.server));
	assert_int_equal(wm_tls_peer_certs(p.client), 2);
	assert_int_equal(wm_tls_peer_certs(p.server), 0);
	end_pair(&p);
	connect_pair(&p, &so, &co, "NODE-1.");
	assert_works(&p);
	end_pair(&p);
}

static void test_chain_only(void **state)
{
	struct wm_tls_server_opts so = server_of(&w.node1);
	struct wm_tls_client_opts co = client_of(NULL);
	static const char *const hosts[] = {"10.0.0.1", "fe80::1%eth0", "example.com", "", NULL};
	struct pair p;

	co.verify_chain_only = true;
	for (size_t i = 0; i < WM_ARRAY_LEN(hosts); i++) {
		connect_pair(&p, &so, &co, hosts[i]);
		assert_works(&p);
		end_pair(&p);
	}
}

static void test_skip_verify(void **state)
{
	struct wm_tls_server_opts so = {0}; /* self-signed */
	struct wm_tls_client_opts co = {.skip_verify = true};
	struct pair p;

	connect_pair(&p, &so, &co, "10.0.0.1");
	assert_works(&p);
	assert_int_equal(wm_tls_peer_certs(p.client), 1);
	assert_null(wm_tls_peer_cn(p.client)); /* shown, but not verified */
	end_pair(&p);
}

static void test_mutual(void **state)
{
	const struct ident *idents[] = {&w.node2, &w.p384, &w.rsa, &w.webmesh};
	struct wm_tls_server_opts so = mtls_server();

	for (size_t i = 0; i < WM_ARRAY_LEN(idents); i++) {
		struct wm_tls_client_opts co = client_of(idents[i]);
		WM_AUTO(wm_buf_fini) struct wm_buf leaf = {0};
		WM_AUTO(wm_buf_fini) struct wm_buf ca = {0};
		struct pair p;

		connect_pair(&p, &so, &co, "node-1");
		assert_works(&p);
		assert_string_equal(wm_tls_peer_cn(p.server), "node-2");
		assert_int_equal(wm_tls_peer_certs(p.server), 2);
		assert_true(wm_tls_peer_cert_encode(p.server, 0, &leaf));
		assert_true(wm_tls_peer_cert_encode(p.server, 1, &ca));
		assert_int_equal(leaf.data[0], 0x30);
		assert_memory_not_equal(leaf.data, ca.data, leaf.len < ca.len ? leaf.len : ca.len);
		assert_false(wm_tls_peer_cert_encode(p.server, 2, &ca));
		end_pair(&p);
	}
}

/* One connection is up, one has begun, when the server gets another certificate. */
static void test_a_config_that_changes(void **state)
{
	struct wm_tls_server_opts so = server_of(&w.node1), fresh_so = server_of(&w.p384);
	struct wm_tls_client_opts co = client_of(NULL);
	struct wm_tls_config *sc, *cc, *fresh;
	struct pair up = {0}, begun = {0}, late = {0};

	co.verify_chain_only = true;
	assert_int_equal(wm_tls_config_new_server(&so, &sc, NULL), 0);
	assert_int_equal(wm_tls_config_new_server(&fresh_so, &fresh, NULL), 0);
	assert_int_equal(wm_tls_config_new_client(&co, &cc, NULL), 0);
	up.server = wm_tls_new(sc, NULL);
	up.client = wm_tls_new(cc, "a");
	talk(&up, SIZE_MAX);
	begun.server = wm_tls_new(sc, NULL);
	begun.client = wm_tls_new(cc, "a");
	carry(begun.client, begun.server, &begun.server_err, SIZE_MAX);
	wm_tls_config_take(sc, fresh);
	assert_works(&up);
	talk(&begun, SIZE_MAX);
	assert_works(&begun);
	assert_string_equal(wm_tls_peer_cn(begun.client), "node-1");
	late.server = wm_tls_new(sc, NULL);
	late.client = wm_tls_new(cc, "a");
	talk(&late, SIZE_MAX);
	assert_works(&late);
	assert_string_equal(wm_tls_peer_cn(late.client), "node-2");
	/* And a client that trusts somebody else from here on. */
	co.ca.data = w.other_ca_pem;
	assert_int_equal(wm_tls_config_new_client(&co, &fresh, NULL), 0);
	wm_tls_config_take(cc, fresh);
	assert_works(&late);
	end_pair(&up);
	up.server = wm_tls_new(sc, NULL);
	up.client = wm_tls_new(cc, "a");
	wm_tls_config_free(sc);
	wm_tls_config_free(cc);
	talk(&up, SIZE_MAX);
	assert_int_equal(up.client_err.code, WM_UNAUTHENTICATED);
	end_pair(&up);
	end_pair(&begun);
	end_pair(&late);
}

static void test_server_certificates_of_each_kind(void **state)
{
	const struct ident *idents[] = {&w.p384, &w.rsa, &w.webmesh};

	for (size_t i = 0; i < WM_ARRAY_LEN(idents); i++) {
		struct wm_tls_server_opts so = server_of(idents[i]);
		struct wm_tls_client_opts co = client_of(NULL);
		struct pair p;

		connect_pair(&p, &so, &co, "node-2");
		assert_works(&p);
		end_pair(&p);
	}
}

static void test_byte_by_byte(void **state)
{
	struct wm_tls_server_opts so = mtls_server();
	struct wm_tls_client_opts co = client_of(&w.node2);
	struct wm_tls_config *sc, *cc;
	struct pair p = {0};

	assert_int_equal(wm_tls_config_new_server(&so, &sc, NULL), 0);
	assert_int_equal(wm_tls_config_new_client(&co, &cc, NULL), 0);
	p.server = wm_tls_new(sc, NULL);
	p.client = wm_tls_new(cc, "node-1");
	assert_true(wm_tls_has_output(p.client));
	assert_int_equal(wm_tls_write(p.client, "x", 1, &p.client_err), WM_FAILED_PRECONDITION);
	p.client_err.code = 0;
	talk(&p, 1);
	assert_works(&p);
	end_pair(&p);
	wm_tls_config_free(sc);
	wm_tls_config_free(cc);
}

/* Text that came together with the end of the handshake is not lost. */
static void test_early_text(void **state)
{
	struct wm_tls_server_opts so = mtls_server();
	struct wm_tls_client_opts co = client_of(&w.node2);
	WM_AUTO(wm_buf_fini) struct wm_buf got = {0};
	struct wm_tls_config *sc, *cc;
	struct pair p = {0};

	assert_int_equal(wm_tls_config_new_server(&so, &sc, NULL), 0);
	assert_int_equal(wm_tls_config_new_client(&co, &cc, NULL), 0);
	p.server = wm_tls_new(sc, NULL);
	p.client = wm_tls_new(cc, "node-1");
	carry(p.client, p.server, &p.server_err, SIZE_MAX);
	carry(p.server, p.client, &p.client_err, SIZE_MAX);
	assert_true(wm_tls_is_established(p.client));
	assert_int_equal(wm_tls_write(p.client, "hello", 5, NULL), 0);
	carry(p.client, p.server, &p.server_err, SIZE_MAX);
	assert_true(wm_tls_is_established(p.server));
	assert_int_equal(wm_tls_read(p.server, &got, 3, NULL), 0);
	assert_string_equal(wm_buf_str(&got), "hel");
	assert_int_equal(wm_tls_read(p.server, &got, 100, NULL), 0);
	assert_string_equal(wm_buf_str(&got), "hello");
	end_pair(&p);
	wm_tls_config_free(sc);
	wm_tls_config_free(cc);
}

static void test_close(void **state)
{
	struct wm_tls_server_opts so = server_of(&w.node1);
	struct wm_tls_client_opts co = client_of(NULL);
	WM_AUTO(wm_buf_fini) struct wm_buf got = {0};
	struct pair p;

	connect_pair(&p, &so, &co, "node-1");
	assert_int_equal(wm_tls_write(p.client, "bye", 3, NULL), 0);
	wm_tls_close(p.client);
	carry(p.client, p.server, &p.server_err, SIZE_MAX);
	assert_false(wm_tls_is_closed(p.server));
	assert_int_equal(wm_tls_read(p.server, &got, 100, NULL), 0);
	assert_string_equal(wm_buf_str(&got), "bye");
	assert_true(wm_tls_is_closed(p.server));
	end_pair(&p);
}

/* ---- what is refused in the handshake ---- */

static void refuse_server(const struct wm_tls_server_opts *so, const struct wm_tls_client_opts *co,
			  const char *host, const char *client_says, const char *server_says)
{
	struct pair p;
	struct wm_err again;

	connect_pair(&p, so, co, host);
	assert_false(wm_tls_is_established(p.client));
	assert_says(&p.client_err, WM_UNAUTHENTICATED, client_says);
	assert_says(&p.server_err, WM_UNAUTHENTICATED, server_says);
	/* A dead connection says the same ever after. */
	assert_int_equal(wm_tls_feed(p.client, "x", 1, &again), WM_UNAUTHENTICATED);
	assert_string_equal(again.text, p.client_err.text);
	assert_int_equal(wm_tls_write(p.client, "x", 1, &again), WM_UNAUTHENTICATED);
	end_pair(&p);
}

static void test_wrong_name(void **state)
{
	static const struct wm_tls_hints hints = {"--certificate-authority",
						  "tls-verify-chain-only"};
	struct wm_tls_server_opts so = server_of(&w.node1);
	struct wm_tls_client_opts co = client_of(NULL);

	refuse_server(&so, &co, "node-2",
		      "the server's certificate is for node-1, not node-2: use "
		      "--tls.verify-chain-only if names are not in the certificates",
		      "refused our certificate");
	refuse_server(&so, &co, "10.0.0.1", "is for node-1, not 10.0.0.1: use", "refused our");
	refuse_server(&so, &co, "::1", "is for node-1, not ::1: use", "refused our");
	co.hints = &hints;
	refuse_server(&so, &co, "::1", "use tls-verify-chain-only if", "refused our");
}

static void test_unknown_authority(void **state)
{
	struct wm_tls_server_opts so = server_of(&w.stranger);
	struct wm_tls_client_opts co = client_of(NULL);

	refuse_server(&so, &co, "node-2",
		      "(node-2) is signed by an authority that is not trusted here (webmesh-ca): "
		      "give that authority's certificate with --tls.ca-file",
		      "does not trust the authority that signed our certificate");
	co.verify_chain_only = true;
	refuse_server(&so, &co, "node-2", "not trusted here", "does not trust");
	co = (struct wm_tls_client_opts){0};
	refuse_server(&so, &co, "node-2", "not trusted here", "does not trust");
	/* The fallback certificate of a server without one, whose authority is shown to nobody. */
	so = (struct wm_tls_server_opts){0};
	refuse_server(&so, &co, "webmesh-selfsigned-server",
		      "(webmesh-selfsigned-server) is signed by an authority that is not trusted "
		      "here (webmesh-selfsigned-ca)",
		      "does not trust");
}

/* A client's fault that the server finds; under TLS 1.3 the client is already done by then. */
static void refuse_client(const struct wm_tls_client_opts *co, const char *server_says,
			  const char *client_says)
{
	struct wm_tls_server_opts so = mtls_server();
	struct pair p;

	connect_pair(&p, &so, co, "node-1");
	assert_false(wm_tls_is_established(p.server));
	assert_null(wm_tls_peer_cn(p.server));
	assert_says(&p.server_err, WM_UNAUTHENTICATED, server_says);
	assert_says(&p.client_err, WM_UNAUTHENTICATED, client_says);
	end_pair(&p);
}

static void test_client_of_another_authority(void **state)
{
	struct wm_tls_client_opts co = client_of(&w.stranger);

	refuse_client(&co,
		      "the client's certificate (node-2) is signed by an authority that is not "
		      "trusted here (webmesh-ca): not the one of the client CA",
		      "the server does not trust the authority that signed our certificate");
}

static void test_client_without_certificate(void **state)
{
	struct wm_tls_client_opts co = client_of(NULL);

	refuse_client(&co, "the client showed no certificate, and one is demanded",
		      "the server demands a client certificate");
}

/* ---- what is refused before anybody calls ---- */

static void refuse_server_opts(const struct wm_tls_server_opts *o, int code, const char *part)
{
	struct wm_tls_config *c;
	struct wm_err err;

	assert_int_equal(wm_tls_config_new_server(o, &c, &err), code);
	assert_says(&err, code, part);
}

static void refuse_client_opts(const struct wm_tls_client_opts *o, int code, const char *part)
{
	struct wm_tls_config *c;
	struct wm_err err;

	assert_int_equal(wm_tls_config_new_client(o, &c, &err), code);
	assert_says(&err, code, part);
}

static void test_own_certificate(void **state)
{
	struct wm_tls_server_opts o = server_of(&w.expired);
	struct wm_tls_client_opts c = client_of(&w.expired);

	refuse_server_opts(&o, WM_FAILED_PRECONDITION,
			   "server certificate: the certificate (node-2) expired on 20");
	refuse_client_opts(&c, WM_FAILED_PRECONDITION,
			   "client certificate: the certificate (node-2) expired on 20");
	o = server_of(&w.node1);
	o.key.data = w.node2.key;
	refuse_server_opts(&o, WM_INVALID_ARGUMENT,
			   "the key does not belong to the certificate of node-1");
	o.key.data = NULL;
	refuse_server_opts(&o, WM_INVALID_ARGUMENT, "server certificate is given without its key");
	o = (struct wm_tls_server_opts){.key.data = w.node1.key};
	refuse_server_opts(&o, WM_INVALID_ARGUMENT, "server key is given without its certificate");
	c = client_of(&w.node1);
	c.cert.data = "";
	refuse_client_opts(&c, WM_INVALID_ARGUMENT, "client key is given without its certificate");
}

static void test_sources(void **state)
{
	struct wm_tls_server_opts o = server_of(&w.node1);
	struct wm_tls_client_opts c = client_of(NULL);

	o.cert = (struct wm_tls_source){.file = "/nonexistent/tls.crt"};
	refuse_server_opts(&o, WM_NOT_FOUND,
			   "server certificate: /nonexistent/tls.crt: No such file");
	o.cert = (struct wm_tls_source){.file = "/tmp"};
	refuse_server_opts(&o, WM_INVALID_ARGUMENT, "server certificate: /tmp: is a directory");
	o.cert = (struct wm_tls_source){.file = "/etc/passwd"};
	refuse_server_opts(&o, WM_INVALID_ARGUMENT,
			   "server certificate: /etc/passwd: it holds no certificate (it is not "
			   "PEM)");
	o.cert = (struct wm_tls_source){.file = "/etc/passwd", .data = w.node1.cert};
	refuse_server_opts(&o, WM_INVALID_ARGUMENT, "both a file and data are given");
	o.cert = (struct wm_tls_source){.data = "no base64!"};
	refuse_server_opts(&o, WM_INVALID_ARGUMENT, "server certificate: the data is not base64");
	o.cert = (struct wm_tls_source){.data = w.node1.key};
	refuse_server_opts(&o, WM_INVALID_ARGUMENT, "it is PEM but holds no certificate");
	o = server_of(&w.node1);
	o.key.data = w.node1.cert;
	refuse_server_opts(&o, WM_INVALID_ARGUMENT, "server key: it holds no private key");
	c.ca.data = w.node1.key;
	refuse_client_opts(&c, WM_INVALID_ARGUMENT, "CA: it is PEM but holds no certificate");
	o = mtls_server();
	o.client_ca = (struct wm_tls_source){.file = "/etc/passwd"};
	refuse_server_opts(&o, WM_INVALID_ARGUMENT, "client CA: /etc/passwd: it holds no");
	o.client_ca.file = NULL;
	refuse_server_opts(&o, WM_INVALID_ARGUMENT, "but the client CA that signs them is not");
}

static void test_expired_authority(void **state)
{
	const struct wm_pki_key_opts key = {0};
	struct wm_tls_client_opts c = {0};
	struct wm_pki_cert *old;

	assert_int_equal(
		wm_pki_cert_new_ca("old-ca", &key, wm_clock_wall() - 48 * HOUR, HOUR, &old, NULL),
		0);
	WM_AUTO(wm_autofree) char *pem = cert_text(old);
	c.ca.data = pem;
	refuse_client_opts(&c, WM_FAILED_PRECONDITION,
			   "CA: the authority's certificate (old-ca) expired on 20");
	wm_pki_cert_free(old);
}

static void test_folded_data_and_cn(void **state)
{
	WM_AUTO(wm_autofree) char *folded = wm_alloc(2 * strlen(w.node1.cert) + 1);
	char *to = folded, cn[64];
	struct wm_tls_source s = {.data = folded};
	struct wm_err err;

	for (const char *from = w.node1.cert; *from != '\0'; from++) {
		*to++ = *from;
		*to++ = '\n';
	}
	assert_int_equal(wm_tls_source_cn(&s, cn, sizeof(cn), NULL), 0);
	assert_string_equal(cn, "node-1");
	assert_int_equal(wm_tls_source_cn(&s, cn, 6, &err), WM_INVALID_ARGUMENT);
	s.data = w.node1.key;
	assert_int_equal(wm_tls_source_cn(&s, cn, sizeof(cn), &err), WM_INVALID_ARGUMENT);
	s.data = NULL;
	assert_int_equal(wm_tls_source_cn(&s, cn, sizeof(cn), &err), WM_INVALID_ARGUMENT);
	assert_true(wm_tls_source_is_empty(&s));
}

/* ---- peers that are no peers ---- */

static void test_not_tls(void **state)
{
	static const char *const texts[] = {
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",   "HTTP/1.1 400 Bad Request\r\n\r\n",
		"\x01\x02\x03\x04\x05\x06\x07\x08\x09",
	};
	struct wm_tls_server_opts so = server_of(&w.node1);
	struct wm_tls_client_opts co = client_of(NULL);
	struct wm_tls_config *sc, *cc;

	assert_int_equal(wm_tls_config_new_server(&so, &sc, NULL), 0);
	assert_int_equal(wm_tls_config_new_client(&co, &cc, NULL), 0);
	for (size_t i = 0; i < WM_ARRAY_LEN(texts); i++) {
		struct wm_tls *s = wm_tls_new(sc, NULL), *c = wm_tls_new(cc, "node-1");
		struct wm_err err;

		assert_int_not_equal(wm_tls_feed(s, texts[i], strlen(texts[i]), &err), 0);
		assert_says(&err, WM_UNAVAILABLE, "the client does not speak TLS on this port");
		assert_int_not_equal(wm_tls_feed(c, texts[i], strlen(texts[i]), &err), 0);
		assert_says(&err, WM_UNAVAILABLE, "the server does not speak TLS on this port");
		wm_tls_free(s);
		wm_tls_free(c);
	}
	wm_tls_config_free(sc);
	wm_tls_config_free(cc);
}

/* A record that was tampered with kills the connection. */
static void test_tampering(void **state)
{
	struct wm_tls_server_opts so = server_of(&w.node1);
	struct wm_tls_client_opts co = client_of(NULL);
	WM_AUTO(wm_buf_fini) struct wm_buf wire = {0};
	WM_AUTO(wm_buf_fini) struct wm_buf got = {0};
	struct wm_err err;
	struct pair p;

	connect_pair(&p, &so, &co, "node-1");
	assert_int_equal(wm_tls_write(p.client, "hello", 5, NULL), 0);
	wm_tls_drain(p.client, &wire);
	wire.data[wire.len - 1] ^= 1;
	assert_int_equal(wm_tls_feed(p.server, wire.data, wire.len, NULL), 0);
	assert_int_not_equal(wm_tls_read(p.server, &got, 100, &err), 0);
	assert_int_equal(got.len, 0);
	assert_says(&err, WM_UNAVAILABLE, "TLS with the client failed");
	end_pair(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name_and_chain),
		cmocka_unit_test(test_chain_only),
		cmocka_unit_test(test_skip_verify),
		cmocka_unit_test(test_mutual),
		cmocka_unit_test(test_a_config_that_changes),
		cmocka_unit_test(test_server_certificates_of_each_kind),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_early_text),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_wrong_name),
		cmocka_unit_test(test_unknown_authority),
		cmocka_unit_test(test_client_of_another_authority),
		cmocka_unit_test(test_client_without_certificate),
		cmocka_unit_test(test_own_certificate),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_expired_authority),
		cmocka_unit_test(test_folded_data_and_cn),
		cmocka_unit_test(test_not_tls),
		cmocka_unit_test(test_tampering),
	};

	return cmocka_run_group_tests(tests, make_world, free_world);
}
