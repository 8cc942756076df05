#include "wg/replay.h"
#include <stddef.h>

#define WORDS (WM_WG_WINDOW_BITS / 64)
/* One word of the ring is always partly ahead of the greatest counter, so it does not count. */
#define REACH (WM_WG_WINDOW_BITS - 64)

/* Clears the words between the greatest counter so far and the new one. */
static void advance_window(struct wm_wg_replay *r, uint64_t counter)
{
	uint64_t from = r->next == 0 ? 0 : (r->next - 1) / 64 + 1;
	uint64_t to = counter / 64;
	if (to >= from && to - from >= WORDS)
		from = to - WORDS + 1;
	for (uint64_t word = from; word <= to; word++)
		r->bits[word % WORDS] = 0;
	r->next = counter + 1;
}

bool wm_wg_replay_accept(struct wm_wg_replay *r, uint64_t counter)
{
	if (counter == UINT64_MAX)
		return false;
	if (counter >= r->next)
		advance_window(r, counter);
	else if (r->next - 1 - counter >= REACH)
		return false;
	uint64_t *word = &r->bits[counter / 64 % WORDS];
	uint64_t bit = 1ULL << (counter % 64);
	if (*word & bit)
		return false;
	*word |= bit;
	return true;
}
