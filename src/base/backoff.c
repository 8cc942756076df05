#include "base/backoff.h"
#include "base/rand.h"

static int64_t min_ns(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* In steps of a hundred-thousandth, divided first: a pause of years does not overflow. */
static int64_t with_jitter(int64_t ns)
{
	const uint32_t unit = 100000, span = unit / 100 * WM_BACKOFF_JITTER;
	int64_t factor = (int64_t)(unit - span) + wm_rand_below(2 * span + 1);
	return ns / unit * factor + ns % unit * factor / unit;
}

int64_t wm_backoff_next(struct wm_backoff *b)
{
	int64_t pause = min_ns(b->next_ns > 0 ? b->next_ns : b->first_ns, b->max_ns);
	int64_t grown;
	if (__builtin_mul_overflow(pause / 100, (int64_t)b->growth_percent, &grown))
		grown = b->max_ns;
	grown += pause % 100 * b->growth_percent / 100;
	b->next_ns = min_ns(grown, b->max_ns);
	return with_jitter(pause);
}

void wm_backoff_reset(struct wm_backoff *b)
{
	b->next_ns = 0;
}
