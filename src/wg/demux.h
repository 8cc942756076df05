#pragma once
/* What a datagram on the device's port is, by its bytes alone. Pure; any thread. */
#include <stddef.h>
#include <stdint.h>

enum wm_wg_kind {
	WM_WG_KIND_MALFORMED, /* a WireGuard type with a length that it cannot have */
	WM_WG_KIND_INITIATION,
	WM_WG_KIND_RESPONSE,
	WM_WG_KIND_COOKIE,
	WM_WG_KIND_DATA,
	WM_WG_KIND_STUN,
	WM_WG_KIND_FOREIGN,
};

/*
 * WireGuard by type word and length first: a receiver index may look like STUN's magic cookie, but
 * a STUN message never has WireGuard's three zero bytes and a fitting length. Then STUN (RFC 8489);
 * its fingerprint and integrity are for whoever acts on it. Then anything else.
 */
enum wm_wg_kind wm_wg_demux_parse(const uint8_t *data, size_t len);
