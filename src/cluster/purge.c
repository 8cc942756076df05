/* Who has been silent for so long that the quorum is better off without its vote. */
#include "cluster/machine_impl.h"

uint64_t wm_purge_choose(const struct wm_purge_voter *voters, size_t n, int64_t fresh_ms,
			 int64_t after_ms)
{
	const struct wm_purge_voter *gone = NULL;
	size_t present = 0;

	for (size_t i = 0; i < n; i++) {
		const struct wm_purge_voter *v = &voters[i];

		present += v->is_self || v->silent_ms <= fresh_ms;
		if (!v->is_self && v->silent_ms >= after_ms &&
		    (gone == NULL || v->silent_ms > gone->silent_ms))
			gone = v;
	}
	if (gone == NULL || present <= n / 2 || present <= (n - 1) / 2)
		return 0;
	return gone->id;
}
