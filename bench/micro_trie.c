/* Who owns an address: look-ups among few and many prefixes. Prints nanoseconds for one. */
#include "micro.h"
#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"
#include "base/rand.h"
#include "wg/allowedips.h"

#define LOOKUPS 4096

static void fill4(struct wm_wg_allowedips *t, struct wm_wg_owner *o, unsigned n,
		  uint8_t (*asked)[4])
{
	for (unsigned i = 0; i < n; i++) {
		/* Addresses one behind another, as leases are. */
		struct wm_prefix p = {.addr = wm_addr_v4(0x0a000000 + i), .bits = 32};
		wm_wg_allowedips_put(t, &p, o);
	}
	for (unsigned i = 0; i < LOOKUPS; i++) {
		uint32_t a = 0x0a000000 + wm_rand_below(n);
		for (unsigned k = 0; k < 4; k++)
			asked[i][k] = (uint8_t)(a >> (24 - 8 * k));
	}
}

static void run(unsigned n)
{
	static uint8_t asked[LOOKUPS][4];
	struct wm_epoch *epoch = wm_epoch_new();
	struct wm_wg_allowedips t;
	struct wm_wg_owner o;
	char name[32];
	wm_wg_allowedips_init(&t, epoch);
	wm_wg_owner_init(&o);
	fill4(&t, &o, n, asked);
	uint64_t done = 0;
	double start = micro_cpu(), took;
	do {
		for (unsigned i = 0; i < LOOKUPS; i++)
			if (wm_wg_allowedips_find4(&t, asked[i]) != &o)
				micro_fail("an owner was not found");
		done += LOOKUPS;
	} while ((took = micro_cpu() - start) < MICRO_SECONDS);
	snprintf(name, sizeof(name), "trie_%u", n);
	micro_print(name, took * 1e9 / (double)done);
	wm_wg_allowedips_drop_owner(&t, &o);
	wm_wg_allowedips_fini(&t);
	wm_epoch_free(epoch);
}

void micro_trie(void)
{
	run(1);
	run(100);
	run(10000);
}
