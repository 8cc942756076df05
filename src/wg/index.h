#pragma once
/*
 * Session indexes: the number that a message carries in place of a name. The low bits are a place
 * in a table, the others random, so finding is one look and a stale index does not match. The
 * handshake thread writes; workers find sessions inside an epoch.
 */
#include "base/epoch.h"
#include "wg/session.h"

struct wm_wg_index_table;

struct wm_wg_index {
	_Atomic(struct wm_wg_index_table *) table;
	struct wm_epoch *epoch; /* borrowed */
};

void wm_wg_index_init(struct wm_wg_index *ix, struct wm_epoch *epoch);
void wm_wg_index_fini(struct wm_wg_index *ix); /* no reader any more */
/* A fresh index for @peer, without session yet. */
uint32_t wm_wg_index_take(struct wm_wg_index *ix, struct wm_wg_peer *peer);
/* Makes @s findable under its local index, which was taken before. */
void wm_wg_index_set(struct wm_wg_index *ix, struct wm_wg_session *s);
/* Gives the index back; harmless when it is not taken. */
void wm_wg_index_drop(struct wm_wg_index *ix, uint32_t index);
/* The writer's: whose index it is, or NULL. */
struct wm_wg_peer *wm_wg_index_peer(const struct wm_wg_index *ix, uint32_t index);
/* Any thread inside an epoch: the session, or NULL. */
struct wm_wg_session *wm_wg_index_find(struct wm_wg_index *ix, uint32_t index);
