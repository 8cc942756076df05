#include "base/histogram.h"
#include "base/clock.h"

#define US 1000LL
#define MS WM_NS_PER_MS

/* From what is answered from memory to what waits for a disk, another node or a person. */
const int64_t wm_histogram_bounds[WM_HISTOGRAM_BOUNDS] = {
	100 * US, 250 * US, 500 * US, 1 * MS,   2500 * US, 5 * MS,    10 * MS,   25 * MS,
	50 * MS,  100 * MS, 250 * MS, 500 * MS, 1000 * MS, 2500 * MS, 10000 * MS};

void wm_histogram_add(struct wm_histogram *h, int64_t ns)
{
	unsigned at = 0;
	while (at < WM_HISTOGRAM_BOUNDS && ns > wm_histogram_bounds[at])
		at++;
	h->n[at]++;
	h->sum_ns += ns;
}
