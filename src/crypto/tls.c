#include "crypto/tls.h"
#include <string.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include "base/addr.h"
#include "base/mem.h"
#include "base/str.h"
#include "crypto/evp.h"
#include "crypto/pki_cert.h"
#include "crypto/tls_impl.h"

#define RECORD_MAX 16384 /* most plaintext in one record */

/* The host as certificates know it: no zone behind an address, no dot behind a name. */
static void set_host(struct wm_tls *t, const char *host)
{
	size_t n;

	t->host = wm_strdup(host);
	t->host[strcspn(t->host, "%")] = '\0';
	n = strlen(t->host);
	if (n > 1 && t->host[n - 1] == '.')
		t->host[n - 1] = '\0';
}

static void expect_name(struct wm_tls *t, bool verify)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
	struct wm_addr addr;

	if (wm_addr_parse(t->host, &addr)) {
		if (verify)
			wm_evp_must(X509_VERIFY_PARAM_set1_ip(param, addr.bytes,
							      wm_addr_bits(&addr) / 8) == 1);
		return;
	}
	if (t->host[0] != '\0')
		wm_evp_must(SSL_set_tlsext_host_name(t->ssl, t->host) == 1);
	if (!verify)
		return;
	wm_evp_must(t->host[0] != '\0');
	SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
					  X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	wm_evp_must(SSL_set1_host(t->ssl, t->host) == 1);
}

/* Runs the handshake as far as the input goes. */
static int shake_hands(struct wm_tls *t, struct wm_err *err)
{
	X509 *cert;
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(t->ssl);
	if (rc != 1 && SSL_get_error(t->ssl, rc) == SSL_ERROR_WANT_READ)
		return 0;
	if (rc != 1)
		return wm_tls_explain(t, err);
	t->is_established = true;
	cert = SSL_get0_peer_certificate(t->ssl);
	if (cert == NULL || !t->verifies_peer || !wm_x509_cn(cert, t->cn, sizeof(t->cn)))
		t->cn[0] = '\0';
	return 0;
}

struct wm_tls *wm_tls_new(const struct wm_tls_config *c, const char *host)
{
	struct wm_tls *t = wm_alloc(sizeof(*t));

	t->ssl = SSL_new(c->ctx);
	wm_evp_must(t->ssl != NULL);
	t->is_server = c->is_server;
	t->verifies_peer = c->verifies_peer;
	t->hints = c->hints;
	t->accept = c->accept;
	t->accept_arg = c->accept_arg;
	SSL_set_app_data(t->ssl, t);
	wm_tls_bio_attach(t);
	if (c->is_server) {
		SSL_set_accept_state(t->ssl);
		return t;
	}
	SSL_set_connect_state(t->ssl);
	set_host(t, host != NULL ? host : "");
	expect_name(t, c->verifies_name);
	wm_evp_must(shake_hands(t, NULL) == 0);
	return t;
}

void wm_tls_free(struct wm_tls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	wm_buf_fini(&t->out);
	wm_buf_fini(&t->in);
	wm_free(t->host);
	wm_free(t->why);
	wm_free(t);
}

/* Moves what is left to the front, and gives the memory of an emptied buffer back. */
static void settle_input(struct wm_tls *t)
{
	if (t->in_at == 0)
		return;
	if (t->in_at < t->in.len)
		wm_buf_consume(&t->in, t->in_at);
	else
		wm_buf_fini(&t->in);
	t->in_at = 0;
}

int wm_tls_feed(struct wm_tls *t, const void *p, size_t n, struct wm_err *err)
{
	int rc = 0;

	if (t->why != NULL)
		return wm_err_copy(err, t->why);
	wm_buf_add(&t->in, p, n);
	if (!t->is_established) {
		rc = shake_hands(t, err);
		settle_input(t);
	}
	return rc;
}

void wm_tls_drain(struct wm_tls *t, struct wm_buf *out)
{
	if (t->out.len == 0)
		return;
	if (out->data == NULL) {
		*out = t->out;
		memset(&t->out, 0, sizeof(t->out));
		return;
	}
	wm_buf_add(out, t->out.data, t->out.len);
	wm_buf_fini(&t->out);
}

bool wm_tls_has_output(const struct wm_tls *t)
{
	return t->out.len > 0;
}

bool wm_tls_is_established(const struct wm_tls *t)
{
	return t->is_established;
}

static void on_message(int sent, int version, int type, const void *p, size_t n, SSL *ssl,
		       void *arg)
{
	struct wm_tls *t = SSL_get_app_data(ssl);

	(void)version;
	(void)arg;
	if (!sent && type == SSL3_RT_HANDSHAKE && n > 0 &&
	    *(const uint8_t *)p == SSL3_MT_KEY_UPDATE)
		t->key_updates++;
}

void wm_tls_watch_key_updates(SSL_CTX *ctx)
{
	SSL_CTX_set_msg_callback(ctx, on_message);
}

/* One record at most; *@n is 0 when there is none. */
static int read_some(struct wm_tls *t, struct wm_buf *out, size_t room, size_t *n,
		     struct wm_err *err)
{
	int rc;

	ERR_clear_error();
	*n = 0;
	rc = SSL_read_ex(t->ssl, wm_buf_reserve(out, room), room, n);
	if (rc == 1) {
		t->key_updates = 0;
		wm_buf_commit(out, *n);
		return 0;
	}
	if (t->key_updates > WM_TLS_KEY_UPDATES_MAX) {
		(void)wm_fail(wm_tls_die(t), WM_RESOURCE_EXHAUSTED,
			      "the peer changes its TLS keys and says nothing");
		return wm_err_copy(err, t->why);
	}
	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_WANT_READ: return 0;
	case SSL_ERROR_ZERO_RETURN: t->is_closed = true; return 0;
	default: return wm_tls_explain(t, err);
	}
}

int wm_tls_read(struct wm_tls *t, struct wm_buf *out, size_t max, struct wm_err *err)
{
	int rc = 0;

	if (t->why != NULL)
		return wm_err_copy(err, t->why);
	while (t->is_established && !t->is_closed && max > 0) {
		size_t n;

		/* Nothing to open: no need for OpenSSL to make a buffer only to find that out. */
		if (t->in_at == t->in.len && !SSL_has_pending(t->ssl))
			break;
		rc = read_some(t, out, max < RECORD_MAX ? max : RECORD_MAX, &n, err);
		if (rc != 0 || n == 0)
			break;
		max -= n;
	}
	settle_input(t);
	return rc;
}

bool wm_tls_is_closed(const struct wm_tls *t)
{
	return t->is_closed;
}

int wm_tls_write(struct wm_tls *t, const void *p, size_t n, struct wm_err *err)
{
	size_t written;

	if (t->why != NULL)
		return wm_err_copy(err, t->why);
	if (!t->is_established)
		return wm_fail(err, WM_FAILED_PRECONDITION, "the TLS handshake is not done yet");
	if (n == 0)
		return 0;
	ERR_clear_error();
	if (SSL_write_ex(t->ssl, p, n, &written) != 1)
		return wm_tls_explain(t, err);
	return 0;
}

void wm_tls_close(struct wm_tls *t)
{
	if (t->why == NULL && t->is_established)
		SSL_shutdown(t->ssl);
	ERR_clear_error();
}

const char *wm_tls_alpn(const struct wm_tls *t)
{
	const unsigned char *name;
	unsigned n;

	SSL_get0_alpn_selected(t->ssl, &name, &n);
	return n == 2 && memcmp(name, "h2", 2) == 0 ? "h2" : "";
}

const char *wm_tls_version(const struct wm_tls *t)
{
	return SSL_get_version(t->ssl);
}

const char *wm_tls_peer_cn(const struct wm_tls *t)
{
	return t->cn[0] != '\0' ? t->cn : NULL;
}

/* OpenSSL's list of the peer's certificates begins with the leaf on one side only. */
static X509 *find_peer_cert(const struct wm_tls *t, size_t i)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(t->ssl);

	if (i == 0)
		return SSL_get0_peer_certificate(t->ssl);
	if (t->is_server)
		i--;
	return i < (size_t)sk_X509_num(chain) && chain != NULL ? sk_X509_value(chain, (int)i)
							       : NULL;
}

size_t wm_tls_peer_certs(const struct wm_tls *t)
{
	size_t n = 0;

	while (find_peer_cert(t, n) != NULL)
		n++;
	return n;
}

bool wm_tls_peer_cert_encode(const struct wm_tls *t, size_t i, struct wm_buf *out)
{
	X509 *cert = find_peer_cert(t, i);
	unsigned char *der = NULL;
	int n;

	if (cert == NULL)
		return false;
	n = i2d_X509(cert, &der);
	wm_evp_must(n > 0);
	wm_buf_add(out, der, (size_t)n);
	OPENSSL_free(der);
	return true;
}
