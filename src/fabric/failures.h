#pragma once
/*
 * What is desired and not so, by name, with how often it was tried and since when. A round of the
 * reconciler notes what failed in it; what it does not note is forgotten at its end. Owns its
 * memory; a zeroed struct is empty. One thread at a time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One thing that is desired and not so. */
struct wm_fabric_failure {
	char what[96];    /* "peer edge-3", "route 10.7.0.0/16" */
	char why[256];    /* the whole sentence */
	int code;         /* enum wm_code */
	unsigned tries;   /* 0: not tried, on purpose (a default route, say) */
	int64_t since_ns; /* wm_clock_now */
};
/* More than this nobody reads; the rest is only retried. */
#define WM_FAILURES_MAX 256

struct wm_failures {
	bool retry; /* something that another try may mend failed in this round */
	struct wm_fabric_failure *items; /* by name from the end of a round on */
	bool *is_noted;
	size_t n, cap;
};

void wm_failures_fini(struct wm_failures *f);
void wm_failures_begin(struct wm_failures *f);
/* @tried is false for what is left out on purpose. True when it was not on the list before. */
bool wm_failures_note(struct wm_failures *f, const char *what, int code, const char *why,
		      bool tried, int64_t now_ns);
void wm_failures_end(struct wm_failures *f);
