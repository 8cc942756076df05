#include <windows.h>

#include "base/vault.h"

/* Windows gives address space in multiples of 64 KiB, and writes dumps that hold all memory only
 * for who may read it anyway. */
void *wm_vault_map(size_t size, _Bool *locked)
{
	void *p = VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);

	*locked = p != NULL && VirtualLock(p, size);
	return p;
}

void wm_vault_unmap(void *p, size_t size)
{
	(void)size;
	VirtualFree(p, 0, MEM_RELEASE);
}
