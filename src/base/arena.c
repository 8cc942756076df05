#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_BLOCK 1024
#define LARGE_BLOCK 65536

/* The newest block comes first; the arena's first one is the last of the list. */
struct wm_arena_block {
	struct wm_arena_block *next;
	size_t size; /* of data */
	size_t used;
	_Alignas(max_align_t) uint8_t data[];
};

void wm_arena_init(struct wm_arena *a, size_t limit)
{
	*a = (struct wm_arena){.limit = limit};
}

static void free_blocks(struct wm_arena_block *b, const struct wm_arena_block *end)
{
	while (b != end) {
		struct wm_arena_block *next = b->next;

		wm_free(b);
		b = next;
	}
}

void wm_arena_fini(struct wm_arena *a)
{
	free_blocks(a->blocks, NULL);
	a->blocks = NULL;
	a->used = 0;
}

void wm_arena_reset(struct wm_arena *a)
{
	struct wm_arena_block *first = a->blocks;

	if (first == NULL)
		return;
	while (first->next != NULL)
		first = first->next;
	free_blocks(a->blocks, first);
	first->used = 0;
	a->blocks = first;
	a->used = 0;
}

/* Blocks double up to a bound, so that a small request stays small and a large one needs few. */
static size_t block_size(const struct wm_arena *a, size_t needed)
{
	size_t size = FIRST_BLOCK;

	if (a->blocks != NULL && a->blocks->size < LARGE_BLOCK)
		size = a->blocks->size * 2;
	else if (a->blocks != NULL)
		size = LARGE_BLOCK;
	return size > needed ? size : needed;
}

/* @size is rounded to the alignment already; NULL when @alloc gives none. */
static void *take(struct wm_arena *a, size_t size, void *(*alloc)(size_t size))
{
	struct wm_arena_block *b = a->blocks;
	void *p;

	if (b == NULL || b->size - b->used < size) {
		size_t room = block_size(a, size);

		b = alloc(sizeof(*b) + room);
		if (b == NULL)
			return NULL;
		b->size = room;
		b->next = a->blocks;
		a->blocks = b;
	}
	p = b->data + b->used;
	b->used += size;
	a->used += size;
	memset(p, 0, size);
	return p;
}

/* Rounds up to the alignment, at least one unit so that two objects differ; 0 on overflow. */
static size_t round_up(size_t size)
{
	const size_t unit = _Alignof(max_align_t);

	if (size > SIZE_MAX / 2)
		return 0;
	return size == 0 ? unit : (size + unit - 1) / unit * unit;
}

void *wm_arena_alloc(struct wm_arena *a, size_t size)
{
	size_t rounded = round_up(size);
	void *p = rounded != 0 ? take(a, rounded, wm_alloc) : NULL;

	if (p == NULL)
		abort();
	return p;
}

void *wm_arena_try(struct wm_arena *a, size_t size)
{
	size_t rounded = round_up(size);

	if (rounded == 0)
		return NULL;
	if (a->limit != 0 && (a->used > a->limit || rounded > a->limit - a->used))
		return NULL;
	return take(a, rounded, wm_try_alloc);
}

char *wm_arena_strdup(struct wm_arena *a, const char *s)
{
	return wm_arena_memdup(a, s, strlen(s) + 1);
}

char *wm_arena_strndup(struct wm_arena *a, const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *copy = wm_arena_alloc(a, len + 1);

	memcpy(copy, s, len);
	return copy;
}

void *wm_arena_memdup(struct wm_arena *a, const void *p, size_t n)
{
	void *copy = wm_arena_alloc(a, n);

	if (n != 0)
		memcpy(copy, p, n);
	return copy;
}

char *wm_arena_printf(struct wm_arena *a, const char *fmt, ...)
{
	va_list ap;
	char *out;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	out = wm_arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(out, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return out;
}
