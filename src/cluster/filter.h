#pragma once
/*
 * What stands between a member's frames and libraft, which trusts them: it aborts, or believes
 * wrong things, at messages that are stale, forged or merely unlucky. Each rule has its test in
 * tests/unit/cluster/test_filter.c. Pure; any thread.
 */
#include "base/err.h"
#include "cluster/configuration.h"
#include "cluster/frame.h"
#include "cluster/machine.h"
#include <stdbool.h>
#include <stdint.h>

enum wm_verdict {
	WM_VERDICT_PASS,
	WM_VERDICT_DROP,        /* late, doubled or of no use: nothing to hear of */
	WM_VERDICT_REFUSE,      /* nobody who is sound and has our state sends this */
	WM_VERDICT_TWO_LEADERS, /* it claims to lead in the term in which we lead */
	WM_VERDICT_LOST_DATA,   /* it does not have what it told us it had synced */
};

/* No term may rise by more in one message: numbers must not run out by one forged frame. */
#define WM_TERM_JUMP ((uint64_t)1 << 32)

/* What the rules look at; borrowed. */
struct wm_filter_view {
	uint64_t self;
	enum wm_machine_state state;
	bool in_pre_vote; /* a candidate that only asks */
	bool is_sole;     /* we are the only voter */
	bool no_votes;    /* we have started so lately that a lease that we granted may still run */
	uint64_t term;
	uint64_t commit;
	uint64_t snapshot;                /* index of ours, 0 = none */
	uint64_t first, last;             /* of our log; first > last when it is empty */
	const struct wm_configuration *c; /* newest, committed or not */
	uint64_t match;                   /* as leader: what the sender is known to have; else 0 */
	uint64_t success; /* as leader: our newest number when it last told us of success */
};

/* The sentence behind a verdict other than PASS goes to @err. */
enum wm_verdict wm_filter_check(const struct wm_filter_view *v, const char *node_id,
				const struct wm_frame *f, struct wm_err *err);

/*
 * For an APPEND that has passed: takes away what lies before the lowest entry that we can still
 * compare (@base with @base_term; it is committed), and a commit index that would take ours back.
 * @f->entries keeps its memory, its first entries move up.
 */
void wm_filter_trim(const struct wm_filter_view *v, uint64_t base, uint64_t base_term,
		    struct wm_frame *f);
