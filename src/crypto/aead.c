#include "crypto/aead.h"
#include <assert.h>
#include <sodium.h>
#include "base/mem.h"
#include "base/str.h"
#include "crypto/aead_ipsec_mb.h"
#include "crypto/aead_openssl.h"
#include "crypto/evp.h"

/* The fastest first. */
static const struct wm_aead_provider *const providers[] = {
#ifdef WM_HAVE_IPSEC_MB
	&wm_aead_ipsec_mb,
#endif
	&wm_aead_openssl,
};

const struct wm_aead_provider *wm_aead_provider_bulk(void)
{
	size_t i = 0;
	while (!providers[i]->is_usable()) /* the last one is everywhere */
		i++;
	return providers[i];
}

const struct wm_aead_provider *wm_aead_provider_find(const char *name)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(providers); i++) {
		if (wm_streq(providers[i]->name, name) && providers[i]->is_usable())
			return providers[i];
	}
	return NULL;
}

void wm_aead_init(struct wm_aead *a, const uint8_t key[WM_AEAD_KEY])
{
	wm_aead_init_with(&wm_aead_openssl, a, key);
}

void wm_aead_init_with(const struct wm_aead_provider *provider, struct wm_aead *a,
		       const uint8_t key[WM_AEAD_KEY])
{
	a->provider = provider;
	provider->init(a, key);
}

void wm_aead_rekey(struct wm_aead *a, const uint8_t key[WM_AEAD_KEY])
{
	a->provider->rekey(a, key);
}

void wm_aead_fini(struct wm_aead *a)
{
	if (a->provider != NULL)
		a->provider->fini(a);
	a->provider = NULL;
}

void wm_aead_seal_once(const uint8_t key[WM_AEAD_KEY], const uint8_t nonce[WM_AEAD_NONCE],
		       const void *ad, size_t ad_len, const void *in, size_t len, void *out)
{
	wm_evp_get();
	assert(len <= WM_AEAD_MAX_LENGTH && ad_len <= WM_AEAD_MAX_LENGTH);
	crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, in, len, ad, ad_len, NULL, nonce, key);
}

bool wm_aead_open_once(const uint8_t key[WM_AEAD_KEY], const uint8_t nonce[WM_AEAD_NONCE],
		       const void *ad, size_t ad_len, const void *in, size_t len, void *out)
{
	wm_evp_get();
	return crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, in, len, ad, ad_len,
							 nonce, key) == 0;
}

void wm_xaead_seal(const uint8_t key[WM_AEAD_KEY], const uint8_t nonce[WM_XAEAD_NONCE],
		   const void *ad, size_t ad_len, const void *in, size_t len, void *out)
{
	wm_evp_get();
	assert(len <= WM_AEAD_MAX_LENGTH && ad_len <= WM_AEAD_MAX_LENGTH);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, in, len, ad, ad_len, NULL, nonce,
						   key);
}

bool wm_xaead_open(const uint8_t key[WM_AEAD_KEY], const uint8_t nonce[WM_XAEAD_NONCE],
		   const void *ad, size_t ad_len, const void *in, size_t len, void *out)
{
	wm_evp_get();
	return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, in, len, ad, ad_len,
							  nonce, key) == 0;
}
