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
	unsigned count; /* one per worker */
	struct wm_udp_socket socks[];
};

/* Binds @count sockets; 0 = any free port. @is_plain: without trains (platform/udp.h). */
WM_MUST_CHECK int wm_wg_sockets_new(uint16_t port, uint32_t fwmark, bool is_plain, unsigned count,
				    struct wm_wg_sockets **out, struct wm_err *err);
void wm_wg_sockets_free(struct wm_wg_sockets *s); /* NULL is allowed */
/* The same, once no other thread can hold it. NULL is allowed. */
void wm_wg_sockets_retire(struct wm_wg_sockets *s, struct wm_epoch *epoch);
/* Changes the mark of all of them, or of none. */
WM_MUST_CHECK int wm_wg_sockets_set_mark(const struct wm_wg_sockets *s, uint32_t old_mark,
					 uint32_t new_mark, struct wm_err *err);
