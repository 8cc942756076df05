#pragma once
/*
 * The socket for everything that is not data, which the host keeps apart where it can
 * (wm_udp_steer): a flood of handshake messages then fills a buffer of its own and meets the
 * handshake thread, while the workers and their buffers see nothing of it. Handshake thread.
 */
#include "platform/udp.h"
#include "wg/core.h"
#include "wg/message.h"

#define WM_WG_MAIL   32 /* datagrams in one batch */
#define WM_WG_LOADED 64 /* handshake messages that wait: from here on cookies are asked for */

struct wm_wg_handshakes;

/* A handshake message as it came in. */
struct wm_wg_letter {
	struct wm_endpoint from;
	struct wm_udp_local local; /* where it came in, if that is known */
	uint16_t len;
	uint8_t data[WM_WG_HANDSHAKE_MAX];
};

struct wm_wg_mail {
	struct wm_udp_packet packets[WM_WG_MAIL];
	uint8_t bytes[WM_WG_MAIL][WM_WG_FOREIGN_BYTES];
	unsigned waited; /* read since the socket was empty last */
	struct wm_wg_foreign_rate foreign;
};

/* @len is at most WM_WG_HANDSHAKE_MAX. */
void wm_wg_letter_fill(struct wm_wg_letter *l, const struct wm_endpoint *from,
		       const struct wm_udp_local *local, const uint8_t *data, size_t len);
void wm_wg_mail_init(struct wm_wg_mail *m);
/* Reads one batch, if there is such a socket; true when there may be more. Inside an epoch. */
bool wm_wg_mail_run(struct wm_wg_handshakes *h);
