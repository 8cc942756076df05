#include <sodium.h>
#include <string.h>
#include "base/mem.h"
#include "base/str.h"
#include "crypto/base58.h"
#include "crypto/evp.h"
#include "crypto/key.h"

/* The text is base64 of a protobuf message: key type 5, then the key. */
static const uint8_t public_prefix[4] = {0x08, 0x05, 0x12, 0x20};
/* A peer ID is an identity multihash of 36 bytes: the same message with key type 1. */
static const uint8_t id_prefix[6] = {0x00, 0x24, 0x08, 0x01, 0x12, 0x20};

#define PUBLIC_SIZE (sizeof(public_prefix) + WM_PUBKEY_SIZE)
#define ID_SIZE     (sizeof(id_prefix) + WM_PUBKEY_SIZE)

int wm_pubkey_parse(const char *s, size_t n, struct wm_pubkey *out, struct wm_err *err)
{
	uint8_t raw[PUBLIC_SIZE];
	size_t len;

	if (n != WM_PUBKEY_TEXT - 1)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "not a webmesh public key: %zu characters, not %d", n,
			       WM_PUBKEY_TEXT - 1);
	if (!wm_b64_parse(s, n, raw, sizeof(raw), &len) || len != sizeof(raw))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "not a webmesh public key: not the base64 of 36 bytes");
	if (memcmp(raw, public_prefix, sizeof(public_prefix)) != 0)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "not a webmesh public key: the text is of another type of key");
	memcpy(out->bytes, raw + sizeof(public_prefix), sizeof(out->bytes));
	return 0;
}

char *wm_pubkey_format(const struct wm_pubkey *p, char out[WM_PUBKEY_TEXT])
{
	uint8_t raw[PUBLIC_SIZE];

	memcpy(raw, public_prefix, sizeof(public_prefix));
	memcpy(raw + sizeof(public_prefix), p->bytes, sizeof(p->bytes));
	wm_b64_format(raw, sizeof(raw), out);
	return out;
}

bool wm_pubkey_equal(const struct wm_pubkey *a, const struct wm_pubkey *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool wm_pubkey_verify(const struct wm_pubkey *p, const void *msg, size_t n,
		      const uint8_t signature[WM_KEY_SIGNATURE])
{
	wm_evp_get();
	return crypto_sign_ed25519_verify_detached(signature, msg, n, p->bytes) == 0;
}

int wm_pubkey_wireguard(const struct wm_pubkey *p, uint8_t out[WM_X25519_SIZE], struct wm_err *err)
{
	wm_evp_get();
	if (crypto_sign_ed25519_pk_to_curve25519(out, p->bytes) == 0)
		return 0;
	return wm_fail(err, WM_INVALID_ARGUMENT, "the public key is no usable point of the curve");
}

char *wm_pubkey_format_id(const struct wm_pubkey *p, char out[WM_PEER_ID_TEXT])
{
	uint8_t raw[ID_SIZE];

	memcpy(raw, id_prefix, sizeof(id_prefix));
	memcpy(raw + sizeof(id_prefix), p->bytes, sizeof(p->bytes));
	wm_evp_must(wm_base58_format(raw, sizeof(raw), out, WM_PEER_ID_TEXT));
	return out;
}

int wm_pubkey_parse_id(const char *s, size_t n, struct wm_pubkey *out, struct wm_err *err)
{
	uint8_t raw[ID_SIZE];
	size_t len;

	if (n != WM_PEER_ID_TEXT - 1)
		return wm_fail(err, WM_INVALID_ARGUMENT, "not a peer ID: %zu characters, not %d", n,
			       WM_PEER_ID_TEXT - 1);
	if (!wm_base58_parse(s, n, raw, sizeof(raw), &len) || len != sizeof(raw))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "not a peer ID: not the base58 of 38 bytes");
	if (memcmp(raw, id_prefix, sizeof(id_prefix)) != 0)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "not a peer ID: it does not hold an Ed25519 public key");
	memcpy(out->bytes, raw + sizeof(id_prefix), sizeof(out->bytes));
	return 0;
}

char *wm_wg_key_format(const uint8_t key[WM_X25519_SIZE], char out[WM_WG_KEY_TEXT])
{
	wm_b64_format(key, WM_X25519_SIZE, out);
	return out;
}

bool wm_wg_key_parse(const char *s, size_t n, uint8_t out[WM_X25519_SIZE])
{
	uint8_t raw[WM_X25519_SIZE];
	size_t len;
	bool ok = n == WM_WG_KEY_TEXT - 1 && wm_b64_parse(s, n, raw, sizeof(raw), &len) &&
		  len == sizeof(raw);

	if (ok)
		memcpy(out, raw, sizeof(raw));
	wm_wipe(raw, sizeof(raw));
	return ok;
}
