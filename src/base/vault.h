#pragma once
/*
 * Memory for keys. Its pages are in no core dump, are not swapped out while the system lets this
 * process hold them in memory (RLIMIT_MEMLOCK), do not go to children, and have pages around them
 * that nobody may touch; what is freed is wiped. Slots of up to 4 KiB share chunks, anything larger
 * has its own. Takes a lock: for what lives longer than a packet. Any thread.
 */
#include <stddef.h>

#define WM_VAULT_ALIGN 64

/* Zeroed, at a multiple of WM_VAULT_ALIGN. Aborts when there is no memory, as wm_alloc does. */
void *wm_vault_alloc(size_t size) __attribute__((malloc, returns_nonnull));
/* Wipes and frees what wm_vault_alloc gave; NULL is allowed. */
void wm_vault_free(void *p);
/* A copy of @n bytes; of a text. */
void *wm_vault_memdup(const void *p, size_t n) __attribute__((malloc, returns_nonnull));
char *wm_vault_strdup(const char *s) __attribute__((malloc, returns_nonnull));

struct wm_vault_use {
	size_t bytes;    /* of pages that hold something, */
	size_t unlocked; /* of these, those that may be swapped out */
};
struct wm_vault_use wm_vault_use(void);

/* ---- of the system: base/vault_posix.c, base/vault_windows.c ---- */

/*
 * Zeroed pages of @size bytes, a multiple of WM_VAULT_CHUNK, at a multiple of that; NULL when there
 * are none. *@locked says whether they stay in memory.
 */
#define WM_VAULT_CHUNK ((size_t)65536)
void *wm_vault_map(size_t size, _Bool *locked);
void wm_vault_unmap(void *p, size_t size);
