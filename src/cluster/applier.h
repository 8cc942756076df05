#pragma once
/*
 * Makes the state out of committed entries: one LMDB write transaction for all that are there, with
 * the place in the log in it. Proposals of this server wait here for the entry that holds them;
 * those of others are decoded from it. What came of all that is gathered in a batch for the loop,
 * which leaves when a snapshot is free to show it by. Consensus thread.
 */
#include "cluster/machine.h"
#include "store/engine.h"

/* Proposals of ours that went into one entry. */
struct wm_pending {
	struct wm_list node;
	uint64_t index, term; /* of the entry; 0 while it is being proposed */
	int64_t began_ns;
	bool applied; /* in the transaction that runs */
	struct wm_list proposals;
};

struct wm_applier {
	struct wm_env *env;
	struct wm_engine *engine;
	uint64_t revision, index, term; /* of what is committed to the environment */
	uint64_t used_bytes;            /* of the pages that keys and values take */
	struct wm_list pending;         /* in the order of their entries */
	struct wm_pending *proposing;   /* NULL once it is settled */
	struct wm_batch *batch;         /* what is to be told next */
	size_t bytes;                   /* of the changes in it */
	bool moved;                     /* the state has changed since the last batch */
	struct wm_list refused;         /* of struct wm_refusal */
};

/* @env is open and up to date with what it remembers (wm_env_reload). */
void wm_applier_init(struct wm_applier *a, struct wm_env *env, struct wm_engine *engine);
/* Nothing may be pending or waiting to be told. */
void wm_applier_fini(struct wm_applier *a);

/* As apply of machine.h: all of it, or an error and nothing. */
WM_MUST_CHECK int wm_applier_apply(struct wm_applier *a, const struct wm_entry *entries, size_t n,
				   struct wm_err *err);
/* Decides what the entries that are applied now decide: ours that came through, and ours that did
 * not. */
void wm_applier_settle(struct wm_applier *a);
/* The changes that wait to be told are not told: watchers have to look anew. */
void wm_applier_forget_changes(struct wm_applier *a);
/* The state was replaced by a snapshot and reloaded: what was pending is not known any more. */
void wm_applier_replaced(struct wm_applier *a);

/* What was applied so far was never hidden from anybody: it need not be told. */
void wm_applier_forget(struct wm_applier *a);

/* Takes the proposals in @list as the next to be proposed; wm_pending's index and term are empty.
 */
struct wm_pending *wm_applier_expect(struct wm_applier *a, struct wm_list *list, int64_t now_ns);
/* Ends them with @why, without their having been applied as far as they tell. Takes @p. */
void wm_applier_give_up(struct wm_applier *a, struct wm_pending *p, const struct wm_err *why);
/* Gives up what has been pending since before @then, or all (INT64_MAX): UNKNOWN. */
void wm_applier_expire(struct wm_applier *a, int64_t then);
/* Ends proposals that were never proposed. */
void wm_applier_refuse(struct wm_applier *a, struct wm_list *proposals, const struct wm_err *why);

/* True when wm_applier_flush would post something. */
bool wm_applier_has_news(const struct wm_applier *a);
/*
 * Posts what there is to tell, by @post. Changes need one of @unused, which is taken; without one
 * they wait. True when nothing is left.
 */
bool wm_applier_flush(struct wm_applier *a, struct wm_snapshot_pool *unused,
		      void (*post)(struct wm_engine *e, struct wm_batch *b));
