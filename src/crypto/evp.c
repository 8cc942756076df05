#include "crypto/evp.h"
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include "base/mem.h"

#define SECURE_HEAP (1u << 20)
#define SECURE_MIN  32 /* bytes of the smallest piece */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key;
static struct wm_evp algorithms;
static _Thread_local struct wm_evp_thread *mine;

void wm_evp_must(bool ok)
{
	if (!ok)
		abort();
}

static void free_thread(void *p)
{
	struct wm_evp_thread *t = p;

	EVP_MAC_CTX_free(t->blake2s_mac);
	EVP_MD_CTX_free(t->digest);
	wm_free(t);
}

#ifdef __GLIBC__
/* What OpenSSL frees may have been a key in one of its many forms. */
static void wiping_free(void *p, const char *file, int line)
{
	if (p != NULL)
		wm_wipe(p, malloc_usable_size(p));
	free(p);
}

static void *wiping_realloc(void *p, size_t size, const char *file, int line)
{
	size_t old = p != NULL ? malloc_usable_size(p) : 0;
	void *fresh;

	if (size == 0) {
		wiping_free(p, file, line);
		return NULL;
	}
	fresh = malloc(size);
	if (fresh == NULL)
		return NULL;
	if (p != NULL)
		memcpy(fresh, p, old < size ? old : size);
	wiping_free(p, file, line);
	return fresh;
}

static void *plain_malloc(size_t size, const char *file, int line)
{
	return size > 0 ? malloc(size) : NULL;
}

/* Before the library's first allocation, or not at all. */
static void wipe_what_is_freed(void)
{
	(void)CRYPTO_set_mem_functions(plain_malloc, wiping_realloc, wiping_free);
}
#else
static void wipe_what_is_freed(void)
{
}
#endif

/*
 * Private keys lie in the library's secure heap: locked, in no dump, with guards around. Room for
 * thousands of handshakes at once; there is no more when it is full, so it is not small. Before
 * main, since anything may be the library's first use.
 */
__attribute__((constructor)) static void protect_keys(void)
{
	wipe_what_is_freed();
	(void)CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_MIN);
}

static void fetch_all(void)
{
	struct wm_evp *a = &algorithms;

	a->sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	a->sha512 = EVP_MD_fetch(NULL, "SHA2-512", NULL);
	a->blake2s = EVP_MD_fetch(NULL, "BLAKE2S-256", NULL);
	a->blake2s_mac = EVP_MAC_fetch(NULL, "BLAKE2SMAC", NULL);
	a->chacha20_poly1305 = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	wm_evp_must(a->sha256 != NULL && a->sha512 != NULL && a->blake2s != NULL);
	wm_evp_must(a->blake2s_mac != NULL && a->chacha20_poly1305 != NULL);
	wm_evp_must(sodium_init() >= 0);
	wm_evp_must(pthread_key_create(&thread_key, free_thread) == 0);
}

const struct wm_evp *wm_evp_get(void)
{
	wm_evp_must(pthread_once(&once, fetch_all) == 0);
	return &algorithms;
}

static struct wm_evp_thread *new_thread(void)
{
	const struct wm_evp *a = wm_evp_get();
	struct wm_evp_thread *t = wm_alloc(sizeof(*t));

	t->digest = EVP_MD_CTX_new();
	t->blake2s_mac = EVP_MAC_CTX_new(a->blake2s_mac);
	wm_evp_must(t->digest != NULL && t->blake2s_mac != NULL);
	wm_evp_must(pthread_setspecific(thread_key, t) == 0);
	return t;
}

struct wm_evp_thread *wm_evp_thread_get(void)
{
	if (mine == NULL)
		mine = new_thread();
	return mine;
}

const char *wm_evp_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return reason != NULL ? reason : "unknown reason";
}
