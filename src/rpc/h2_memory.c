/*
 * Memory of nghttp2's sessions. A session keeps a buffer for the largest frame (16 KiB) for all its
 * life, and of an idle connection only the beginning has ever been written. In a page mapping of
 * its own the rest of it costs no memory; among other things of the heap it does, for the heap
 * gives it pages that something else has used before.
 */
#include "rpc/h2_impl.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAPPED_MIN 16384

/* Before each block; as large as keeps what follows aligned for anything. */
struct head {
	size_t mapped; /* bytes of the mapping; 0: from the heap */
	size_t size;   /* what was asked for */
	_Alignas(max_align_t) uint8_t data[];
};

static struct head *head_of(void *p)
{
	return (struct head *)(void *)((uint8_t *)p - sizeof(struct head));
}

static void *take_mapped(size_t size)
{
	size_t all = sizeof(struct head) + size;
	struct head *b =
		mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (b == MAP_FAILED)
		return NULL;
	b->mapped = all;
	b->size = size;
	return b->data;
}

static void *take(size_t size, void *arg)
{
	if (size >= MAPPED_MIN)
		return size < SIZE_MAX / 2 ? take_mapped(size) : NULL;
	struct head *b = malloc(sizeof(*b) + size);
	if (b == NULL)
		return NULL;
	b->mapped = 0;
	b->size = size;
	return b->data;
}

static void give_back(void *p, void *arg)
{
	if (p == NULL)
		return;
	struct head *b = head_of(p);
	if (b->mapped != 0)
		(void)munmap(b, b->mapped);
	else
		free(b);
}

static void *take_zeroed(size_t n, size_t size, void *arg)
{
	size_t all;
	if (__builtin_mul_overflow(n, size, &all))
		return NULL;
	void *p = take(all, arg);
	if (p != NULL && head_of(p)->mapped == 0)
		memset(p, 0, all);
	return p;
}

static void *resize(void *p, size_t size, void *arg)
{
	void *larger = take(size, arg);
	if (larger == NULL || p == NULL)
		return larger;
	size_t old = head_of(p)->size;
	memcpy(larger, p, old < size ? old : size);
	give_back(p, arg);
	return larger;
}

nghttp2_mem *wm_h2_memory(void)
{
	static nghttp2_mem memory = {
		.malloc = take, .free = give_back, .calloc = take_zeroed, .realloc = resize};
	return &memory;
}
