#include "crypto/aead_openssl.h"
#include <assert.h>
#include "crypto/evp.h"

/*
 * One EVP_CIPHER_CTX holds the key; each packet sets only the nonce (and the direction, which this
 * cipher lets change without a new key).
 */
static bool is_usable(void)
{
	return true;
}

static void rekey(struct wm_aead *a, const uint8_t key[WM_AEAD_KEY])
{
	wm_evp_must(EVP_EncryptInit_ex2(a->state, wm_evp_get()->chacha20_poly1305, key, NULL,
					NULL) == 1);
}

static void init(struct wm_aead *a, const uint8_t key[WM_AEAD_KEY])
{
	a->state = EVP_CIPHER_CTX_new();
	wm_evp_must(a->state != NULL);
	rekey(a, key);
}

static void fini(struct wm_aead *a)
{
	EVP_CIPHER_CTX_free(a->state); /* wipes the key */
	a->state = NULL;
}

static void seal(struct wm_aead *a, const uint8_t nonce[WM_AEAD_NONCE], const void *ad,
		 size_t ad_len, const void *in, size_t len, void *out)
{
	EVP_CIPHER_CTX *ctx = a->state;
	uint8_t *to = out;
	int n;

	assert(len <= WM_AEAD_MAX_LENGTH && ad_len <= WM_AEAD_MAX_LENGTH);
	wm_evp_must(EVP_EncryptInit_ex2(ctx, NULL, NULL, nonce, NULL) == 1);
	if (ad_len > 0)
		wm_evp_must(EVP_EncryptUpdate(ctx, NULL, &n, ad, (int)ad_len) == 1);
	if (len > 0)
		wm_evp_must(EVP_EncryptUpdate(ctx, to, &n, in, (int)len) == 1);
	wm_evp_must(EVP_EncryptFinal_ex(ctx, to + len, &n) == 1);
	wm_evp_must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, WM_AEAD_TAG, to + len) == 1);
}

static bool open(struct wm_aead *a, const uint8_t nonce[WM_AEAD_NONCE], const void *ad,
		 size_t ad_len, const void *in, size_t len, void *out)
{
	EVP_CIPHER_CTX *ctx = a->state;
	const uint8_t *from = in;
	uint8_t tag[WM_AEAD_TAG], *to = out;
	int n;

	if (len < WM_AEAD_TAG || len > WM_AEAD_MAX_LENGTH + WM_AEAD_TAG)
		return false;
	len -= WM_AEAD_TAG;
	memcpy(tag, from + len, sizeof(tag));
	assert(ad_len <= WM_AEAD_MAX_LENGTH);
	wm_evp_must(EVP_DecryptInit_ex2(ctx, NULL, NULL, nonce, NULL) == 1);
	wm_evp_must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, WM_AEAD_TAG, tag) == 1);
	if (ad_len > 0)
		wm_evp_must(EVP_DecryptUpdate(ctx, NULL, &n, ad, (int)ad_len) == 1);
	if (len > 0 && EVP_DecryptUpdate(ctx, to, &n, from, (int)len) != 1)
		return false;
	return EVP_DecryptFinal_ex(ctx, to + len, &n) == 1;
}

const struct wm_aead_provider wm_aead_openssl = {
	.name = "openssl",
	.is_usable = is_usable,
	.init = init,
	.rekey = rekey,
	.fini = fini,
	.seal = seal,
	.open = open,
};
