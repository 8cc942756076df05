#pragma once
/*
 * The handshake, Noise_IKpsk2 over X25519, ChaCha20-Poly1305 and BLAKE2s, as a pure protocol half:
 * messages in and out, randomness and time handed in. The MAC fields belong to wg/cookie.h.
 *
 * The initiator keeps its state until the response comes; the responder's lives only while one
 * initiation is answered. They are two structs on purpose: a peer whose initiation crosses ours
 * does not disturb ours, so both handshakes complete.
 */
#include "platform/wgconfig.h"
#include "wg/drop.h"
#include "wg/message.h"
#include <stdbool.h>

/* Ourselves. Wiped by its fini. */
struct wm_wg_identity {
	uint8_t private_key[WM_WG_KEY];
	uint8_t public_key[WM_WG_KEY];
	bool is_set;
};

/* A peer, as the handshake sees it. Wiped by its fini. */
struct wm_wg_remote {
	uint8_t public_key[WM_WG_KEY];
	uint8_t psk[WM_WG_KEY];    /* zero when there is none */
	uint8_t shared[WM_WG_KEY]; /* our static key with the peer's, computed once */
	bool is_usable;            /* false while we have no key, or the peer's is of small order */
};

struct wm_wg_initiator {
	uint8_t hash[32];
	uint8_t chain[32];
	uint8_t ephemeral[WM_WG_KEY]; /* private */
	uint32_t index;               /* ours */
	bool is_live;                 /* an initiation is out and may be answered */
};

struct wm_wg_responder {
	uint8_t hash[32];
	uint8_t chain[32];
	uint8_t remote_static[WM_WG_KEY]; /* who it says it is; proven by wm_wg_initiation_verify */
	uint8_t remote_ephemeral[WM_WG_KEY];
	uint32_t remote_index;
};

/* What a finished handshake gives. Wiped by whoever moves it into a session. */
struct wm_wg_keys {
	uint8_t send[WM_WG_KEY];
	uint8_t recv[WM_WG_KEY];
	uint32_t local_index, remote_index;
};

/* Sets our key pair; an all-zero private key means none. */
void wm_wg_identity_set(struct wm_wg_identity *id, const uint8_t private_key[WM_WG_KEY]);
void wm_wg_identity_fini(struct wm_wg_identity *id);

/* Takes over the keys of a peer and computes what @id and the peer share. */
void wm_wg_remote_set(struct wm_wg_remote *r, const struct wm_wg_identity *id,
		      const uint8_t public_key[WM_WG_KEY], const uint8_t psk[WM_WG_KEY]);

/*
 * Writes an initiation with zero MACs and makes @st live; @ephemeral is a fresh private key. False
 * when the peer cannot be talked to (see is_usable).
 */
bool wm_wg_initiation_create(struct wm_wg_initiator *st, const struct wm_wg_identity *id,
			     const struct wm_wg_remote *r, uint32_t index,
			     const uint8_t ephemeral[WM_WG_KEY],
			     const uint8_t timestamp[WM_WG_TIMESTAMP],
			     struct wm_wg_initiation *out);
/* Forgets and wipes an initiation that is out. */
void wm_wg_initiator_fini(struct wm_wg_initiator *st);

/* Decrypts who sent it, which is not proven yet: @st->remote_static tells which peer to look up. */
enum wm_drop wm_wg_initiation_open(struct wm_wg_responder *st, const struct wm_wg_identity *id,
				   const struct wm_wg_initiation *msg);
/* Proves it and gives the timestamp, which the caller compares with the peer's last one. */
enum wm_drop wm_wg_initiation_verify(struct wm_wg_responder *st, const struct wm_wg_remote *r,
				     const struct wm_wg_initiation *msg,
				     uint8_t timestamp[WM_WG_TIMESTAMP]);
/* Answers; @index is ours. The keys are good once the peer has used them. */
enum wm_drop wm_wg_response_create(struct wm_wg_responder *st, const struct wm_wg_remote *r,
				   uint32_t index, const uint8_t ephemeral[WM_WG_KEY],
				   struct wm_wg_response *out, struct wm_wg_keys *keys);
void wm_wg_responder_fini(struct wm_wg_responder *st);

/* Reads the answer to our initiation; @st is left as it was, so that a forged answer harms nothing.
 */
enum wm_drop wm_wg_response_consume(const struct wm_wg_initiator *st,
				    const struct wm_wg_identity *id, const struct wm_wg_remote *r,
				    const struct wm_wg_response *msg, struct wm_wg_keys *keys);
