#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include "base/addr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "crypto/evp.h"
#include "crypto/pki_cert.h"
#include "crypto/tls_impl.h"

/*
 * Why a connection failed, in words for the person who has to mend it. Three sources: our own
 * verdict on the peer's certificate (taken down in OpenSSL's verify callback, while the certificate
 * in question is at hand), the alert that the peer sent, and OpenSSL's reason for anything else.
 */

/* ---- our verdict on the peer's certificate ---- */

/* Appends ", name" to @out for as long as there is room. */
static void list_name(char *out, size_t size, const char *name, size_t n)
{
	size_t at = strlen(out);

	snprintf(out + at, size - at, "%s%.*s", at > 0 ? ", " : "", (int)n, name);
}

static void list_one(const GENERAL_NAME *g, char *out, size_t size)
{
	const ASN1_STRING *text = g->type == GEN_DNS ? g->d.dNSName : NULL;
	struct wm_addr addr = {0};
	char literal[WM_ADDR_TEXT];

	if (text != NULL) {
		list_name(out, size, (const char *)ASN1_STRING_get0_data(text),
			  (size_t)ASN1_STRING_length(text));
	} else if (g->type == GEN_IPADD && (ASN1_STRING_length(g->d.iPAddress) == 4 ||
					    ASN1_STRING_length(g->d.iPAddress) == 16)) {
		int n = ASN1_STRING_length(g->d.iPAddress);

		addr.family = n == 4 ? WM_IPV4 : WM_IPV6;
		memcpy(addr.bytes, ASN1_STRING_get0_data(g->d.iPAddress), (size_t)n);
		wm_addr_format(&addr, literal);
		list_name(out, size, literal, strlen(literal));
	}
}

/* The names that a certificate is good for. */
static void list_names(X509 *cert, char *out, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	out[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && i < 4; i++)
		list_one(sk_GENERAL_NAME_value(names, i), out, size);
	GENERAL_NAMES_free(names);
	wm_x509_make_printable(out);
	if (out[0] == '\0')
		snprintf(out, size, "no name at all");
}

static const char *peer_of(const struct wm_tls *t)
{
	return t->is_server ? "the client" : "the server";
}

static void refuse_name(struct wm_tls *t, X509 *cert)
{
	char names[160];

	list_names(cert, names, sizeof(names));
	wm_fail(t->why, WM_UNAUTHENTICATED,
		"the server's certificate is for %s, not %s: use %s if names are not in the "
		"certificates",
		names, t->host, t->hints.names);
}

static void refuse_time(struct wm_tls *t, X509 *cert, int depth)
{
	struct wm_err why;
	char what[80];

	snprintf(what, sizeof(what), "%s%s's certificate", depth > 0 ? "the authority behind " : "",
		 peer_of(t));
	/* The clock may have moved since OpenSSL looked at it: then say just what it said. */
	if (wm_x509_check_time(cert, what, wm_clock_wall(), &why) == 0)
		snprintf(why.text, sizeof(why.text), "%s is outside its time", what);
	wm_fail(t->why, WM_UNAUTHENTICATED, "%s", why.text);
}

static void refuse_authority(struct wm_tls *t, X509_STORE_CTX *store, X509 *cert)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store);
	X509 *leaf = sk_X509_num(chain) > 0 ? sk_X509_value(chain, 0) : cert;
	X509_NAME *issuer = X509_get_issuer_name(cert);
	char label[128], by[128] = "";

	wm_x509_label(leaf, label, sizeof(label));
	if (X509_NAME_get_text_by_NID(issuer, NID_commonName, by, sizeof(by)) < 0)
		snprintf(by, sizeof(by), "(no name)");
	wm_x509_make_printable(by);
	if (t->is_server)
		wm_fail(t->why, WM_UNAUTHENTICATED,
			"the client's certificate (%s) is signed by an authority that is not "
			"trusted here (%s): not the one of the client CA",
			label, by);
	else
		wm_fail(t->why, WM_UNAUTHENTICATED,
			"the server's certificate (%s) is signed by an authority that is not "
			"trusted here (%s): give that authority's certificate with %s",
			label, by, t->hints.ca);
}

static void refuse_other(struct wm_tls *t, X509 *cert, int why)
{
	char label[128];

	wm_x509_label(cert, label, sizeof(label));
	if (why == X509_V_ERR_INVALID_PURPOSE)
		wm_fail(t->why, WM_UNAUTHENTICATED,
			"the certificate (%s) of %s may not be used by a %s", label, peer_of(t),
			t->is_server ? "client" : "server");
	else
		wm_fail(t->why, WM_UNAUTHENTICATED,
			"the certificate (%s) of %s is not accepted: %s", label, peer_of(t),
			X509_verify_cert_error_string(why));
}

static void refuse(struct wm_tls *t, X509_STORE_CTX *store, X509 *cert, int why)
{
	switch (why) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH: refuse_name(t, cert); break;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		refuse_time(t, cert, X509_STORE_CTX_get_error_depth(store));
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE: refuse_authority(t, store, cert); break;
	default: refuse_other(t, cert, why); break;
	}
}

struct wm_err *wm_tls_die(struct wm_tls *t)
{
	if (t->why == NULL)
		t->why = wm_alloc(sizeof(*t->why));
	return t->why;
}

int wm_tls_on_verify(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct wm_tls *t = SSL_get_app_data(ssl);
	X509 *cert = X509_STORE_CTX_get_current_cert(store);

	if (ok == 0 && t->why == NULL && cert != NULL) {
		(void)wm_tls_die(t);
		refuse(t, store, cert, X509_STORE_CTX_get_error(store));
	}
	return ok;
}

/* ---- what the peer, or OpenSSL, says ---- */

/* An alert of the peer. The text follows the words "the server" or "the client". */
struct alert {
	int number;
	enum wm_code code;
	const char *text;
};

static const struct alert alerts[] = {
	{40, WM_UNAVAILABLE, "found no common parameters (alert: handshake failure)"},
	{42, WM_UNAUTHENTICATED, "refused our certificate (alert: bad certificate)"},
	{43, WM_UNAUTHENTICATED,
	 "refused our kind of certificate (alert: unsupported certificate)"},
	{44, WM_UNAUTHENTICATED, "refused our certificate as revoked (alert: certificate revoked)"},
	{45, WM_UNAUTHENTICATED, "refused our certificate as expired (alert: certificate expired)"},
	{46, WM_UNAUTHENTICATED, "refused our certificate (alert: certificate unknown)"},
	{48, WM_UNAUTHENTICATED,
	 "does not trust the authority that signed our certificate (alert: unknown CA)"},
	{49, WM_UNAUTHENTICATED, "denies us access (alert: access denied)"},
	{51, WM_UNAUTHENTICATED, "refused our signature (alert: decrypt error)"},
	{70, WM_UNAVAILABLE, "speaks neither TLS 1.2 nor 1.3 (alert: protocol version)"},
	{71, WM_UNAVAILABLE, "demands stronger ciphers (alert: insufficient security)"},
	{80, WM_UNAVAILABLE, "had a failure of its own (alert: internal error)"},
	{112, WM_UNAVAILABLE,
	 "does not serve the name that we asked for (alert: unrecognized name)"},
	{116, WM_UNAUTHENTICATED, "demands a client certificate (alert: certificate required)"},
	{120, WM_UNAVAILABLE, "does not speak HTTP/2 (alert: no application protocol)"},
};

static int explain_alert(struct wm_tls *t, int number)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(alerts); i++) {
		if (alerts[i].number == number)
			return wm_fail(t->why, alerts[i].code, "%s %s", peer_of(t), alerts[i].text);
	}
	return wm_fail(t->why, WM_UNAVAILABLE, "%s ended the connection (TLS alert %d)", peer_of(t),
		       number);
}

static int explain_reason(struct wm_tls *t, unsigned long e)
{
	const char *text = ERR_reason_error_string(e);

	switch (ERR_GET_REASON(e)) {
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		return wm_fail(t->why, WM_UNAUTHENTICATED,
			       "the client showed no certificate, and one is demanded");
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
	case SSL_R_UNEXPECTED_MESSAGE:
	case SSL_R_BAD_RECORD_TYPE:
	case SSL_R_RECORD_LENGTH_MISMATCH:
	case SSL_R_LENGTH_TOO_SHORT:
		if (t->is_established)
			break;
		return wm_fail(t->why, WM_UNAVAILABLE, "%s does not speak TLS on this port",
			       peer_of(t));
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
		return wm_fail(t->why, WM_UNAVAILABLE, "%s speaks neither TLS 1.2 nor 1.3",
			       peer_of(t));
	case SSL_R_NO_APPLICATION_PROTOCOL:
		return wm_fail(t->why, WM_UNAVAILABLE, "%s does not speak HTTP/2", peer_of(t));
	case SSL_R_NO_SHARED_CIPHER:
		return wm_fail(t->why, WM_UNAVAILABLE, "no cipher in common with %s", peer_of(t));
	default: break;
	}
	return wm_fail(t->why, WM_UNAVAILABLE, "TLS with %s failed: %s", peer_of(t),
		       text != NULL ? text : "unknown reason");
}

int wm_tls_explain(struct wm_tls *t, struct wm_err *err)
{
	unsigned long e = ERR_peek_error();
	int reason = ERR_GET_REASON(e);

	if (t->why == NULL) { /* else a refused certificate is the reason */
		(void)wm_tls_die(t);
		if (ERR_GET_LIB(e) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET)
			explain_alert(t, reason - SSL_AD_REASON_OFFSET);
		else
			explain_reason(t, e);
	}
	ERR_clear_error();
	return wm_err_copy(err, t->why);
}
