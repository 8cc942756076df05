/*
 * In the paper's letters: the chain is C, the hash is H. A token of the pattern is one function:
 * mix_hash (text goes by), mix_chain (a key half goes by), mix_dh (a Diffie-Hellman result, with or
 * without a key to seal under).
 */
#include "wg/noise.h"
#include "base/mem.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/x25519.h"
#include <string.h>

static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";
static const uint8_t nothing[32];

static void mix_hash(uint8_t hash[32], const void *p, size_t n)
{
	wm_hash_blake2s(hash, 32, p, n, hash);
}

static void mix_chain(uint8_t chain[32], const uint8_t p[32])
{
	wm_hash_kdf(chain, p, 32, chain, NULL, NULL);
}

/* @key may be NULL. False when @public_key is of small order. */
static bool mix_dh(uint8_t chain[32], uint8_t key[32], const uint8_t private_key[32],
		   const uint8_t public_key[32])
{
	uint8_t shared[32];
	if (!wm_x25519_shared(private_key, public_key, shared))
		return false;
	wm_hash_kdf(chain, shared, sizeof(shared), chain, key, NULL);
	wm_wipe(shared, sizeof(shared));
	return true;
}

/* Every key of the handshake seals once, with counter zero and the hash as associated data. */
static void seal_once(const uint8_t key[32], uint8_t hash[32], const void *in, size_t n,
		      uint8_t *out)
{
	uint8_t nonce[WM_AEAD_NONCE] = {0};
	struct wm_aead aead = {0};
	wm_aead_init(&aead, key);
	wm_aead_seal(&aead, nonce, hash, 32, in, n, out);
	wm_aead_fini(&aead);
	mix_hash(hash, out, n + WM_WG_TAG);
}

static bool open_once(const uint8_t key[32], uint8_t hash[32], const uint8_t *in, size_t n,
		      void *out)
{
	uint8_t nonce[WM_AEAD_NONCE] = {0};
	struct wm_aead aead = {0};
	wm_aead_init(&aead, key);
	bool ok = wm_aead_open(&aead, nonce, hash, 32, in, n, out);
	wm_aead_fini(&aead);
	mix_hash(hash, in, n);
	return ok;
}

static void start_chain(uint8_t chain[32], uint8_t hash[32], const uint8_t responder_key[32])
{
	wm_hash_blake2s(construction, strlen(construction), NULL, 0, chain);
	wm_hash_blake2s(chain, 32, identifier, strlen(identifier), hash);
	mix_hash(hash, responder_key, 32);
}

static void mix_psk(uint8_t chain[32], uint8_t hash[32], uint8_t key[32], const uint8_t psk[32])
{
	uint8_t tau[32];
	wm_hash_kdf(chain, psk, 32, chain, tau, key);
	mix_hash(hash, tau, sizeof(tau));
	wm_wipe(tau, sizeof(tau));
}

void wm_wg_identity_set(struct wm_wg_identity *id, const uint8_t private_key[WM_WG_KEY])
{
	wm_wg_identity_fini(id);
	id->is_set = !wm_equal_secret(private_key, nothing, WM_WG_KEY);
	if (!id->is_set)
		return;
	memcpy(id->private_key, private_key, WM_WG_KEY);
	wm_x25519_public(private_key, id->public_key);
}

void wm_wg_identity_fini(struct wm_wg_identity *id)
{
	wm_wipe(id, sizeof(*id));
}

void wm_wg_remote_set(struct wm_wg_remote *r, const struct wm_wg_identity *id,
		      const uint8_t public_key[WM_WG_KEY], const uint8_t psk[WM_WG_KEY])
{
	memmove(r->public_key, public_key, WM_WG_KEY);
	memmove(r->psk, psk, WM_WG_KEY);
	r->is_usable = id->is_set && wm_x25519_shared(id->private_key, r->public_key, r->shared);
}

bool wm_wg_initiation_create(struct wm_wg_initiator *st, const struct wm_wg_identity *id,
			     const struct wm_wg_remote *r, uint32_t index,
			     const uint8_t ephemeral[WM_WG_KEY],
			     const uint8_t timestamp[WM_WG_TIMESTAMP], struct wm_wg_initiation *out)
{
	uint8_t key[32];
	wm_wg_initiator_fini(st);
	memset(out, 0, sizeof(*out));
	if (!id->is_set || !r->is_usable)
		return false;
	memcpy(st->ephemeral, ephemeral, WM_WG_KEY);
	st->index = index;
	start_chain(st->chain, st->hash, r->public_key);

	wm_wg_put_le32(out->type, WM_WG_INITIATION);
	wm_wg_put_le32(out->sender, index);
	wm_x25519_public(ephemeral, out->ephemeral);
	mix_chain(st->chain, out->ephemeral);
	mix_hash(st->hash, out->ephemeral, sizeof(out->ephemeral));
	st->is_live = mix_dh(st->chain, key, ephemeral, r->public_key);
	if (!st->is_live)
		return false;
	seal_once(key, st->hash, id->public_key, WM_WG_KEY, out->sealed_static);
	wm_hash_kdf(st->chain, r->shared, sizeof(r->shared), st->chain, key, NULL);
	seal_once(key, st->hash, timestamp, WM_WG_TIMESTAMP, out->sealed_timestamp);
	wm_wipe(key, sizeof(key));
	return true;
}

void wm_wg_initiator_fini(struct wm_wg_initiator *st)
{
	wm_wipe(st, sizeof(*st));
}

enum wm_drop wm_wg_initiation_open(struct wm_wg_responder *st, const struct wm_wg_identity *id,
				   const struct wm_wg_initiation *msg)
{
	uint8_t key[32];
	if (!id->is_set)
		return WM_DROP_HANDSHAKE;
	start_chain(st->chain, st->hash, id->public_key);
	memcpy(st->remote_ephemeral, msg->ephemeral, WM_WG_KEY);
	st->remote_index = wm_wg_get_le32(msg->sender);
	mix_chain(st->chain, msg->ephemeral);
	mix_hash(st->hash, msg->ephemeral, sizeof(msg->ephemeral));
	bool ok = mix_dh(st->chain, key, id->private_key, msg->ephemeral) &&
		  open_once(key, st->hash, msg->sealed_static, sizeof(msg->sealed_static),
			    st->remote_static);
	wm_wipe(key, sizeof(key));
	return ok ? WM_DROP_NONE : WM_DROP_HANDSHAKE;
}

enum wm_drop wm_wg_initiation_verify(struct wm_wg_responder *st, const struct wm_wg_remote *r,
				     const struct wm_wg_initiation *msg,
				     uint8_t timestamp[WM_WG_TIMESTAMP])
{
	uint8_t key[32];
	if (!r->is_usable || !wm_equal_secret(r->public_key, st->remote_static, WM_WG_KEY))
		return WM_DROP_HANDSHAKE;
	wm_hash_kdf(st->chain, r->shared, sizeof(r->shared), st->chain, key, NULL);
	bool ok = open_once(key, st->hash, msg->sealed_timestamp, sizeof(msg->sealed_timestamp),
			    timestamp);
	wm_wipe(key, sizeof(key));
	return ok ? WM_DROP_NONE : WM_DROP_HANDSHAKE;
}

enum wm_drop wm_wg_response_create(struct wm_wg_responder *st, const struct wm_wg_remote *r,
				   uint32_t index, const uint8_t ephemeral[WM_WG_KEY],
				   struct wm_wg_response *out, struct wm_wg_keys *keys)
{
	uint8_t key[32];
	memset(out, 0, sizeof(*out));
	wm_wg_put_le32(out->type, WM_WG_RESPONSE);
	wm_wg_put_le32(out->sender, index);
	wm_wg_put_le32(out->receiver, st->remote_index);
	wm_x25519_public(ephemeral, out->ephemeral);
	mix_chain(st->chain, out->ephemeral);
	mix_hash(st->hash, out->ephemeral, sizeof(out->ephemeral));
	if (!mix_dh(st->chain, NULL, ephemeral, st->remote_ephemeral) ||
	    !mix_dh(st->chain, NULL, ephemeral, r->public_key))
		return WM_DROP_HANDSHAKE;
	mix_psk(st->chain, st->hash, key, r->psk);
	seal_once(key, st->hash, NULL, 0, out->sealed_nothing);
	wm_hash_kdf(st->chain, NULL, 0, keys->recv, keys->send, NULL);
	keys->local_index = index;
	keys->remote_index = st->remote_index;
	wm_wipe(key, sizeof(key));
	return WM_DROP_NONE;
}

void wm_wg_responder_fini(struct wm_wg_responder *st)
{
	wm_wipe(st, sizeof(*st));
}

/* The pattern of the response, on a copy of the initiator's state. */
static bool read_response(struct wm_wg_initiator *st, const struct wm_wg_identity *id,
			  const struct wm_wg_remote *r, const struct wm_wg_response *msg)
{
	uint8_t key[32];
	mix_chain(st->chain, msg->ephemeral);
	mix_hash(st->hash, msg->ephemeral, sizeof(msg->ephemeral));
	if (!mix_dh(st->chain, NULL, st->ephemeral, msg->ephemeral) ||
	    !mix_dh(st->chain, NULL, id->private_key, msg->ephemeral))
		return false;
	mix_psk(st->chain, st->hash, key, r->psk);
	uint8_t none[1];
	bool ok = open_once(key, st->hash, msg->sealed_nothing, sizeof(msg->sealed_nothing), none);
	wm_wipe(key, sizeof(key));
	return ok;
}

enum wm_drop wm_wg_response_consume(const struct wm_wg_initiator *st,
				    const struct wm_wg_identity *id, const struct wm_wg_remote *r,
				    const struct wm_wg_response *msg, struct wm_wg_keys *keys)
{
	if (!st->is_live || !id->is_set || wm_wg_get_le32(msg->receiver) != st->index)
		return WM_DROP_HANDSHAKE;
	struct wm_wg_initiator copy = *st;
	bool ok = read_response(&copy, id, r, msg);
	if (ok) {
		wm_hash_kdf(copy.chain, NULL, 0, keys->send, keys->recv, NULL);
		keys->local_index = st->index;
		keys->remote_index = wm_wg_get_le32(msg->sender);
	}
	wm_wg_initiator_fini(&copy);
	return ok ? WM_DROP_NONE : WM_DROP_HANDSHAKE;
}
