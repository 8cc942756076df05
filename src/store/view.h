#pragma once
/* Views (store/kv.h) over one LMDB snapshot. Thread of whoever holds the snapshot. */
#include "store/snapshot.h"
#include "store/kv.h"

/*
 * A view of @s, which must stay active until it closes. *@open counts the views that are open.
 */
struct wm_view *wm_snapshot_view(struct wm_snapshot *s, unsigned *open);
/* Splits a stored value into revision and bytes; false when it is too short to be one. */
bool wm_stored_split(const MDB_val *stored, struct wm_kv *out);
