#pragma once
/*
 * A policy as it is published to workers: the table, and for each worker a cache of verdicts of its
 * own, so that a packet of a known flow costs one look into it. A new policy comes with empty
 * caches: no verdict outlives its table. Nobody can aim at a row, and whoever fills all of them
 * makes others pay for a look into the table, no more. Published by the loop, retired by the epoch.
 */
#include "base/epoch.h"
#include "wg/policy.h"

#define WM_WG_VERDICTS 1024 /* flows that a worker remembers */

#define WM_WG_KEY_WORDS 5

struct wm_wg_verdict {
	uint64_t key[WM_WG_KEY_WORDS]; /* of a flow; the last word is 0: of none */
	uint64_t allows;
};

struct wm_wg_judge {
	struct wm_wg_policy *policy;
	uint64_t factors[WM_WG_KEY_WORDS]; /* of the hash: odd, random */
	unsigned n_workers;
	struct wm_wg_verdict *verdicts; /* WM_WG_VERDICTS for each worker */
	struct wm_epoch_item item;
};

/* Takes @policy. */
struct wm_wg_judge *wm_wg_judge_new(struct wm_wg_policy *policy, unsigned n_workers);
/* Nobody else knows it; NULL is allowed. */
void wm_wg_judge_free(struct wm_wg_judge *j);
/* It is no longer published; NULL is allowed. */
void wm_wg_judge_retire(struct wm_wg_judge *j, struct wm_epoch *epoch);

/*
 * WM_DROP_NONE for a whole IP packet of @len bytes that may pass, else why not (wg/flow.h,
 * WM_DROP_POLICY). An ICMP error also passes when the packet that it quotes was sent by whom it
 * goes to, and may pass: it answers that one. On the thread of @worker, inside an epoch.
 */
enum wm_drop wm_wg_judge_packet(struct wm_wg_judge *j, unsigned worker, const uint8_t *packet,
				size_t len);
