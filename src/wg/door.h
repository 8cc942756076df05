#pragma once
/*
 * Which handshake messages are worth a look. Each costs the handshake thread some microseconds, and
 * anybody who knows our public key can send as many as the line carries, from any address. So while
 * more wait than are soon done, messages fall into three classes. Those from where an authentic
 * packet has come before get in, so that peers renew their sessions under attack. Those with a
 * second MAC, which may be a cookie's, and those of strangers, who are to be answered with a
 * cookie, get in so many a second. In each class no prefix (IPv4 /24, IPv6 /56; of the known each
 * address) has more than its share, and none takes from another class. All else is dropped where it
 * came in, before any lock or hash of its content. Whoever forges the very address of a known peer
 * uses up that peer's share: no rule that looks at addresses can tell them apart.
 */
#include "base/addr.h"
#include "wg/drop.h"
#include <stdatomic.h>

#define WM_WG_DOOR_KNOWN     1024  /* sources that are remembered, at most */
#define WM_WG_DOOR_STRANGERS 10000 /* a second */
#define WM_WG_DOOR_MACS      30000
#define WM_WG_DOOR_PREFIXES  256 /* shares in a class, by hash of the prefix */

enum wm_wg_door_class { WM_WG_DOOR_IS_KNOWN, WM_WG_DOOR_HAS_MAC, WM_WG_DOOR_STRANGE };
#define WM_WG_DOOR_CLASSES 3

/* So many a second: counted in slices of 10 ms. */
struct wm_wg_turns {
	_Atomic int64_t slice;
	_Atomic uint32_t count;
};

struct wm_wg_door {
	uint64_t key; /* random, so that nobody can aim at a slot */
	_Atomic int64_t loaded_until;
	struct wm_wg_turns strangers, macs;
	_Atomic uint64_t known[WM_WG_DOOR_KNOWN]; /* hashes of addresses */
	/* The slice, and in the low byte the count. */
	_Atomic uint32_t shares[WM_WG_DOOR_CLASSES][WM_WG_DOOR_PREFIXES];
};

void wm_wg_door_init(struct wm_wg_door *d, uint64_t key);
/* An authentic packet has come from here. Any thread. */
void wm_wg_door_know(struct wm_wg_door *d, const struct wm_addr *source);
/* Many wait: the rules above hold until a second from @now. Any thread. */
void wm_wg_door_load(struct wm_wg_door *d, int64_t now);
bool wm_wg_door_is_loaded(const struct wm_wg_door *d, int64_t now);
/* WM_DROP_NONE for a handshake message of @len bytes that gets in, or WM_DROP_LOAD. Any thread. */
enum wm_drop wm_wg_door_judge(struct wm_wg_door *d, const struct wm_endpoint *from,
			      const uint8_t *data, size_t len, int64_t now);
