#pragma once
/*
 * Which packets may pass: a list of rules, the first that matches decides, compiled into a table
 * that answers in bounded time. Rules have a direction, as the mesh's network ACLs do: who is to be
 * answered needs a rule for the answers, too (only_answers is made for that). One rule is fixed and
 * stands before all others: storage members reach each other's peer port, and get answers from it.
 *
 * Of a fragment that is not the first the ports are not known. It passes only if a packet between
 * the same addresses and of the same protocol could: for it a rule that allows matches whatever
 * its ports, and a rule that denies matches only if it names none.
 *
 * Compiled, every rule is a bit. For each of source, target, protocol and both ports the table
 * knows which rules a value agrees with; their intersection's first bit is the rule that decides.
 * The table does not change once it is made. Pure; any thread.
 */
#include "base/addr.h"
#include "base/err.h"
#include "wg/flow.h"

#define WM_WG_POLICY_RULES_MAX    10000
#define WM_WG_POLICY_PREFIXES_MAX 1000000 /* of all rules together */
#define WM_WG_POLICY_BYTES_MAX    (128u << 20)

struct wm_wg_ports {
	uint16_t first, last; /* both 0: any */
};

struct wm_wg_rule {
	const struct wm_prefix *sources, *targets; /* one of them; none: every address */
	size_t n_sources, n_targets;
	struct wm_wg_ports source_ports, target_ports;
	uint8_t protocol; /* 0: any */
	bool allows;
	bool only_answers; /* of TCP: no segment that begins a connection */
};

/* What is compiled; all of it is borrowed. */
struct wm_wg_policy_spec {
	const struct wm_wg_rule *rules;
	size_t n_rules;
	bool allows_rest;              /* what no rule matches */
	const struct wm_addr *members; /* of the storage */
	size_t n_members;
	uint16_t peer_port;
	size_t bytes_max; /* that the table may hold; 0: WM_WG_POLICY_BYTES_MAX */
};

/* All of it in one piece of memory, which the caller frees (NULL is allowed). */
struct wm_wg_policy_spec *wm_wg_policy_spec_copy(const struct wm_wg_policy_spec *s);
void wm_wg_policy_spec_free(struct wm_wg_policy_spec *s);

struct wm_wg_policy;

/*
 * INVALID_ARGUMENT, which names the rule, for one that cannot be; RESOURCE_EXHAUSTED above the
 * limits. Takes time: about 5 ms for 1,000 rules, 100 ms for 10,000.
 */
WM_MUST_CHECK int wm_wg_policy_new(const struct wm_wg_policy_spec *spec, struct wm_wg_policy **out,
				   struct wm_err *err);
void wm_wg_policy_free(struct wm_wg_policy *p); /* NULL is allowed */
bool wm_wg_policy_allows(const struct wm_wg_policy *p, const struct wm_wg_flow *flow);
/* How much memory it holds. */
size_t wm_wg_policy_bytes(const struct wm_wg_policy *p);
