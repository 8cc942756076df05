#pragma once
/*
 * An arena: memory that dies in one stroke. What a request or a decode allocates lives here; what
 * is to be kept is copied into its owner, and no pointer into an arena is stored in anything that
 * lives longer. One thread at a time.
 */
#include "base/err.h"
#include <stddef.h>

struct wm_arena_block;

struct wm_arena {
	struct wm_arena_block *blocks;
	size_t used;  /* bytes handed out */
	size_t limit; /* most bytes wm_arena_try hands out in all; 0 = no limit */
};

void wm_arena_init(struct wm_arena *a, size_t limit);
void wm_arena_fini(struct wm_arena *a);
/* Releases everything but keeps the arena (and its first block) for another round. */
void wm_arena_reset(struct wm_arena *a);

/* Zeroed, aligned for any type; aborts when memory is gone. */
void *wm_arena_alloc(struct wm_arena *a, size_t size) __attribute__((returns_nonnull));
/* The same, but NULL when memory or the arena's limit is exhausted: for sizes that a peer chose. */
void *wm_arena_try(struct wm_arena *a, size_t size);
char *wm_arena_strdup(struct wm_arena *a, const char *s) __attribute__((returns_nonnull));
char *wm_arena_strndup(struct wm_arena *a, const char *s, size_t n)
	__attribute__((returns_nonnull));
void *wm_arena_memdup(struct wm_arena *a, const void *p, size_t n) __attribute__((returns_nonnull));
char *wm_arena_printf(struct wm_arena *a, const char *fmt, ...) WM_PRINTF(2, 3)
__attribute__((returns_nonnull));
