#include <limits.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/str.h"
#include "crypto/evp.h"
#include "crypto/ident.h"
#include "crypto/pki_cert.h"

/* Clocks of two hosts differ: a new certificate is good from a little before it was made. */
#define BACKDATE_NS (300 * WM_NS_PER_S)

/* What a certificate is to say. */
struct profile {
	const char *name;
	bool is_ca;
	int64_t from_ns, until_ns;
};

static int check_rsa_size(unsigned size, struct wm_err *err)
{
	if (size >= WM_PKI_RSA_MIN && size <= WM_PKI_RSA_MAX && size % 8 == 0)
		return 0;
	return wm_fail(err, WM_INVALID_ARGUMENT,
		       "key size %u: an rsa key has %d to %d bits, a multiple of 8", size,
		       WM_PKI_RSA_MIN, WM_PKI_RSA_MAX);
}

static int generate_ecdsa(unsigned size, EVP_PKEY **out, struct wm_err *err)
{
	const char *curve = size == 0 || size == 256 ? "P-256"
			    : size == 384            ? "P-384"
			    : size == 521            ? "P-521"
						     : NULL;

	if (curve == NULL)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "key size %u: an ecdsa key has 256, 384 or 521 bits", size);
	*out = EVP_EC_gen(curve);
	return 0;
}

static int generate_key(const struct wm_pki_key_opts *opts, EVP_PKEY **out, struct wm_err *err)
{
	unsigned size = opts->size;
	int rc = 0;

	*out = NULL;
	switch (opts->type) {
	case WM_PKI_ECDSA: rc = generate_ecdsa(size, out, err); break;
	case WM_PKI_RSA:
		/* 256 is what the option says by default, for the other type of key. */
		if (size == 0 || size == 256)
			size = WM_PKI_RSA_MIN;
		rc = check_rsa_size(size, err);
		if (rc == 0)
			*out = EVP_RSA_gen(size);
		break;
	case WM_PKI_WEBMESH: *out = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"); break;
	}
	if (rc == 0 && *out == NULL)
		rc = wm_fail(err, WM_INTERNAL, "no %s key: %s", wm_pki_key_type_name(opts->type),
			     wm_evp_reason());
	return rc;
}

/* The hash that goes with a signer's key; none for Ed25519, which has its own. */
static const EVP_MD *signing_hash(const EVP_PKEY *key)
{
	if (EVP_PKEY_is_a(key, "ED25519"))
		return NULL;
	if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) > 384)
		return EVP_sha512();
	if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) > 256)
		return EVP_sha384();
	return EVP_sha256();
}

static void set_serial(X509 *cert)
{
	uint8_t raw[16];
	BIGNUM *number;

	wm_rand_bytes(raw, sizeof(raw));
	raw[0] = (uint8_t)((raw[0] & 0x7f) | 0x40); /* positive, and never zero */
	number = BN_bin2bn(raw, sizeof(raw), NULL);
	wm_evp_must(number != NULL);
	wm_evp_must(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL);
	BN_free(number);
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	wm_evp_must(e != NULL && X509_add_ext(cert, e, -1) == 1);
	X509_EXTENSION_free(e);
}

static bool is_ascii(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s < 0x20 || *s == 0x7f)
			return false;
	}
	return true;
}

/* Not by the text of add_extension: a name may hold what that text gives a meaning. */
static void add_dns_name(X509 *cert, const char *name)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *one = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();

	wm_evp_must(names != NULL && one != NULL && text != NULL);
	wm_evp_must(ASN1_STRING_set(text, name, -1) == 1);
	GENERAL_NAME_set0_value(one, GEN_DNS, text);
	wm_evp_must(sk_GENERAL_NAME_push(names, one) > 0);
	wm_evp_must(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) ==
		    1);
	GENERAL_NAMES_free(names);
}

static void add_extensions(X509 *cert, X509 *issuer, const struct profile *p)
{
	add_extension(cert, issuer, NID_basic_constraints,
		      p->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	add_extension(cert, issuer, NID_key_usage,
		      p->is_ca ? "critical,digitalSignature,keyCertSign"
			       : "critical,digitalSignature");
	add_extension(cert, issuer, NID_ext_key_usage, "clientAuth,serverAuth");
	add_extension(cert, issuer, NID_subject_key_identifier, "hash");
	if (!p->is_ca)
		add_extension(cert, issuer, NID_authority_key_identifier, "keyid");
	if (is_ascii(p->name)) /* another name has no place among the DNS names */
		add_dns_name(cert, p->name);
}

static void set_name_and_times(X509 *cert, const struct profile *p)
{
	wm_evp_must(X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), NID_commonName,
					       MBSTRING_UTF8, (const unsigned char *)p->name, -1,
					       -1, 0) == 1);
	wm_evp_must(ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)(p->from_ns / WM_NS_PER_S)) !=
		    NULL);
	wm_evp_must(ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)(p->until_ns / WM_NS_PER_S)) !=
		    NULL);
}

/* Takes @key. Signs with @ca's key, or with its own when @ca is NULL. */
static struct wm_pki_cert *build(const struct wm_pki_cert *ca, const struct profile *p,
				 EVP_PKEY *key)
{
	struct wm_pki_cert *c = wm_alloc(sizeof(*c));
	EVP_PKEY *signer = ca != NULL ? ca->key : key;
	X509 *issuer;

	c->key = key;
	c->cert = X509_new();
	wm_evp_must(c->cert != NULL);
	issuer = ca != NULL ? ca->cert : c->cert;
	wm_evp_must(X509_set_version(c->cert, X509_VERSION_3) == 1);
	set_serial(c->cert);
	set_name_and_times(c->cert, p);
	wm_evp_must(X509_set_issuer_name(c->cert, X509_get_subject_name(issuer)) == 1);
	wm_evp_must(X509_set_pubkey(c->cert, key) == 1);
	add_extensions(c->cert, issuer, p);
	wm_evp_must(X509_sign(c->cert, signer, signing_hash(signer)) > 0);
	if (ca != NULL) {
		c->issuer = ca->cert;
		X509_up_ref(c->issuer);
	}
	return c;
}

static int set_period(struct profile *p, int64_t now_ns, int64_t expiry_ns, struct wm_err *err)
{
	if (expiry_ns < WM_NS_PER_S)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "expiry: a certificate must be good for a second at least");
	if (expiry_ns > INT64_MAX - now_ns)
		return wm_fail(err, WM_INVALID_ARGUMENT, "expiry: too far in the future");
	p->from_ns = now_ns - BACKDATE_NS;
	p->until_ns = now_ns + expiry_ns;
	return 0;
}

int wm_pki_cert_new_ca(const char *name, const struct wm_pki_key_opts *opts, int64_t now_ns,
		       int64_t expiry_ns, struct wm_pki_cert **out, struct wm_err *err)
{
	struct profile p = {.name = name, .is_ca = true};
	EVP_PKEY *key;
	int rc = set_period(&p, now_ns, expiry_ns, err);

	if (rc == 0 && !wm_ident_is_valid(name, strlen(name)))
		rc = wm_fail(err, WM_INVALID_ARGUMENT,
			     "authority name: not 1 to %d bytes without blanks and / \\ : * ? \" ' "
			     "< > | ,",
			     WM_IDENT_MAX);
	if (rc == 0)
		rc = generate_key(opts, &key, err);
	if (rc == 0)
		*out = build(NULL, &p, key);
	return rc;
}

/* Nothing that @ca signs is believed longer than @ca. */
static int check_ca(const struct wm_pki_cert *ca, struct profile *p, int64_t now_ns,
		    struct wm_err *err)
{
	int64_t ca_until = wm_x509_time(X509_get0_notAfter(ca->cert));

	if ((X509_get_extension_flags(ca->cert) & EXFLAG_CA) == 0)
		return wm_fail(err, WM_FAILED_PRECONDITION,
			       "the authority's certificate is not one of an authority");
	if (wm_x509_check_time(ca->cert, "the authority's certificate", now_ns, err) != 0)
		return WM_FAILED_PRECONDITION;
	if (p->until_ns > ca_until)
		p->until_ns = ca_until;
	return 0;
}

int wm_pki_cert_new_leaf(const struct wm_pki_cert *ca, const char *name,
			 const struct wm_pki_key_opts *opts, int64_t now_ns, int64_t expiry_ns,
			 struct wm_pki_cert **out, struct wm_err *err)
{
	struct profile p = {.name = name};
	EVP_PKEY *key;
	int rc = set_period(&p, now_ns, expiry_ns, err);

	if (rc == 0 && !wm_ident_is_node(name, strlen(name)))
		rc = wm_fail(err, WM_INVALID_ARGUMENT,
			     "name: not a node ID (1 to %d bytes without blanks and / \\ : * ? \" "
			     "' < > | , and none of self, local, localhost, leader, voters, "
			     "observers)",
			     WM_IDENT_MAX);
	if (rc == 0)
		rc = check_ca(ca, &p, now_ns, err);
	if (rc == 0)
		rc = generate_key(opts, &key, err);
	if (rc == 0)
		*out = build(ca, &p, key);
	return rc;
}
