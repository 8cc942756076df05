/*
 * A chunk begins with its description and is divided into slots of one size; there is a list of
 * chunks for each size that have a slot to give. A slot is found in its chunk by its address, since
 * chunks lie at multiples of their size. Chunks go back to the system when they are empty, but for
 * the last one of a size. A larger piece is a chunk with one slot, which begins in its first 64
 * KiB.
 */
#include "base/vault.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"

#define SLOT_MAX 4096
#define CLASSES  (SLOT_MAX / WM_VAULT_ALIGN)

struct slot {
	struct slot *next;
};

struct chunk {
	struct wm_list of_class; /* in the list while a slot is free */
	size_t size;             /* of all of it */
	size_t slot;             /* of one slot */
	size_t used;             /* slots */
	size_t fresh;            /* offset of the first slot that was never given */
	struct slot *free;
	bool locked;
};

#define HEAD ((sizeof(struct chunk) + WM_VAULT_ALIGN - 1) / WM_VAULT_ALIGN * WM_VAULT_ALIGN)

/* Guards everything here: keys are made and die on several threads, and rarely. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct wm_list classes[CLASSES];
static bool is_ready;
static struct wm_vault_use use;

static struct chunk *chunk_of(void *p)
{
	return (struct chunk *)((uintptr_t)p & ~(uintptr_t)(WM_VAULT_CHUNK - 1));
}

static struct wm_list *class_of(size_t slot)
{
	return &classes[slot / WM_VAULT_ALIGN - 1];
}

static struct chunk *new_chunk(size_t size, size_t slot)
{
	bool locked = false;
	struct chunk *c = wm_vault_map(size, &locked);

	if (c == NULL)
		abort();
	c->size = size;
	c->slot = slot;
	c->fresh = HEAD;
	c->locked = locked;
	use.bytes += size;
	use.unlocked += locked ? 0 : size;
	return c;
}

static void drop_chunk(struct chunk *c)
{
	use.bytes -= c->size;
	use.unlocked -= c->locked ? 0 : c->size;
	wm_vault_unmap(c, c->size);
}

static bool is_full(const struct chunk *c)
{
	return c->free == NULL && c->fresh + c->slot > c->size;
}

static void *take_slot(struct chunk *c)
{
	void *p = c->free;

	if (p != NULL) {
		c->free = c->free->next;
		wm_wipe(p, sizeof(struct slot));
	} else {
		p = (uint8_t *)c + c->fresh;
		c->fresh += c->slot;
	}
	c->used++;
	return p;
}

static void *take_small(size_t slot)
{
	struct wm_list *of_class = class_of(slot);
	struct chunk *c;
	void *p;

	if (wm_list_is_empty(of_class)) {
		c = new_chunk(WM_VAULT_CHUNK, slot);
		wm_list_push(of_class, &c->of_class);
	}
	c = wm_container_of(of_class->next, struct chunk, of_class);
	p = take_slot(c);
	if (is_full(c))
		wm_list_remove(&c->of_class);
	return p;
}

static void make_ready(void)
{
	for (size_t i = 0; !is_ready && i < CLASSES; i++)
		wm_list_init(&classes[i]);
	is_ready = true;
}

void *wm_vault_alloc(size_t size)
{
	size_t slot = size > 0 ? size : 1;
	void *p;

	if (slot > SIZE_MAX / 2)
		abort();
	slot = (slot + WM_VAULT_ALIGN - 1) / WM_VAULT_ALIGN * WM_VAULT_ALIGN;
	pthread_mutex_lock(&lock);
	make_ready();
	if (slot <= SLOT_MAX)
		p = take_small(slot);
	else
		p = take_slot(new_chunk((HEAD + slot + WM_VAULT_CHUNK - 1) / WM_VAULT_CHUNK *
						WM_VAULT_CHUNK,
					slot));
	pthread_mutex_unlock(&lock);
	return p;
}

static void give_back(struct chunk *c, struct slot *s)
{
	bool was_full = is_full(c);

	s->next = c->free;
	c->free = s;
	c->used--;
	if (was_full)
		wm_list_push(class_of(c->slot), &c->of_class);
	if (c->used > 0 || class_of(c->slot)->next->next == class_of(c->slot))
		return;
	wm_list_remove(&c->of_class);
	drop_chunk(c);
}

void wm_vault_free(void *p)
{
	if (p == NULL)
		return;
	struct chunk *c = chunk_of(p);

	wm_wipe(p, c->slot);
	pthread_mutex_lock(&lock);
	if (c->slot > SLOT_MAX)
		drop_chunk(c);
	else
		give_back(c, p);
	pthread_mutex_unlock(&lock);
}

void *wm_vault_memdup(const void *p, size_t n)
{
	void *copy = wm_vault_alloc(n);

	if (n > 0)
		memcpy(copy, p, n);
	return copy;
}

char *wm_vault_strdup(const char *s)
{
	return wm_vault_memdup(s, strlen(s) + 1);
}

struct wm_vault_use wm_vault_use(void)
{
	struct wm_vault_use now;

	pthread_mutex_lock(&lock);
	now = use;
	pthread_mutex_unlock(&lock);
	return now;
}
