#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include "base/mem.h"
#include "base/str.h"
#include "crypto/evp.h"
#include "crypto/key.h"
#include "crypto/pki_cert.h"

/* One block of a PEM text. */
struct block {
	char *name, *header;
	unsigned char *bytes;
	long len;
};

static void free_block(struct block *b)
{
	OPENSSL_secure_free(b->name);
	OPENSSL_secure_free(b->header);
	if (b->bytes != NULL)
		OPENSSL_secure_clear_free(b->bytes, (size_t)b->len);
	memset(b, 0, sizeof(*b));
}

/* 1 for a block, 0 at the end, -1 when what begins like a block is none. */
static int read_block(BIO *in, struct block *b)
{
	memset(b, 0, sizeof(*b));
	if (PEM_read_bio_ex(in, &b->name, &b->header, &b->bytes, &b->len,
			    PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE) == 1)
		return 1;
	memset(b, 0, sizeof(*b));
	int reason = ERR_GET_REASON(ERR_peek_last_error());
	ERR_clear_error();
	return reason == PEM_R_NO_START_LINE ? 0 : -1;
}

static int open_text(const void *pem, size_t len, BIO **out, struct wm_err *err)
{
	if (len > WM_PKI_MAX_PEM)
		return wm_fail(err, WM_INVALID_ARGUMENT, "longer than the %u bytes allowed here",
			       WM_PKI_MAX_PEM);
	*out = BIO_new_mem_buf(len > 0 ? pem : "", (int)len);
	wm_evp_must(*out != NULL);
	return 0;
}

static bool is_certificate(const struct block *b)
{
	return strcmp(b->name, PEM_STRING_X509) == 0 || strcmp(b->name, PEM_STRING_X509_OLD) == 0;
}

static int add_certificate(const struct block *b, STACK_OF(X509) * to, struct wm_err *err)
{
	const unsigned char *at = b->bytes;
	X509 *cert = d2i_X509(NULL, &at, b->len);

	if (cert == NULL || at != b->bytes + b->len) {
		X509_free(cert);
		ERR_clear_error();
		return wm_fail(err, WM_INVALID_ARGUMENT, "certificate %d in it is damaged",
			       sk_X509_num(to) + 1);
	}
	wm_evp_must(sk_X509_push(to, cert) > 0);
	return 0;
}

static int read_certificates(BIO *in, STACK_OF(X509) * to, struct wm_err *err)
{
	bool other = false;

	for (;;) {
		struct block b;
		int rc = read_block(in, &b);

		if (rc < 0)
			return wm_fail(err, WM_INVALID_ARGUMENT, "the PEM text is damaged");
		if (rc == 0)
			break;
		if (is_certificate(&b))
			rc = add_certificate(&b, to, err);
		else
			other = true;
		free_block(&b);
		if (rc < 0)
			return rc;
	}
	if (sk_X509_num(to) > 0)
		return 0;
	return wm_fail(err, WM_INVALID_ARGUMENT,
		       other ? "it is PEM but holds no certificate"
			     : "it holds no certificate (it is not PEM)");
}

int wm_pem_certs_decode(const void *pem, size_t len, STACK_OF(X509) * *out, struct wm_err *err)
{
	STACK_OF(X509) * certs;
	BIO *in = NULL;
	int rc = open_text(pem, len, &in, err);

	if (rc != 0)
		return rc;
	certs = sk_X509_new_null();
	wm_evp_must(certs != NULL);
	rc = read_certificates(in, certs, err);
	BIO_free(in);
	if (rc == 0)
		*out = certs;
	else
		sk_X509_pop_free(certs, X509_free);
	return rc;
}

/* The 64 bytes are a node key: the seed and the public half that must belong to it. */
static EVP_PKEY *decode_raw_ed25519(const struct block *b)
{
	struct wm_key k = {0};
	EVP_PKEY *key = NULL;

	wm_key_from_seed(&k, b->bytes);
	if (wm_equal_secret(k.secret.bytes, b->bytes, 2 * WM_KEY_SEED))
		key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, b->bytes, WM_KEY_SEED);
	wm_key_fini(&k);
	return key;
}

static EVP_PKEY *decode_key_block(const struct block *b)
{
	const unsigned char *at = b->bytes;
	EVP_PKEY *key;

	if (strcmp(b->name, PEM_STRING_PKCS8INF) == 0 && b->len == 2 * WM_KEY_SEED)
		return decode_raw_ed25519(b);
	key = d2i_AutoPrivateKey(NULL, &at, b->len);
	if (key != NULL && at == b->bytes + b->len)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static bool is_encrypted(const struct block *b)
{
	return strcmp(b->name, PEM_STRING_PKCS8) == 0 || strstr(b->header, "ENCRYPTED") != NULL;
}

static int read_key(BIO *in, EVP_PKEY **out, struct wm_err *err)
{
	struct block b;
	int rc;

	while ((rc = read_block(in, &b)) == 1) {
		if (wm_str_ends(b.name, "PRIVATE KEY"))
			break;
		free_block(&b);
	}
	if (rc < 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "the PEM text is damaged");
	if (rc == 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "it holds no private key in PEM form");
	if (is_encrypted(&b)) {
		rc = wm_fail(err, WM_INVALID_ARGUMENT,
			     "the private key is encrypted: store it without a passphrase");
	} else {
		*out = decode_key_block(&b);
		ERR_clear_error();
		rc = *out != NULL ? 0
				  : wm_fail(err, WM_INVALID_ARGUMENT,
					    "the private key in it is damaged");
	}
	free_block(&b);
	return rc;
}

int wm_pem_key_decode(const void *pem, size_t len, EVP_PKEY **out, struct wm_err *err)
{
	BIO *in = NULL;
	int rc = open_text(pem, len, &in, err);

	if (rc != 0)
		return rc;
	rc = read_key(in, out, err);
	BIO_free(in);
	return rc;
}
