#include "wg/index.h"
#include "base/mem.h"
#include "base/rand.h"

#define FIRST_SIZE 64u

struct entry {
	_Atomic(struct wm_wg_session *) session;
	struct wm_wg_peer *peer; /* the writer's; NULL = free */
	uint32_t index;          /* the writer's */
};

struct wm_wg_index_table {
	struct wm_epoch_item item;
	uint32_t size; /* a power of two */
	uint32_t used;
	struct entry entries[];
};

static struct wm_wg_index_table *table_new(uint32_t size)
{
	struct wm_wg_index_table *t = wm_alloc(sizeof(*t) + size * sizeof(t->entries[0]));
	t->size = size;
	return t;
}

static void free_item(struct wm_epoch_item *item)
{
	wm_free(wm_container_of(item, struct wm_wg_index_table, item));
}

void wm_wg_index_init(struct wm_wg_index *ix, struct wm_epoch *epoch)
{
	ix->epoch = epoch;
	atomic_init(&ix->table, table_new(FIRST_SIZE));
}

void wm_wg_index_fini(struct wm_wg_index *ix)
{
	wm_free(atomic_exchange(&ix->table, NULL));
}

static struct wm_wg_index_table *own_table(const struct wm_wg_index *ix)
{
	return atomic_load_explicit(&((struct wm_wg_index *)(uintptr_t)ix)->table,
				    memory_order_relaxed);
}

static void copy_entry(struct wm_wg_index_table *to, const struct entry *from)
{
	struct entry *e = &to->entries[from->index & (to->size - 1)];
	e->peer = from->peer;
	e->index = from->index;
	atomic_init(&e->session, atomic_load_explicit(&((struct entry *)(uintptr_t)from)->session,
						      memory_order_relaxed));
}

/* Twice the size. Indexes that differ in few low bits differ in more, so all keep a place. */
static struct wm_wg_index_table *grow(struct wm_wg_index *ix, struct wm_wg_index_table *old)
{
	struct wm_wg_index_table *t = table_new(old->size * 2);
	t->used = old->used;
	for (uint32_t i = 0; i < old->size; i++)
		if (old->entries[i].peer != NULL)
			copy_entry(t, &old->entries[i]);
	atomic_store_explicit(&ix->table, t, memory_order_release);
	wm_epoch_retire(ix->epoch, &old->item, free_item);
	return t;
}

uint32_t wm_wg_index_take(struct wm_wg_index *ix, struct wm_wg_peer *peer)
{
	struct wm_wg_index_table *t = own_table(ix);
	if (t->used >= t->size / 2)
		t = grow(ix, t);
	uint32_t index;
	do {
		index = wm_rand_u32();
	} while (t->entries[index & (t->size - 1)].peer != NULL);
	struct entry *e = &t->entries[index & (t->size - 1)];
	e->peer = peer;
	e->index = index;
	t->used++;
	return index;
}

/* The writer's entry of an index that is taken, or NULL. */
static struct entry *find_entry(const struct wm_wg_index *ix, uint32_t index)
{
	struct wm_wg_index_table *t = own_table(ix);
	struct entry *e = &t->entries[index & (t->size - 1)];
	return e->peer != NULL && e->index == index ? e : NULL;
}

void wm_wg_index_set(struct wm_wg_index *ix, struct wm_wg_session *s)
{
	struct entry *e = find_entry(ix, s->keys.local_index);
	if (e != NULL)
		atomic_store_explicit(&e->session, s, memory_order_release);
}

void wm_wg_index_drop(struct wm_wg_index *ix, uint32_t index)
{
	struct entry *e = find_entry(ix, index);
	if (e == NULL)
		return;
	atomic_store_explicit(&e->session, NULL, memory_order_release);
	e->peer = NULL;
	own_table(ix)->used--;
}

struct wm_wg_peer *wm_wg_index_peer(const struct wm_wg_index *ix, uint32_t index)
{
	const struct entry *e = find_entry(ix, index);
	return e != NULL ? e->peer : NULL;
}

struct wm_wg_session *wm_wg_index_find(struct wm_wg_index *ix, uint32_t index)
{
	struct wm_wg_index_table *t = atomic_load_explicit(&ix->table, memory_order_acquire);
	struct entry *e = &t->entries[index & (t->size - 1)];
	struct wm_wg_session *s = atomic_load_explicit(&e->session, memory_order_acquire);
	return s != NULL && s->keys.local_index == index ? s : NULL;
}
