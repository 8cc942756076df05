#include "crypto/x25519.h"
#include <sodium.h>
#include "base/mem.h"
#include "base/rand.h"
#include "crypto/evp.h"

/* libsodium's ladder is as fast as OpenSSL's and needs no key objects from the heap. */

void wm_x25519_generate(uint8_t private_key[WM_X25519_SIZE])
{
	wm_rand_bytes(private_key, WM_X25519_SIZE);
	private_key[0] &= 248;
	private_key[31] = (uint8_t)((private_key[31] & 127) | 64);
}

void wm_x25519_public(const uint8_t private_key[WM_X25519_SIZE], uint8_t out[WM_X25519_SIZE])
{
	wm_evp_get(); /* picks libsodium's implementation for this CPU */
	wm_evp_must(crypto_scalarmult_curve25519_base(out, private_key) == 0);
	wm_wipe_stack();
}

bool wm_x25519_shared(const uint8_t private_key[WM_X25519_SIZE],
		      const uint8_t public_key[WM_X25519_SIZE], uint8_t out[WM_X25519_SIZE])
{
	wm_evp_get();
	bool ok = crypto_scalarmult_curve25519(out, private_key, public_key) == 0;
	wm_wipe_stack();
	return ok;
}
