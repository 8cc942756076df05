#pragma once
/*
 * Where a server's connections come from: an IPv4 address, or an IPv6 /64, which one client may be
 * taken to own. Each source is counted, and blamed for what its connections did to us; one with too
 * much blame has its new connections wait in a line of its own, of which one may begin at a time,
 * two to ten in a second; the newest first, for those who came long ago may have given up. So
 * whoever is cut off and comes back at once gets a small part of us, and somebody who behaves
 * behind the same address is slowed down and not locked out. Blame is forgotten at a steady rate. A
 * source is forgotten when it has no connection, and no blame or too many came after it. Loop
 * thread only.
 */
#include "base/addr.h"
#include "base/map.h"
#include "rpc/turns.h"

enum wm_rpc_blame {
	WM_RPC_BLAME_FLOOD, /* a connection was cut off for flooding us: six or so are free */
	WM_RPC_BLAME_VAIN,  /* one broke HTTP/2, or shook hands and never spoke it: fifty are */
};
#define WM_RPC_SOURCES_BLAMED 1024 /* remembered without a connection */

struct wm_rpc_source;

struct wm_rpc_sources {
	struct wm_loop *loop;
	struct wm_map by_address;
	struct wm_list blamed; /* those without a connection, the oldest first */
	size_t n_blamed;
};

void wm_rpc_sources_init(struct wm_rpc_sources *all, struct wm_loop *loop);
/* Only when every connection has left. */
void wm_rpc_sources_fini(struct wm_rpc_sources *all);
/* One more connection comes from @peer. Borrowed until it leaves. */
struct wm_rpc_source *wm_rpc_source_enter(struct wm_rpc_sources *all,
					  const struct wm_endpoint *peer);
/* One connection less: @s may be gone afterwards. */
void wm_rpc_source_leave(struct wm_rpc_source *s);
/* How many connections there are. */
uint32_t wm_rpc_source_count(const struct wm_rpc_source *s);
/* What a connection from there did. */
void wm_rpc_source_blame(struct wm_rpc_source *s, enum wm_rpc_blame what);
/*
 * False when a connection may begin at once. Otherwise it has to wait: @cb runs once, from the
 * loop, when it may; wm_rpc_turn_cancel leaves the line.
 */
bool wm_rpc_source_wait(struct wm_rpc_source *s, struct wm_rpc_turn *t,
			void (*cb)(struct wm_rpc_turn *t));
