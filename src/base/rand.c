#include "base/rand.h"

#include <assert.h>

uint32_t wm_rand_u32(void)
{
	uint32_t v;

	wm_rand_bytes(&v, sizeof(v));
	return v;
}

uint64_t wm_rand_u64(void)
{
	uint64_t v;

	wm_rand_bytes(&v, sizeof(v));
	return v;
}

uint32_t wm_rand_below(uint32_t n)
{
	uint32_t v, low;

	assert(n > 0);
	/* The first 2^32 mod n values would make the small results likelier; they are drawn again.
	 */
	low = (0 - n) % n;
	do
		v = wm_rand_u32();
	while (v < low);
	return v % n;
}
