#pragma once
/*
 * Which sessions a peer has: the current one to send with; the next, made by answering the peer's
 * initiation and unproven until the peer uses it; the previous, for packets that are still on their
 * way. Handshake thread only; workers see the result through the peer's atomics and the index.
 */
#include "wg/core.h"
#include "wg/peer.h"

/* Takes a session that our initiation has brought about: it is the current one from now on. */
void wm_wg_keyring_put_initiated(struct wm_wg_core *c, struct wm_wg_peer *p,
				 struct wm_wg_session *s);
/* Takes a session made by answering: it is the next. */
void wm_wg_keyring_put_answered(struct wm_wg_core *c, struct wm_wg_peer *p,
				struct wm_wg_session *s);
/* The next session has been used: it becomes the current one. False when there is none. */
bool wm_wg_keyring_confirm(struct wm_wg_core *c, struct wm_wg_peer *p);
/* Retires all sessions and the handshake under way. */
void wm_wg_keyring_forget(struct wm_wg_core *c, struct wm_wg_peer *p);
/* Forgets the initiation that is out, if any. */
void wm_wg_keyring_end_initiation(struct wm_wg_core *c, struct wm_wg_peer *p);
/* The current session if it may be sent on, or NULL. */
struct wm_wg_session *wm_wg_keyring_usable(struct wm_wg_peer *p, int64_t now);
