#pragma once
/*
 * The node key: one Ed25519 key pair from which a node's identity, its WireGuard keys and its peer
 * ID follow; and the text forms of all of them. Parsers are strict: exact lengths, canonical
 * base64, key type 5, and a public half that belongs to the seed. Values without heap; a struct
 * wm_key is wiped by its fini. Any thread, one at a time per key.
 */
#include "base/err.h"
#include "crypto/secret.h"
#include "crypto/x25519.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_KEY_SEED      32
#define WM_PUBKEY_SIZE   32
#define WM_KEY_SIGNATURE 64
#define WM_KEY_TEXT      93 /* sizes of the texts with the NUL: private key, */
#define WM_PUBKEY_TEXT   49 /* public key, */
#define WM_PEER_ID_TEXT  53 /* peer ID, */
#define WM_WG_KEY_TEXT   45 /* WireGuard key of either kind */

struct wm_key {
	struct wm_secret secret; /* seed, then public key */
};

struct wm_pubkey {
	uint8_t bytes[WM_PUBKEY_SIZE];
};

void wm_key_generate(struct wm_key *k);
/* The key pair that grows from @seed. */
void wm_key_from_seed(struct wm_key *k, const uint8_t seed[WM_KEY_SEED]);
void wm_key_fini(struct wm_key *k);

/*
 * The 92-character private text, exactly @n bytes of it. The error says what is wrong with the text
 * and never repeats it.
 */
int wm_key_parse(const char *s, size_t n, struct wm_key *out, struct wm_err *err) WM_MUST_CHECK;
/* The private text; @out is to be wiped by the caller (wm_wipe). Returns @out. */
char *wm_key_format_private(const struct wm_key *k, char out[WM_KEY_TEXT]);
struct wm_pubkey wm_key_public(const struct wm_key *k);
void wm_key_sign(const struct wm_key *k, const void *msg, size_t n, uint8_t out[WM_KEY_SIGNATURE]);
/* The clamped X25519 private key of the node's WireGuard device. */
void wm_key_wireguard(const struct wm_key *k, struct wm_secret *out);

/* The 48-character public text, exactly @n bytes of it. */
int wm_pubkey_parse(const char *s, size_t n, struct wm_pubkey *out, struct wm_err *err)
	WM_MUST_CHECK;
char *wm_pubkey_format(const struct wm_pubkey *p, char out[WM_PUBKEY_TEXT]);
bool wm_pubkey_equal(const struct wm_pubkey *a, const struct wm_pubkey *b);
bool wm_pubkey_verify(const struct wm_pubkey *p, const void *msg, size_t n,
		      const uint8_t signature[WM_KEY_SIGNATURE])
	__attribute__((warn_unused_result));
/* The X25519 public key; fails for bytes that are no point of the curve or one of small order. */
int wm_pubkey_wireguard(const struct wm_pubkey *p, uint8_t out[WM_X25519_SIZE], struct wm_err *err)
	WM_MUST_CHECK;
/* The 52-character peer ID ("12D3KooW..."). Returns @out. */
char *wm_pubkey_format_id(const struct wm_pubkey *p, char out[WM_PEER_ID_TEXT]);
/* The public key inside a peer ID of exactly @n bytes. */
int wm_pubkey_parse_id(const char *s, size_t n, struct wm_pubkey *out, struct wm_err *err)
	WM_MUST_CHECK;

/* A WireGuard key as `wg` shows it: base64, 44 characters. Returns @out. */
char *wm_wg_key_format(const uint8_t key[WM_X25519_SIZE], char out[WM_WG_KEY_TEXT]);
bool wm_wg_key_parse(const char *s, size_t n, uint8_t out[WM_X25519_SIZE])
	__attribute__((warn_unused_result));
