/*
 * The epoch is a number that grows with every retired object; the object remembers the number it
 * grew to. A reader at a quiet point stores the number it finds. Whoever reads number E also sees
 * every unlinking that came before the growth to E, for both are ordered by the number itself. So
 * an object may go once every reader that is online has stored its number or a later one.
 *
 * The delicate moment is a reader that comes online: the writer must not take it for offline while
 * it loads a pointer that is about to be unlinked. Both sides change the same number with a
 * read-modify-write operation, and of two such operations one comes first. If the reader's does,
 * the writer sees the reader online. If the writer's does, the reader sees the unlinking.
 */
#include "base/epoch.h"

#include <assert.h>
#include <pthread.h>
#include <time.h>

#include "base/mem.h"

#define PAUSE_MIN_NS 50000
#define PAUSE_MAX_NS 2000000

struct wm_epoch {
	_Alignas(64) _Atomic uint64_t now; /* begins at 1, as 0 means offline */
	/*
	 * Guards all below. Readers come and go and writers retire on any thread; the readers' fast
	 * path does not touch it.
	 */
	_Alignas(64) pthread_mutex_t lock;
	struct wm_epoch_reader *readers;
	struct wm_epoch_item *first; /* retired, oldest first */
	struct wm_epoch_item **last;
	unsigned freeing; /* threads that run free functions of items already taken off the list */
};

struct wm_epoch *wm_epoch_new(void)
{
	struct wm_epoch *e = wm_alloc_aligned(_Alignof(struct wm_epoch), sizeof(*e));

	atomic_init(&e->now, 1);
	pthread_mutex_init(&e->lock, NULL);
	e->last = &e->first;
	return e;
}

void wm_epoch_free(struct wm_epoch *e)
{
	if (e == NULL)
		return;
	assert(e->readers == NULL);
	while (!wm_epoch_reclaim(e))
		;
	pthread_mutex_destroy(&e->lock);
	wm_free_aligned(e);
}

void wm_epoch_register(struct wm_epoch *e, struct wm_epoch_reader *r)
{
	atomic_init(&r->seen, 0);
	r->epoch = e;
	pthread_mutex_lock(&e->lock);
	r->next = e->readers;
	e->readers = r;
	pthread_mutex_unlock(&e->lock);
}

void wm_epoch_unregister(struct wm_epoch_reader *r)
{
	struct wm_epoch_reader **at = &r->epoch->readers;

	wm_epoch_offline(r);
	pthread_mutex_lock(&r->epoch->lock);
	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	pthread_mutex_unlock(&r->epoch->lock);
}

void wm_epoch_online(struct wm_epoch_reader *r)
{
	_Atomic uint64_t *now = &r->epoch->now;

	atomic_store_explicit(&r->seen, atomic_load_explicit(now, memory_order_acquire),
			      memory_order_relaxed);
	/* Changes nothing; it takes this reader's place in the order of changes (see above). */
	atomic_fetch_add_explicit(now, 0, memory_order_acq_rel);
}

void wm_epoch_offline(struct wm_epoch_reader *r)
{
	atomic_store_explicit(&r->seen, 0, memory_order_release);
}

void wm_epoch_quiet(struct wm_epoch_reader *r)
{
	uint64_t now = atomic_load_explicit(&r->epoch->now, memory_order_acquire);

	if (atomic_load_explicit(&r->seen, memory_order_relaxed) != now)
		atomic_store_explicit(&r->seen, now, memory_order_release);
}

void wm_epoch_retire(struct wm_epoch *e, struct wm_epoch_item *item,
		     void (*free_fn)(struct wm_epoch_item *item))
{
	item->next = NULL;
	item->free_fn = free_fn;
	pthread_mutex_lock(&e->lock);
	item->retired_at = atomic_fetch_add_explicit(&e->now, 1, memory_order_acq_rel) + 1;
	*e->last = item;
	e->last = &item->next;
	pthread_mutex_unlock(&e->lock);
}

/* The oldest number an online reader stands at; the lock is held. */
static uint64_t oldest_seen(const struct wm_epoch *e)
{
	uint64_t oldest = UINT64_MAX;

	for (struct wm_epoch_reader *r = e->readers; r != NULL; r = r->next) {
		uint64_t seen = atomic_load_explicit(&r->seen, memory_order_acquire);

		if (seen != 0 && seen < oldest)
			oldest = seen;
	}
	return oldest;
}

/* Takes what may be freed off the list; the lock is held. */
static struct wm_epoch_item *take_free(struct wm_epoch *e)
{
	struct wm_epoch_item *items = e->first, **end = &e->first;
	uint64_t oldest = oldest_seen(e);

	while (*end != NULL && (*end)->retired_at <= oldest)
		end = &(*end)->next;
	if (end == &e->first)
		return NULL;
	e->first = *end;
	*end = NULL;
	if (e->first == NULL)
		e->last = &e->first;
	return items;
}

bool wm_epoch_reclaim(struct wm_epoch *e)
{
	struct wm_epoch_item *items;
	bool is_empty;

	pthread_mutex_lock(&e->lock);
	items = take_free(e);
	e->freeing++;
	pthread_mutex_unlock(&e->lock);

	while (items != NULL) {
		struct wm_epoch_item *next = items->next;

		items->free_fn(items);
		items = next;
	}

	pthread_mutex_lock(&e->lock);
	e->freeing--;
	is_empty = e->first == NULL;
	pthread_mutex_unlock(&e->lock);
	return is_empty;
}

static bool is_freed_until(struct wm_epoch *e, uint64_t number)
{
	bool done;

	pthread_mutex_lock(&e->lock);
	done = e->freeing == 0 && (e->first == NULL || e->first->retired_at > number);
	pthread_mutex_unlock(&e->lock);
	return done;
}

void wm_epoch_synchronize(struct wm_epoch *e)
{
	uint64_t number = atomic_load_explicit(&e->now, memory_order_acquire);
	struct timespec pause = {.tv_nsec = PAUSE_MIN_NS};

	for (;;) {
		wm_epoch_reclaim(e);
		if (is_freed_until(e, number))
			return;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < PAUSE_MAX_NS)
			pause.tv_nsec *= 2;
	}
}
