#pragma once
/*
 * ChaCha20-Poly1305 (RFC 8439) with a context per key that is kept, so that a packet costs a nonce
 * and no allocation; and XChaCha20-Poly1305 for WireGuard's cookies, without a context. A context
 * belongs to one thread at a time and does both directions. Input and output may be the same
 * memory, or must not overlap.
 *
 * Who does the work is a table of functions. OpenSSL's is everywhere and always ready; a thread
 * that moves much data asks for the fastest (wm_aead_provider_bulk), whose contexts stay on the
 * thread that made them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WM_AEAD_KEY        32
#define WM_AEAD_NONCE      12
#define WM_AEAD_TAG        16
#define WM_XAEAD_NONCE     24
#define WM_AEAD_MAX_LENGTH (1u << 20) /* most bytes of text or of associated data in one call */

struct wm_aead_provider;

/* Embedded by its owner; a zeroed struct may be passed to fini. */
struct wm_aead {
	const struct wm_aead_provider *provider;
	void *state; /* the provider's */
};

struct wm_aead_provider {
	const char *name;
	/* True when this CPU and this thread can use it. */
	bool (*is_usable)(void);
	void (*init)(struct wm_aead *a, const uint8_t key[WM_AEAD_KEY]);
	void (*rekey)(struct wm_aead *a, const uint8_t key[WM_AEAD_KEY]);
	void (*fini)(struct wm_aead *a);
	void (*seal)(struct wm_aead *a, const uint8_t nonce[WM_AEAD_NONCE], const void *ad,
		     size_t ad_len, const void *in, size_t len, void *out);
	bool (*open)(struct wm_aead *a, const uint8_t nonce[WM_AEAD_NONCE], const void *ad,
		     size_t ad_len, const void *in, size_t len, void *out);
};

/* The fastest that the calling thread can use. The first call of a thread may load a library and
 * set it up, which takes milliseconds and some MiB. */
const struct wm_aead_provider *wm_aead_provider_bulk(void);
/* The provider of this name, or NULL when there is none or it is not usable here; for tests. */
const struct wm_aead_provider *wm_aead_provider_find(const char *name);

/* Makes a context for @key, which is copied. */
void wm_aead_init(struct wm_aead *a, const uint8_t key[WM_AEAD_KEY]);
/* The same with a provider that the calling thread has asked for. */
void wm_aead_init_with(const struct wm_aead_provider *provider, struct wm_aead *a,
		       const uint8_t key[WM_AEAD_KEY]);
/* The same context for another key: cheaper than a new one. */
void wm_aead_rekey(struct wm_aead *a, const uint8_t key[WM_AEAD_KEY]);
/* Wipes the key and releases the context; may be called again. */
void wm_aead_fini(struct wm_aead *a);

/* WireGuard's nonce for a counter: four zero bytes, then the counter, little endian. */
static inline void wm_aead_nonce(uint64_t counter, uint8_t out[WM_AEAD_NONCE])
{
	memset(out, 0, 4);
	for (unsigned i = 0; i < 8; i++)
		out[4 + i] = (uint8_t)(counter >> (8 * i));
}

/* Writes @len bytes and the tag behind them: @len + WM_AEAD_TAG in all. @ad may be NULL. */
static inline void wm_aead_seal(struct wm_aead *a, const uint8_t nonce[WM_AEAD_NONCE],
				const void *ad, size_t ad_len, const void *in, size_t len,
				void *out)
{
	a->provider->seal(a, nonce, ad, ad_len, in, len, out);
}

/*
 * @len counts the tag; writes @len - WM_AEAD_TAG bytes. False when it is not authentic or shorter
 * than a tag; what stands at @out is then to be thrown away unread.
 */
static inline __attribute__((warn_unused_result)) bool
wm_aead_open(struct wm_aead *a, const uint8_t nonce[WM_AEAD_NONCE], const void *ad, size_t ad_len,
	     const void *in, size_t len, void *out)
{
	return a->provider->open(a, nonce, ad, ad_len, in, len, out);
}

/*
 * ChaCha20-Poly1305 without a context, for a key that is used once, as in a handshake: cheaper
 * there than wm_aead_rekey.
 */
void wm_aead_seal_once(const uint8_t key[WM_AEAD_KEY], const uint8_t nonce[WM_AEAD_NONCE],
		       const void *ad, size_t ad_len, const void *in, size_t len, void *out);
bool wm_aead_open_once(const uint8_t key[WM_AEAD_KEY], const uint8_t nonce[WM_AEAD_NONCE],
		       const void *ad, size_t ad_len, const void *in, size_t len, void *out)
	__attribute__((warn_unused_result));

/* XChaCha20-Poly1305, as above, with the key given each time. */
void wm_xaead_seal(const uint8_t key[WM_AEAD_KEY], const uint8_t nonce[WM_XAEAD_NONCE],
		   const void *ad, size_t ad_len, const void *in, size_t len, void *out);
bool wm_xaead_open(const uint8_t key[WM_AEAD_KEY], const uint8_t nonce[WM_XAEAD_NONCE],
		   const void *ad, size_t ad_len, const void *in, size_t len, void *out)
	__attribute__((warn_unused_result));
