#pragma once
/*
 * The newest revisions and what they changed, for watchers: those that keep up and those that
 * resume. A revision keeps the transaction that made it; nothing is copied. Bounded in number and
 * in bytes; the oldest go first. Loop thread.
 */
#include "store/store.h"
#include "store/txn_ops.h"

struct wm_history {
	struct wm_txn **txns; /* a ring; slot of revision r: (first + r - oldest) % cap */
	uint32_t cap;
	uint32_t n;
	uint32_t first;
	uint32_t most;   /* revisions to keep */
	uint64_t oldest; /* revision of the first one kept; newest + 1 when there is none */
	size_t bytes;
	struct wm_change *scratch; /* of the revision that is being told */
	size_t cap_scratch;
};

/* Nothing is known of what came up to and including @revision. */
void wm_history_init(struct wm_history *h, uint64_t revision, uint32_t most);
void wm_history_fini(struct wm_history *h);
/* Forgets all: what comes next is what follows @revision. */
void wm_history_reset(struct wm_history *h, uint64_t revision);
/* Takes @t, which made the next revision. Nothing is dropped before wm_history_trim. */
void wm_history_add(struct wm_history *h, struct wm_txn *t);
void wm_history_trim(struct wm_history *h);
/* True when every change from @revision on is here. */
bool wm_history_has(const struct wm_history *h, uint64_t revision);
/*
 * The changes of @revision (which must be here) to keys with @prefix; their number is returned.
 * Borrowed until the next call, or until a trim.
 */
size_t wm_history_changes(struct wm_history *h, uint64_t revision, const char *prefix,
			  const struct wm_change **out);
