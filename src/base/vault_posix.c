#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/vault.h"

/* On either side there is a chunk of address space that nobody may touch, and costs nothing. */
#define GUARD WM_VAULT_CHUNK

/* Only pages that are used have to be there. */
static int hold_in_memory(void *p, size_t size)
{
#ifdef MLOCK_ONFAULT
	if (mlock2(p, size, MLOCK_ONFAULT) == 0)
		return 0;
#endif
	return mlock(p, size);
}

/* What a system does not know it has no use for. */
static void keep_private(void *p, size_t size)
{
#ifdef MADV_DONTDUMP
	(void)madvise(p, size, MADV_DONTDUMP);
#endif
#ifdef MADV_DONTFORK
	(void)madvise(p, size, MADV_DONTFORK);
#endif
#ifdef MADV_NOCORE
	(void)madvise(p, size, MADV_NOCORE);
#endif
	(void)p;
	(void)size;
}

void *wm_vault_map(size_t size, _Bool *locked)
{
	size_t whole = size + 3 * GUARD; /* holds the guards and a multiple of the chunk's size */
	uint8_t *all = mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (all == MAP_FAILED)
		return NULL;
	size_t over = (uintptr_t)all % WM_VAULT_CHUNK;
	uint8_t *p = all + (over != 0 ? WM_VAULT_CHUNK - over : 0) + GUARD;
	uint8_t *behind = p + size + GUARD;

	if (p - GUARD > all)
		(void)munmap(all, (size_t)(p - GUARD - all));
	if (all + whole > behind)
		(void)munmap(behind, (size_t)(all + whole - behind));
	if (mprotect(p, size, PROT_READ | PROT_WRITE) != 0) {
		wm_vault_unmap(p, size);
		return NULL;
	}
	keep_private(p, size);
	*locked = hold_in_memory(p, size) == 0;
	return p;
}

void wm_vault_unmap(void *p, size_t size)
{
	(void)munmap((uint8_t *)p - GUARD, size + 2 * GUARD);
}
