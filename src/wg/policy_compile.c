/*
 * For each axis the ranges of all rules are laid on it as events: here a rule begins, there it
 * ends. One sweep over the sorted events keeps the set of rules that hold, and writes it down where
 * it changes. A rule may hold several times at one place (its prefixes may cover each other), so it
 * is counted. A rule is compiled into the table of each family that both its ends have.
 */
#include <stdlib.h>
#include <string.h>
#include "base/map.h"
#include "base/mem.h"
#include "wg/packet.h"
#include "wg/policy_table.h"

/* A rule begins or ends to hold at a value. */
struct event {
	struct wm_wg_value at;
	uint32_t rule;
	int32_t step;
};

/* A table of one family while it is built. */
struct builder {
	struct wm_wg_rules *out;
	const struct wm_wg_rule **rules; /* those with this family */
	enum wm_family family;
	struct event *events; /* of the axis at hand */
	size_t n_events, cap_events;
	uint32_t *depth;  /* how often a rule holds */
	uint64_t *now;    /* the rules that hold */
	uint64_t *packed; /* the same as it is kept */
	struct wm_map known;
	size_t cap_words;
	size_t bytes_max;
	bool is_full;
};

/* ---- vectors ---- */

static size_t words_of(const struct builder *b)
{
	return (b->out->n_rules + 63) / 64;
}

/* Packs what holds now; returns its length in words. */
static size_t pack(struct builder *b)
{
	size_t n = b->out->n_summaries;
	memset(b->packed, 0, n * sizeof(*b->packed));
	for (size_t i = 0; i < words_of(b); i++) {
		if (b->now[i] == 0)
			continue;
		b->packed[i / 64] |= (uint64_t)1 << i % 64;
		b->packed[n++] = b->now[i];
	}
	return n;
}

/* Where the vector of what holds now stands; it is added if there is none like it. */
static uint32_t keep(struct builder *b)
{
	struct wm_wg_rules *out = b->out;
	size_t n = pack(b), bytes = n * sizeof(*b->packed), at = out->n_words;
	void *known = wm_map_find_n(&b->known, b->packed, bytes);
	if (known != NULL)
		return (uint32_t)((uintptr_t)known - 1);
	b->is_full = b->is_full || (at + n) * sizeof(*b->packed) > b->bytes_max;
	if (b->is_full)
		return 0;
	if (at + n > b->cap_words) {
		b->cap_words = (at + n) * 2;
		out->words = wm_realloc(out->words, b->cap_words * sizeof(*out->words));
	}
	memcpy(out->words + at, b->packed, bytes);
	out->n_words += n;
	wm_map_put_n(&b->known, b->packed, bytes, (void *)(uintptr_t)(at + 1));
	return (uint32_t)at;
}

/* ---- the sweep ---- */

static void add_event(struct builder *b, struct wm_wg_value at, size_t rule, int step)
{
	if (b->n_events == b->cap_events) {
		b->cap_events = b->cap_events * 2 + 64;
		b->events = wm_realloc(b->events, b->cap_events * sizeof(*b->events));
	}
	b->events[b->n_events++] = (struct event){at, (uint32_t)rule, step};
}

static int compare_values(const struct wm_wg_value *a, const struct wm_wg_value *b)
{
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	return (a->low > b->low) - (a->low < b->low);
}

static int compare_events(const void *a, const void *b)
{
	return compare_values(&((const struct event *)a)->at, &((const struct event *)b)->at);
}

static void take_event(struct builder *b, const struct event *e)
{
	uint64_t bit = (uint64_t)1 << e->rule % 64;
	b->depth[e->rule] += (uint32_t)e->step;
	if (b->depth[e->rule] > 0)
		b->now[e->rule / 64] |= bit;
	else
		b->now[e->rule / 64] &= ~bit;
}

static void begin_range(struct builder *b, struct wm_wg_ranges *out, struct wm_wg_value at)
{
	uint32_t vector = keep(b);
	if (out->n > 0 && out->vectors[out->n - 1] == vector)
		return;
	out->starts[out->n] = at;
	out->vectors[out->n++] = vector;
}

/* Turns the events into the ranges of an axis. */
static void sweep(struct builder *b, enum wm_wg_axis axis)
{
	struct wm_wg_ranges *out = &b->out->axes[axis];
	qsort(b->events, b->n_events, sizeof(*b->events), compare_events);
	memset(b->depth, 0, b->out->n_rules * sizeof(*b->depth));
	memset(b->now, 0, words_of(b) * sizeof(*b->now));
	out->starts = wm_calloc(b->n_events + 1, sizeof(*out->starts));
	out->vectors = wm_calloc(b->n_events + 1, sizeof(*out->vectors));
	const struct wm_wg_value zero = {0, 0};
	if (b->n_events == 0 || compare_values(&b->events[0].at, &zero) > 0)
		begin_range(b, out, zero);
	for (size_t i = 0; i < b->n_events; i++) {
		take_event(b, &b->events[i]);
		if (i + 1 == b->n_events ||
		    compare_values(&b->events[i].at, &b->events[i + 1].at) != 0)
			begin_range(b, out, b->events[i].at);
	}
	out->starts = wm_realloc(out->starts, out->n * sizeof(*out->starts));
	out->vectors = wm_realloc(out->vectors, out->n * sizeof(*out->vectors));
	b->n_events = 0;
}

/* ---- the axes ---- */

static void add_range(struct builder *b, size_t rule, uint64_t first, uint64_t last)
{
	add_event(b, (struct wm_wg_value){0, first}, rule, 1);
	add_event(b, (struct wm_wg_value){0, last + 1}, rule, -1);
}

static void add_all(struct builder *b, size_t rule)
{
	add_event(b, (struct wm_wg_value){0, 0}, rule, 1);
}

/* The first value behind the prefix; false when nothing is behind it. */
static bool end_of(const struct wm_prefix *p, struct wm_wg_value start, struct wm_wg_value *end)
{
	unsigned host = wm_addr_bits(&p->addr) - p->bits;
	*end = start;
	if (p->bits == 0)
		return false;
	if (host >= 64) {
		end->high += (uint64_t)1 << (host - 64);
		return end->high != 0;
	}
	end->low += (uint64_t)1 << host;
	if (end->low == 0 && ++end->high == 0)
		return false;
	return p->addr.family == WM_IPV6 || end->low <= UINT32_MAX;
}

static void add_prefixes(struct builder *b, size_t rule, const struct wm_prefix *prefixes, size_t n)
{
	if (n == 0)
		add_all(b, rule);
	for (size_t i = 0; i < n; i++) {
		struct wm_prefix p = wm_prefix_masked(&prefixes[i]);
		struct wm_wg_value start = wm_wg_value_of(p.addr.bytes, b->family == WM_IPV6), end;
		if (p.addr.family != b->family)
			continue;
		add_event(b, start, rule, 1);
		if (end_of(&p, start, &end))
			add_event(b, end, rule, -1);
	}
}

static bool is_any(const struct wm_wg_ports *p)
{
	return p->first == 0 && p->last == 0;
}

static void add_ports(struct builder *b, size_t rule, const struct wm_wg_ports *p)
{
	if (is_any(p))
		add_all(b, rule);
	else
		add_range(b, rule, p->first, p->last);
}

static void add_kinds(struct builder *b, size_t rule, const struct wm_wg_rule *r)
{
	bool names_ports = !is_any(&r->source_ports) || !is_any(&r->target_ports);
	if (!r->only_answers)
		add_range(b, rule, WM_WG_FLOW_OPENS, WM_WG_FLOW_OPENS);
	add_range(b, rule, WM_WG_FLOW_ANSWERS, WM_WG_FLOW_ANSWERS);
	if (r->allows || (!names_ports && !r->only_answers))
		add_range(b, rule, WM_WG_FLOW_LATER, WM_WG_FLOW_LATER);
}

static void add_rule(struct builder *b, enum wm_wg_axis axis, size_t i)
{
	const struct wm_wg_rule *r = b->rules[i];
	switch (axis) {
	case WM_WG_AXIS_SOURCE: return add_prefixes(b, i, r->sources, r->n_sources);
	case WM_WG_AXIS_TARGET: return add_prefixes(b, i, r->targets, r->n_targets);
	case WM_WG_AXIS_SOURCE_PORT: return add_ports(b, i, &r->source_ports);
	case WM_WG_AXIS_TARGET_PORT: return add_ports(b, i, &r->target_ports);
	case WM_WG_AXIS_PROTOCOL:
		return r->protocol == 0 ? add_all(b, i) : add_range(b, i, r->protocol, r->protocol);
	case WM_WG_AXIS_KIND: return add_kinds(b, i, r);
	case WM_WG_AXES: return;
	}
}

/* ---- a family ---- */

static bool has_family(const struct wm_prefix *prefixes, size_t n, enum wm_family family)
{
	for (size_t i = 0; i < n; i++)
		if (prefixes[i].addr.family == family)
			return true;
	return n == 0;
}

static void select_rules(struct builder *b, const struct wm_wg_rule *const *rules, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (has_family(rules[i]->sources, rules[i]->n_sources, b->family) &&
		    has_family(rules[i]->targets, rules[i]->n_targets, b->family))
			b->rules[kept++] = rules[i];
	b->out->n_rules = kept;
	b->out->n_summaries = (unsigned)((words_of(b) + 63) / 64);
}

/* False when the table would be larger than @bytes_max. */
static bool build(enum wm_family family, const struct wm_wg_rule *const *rules, size_t n,
		  size_t bytes_max, struct wm_wg_rules *out)
{
	struct builder b = {.out = out, .family = family, .bytes_max = bytes_max};
	b.rules = wm_calloc(n + 1, sizeof(*b.rules));
	select_rules(&b, rules, n);
	b.depth = wm_calloc(out->n_rules + 1, sizeof(*b.depth));
	b.now = wm_calloc(words_of(&b) + 1, sizeof(*b.now));
	b.packed = wm_calloc(words_of(&b) + out->n_summaries + 1, sizeof(*b.packed));
	out->allows = wm_calloc(out->n_rules + 1, sizeof(*out->allows));
	for (size_t i = 0; i < out->n_rules; i++)
		out->allows[i] = b.rules[i]->allows;
	for (unsigned axis = 0; out->n_rules > 0 && !b.is_full && axis < WM_WG_AXES; axis++) {
		for (size_t i = 0; i < out->n_rules; i++)
			add_rule(&b, (enum wm_wg_axis)axis, i);
		sweep(&b, (enum wm_wg_axis)axis);
	}
	if (out->n_words > 0)
		out->words = wm_realloc(out->words, out->n_words * sizeof(*out->words));
	wm_map_fini(&b.known);
	wm_free(b.packed);
	wm_free(b.now);
	wm_free(b.depth);
	wm_free(b.events);
	wm_free(b.rules);
	return !b.is_full;
}

/* ---- checking ---- */

static int check_ports(const struct wm_wg_rule *r, const struct wm_wg_ports *p, struct wm_err *err)
{
	if (is_any(p))
		return 0;
	if (p->first > p->last)
		return wm_fail(err, WM_INVALID_ARGUMENT, "its ports end before they begin");
	if (!wm_wg_flow_has_ports(r->protocol))
		return wm_fail(err, WM_INVALID_ARGUMENT, "protocol %u has no ports", r->protocol);
	return 0;
}

static int check_prefixes(const struct wm_prefix *prefixes, size_t n, struct wm_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (!wm_prefix_is_valid(&prefixes[i]))
			return wm_fail(err, WM_INVALID_ARGUMENT,
				       "address %zu of its %zu is not a prefix", i + 1, n);
	return 0;
}

static int check_rule(const struct wm_wg_rule *r, struct wm_err *err)
{
	int rc = check_prefixes(r->sources, r->n_sources, err);
	if (rc == 0)
		rc = check_prefixes(r->targets, r->n_targets, err);
	if (rc == 0)
		rc = check_ports(r, &r->source_ports, err);
	if (rc == 0)
		rc = check_ports(r, &r->target_ports, err);
	if (rc == 0 && r->only_answers && r->protocol != WM_PROTOCOL_TCP)
		rc = wm_fail(err, WM_INVALID_ARGUMENT, "only TCP tells answers from questions");
	return rc;
}

static int check(const struct wm_wg_policy_spec *spec, struct wm_err *err)
{
	size_t prefixes = 2 * spec->n_members;
	if (spec->n_rules > WM_WG_POLICY_RULES_MAX)
		return wm_fail(err, WM_RESOURCE_EXHAUSTED, "more than %d rules",
			       WM_WG_POLICY_RULES_MAX);
	for (size_t i = 0; i < spec->n_rules; i++) {
		if (check_rule(&spec->rules[i], err) != 0)
			return wm_wrap(err, "rule %zu", i + 1);
		prefixes += spec->rules[i].n_sources + spec->rules[i].n_targets;
	}
	if (spec->n_members > 0 && spec->peer_port == 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "storage members without a peer port");
	for (size_t i = 0; i < spec->n_members; i++)
		if (!wm_addr_is_valid(&spec->members[i]))
			return wm_fail(err, WM_INVALID_ARGUMENT,
				       "storage member %zu has no address", i + 1);
	if (prefixes > WM_WG_POLICY_PREFIXES_MAX)
		return wm_fail(err, WM_RESOURCE_EXHAUSTED, "more than %d prefixes",
			       WM_WG_POLICY_PREFIXES_MAX);
	return 0;
}

/* ---- all ---- */

/* The fixed rule: to the peer port, and back from it. */
static size_t fix_rules(const struct wm_wg_policy_spec *spec, const struct wm_prefix *members,
			struct wm_wg_rule out[2])
{
	struct wm_wg_ports port = {spec->peer_port, spec->peer_port};
	if (spec->n_members == 0)
		return 0;
	out[0] = (struct wm_wg_rule){.sources = members,
				     .targets = members,
				     .n_sources = spec->n_members,
				     .n_targets = spec->n_members,
				     .target_ports = port,
				     .protocol = WM_PROTOCOL_TCP,
				     .allows = true};
	out[1] = out[0];
	out[1].target_ports = (struct wm_wg_ports){0, 0};
	out[1].source_ports = port;
	out[1].only_answers = true;
	return 2;
}

int wm_wg_policy_new(const struct wm_wg_policy_spec *spec, struct wm_wg_policy **out,
		     struct wm_err *err)
{
	struct wm_wg_rule fixed[2];
	int rc = check(spec, err);
	if (rc != 0)
		return rc;
	struct wm_prefix *members = wm_calloc(spec->n_members + 1, sizeof(*members));
	const struct wm_wg_rule **rules = wm_calloc(spec->n_rules + 2, sizeof(const void *));
	for (size_t i = 0; i < spec->n_members; i++)
		members[i] = wm_prefix_of_addr(&spec->members[i]);
	size_t n = fix_rules(spec, members, fixed);
	for (size_t i = 0; i < n; i++)
		rules[i] = &fixed[i];
	for (size_t i = 0; i < spec->n_rules; i++)
		rules[n++] = &spec->rules[i];
	struct wm_wg_policy *p = wm_alloc(sizeof(*p));
	p->allows_rest = spec->allows_rest;
	size_t most = spec->bytes_max != 0 ? spec->bytes_max : WM_WG_POLICY_BYTES_MAX;
	bool fits = build(WM_IPV4, rules, n, most, &p->v4) &&
		    build(WM_IPV6, rules, n, most, &p->v6) && wm_wg_policy_bytes(p) <= most;
	wm_free(rules);
	wm_free(members);
	if (!fits) {
		wm_wg_policy_free(p);
		return wm_fail(err, WM_RESOURCE_EXHAUSTED, "its table needs more than %zu bytes",
			       most);
	}
	*out = p;
	return 0;
}
