#pragma once
/*
 * The UDP sockets of a device as one immutable value: the loop publishes it, the other threads use
 * it inside an epoch, and it closes itself when a new one has taken its place and all have let go.
 */
#include "base/epoch.h"
#include "platform/udp.h"

struct wm_wg_sockets {
	struct wm_epoch_item item;
	uint16_t port;
	unsigned count;
	bool has_mail; /* the last one is for all that is not data; otherwise all are alike */
	struct wm_udp_socket socks[];
};

/* Binds a socket for each of @workers, and one for all that is not data where the host can keep
 * that apart; port 0 = any free one. @is_plain: without trains (platform/udp.h). */
WM_MUST_CHECK int wm_wg_sockets_new(uint16_t port, uint32_t fwmark, bool is_plain, unsigned workers,
				    struct wm_wg_sockets **out, struct wm_err *err);
void wm_wg_sockets_free(struct wm_wg_sockets *s); /* NULL is allowed */
/* The socket for all that is not data, or NULL; so for NULL. */
static inline struct wm_udp_socket *wm_wg_sockets_mail(struct wm_wg_sockets *s)
{
	return s != NULL && s->has_mail ? &s->socks[s->count - 1] : NULL;
}
/* The same, once no other thread can hold it. NULL is allowed. */
void wm_wg_sockets_retire(struct wm_wg_sockets *s, struct wm_epoch *epoch);
/* Changes the mark of all of them, or of none. */
WM_MUST_CHECK int wm_wg_sockets_set_mark(const struct wm_wg_sockets *s, uint32_t old_mark,
					 uint32_t new_mark, struct wm_err *err);
