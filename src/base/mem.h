#pragma once
/*
 * Memory. wm_alloc and its relatives abort when memory is gone: a node that cannot allocate 200
 * bytes cannot keep its promises. A size that a peer chose goes through wm_try_alloc under a named
 * limit instead, and its failure is RESOURCE_EXHAUSTED. All functions: any thread.
 */
#include <stddef.h>
#include <stdint.h>

#define WM_AUTO(fn) __attribute__((cleanup(fn)))
#define wm_container_of(ptr, type, member) \
	((type *)(void *)((char *)(1 ? (ptr) : &((type *)0)->member) - offsetof(type, member)))
#define WM_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Zeroed memory, owned by the caller, released with wm_free. Aborts when there is none. */
void *wm_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *wm_calloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
/* Takes @p; the bytes beyond the old size are not zeroed. Aborts when there is no memory. */
void *wm_realloc(void *p, size_t size) __attribute__((returns_nonnull));
/*
 * Zeroed memory at a multiple of @align, a power of two and at least that of a pointer; released
 * with wm_free_aligned and nothing else. Aborts when there is none.
 */
void *wm_alloc_aligned(size_t align, size_t size) __attribute__((malloc, returns_nonnull));
/* Frees what wm_alloc_aligned gave; NULL is allowed. */
void wm_free_aligned(void *p);
/* Zeroed memory or NULL. */
void *wm_try_alloc(size_t size) __attribute__((malloc));
char *wm_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *wm_strndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
void *wm_memdup(const void *p, size_t n) __attribute__((malloc, returns_nonnull));
void wm_free(void *p);

/* For WM_AUTO(wm_autofree): frees what the annotated pointer variable points to. */
void wm_autofree(void *pp);

/* Gives away a pointer that WM_AUTO would free: returns it and clears the variable. */
#define wm_steal(p)                          \
	({                                   \
		__typeof__(p) stolen_ = (p); \
		(p) = NULL;                  \
		stolen_;                     \
	})

/* Overwrites memory in a way that the compiler does not remove. */
void wm_wipe(void *p, size_t n);

/*
 * Overwrites what functions that have returned left below the caller's frame: libraries copy keys
 * there and do not all clean up.
 */
void wm_wipe_stack(void);

/* Compares in time that depends on @n only; true when equal. */
_Bool wm_equal_secret(const void *a, const void *b, size_t n);

/*
 * Makes the n-th following wm_try_alloc of this process fail once (0 = never). Tests loop n upward
 * until their subject succeeds.
 */
void wm_try_alloc_fail_at(unsigned n);
