#pragma once
/*
 * Who may put a handshake message into the queue of the handshake thread. Each costs that thread
 * some microseconds, and anybody who knows our public key can send as many as the line carries,
 * from any address. So while the queue is loaded, a message needs one of three things to get in:
 * a second MAC (which may be a cookie's; the thread looks), a source from which an authentic packet
 * has come before, so that peers renew their sessions under attack, or one of the turns that are
 * given to strangers, so many a second, to be answered with a cookie. All else is dropped where it
 * came in, before any lock or hash. And no prefix has more than an eighth of the queue.
 */
#include "base/addr.h"
#include "wg/drop.h"
#include <stdatomic.h>

#define WM_WG_DOOR_KNOWN     1024  /* sources that are remembered, at most */
#define WM_WG_DOOR_STRANGERS 10000 /* a second that get in while it is loaded */
#define WM_WG_DOOR_PREFIXES  256   /* shares of the queue, by hash of the prefix */

struct wm_wg_door {
	uint64_t key; /* random, so that nobody can aim at a slot */
	_Atomic int64_t loaded_until;
	_Atomic int64_t turn_at; /* the slice of time in which strangers are counted */
	_Atomic uint32_t turns;
	_Atomic uint64_t known[WM_WG_DOOR_KNOWN]; /* hashes of addresses */
	uint16_t waiting[WM_WG_DOOR_PREFIXES];    /* guarded by the queue's lock */
};

void wm_wg_door_init(struct wm_wg_door *d, uint64_t key);

/* An authentic packet has come from here. Any thread. */
void wm_wg_door_know(struct wm_wg_door *d, const struct wm_addr *source);
/* The queue is long: strangers are limited until a second from @now. Any thread. */
void wm_wg_door_load(struct wm_wg_door *d, int64_t now);
bool wm_wg_door_is_loaded(const struct wm_wg_door *d, int64_t now);
/* WM_DROP_NONE for a handshake message of @len bytes that may go on to the queue, WM_DROP_LOAD for
 * one that has to stay outside. Any thread. */
enum wm_drop wm_wg_door_judge(struct wm_wg_door *d, const struct wm_endpoint *from,
			      const uint8_t *data, size_t len, int64_t now);

/* Takes a place for the source's prefix out of @most; false when it has had its share. *@share is
 * to be given back by wm_wg_door_leave. Under the queue's lock. */
bool wm_wg_door_enter(struct wm_wg_door *d, const struct wm_addr *source, unsigned most,
		      uint8_t *share);
void wm_wg_door_leave(struct wm_wg_door *d, uint8_t share);
