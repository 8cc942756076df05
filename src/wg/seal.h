#pragma once
/* Data packets, in place: the buffer is header, packet, room for padding and tag. Any thread. */
#include "wg/ciphers.h"
#include "wg/stage.h"
#include <stdbool.h>
#include <stddef.h>

/*
 * Seals the @len bytes that stand behind @header and have WM_WG_SEAL_TAIL bytes of room behind
 * them. They are padded to a multiple of 16, but not beyond @mtu, which leaves the path room for
 * just that. Returns the length of the datagram that begins at @header, or 0 when the session has
 * used up its counters.
 */
size_t wm_wg_seal(struct wm_wg_ciphers *ciphers, struct wm_wg_session *s, struct wm_wg_data *header,
		  size_t len, size_t mtu);
/*
 * The same from one buffer to another, with a counter that the caller has taken
 * (wm_wg_session_take): @out has room for the header, @len bytes and WM_WG_SEAL_TAIL. The 15 bytes
 * behind @packet are written to and put back.
 */
size_t wm_wg_seal_into(struct wm_wg_ciphers *ciphers, struct wm_wg_session *s, uint64_t counter,
		       uint8_t *packet, size_t len, size_t mtu, uint8_t *out);
/*
 * Opens the datagram of @len bytes (at least WM_WG_DATA_MIN) in place; the plaintext stands behind
 * the header. False when it is not authentic.
 */
bool wm_wg_open(struct wm_wg_ciphers *ciphers, const struct wm_wg_session *s, uint8_t *datagram,
		size_t len);
