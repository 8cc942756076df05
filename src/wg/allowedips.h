#pragma once
/*
 * Which peer owns which inner addresses: a path-compressed binary trie per family, longest prefix
 * first. One writer (the loop); readers on any thread look up without a lock inside an epoch.
 * An owner embeds struct wm_wg_owner; the trie borrows it until its last prefix is gone.
 */
#include "base/addr.h"
#include "base/epoch.h"
#include "base/list.h"
#include <stdatomic.h>
#include <stddef.h>

struct wm_wg_trie_node;

struct wm_wg_owner {
	struct wm_list nodes; /* the writer's: every prefix it has, in order of coming */
	size_t count;
};

struct wm_wg_allowedips {
	_Atomic(struct wm_wg_trie_node *) root4, root6;
	struct wm_epoch *epoch; /* borrowed */
};

void wm_wg_allowedips_init(struct wm_wg_allowedips *t, struct wm_epoch *epoch);
/* No reader any more; owners are not touched. */
void wm_wg_allowedips_fini(struct wm_wg_allowedips *t);
void wm_wg_owner_init(struct wm_wg_owner *o);

/* Gives @p (host bits are ignored) to @o, taking it from whoever has it. */
void wm_wg_allowedips_put(struct wm_wg_allowedips *t, const struct wm_prefix *p,
			  struct wm_wg_owner *o);
/* Takes @p away if @o has exactly it; false when it has not. */
bool wm_wg_allowedips_drop(struct wm_wg_allowedips *t, const struct wm_prefix *p,
			   struct wm_wg_owner *o);
/* Takes all prefixes of @o away. */
void wm_wg_allowedips_drop_owner(struct wm_wg_allowedips *t, struct wm_wg_owner *o);
/* The owner of the longest prefix that holds the address (4 or 16 bytes), or NULL. */
struct wm_wg_owner *wm_wg_allowedips_find4(const struct wm_wg_allowedips *t, const uint8_t *addr);
struct wm_wg_owner *wm_wg_allowedips_find6(const struct wm_wg_allowedips *t, const uint8_t *addr);
/* Writes at most @max prefixes of @o in order of coming; returns how many. */
size_t wm_wg_owner_prefixes(const struct wm_wg_owner *o, struct wm_prefix *out, size_t max);
