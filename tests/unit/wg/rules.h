#pragma once
/*
 * Random rules, and what they mean, once more and slowly: a rule after the other, a prefix after
 * the other. Nothing of it is shared with what is tested. Numbers come from packets.h.
 */
#include "wg/policy.h"

/* How the rules look. */
enum rules_shape {
	RULES_SCATTERED, /* prefixes of any length, both families */
	RULES_NESTED,    /* within one network, few lengths */
	RULES_PORTS,     /* any address, many ports */
	RULES_GROUPS,    /* sets of addresses */
	RULES_SHAPES,
};

struct rules {
	struct wm_wg_policy_spec spec;
	struct wm_wg_rule *items;
	struct wm_addr members[3];
};

void rules_make(struct rules *r, enum rules_shape shape, unsigned n);
void rules_free(struct rules *r);
bool rules_allow(const struct wm_wg_policy_spec *s, const struct wm_wg_flow *f);
/* A flow that lies at or beside the edges of some rule. */
struct wm_wg_flow rules_flow(const struct rules *r);
/* A packet of the flow; returns its length, at most 80. */
size_t rules_packet(const struct wm_wg_flow *f, uint8_t out[80]);
