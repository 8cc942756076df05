#include "base/rand.h"

#include <stdlib.h>
#include <windows.h>
#include <bcrypt.h>

#define ONE_CALL (1u << 20) /* a length is an unsigned long there */

void wm_rand_bytes(void *p, size_t n)
{
	uint8_t *at = p;

	while (n > 0) {
		ULONG part = n < ONE_CALL ? (ULONG)n : ONE_CALL;

		if (BCryptGenRandom(NULL, at, part, BCRYPT_USE_SYSTEM_PREFERRED_RNG) != 0)
			abort();
		at += part;
		n -= part;
	}
}
