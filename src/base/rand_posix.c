#include "base/rand.h"

#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#define ONE_CALL 256 /* the most that getentropy gives at once */

void wm_rand_bytes(void *p, size_t n)
{
	uint8_t *at = p;

	while (n > 0) {
		size_t part = n < ONE_CALL ? n : ONE_CALL;

		if (getentropy(at, part) != 0)
			abort();
		at += part;
		n -= part;
	}
}
