#include "crypto/key.h"
#include <sodium.h>
#include <string.h>
#include "base/mem.h"
#include "base/str.h"
#include "crypto/evp.h"
#include "crypto/hash.h"

/* The text is base64 of a protobuf message: key type 5, then the seed and the public key. */
static const uint8_t private_prefix[4] = {0x08, 0x05, 0x12, 0x40};

#define PRIVATE_SIZE (sizeof(private_prefix) + 2 * WM_KEY_SEED)

void wm_key_generate(struct wm_key *k)
{
	struct wm_secret seed = {0};

	wm_secret_generate(&seed, WM_KEY_SEED);
	wm_key_from_seed(k, seed.bytes);
	wm_secret_fini(&seed);
}

void wm_key_from_seed(struct wm_key *k, const uint8_t seed[WM_KEY_SEED])
{
	uint8_t pub[WM_PUBKEY_SIZE];

	wm_evp_get();
	wm_evp_must(crypto_sign_ed25519_seed_keypair(pub, k->secret.bytes, seed) == 0);
	k->secret.size = 2 * WM_KEY_SEED;
	wm_wipe_stack();
}

void wm_key_fini(struct wm_key *k)
{
	wm_secret_fini(&k->secret);
}

/* Takes the decoded message apart; the public half must be the one that the seed gives. */
static int decode_private(const uint8_t raw[PRIVATE_SIZE], struct wm_key *out, struct wm_err *err)
{
	const uint8_t *seed = raw + sizeof(private_prefix);

	if (memcmp(raw, private_prefix, 2) != 0)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "not a webmesh private key: "
			       "the text is of another type of key");
	if (memcmp(raw, private_prefix, sizeof(private_prefix)) != 0)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "not a webmesh private key: the key inside is not 64 bytes long");
	wm_key_from_seed(out, seed);
	if (wm_equal_secret(out->secret.bytes, seed, 2 * WM_KEY_SEED))
		return 0;
	wm_key_fini(out);
	return wm_fail(err, WM_INVALID_ARGUMENT,
		       "not a webmesh private key: "
		       "its public half does not belong to its seed");
}

int wm_key_parse(const char *s, size_t n, struct wm_key *out, struct wm_err *err)
{
	uint8_t raw[PRIVATE_SIZE];
	size_t len;
	int rc;

	if (n != WM_KEY_TEXT - 1)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "not a webmesh private key: %zu characters, not %d", n,
			       WM_KEY_TEXT - 1);
	if (!wm_b64_parse(s, n, raw, sizeof(raw), &len) || len != sizeof(raw))
		rc = wm_fail(err, WM_INVALID_ARGUMENT,
			     "not a webmesh private key: not the base64 of 68 bytes");
	else
		rc = decode_private(raw, out, err);
	wm_wipe(raw, sizeof(raw));
	return rc;
}

char *wm_key_format_private(const struct wm_key *k, char out[WM_KEY_TEXT])
{
	uint8_t raw[PRIVATE_SIZE];

	memcpy(raw, private_prefix, sizeof(private_prefix));
	memcpy(raw + sizeof(private_prefix), k->secret.bytes, 2 * WM_KEY_SEED);
	wm_b64_format(raw, sizeof(raw), out);
	wm_wipe(raw, sizeof(raw));
	return out;
}

struct wm_pubkey wm_key_public(const struct wm_key *k)
{
	struct wm_pubkey p;

	memcpy(p.bytes, k->secret.bytes + WM_KEY_SEED, sizeof(p.bytes));
	return p;
}

void wm_key_sign(const struct wm_key *k, const void *msg, size_t n, uint8_t out[WM_KEY_SIGNATURE])
{
	wm_evp_get();
	wm_evp_must(crypto_sign_ed25519_detached(out, NULL, msg, n, k->secret.bytes) == 0);
	wm_wipe_stack();
}

void wm_key_wireguard(const struct wm_key *k, struct wm_secret *out)
{
	uint8_t digest[WM_SHA512_SIZE];

	wm_hash_sha512(k->secret.bytes, WM_KEY_SEED, digest);
	digest[0] &= 248;
	digest[31] = (uint8_t)((digest[31] & 127) | 64);
	wm_secret_set(out, digest, WM_X25519_SIZE);
	wm_wipe(digest, sizeof(digest));
}
