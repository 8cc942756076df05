#pragma once
/*
 * Quiescent-state reclamation for lock-free readers, on C11 atomics: a writer unlinks an object and
 * retires it; it is freed once every reader that might have seen it has passed a quiet point. A
 * reader that blocks goes offline first, so that it holds nobody up. (Hart et al., "Performance of
 * memory reclamation for lockless synchronization", 2007: QSBR.)
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct wm_epoch;

/* Embedded by a reader thread; on a cache line of its own. */
struct wm_epoch_reader {
	_Alignas(64) _Atomic uint64_t seen; /* 0 = offline */
	struct wm_epoch *epoch;
	struct wm_epoch_reader *next;
};

/* Embedded in what is retired. */
struct wm_epoch_item {
	struct wm_epoch_item *next;
	uint64_t retired_at;
	void (*free_fn)(struct wm_epoch_item *item);
};

struct wm_epoch *wm_epoch_new(void);
/* No reader may be registered any more; runs what is still retired. */
void wm_epoch_free(struct wm_epoch *e);

/* The reader's thread; starts offline. */
void wm_epoch_register(struct wm_epoch *e, struct wm_epoch_reader *r);
void wm_epoch_unregister(struct wm_epoch_reader *r);
/* From here until offline or the next quiet point, what the reader finds stays valid. */
void wm_epoch_online(struct wm_epoch_reader *r);
void wm_epoch_offline(struct wm_epoch_reader *r);
/* "I hold no pointer from before": cheap, once a batch. */
void wm_epoch_quiet(struct wm_epoch_reader *r);

/* Any thread (a mutex inside guards the list; writers are rare). @free_fn runs in some later call.
 */
void wm_epoch_retire(struct wm_epoch *e, struct wm_epoch_item *item,
		     void (*free_fn)(struct wm_epoch_item *item));
/* Frees what no reader can hold any more; returns true when nothing is left waiting. */
bool wm_epoch_reclaim(struct wm_epoch *e);
/* Waits until everything retired so far is freed. Never from an online reader. */
void wm_epoch_synchronize(struct wm_epoch *e);
