#pragma once
/*
 * OpenSSL's algorithms, fetched once for the process, and the contexts that each thread keeps for
 * itself. Inside crypto/ only. Running out of memory in here aborts, as wm_alloc does.
 */
#include <openssl/evp.h>
#include <stdbool.h>

struct wm_evp {
	EVP_MD *sha256, *sha512, *blake2s;
	EVP_MAC *blake2s_mac;
	EVP_CIPHER *chacha20_poly1305;
};

struct wm_evp_thread {
	EVP_MD_CTX *digest;
	EVP_MAC_CTX *blake2s_mac;
};

/* The fetched algorithms; libsodium is initialised by the same call. Any thread. */
const struct wm_evp *wm_evp_get(void);
/* The calling thread's contexts, made at its first call and released when it ends. */
struct wm_evp_thread *wm_evp_thread_get(void);
/* Aborts unless @ok: for what can only fail for want of memory or a broken OpenSSL. */
void wm_evp_must(bool ok);
/* The last text on OpenSSL's error queue, shortened to its reason; empties the queue. */
const char *wm_evp_reason(void);
