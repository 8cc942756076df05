#pragma once
/*
 * The cipher contexts of one thread: a context serves one thread only and some of them are large,
 * so a thread keeps a few and changes their keys as sessions come by. Nothing is allocated per
 * packet. Wiped when sessions have ended (wm_wg_ciphers_wipe).
 */
#include "crypto/aead.h"
#include "wg/session.h"

#define WM_WG_CIPHERS 16

enum wm_wg_direction { WM_WG_SEND, WM_WG_RECV };

struct wm_wg_ciphers {
	struct {
		uint64_t key; /* session id and direction; 0 = no key */
		struct wm_aead aead;
	} slots[WM_WG_CIPHERS];
	const struct wm_aead_provider *provider; /* NULL: OpenSSL's, which costs nothing to have */
};

/* The context for a session's key, valid until the next call. */
struct wm_aead *wm_wg_ciphers_get(struct wm_wg_ciphers *c, const struct wm_wg_session *s,
				  enum wm_wg_direction direction);
/* From now on with the fastest provider there is; the first call may take some milliseconds and MiB
 * (crypto/aead.h), so it is for a thread that has much to do. */
void wm_wg_ciphers_speed_up(struct wm_wg_ciphers *c);
/* Forgets all keys; also how it ends. */
void wm_wg_ciphers_wipe(struct wm_wg_ciphers *c);
