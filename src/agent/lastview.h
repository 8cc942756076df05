#pragma once
/*
 * What the mesh last said of this node, on disk, so that a member that holds no state comes back to
 * its peers when nobody answers. One file in the storage folder, mode 0600, replaced as a whole. It
 * is bound to node ID and key: with another of either it counts as absent. Blocks for as long as a
 * small write takes.
 */
#include "base/arena.h"
#include "base/err.h"
#include "pb/v1.h"
#include <stdint.h>

struct wm_last_view {
	const char *folder; /* made (0700) when absent */
	const char *node_id;
	const char *public_key; /* the 48-character text */
};

WM_MUST_CHECK int wm_last_view_save(const struct wm_last_view *at, const V1__JoinResponse *view,
				    struct wm_err *err);
/* NOT_FOUND when there is none for this ID and key; *@age_ns is the time since it was written. */
WM_MUST_CHECK int wm_last_view_load(const struct wm_last_view *at, struct wm_arena *arena,
				    V1__JoinResponse **out, int64_t *age_ns, struct wm_err *err);
/* A node that has left has no last view. */
void wm_last_view_forget(const struct wm_last_view *at);
