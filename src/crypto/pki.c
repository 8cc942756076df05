#include "crypto/pki.h"
#include <assert.h>
#include <limits.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>
#include "base/calendar.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "crypto/evp.h"
#include "crypto/pki_cert.h"

static const char *const key_type_names[] = {
	[WM_PKI_ECDSA] = "ecdsa",
	[WM_PKI_RSA] = "rsa",
	[WM_PKI_WEBMESH] = "webmesh",
};

bool wm_pki_key_type_parse(const char *s, enum wm_pki_key_type *out)
{
	for (unsigned i = 0; i < WM_ARRAY_LEN(key_type_names); i++) {
		if (wm_streq(s, key_type_names[i])) {
			*out = (enum wm_pki_key_type)i;
			return true;
		}
	}
	return false;
}

const char *wm_pki_key_type_name(enum wm_pki_key_type type)
{
	return key_type_names[type];
}

int wm_pki_cert_new_self_signed(int64_t now_ns, struct wm_pki_cert **out, struct wm_err *err)
{
	const struct wm_pki_key_opts key = {.type = WM_PKI_ECDSA};
	struct wm_pki_cert *ca = NULL;
	int rc = wm_pki_cert_new_ca("webmesh-selfsigned-ca", &key, now_ns, WM_PKI_CA_EXPIRY, &ca,
				    err);

	if (rc == 0)
		rc = wm_pki_cert_new_leaf(ca, WM_PKI_SELF_SIGNED, &key, now_ns, WM_PKI_CA_EXPIRY,
					  out, err);
	wm_pki_cert_free(ca);
	return rc;
}

/* Gives the first certificate, and the one behind it when that one signed it, to @c. */
static void take_certificates(struct wm_pki_cert *c, STACK_OF(X509) * certs)
{
	c->cert = sk_X509_shift(certs);
	if (sk_X509_num(certs) > 0 &&
	    X509_check_issued(sk_X509_value(certs, 0), c->cert) == X509_V_OK &&
	    X509_cmp(sk_X509_value(certs, 0), c->cert) != 0)
		c->issuer = sk_X509_shift(certs);
}

int wm_pki_cert_decode(const void *cert_pem, size_t cert_len, const void *key_pem, size_t key_len,
		       struct wm_pki_cert **out, struct wm_err *err)
{
	struct wm_pki_cert *c = wm_alloc(sizeof(*c));
	STACK_OF(X509) *certs = NULL;
	char label[128];
	int rc = wm_pem_certs_decode(cert_pem, cert_len, &certs, err);

	if (rc != 0) {
		wm_pki_cert_free(c);
		return wm_wrap(err, "certificate");
	}
	take_certificates(c, certs);
	sk_X509_pop_free(certs, X509_free);
	rc = wm_pem_key_decode(key_pem, key_len, &c->key, err);
	if (rc != 0)
		rc = wm_wrap(err, "key");
	else if (X509_check_private_key(c->cert, c->key) != 1)
		rc = wm_fail(err, WM_INVALID_ARGUMENT,
			     "the key does not belong to the certificate of %s (%s)",
			     wm_x509_label(c->cert, label, sizeof(label)), wm_evp_reason());
	if (rc == 0)
		*out = c;
	else
		wm_pki_cert_free(c);
	return rc;
}

void wm_pki_cert_free(struct wm_pki_cert *c)
{
	if (c == NULL)
		return;
	X509_free(c->issuer);
	EVP_PKEY_free(c->key);
	X509_free(c->cert);
	wm_free(c);
}

/* Moves what was written to @from into @out and frees @from, which wipes it. */
static void take_text(BIO *from, struct wm_buf *out)
{
	char *text;
	long n = BIO_get_mem_data(from, &text);

	wm_evp_must(n > 0);
	wm_buf_add(out, text, (size_t)n);
	BIO_free(from);
}

void wm_pki_cert_encode(const struct wm_pki_cert *c, bool chain, struct wm_buf *out)
{
	BIO *to = BIO_new(BIO_s_mem());

	wm_evp_must(to != NULL && PEM_write_bio_X509(to, c->cert) == 1);
	if (chain && c->issuer != NULL)
		wm_evp_must(PEM_write_bio_X509(to, c->issuer) == 1);
	take_text(to, out);
}

void wm_pki_cert_encode_key(const struct wm_pki_cert *c, struct wm_buf *out)
{
	BIO *to = BIO_new(BIO_s_secmem());
	int ok;

	wm_evp_must(to != NULL);
	if (EVP_PKEY_is_a(c->key, "ED25519")) /* has no form older than PKCS#8 */
		ok = PEM_write_bio_PKCS8PrivateKey(to, c->key, NULL, NULL, 0, NULL, NULL);
	else
		ok = PEM_write_bio_PrivateKey_traditional(to, c->key, NULL, NULL, 0, NULL, NULL);
	wm_evp_must(ok == 1);
	take_text(to, out);
}

void wm_pki_buf_wipe(struct wm_buf *b)
{
	if (b->data != NULL)
		wm_wipe(b->data, b->cap);
	wm_buf_fini(b);
}

int wm_pki_cn_decode(const void *pem, size_t len, char *out, size_t size, struct wm_err *err)
{
	STACK_OF(X509) *certs = NULL;
	bool ok;
	int rc = wm_pem_certs_decode(pem, len, &certs, err);

	if (rc != 0)
		return rc;
	ok = wm_x509_cn(sk_X509_value(certs, 0), out, size);
	sk_X509_pop_free(certs, X509_free);
	return ok ? 0
		  : wm_fail(err, WM_INVALID_ARGUMENT, "the certificate has no usable common name");
}

bool wm_x509_cn(const X509 *cert, char *out, size_t size)
{
	const X509_NAME *name = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	unsigned char *text = NULL;
	bool ok;
	int n;

	/* Two common names are no name: programs differ in which of them they take. */
	if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
		return false;
	n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	ok = n > 0 && (size_t)n < size && memchr(text, 0, (size_t)n) == NULL &&
	     wm_utf8_is_valid(text, (size_t)n);
	if (ok) {
		memcpy(out, text, (size_t)n);
		out[n] = '\0';
	}
	OPENSSL_free(text);
	return ok;
}

const char *wm_x509_label(const X509 *cert, char *out, size_t size)
{
	if (!wm_x509_cn(cert, out, size))
		wm_str_copy(out, size, "(no name)");
	wm_x509_make_printable(out);
	return out;
}

void wm_x509_make_printable(char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
	}
}

int64_t wm_x509_time(const ASN1_TIME *t)
{
	struct wm_date date;
	struct tm tm;
	int64_t s;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return INT64_MIN;
	date = (struct wm_date){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday};
	s = wm_date_to_days(&date) * 86400 + tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec;
	if (s > INT64_MAX / WM_NS_PER_S)
		return INT64_MAX;
	return s < INT64_MIN / WM_NS_PER_S ? INT64_MIN : s * WM_NS_PER_S;
}

int wm_x509_check_time(const X509 *cert, const char *what, int64_t now_ns, struct wm_err *err)
{
	int64_t from = wm_x509_time(X509_get0_notBefore(cert));
	int64_t until = wm_x509_time(X509_get0_notAfter(cert));
	char label[128], date[WM_TIME_TEXT];

	wm_x509_label(cert, label, sizeof(label));
	if (now_ns > until)
		return wm_fail(err, WM_FAILED_PRECONDITION, "%s (%s) expired on %s", what, label,
			       wm_time_format(until, date));
	if (now_ns < from)
		return wm_fail(err, WM_FAILED_PRECONDITION,
			       "%s (%s) is not valid before %s: is the clock right?", what, label,
			       wm_time_format(from, date));
	return 0;
}
