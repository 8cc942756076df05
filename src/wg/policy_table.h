#pragma once
/*
 * The table that a policy is compiled into, shared by wg/policy.c, which asks, and
 * wg/policy_compile.c, which builds. A vector is a set of rules: a bit for each, in words of 64. Of
 * these only those that are not zero are kept, behind a summary that has a bit for each word. Equal
 * vectors are kept once.
 */
#include "wg/policy.h"

enum wm_wg_axis {
	WM_WG_AXIS_SOURCE,
	WM_WG_AXIS_TARGET,
	WM_WG_AXIS_SOURCE_PORT,
	WM_WG_AXIS_TARGET_PORT,
	WM_WG_AXIS_PROTOCOL,
	WM_WG_AXIS_KIND, /* enum wm_wg_flow_kind */
	WM_WG_AXES,
};

/* A value on an axis: IPv4 addresses and small numbers in the lower half. */
struct wm_wg_value {
	uint64_t high, low;
};

/* The values from starts[i] to the next one agree with the rules in vectors[i]; starts[0] is 0. */
struct wm_wg_ranges {
	struct wm_wg_value *starts;
	uint32_t *vectors; /* offsets into words */
	size_t n;
};

/* The rules for one family. */
struct wm_wg_rules {
	size_t n_rules;
	unsigned n_summaries; /* words of a summary */
	struct wm_wg_ranges axes[WM_WG_AXES];
	uint64_t *words;
	size_t n_words;
	uint8_t *allows; /* for each rule */
};

struct wm_wg_policy {
	struct wm_wg_rules v4, v6;
	bool allows_rest;
};

/* As in wm_wg_flow of this address. */
struct wm_wg_value wm_wg_value_of(const uint8_t bytes[16], bool is_v6);
