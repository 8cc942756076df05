#pragma once
/*
 * The two MACs on handshake messages, and cookies. The first MAC proves that the sender knows our
 * public key; the second, asked for under load, that it can receive at its source address. Pure:
 * time and randomness are handed in. Handshake thread.
 */
#include "base/addr.h"
#include "wg/message.h"
#include <stdbool.h>
#include <stddef.h>

#define WM_WG_COOKIE_LIFE_NS (120 * 1000000000LL)

/* Our side as receiver of handshakes. Zeroed, then wm_wg_checker_set. */
struct wm_wg_checker {
	uint8_t mac1_key[32];
	uint8_t cookie_key[32];
	uint8_t secret[32];
	int64_t secret_at; /* 0 = none yet */
};

/* Our side as sender, per peer. Zeroed, then wm_wg_jar_set. */
struct wm_wg_jar {
	uint8_t mac1_key[32];
	uint8_t cookie_key[32];
	uint8_t cookie[WM_WG_MAC];
	int64_t cookie_at; /* 0 = none */
	uint8_t last_mac1[WM_WG_MAC];
	bool has_last_mac1; /* a message is out that a cookie reply may answer */
};

enum wm_wg_mac_state {
	WM_WG_MAC_BAD,    /* not meant for us */
	WM_WG_MAC_FIRST,  /* the first MAC is right, the second is not (or absent) */
	WM_WG_MAC_COOKIE, /* both are right: the source address is proven */
};

void wm_wg_checker_set(struct wm_wg_checker *c, const uint8_t public_key[32]);
/* True when the secret that cookies are made with is older than two minutes. */
bool wm_wg_checker_is_due(const struct wm_wg_checker *c, int64_t now);
void wm_wg_checker_set_secret(struct wm_wg_checker *c, const uint8_t secret[32], int64_t now);
/* @msg is a whole initiation or response of @len bytes. */
enum wm_wg_mac_state wm_wg_checker_check(const struct wm_wg_checker *c, const void *msg, size_t len,
					 const struct wm_endpoint *from);
/* Answers @msg, whose first MAC is right, with a cookie for @from. */
void wm_wg_cookie_create(const struct wm_wg_checker *c, const void *msg, size_t len,
			 const struct wm_endpoint *from, const uint8_t nonce[24],
			 struct wm_wg_cookie_reply *out);

void wm_wg_jar_set(struct wm_wg_jar *j, const uint8_t peer_public_key[32]);
/* Fills both MACs of @msg, an initiation or response of @len bytes for this peer. */
void wm_wg_jar_stamp(struct wm_wg_jar *j, void *msg, size_t len, int64_t now);
/* Reads a cookie reply; false when it does not answer our last message. */
bool wm_wg_cookie_consume(struct wm_wg_jar *j, const struct wm_wg_cookie_reply *msg, int64_t now);
