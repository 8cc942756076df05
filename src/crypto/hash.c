#include "crypto/hash.h"
#include <assert.h>
#include <string.h>
#include <openssl/core_names.h>
#include "base/mem.h"
#include "crypto/evp.h"

#define BLAKE2S_BLOCK 64

static void digest(const EVP_MD *md, const void *a, size_t a_len, const void *b, size_t b_len,
		   uint8_t *out)
{
	EVP_MD_CTX *ctx = wm_evp_thread_get()->digest;

	wm_evp_must(EVP_DigestInit_ex2(ctx, md, NULL) == 1);
	wm_evp_must(EVP_DigestUpdate(ctx, a, a_len) == 1);
	wm_evp_must(EVP_DigestUpdate(ctx, b, b_len) == 1);
	wm_evp_must(EVP_DigestFinal_ex(ctx, out, NULL) == 1);
}

void wm_hash_sha256(const void *p, size_t n, uint8_t out[WM_SHA256_SIZE])
{
	digest(wm_evp_get()->sha256, p, n, NULL, 0, out);
}

void wm_hash_sha512(const void *p, size_t n, uint8_t out[WM_SHA512_SIZE])
{
	digest(wm_evp_get()->sha512, p, n, NULL, 0, out);
}

void wm_hash_blake2s(const void *a, size_t a_len, const void *b, size_t b_len,
		     uint8_t out[WM_BLAKE2S_SIZE])
{
	digest(wm_evp_get()->blake2s, a, a_len, b, b_len, out);
}

void wm_hash_blake2s_mac(const void *key, size_t key_len, const void *p, size_t n, void *out,
			 size_t out_len)
{
	EVP_MAC_CTX *ctx = wm_evp_thread_get()->blake2s_mac;
	OSSL_PARAM params[] = {
		OSSL_PARAM_size_t(OSSL_MAC_PARAM_SIZE, &out_len),
		OSSL_PARAM_END,
	};
	size_t written = 0;

	assert(key_len >= 1 && key_len <= 32 && (out_len == 16 || out_len == 32));
	wm_evp_must(EVP_MAC_init(ctx, key, key_len, params) == 1);
	wm_evp_must(EVP_MAC_update(ctx, p, n) == 1);
	wm_evp_must(EVP_MAC_final(ctx, out, &written, out_len) == 1 && written == out_len);
}

/* The padded key in front of one half of an HMAC. */
static void start_half(EVP_MD_CTX *ctx, const uint8_t *key, size_t key_len, uint8_t pad)
{
	uint8_t block[BLAKE2S_BLOCK];

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < key_len; i++)
		block[i] ^= key[i];
	wm_evp_must(EVP_DigestInit_ex2(ctx, wm_evp_get()->blake2s, NULL) == 1);
	wm_evp_must(EVP_DigestUpdate(ctx, block, sizeof(block)) == 1);
	wm_wipe(block, sizeof(block));
}

void wm_hash_hmac_blake2s(const void *key, size_t key_len, const void *a, size_t a_len,
			  const void *b, size_t b_len, uint8_t out[WM_BLAKE2S_SIZE])
{
	EVP_MD_CTX *ctx = wm_evp_thread_get()->digest;
	uint8_t inner[WM_BLAKE2S_SIZE];

	assert(key_len <= BLAKE2S_BLOCK);
	start_half(ctx, key, key_len, 0x36);
	wm_evp_must(EVP_DigestUpdate(ctx, a, a_len) == 1);
	wm_evp_must(EVP_DigestUpdate(ctx, b, b_len) == 1);
	wm_evp_must(EVP_DigestFinal_ex(ctx, inner, NULL) == 1);
	start_half(ctx, key, key_len, 0x5c);
	wm_evp_must(EVP_DigestUpdate(ctx, inner, sizeof(inner)) == 1);
	wm_evp_must(EVP_DigestFinal_ex(ctx, out, NULL) == 1);
	wm_wipe(inner, sizeof(inner));
}

/* HKDF with an empty info: output i is the HMAC of output i-1 and the byte i. */
void wm_hash_kdf(const uint8_t chain[WM_BLAKE2S_SIZE], const void *p, size_t n, uint8_t *out1,
		 uint8_t *out2, uint8_t *out3)
{
	uint8_t *const outs[] = {out1, out2, out3};
	uint8_t secret[WM_BLAKE2S_SIZE], last[WM_BLAKE2S_SIZE];
	size_t last_len = 0;

	wm_hash_hmac_blake2s(chain, WM_BLAKE2S_SIZE, p, n, NULL, 0, secret);
	for (size_t i = 0; i < WM_ARRAY_LEN(outs) && outs[i] != NULL; i++) {
		const uint8_t number = (uint8_t)(i + 1);

		wm_hash_hmac_blake2s(secret, sizeof(secret), last, last_len, &number, 1, last);
		last_len = sizeof(last);
		memcpy(outs[i], last, sizeof(last));
	}
	wm_wipe(secret, sizeof(secret));
	wm_wipe(last, sizeof(last));
}
