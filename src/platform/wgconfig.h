#pragma once
/*
 * The configuration of a WireGuard device as data: one struct serves as wish (set) and as answer
 * (get). In a wish, has_* says "set this"; what is not mentioned stays. The same struct goes to our
 * own device, to the userspace socket of stock `wg`, and to the kernel's WireGuard. Plain memory,
 * owned by whoever fills it.
 */
#include "base/addr.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_WG_KEY 32

enum wm_wg_peer_flag {
	WM_WG_PEER_REMOVE = 1,          /* take the peer away */
	WM_WG_PEER_UPDATE_ONLY = 2,     /* do nothing when it is not there */
	WM_WG_PEER_REPLACE_ALLOWED = 4, /* allowed[] is the whole list */
};

struct wm_wg_allowed {
	struct wm_prefix prefix;
	bool remove; /* take it from this peer, if it has it */
};

struct wm_wg_peer_config {
	uint8_t public_key[WM_WG_KEY];
	unsigned flags; /* enum wm_wg_peer_flag */
	bool has_psk, has_endpoint, has_keepalive;
	uint8_t psk[WM_WG_KEY]; /* all zero = none */
	struct wm_endpoint endpoint;
	/*
	 * Wishes only, with @has_places: other endpoints where the peer may be, best first. They
	 * are tried when a handshake is not answered (wg/race.h); the kernel's WireGuard has no use
	 * for them.
	 */
	bool has_places;
	const struct wm_endpoint *places; /* borrowed */
	size_t n_places;
	uint16_t keepalive_s; /* 0 = off */
	struct wm_wg_allowed *allowed;
	size_t n_allowed;
	/* Answers only. */
	int64_t last_handshake_wall_ns; /* 0 = never */
	uint64_t rx_bytes, tx_bytes;
};

struct wm_wg_config {
	bool has_private_key, has_listen_port, has_fwmark;
	bool replace_peers;             /* peers[] is the whole list */
	uint8_t private_key[WM_WG_KEY]; /* all zero = none */
	uint8_t public_key[WM_WG_KEY];  /* answers only */
	uint16_t listen_port;           /* 0 in a wish = any free one */
	uint32_t fwmark;
	struct wm_wg_peer_config *peers;
	size_t n_peers;
};

/* Wipes the keys and frees all of it: for what was handed out as owned by the caller. NULL is
 * allowed. */
void wm_wg_config_free(struct wm_wg_config *c);
