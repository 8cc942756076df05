#pragma once
/*
 * What the handshake thread does with messages and intents: it reads a letter, answers, makes
 * sessions, and sends what waited for them. Handshake thread only, inside an epoch; @h->now is the
 * time.
 */
#include "wg/handshakes.h"

/*
 * Reads one handshake message; @is_loaded demands a cookie. Returns why it was dropped, if it was;
 * *@touched is the peer whose timers may have changed, or NULL.
 */
enum wm_drop wm_wg_exchange_read(struct wm_wg_handshakes *h, const struct wm_wg_letter *l,
				 bool is_loaded, struct wm_wg_peer **touched);
/* Carries out intents (enum wm_wg_intent) of a peer's timers. */
void wm_wg_exchange_act(struct wm_wg_handshakes *h, struct wm_wg_peer *p, unsigned intents);
/* Handles news (enum wm_wg_news) of a peer. */
void wm_wg_exchange_hear(struct wm_wg_handshakes *h, struct wm_wg_peer *p, unsigned news);
/* The host's network has changed: who is being looked for is looked for again at once, and who has
 * a session and would see us come from another address is told. */
void wm_wg_exchange_stir(struct wm_wg_handshakes *h, struct wm_wg_peer *p);
/* Drops what waits for a session of the peer, counting it under @why. */
void wm_wg_exchange_drop_staged(struct wm_wg_handshakes *h, struct wm_wg_peer *p, enum wm_drop why);
