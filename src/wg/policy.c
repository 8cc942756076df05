#include "wg/policy.h"
#include "base/mem.h"
#include "wg/policy_table.h"

static uint64_t load_be64(const uint8_t *p)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

struct wm_wg_value wm_wg_value_of(const uint8_t bytes[16], bool is_v6)
{
	if (is_v6)
		return (struct wm_wg_value){load_be64(bytes), load_be64(bytes + 8)};
	return (struct wm_wg_value){0, load_be64(bytes) >> 32};
}

static bool is_before(const struct wm_wg_value *a, const struct wm_wg_value *b)
{
	return a->high != b->high ? a->high < b->high : a->low < b->low;
}

static const uint64_t *find(const struct wm_wg_rules *r, enum wm_wg_axis axis,
			    struct wm_wg_value value)
{
	const struct wm_wg_ranges *ranges = &r->axes[axis];
	size_t at = 0;
	for (size_t n = ranges->n; n > 1;) {
		size_t half = n / 2;
		if (!is_before(&value, &ranges->starts[at + half]))
			at += half;
		n -= half;
	}
	return r->words + ranges->vectors[at];
}

static const uint64_t *find_number(const struct wm_wg_rules *r, enum wm_wg_axis axis,
				   uint64_t number)
{
	return find(r, axis, (struct wm_wg_value){0, number});
}

/* The lowest rule that is in all @n vectors, or the number of rules. */
static size_t first_common(const struct wm_wg_rules *r, const uint64_t *const *vectors, unsigned n)
{
	unsigned skip[WM_WG_AXES] = {0}; /* words that belong to summaries before this one */
	for (unsigned s = 0; s < r->n_summaries; s++) {
		uint64_t left = ~(uint64_t)0;
		for (unsigned i = 0; i < n; i++)
			left &= vectors[i][s];
		for (; left != 0; left &= left - 1) {
			uint64_t below = (left & -left) - 1, rules = ~(uint64_t)0;
			for (unsigned i = 0; i < n; i++)
				rules &= vectors[i][r->n_summaries + skip[i] +
						    (unsigned)__builtin_popcountll(vectors[i][s] &
										   below)];
			if (rules != 0)
				return (s * 64 + (size_t)__builtin_ctzll(left)) * 64 +
				       (size_t)__builtin_ctzll(rules);
		}
		for (unsigned i = 0; i < n; i++)
			skip[i] += (unsigned)__builtin_popcountll(vectors[i][s]);
	}
	return r->n_rules;
}

bool wm_wg_policy_allows(const struct wm_wg_policy *p, const struct wm_wg_flow *f)
{
	const struct wm_wg_rules *r = f->version == 4 ? &p->v4 : &p->v6;
	const uint64_t *vectors[WM_WG_AXES];
	unsigned n = 0;
	if (r->n_rules == 0)
		return p->allows_rest;
	vectors[n++] = find(r, WM_WG_AXIS_SOURCE, wm_wg_value_of(f->source, f->version != 4));
	vectors[n++] = find(r, WM_WG_AXIS_TARGET, wm_wg_value_of(f->target, f->version != 4));
	vectors[n++] = find_number(r, WM_WG_AXIS_PROTOCOL, f->protocol);
	vectors[n++] = find_number(r, WM_WG_AXIS_KIND, f->kind);
	/* Rules with ports are for protocols with ports only; of later fragments the kind says all.
	 */
	if (f->kind != WM_WG_FLOW_LATER && wm_wg_flow_has_ports(f->protocol)) {
		vectors[n++] = find_number(r, WM_WG_AXIS_SOURCE_PORT, f->source_port);
		vectors[n++] = find_number(r, WM_WG_AXIS_TARGET_PORT, f->target_port);
	}
	size_t rule = first_common(r, vectors, n);
	return rule < r->n_rules ? r->allows[rule] : p->allows_rest;
}

/* ---- life ---- */

static void free_rules(struct wm_wg_rules *r)
{
	for (unsigned i = 0; i < WM_WG_AXES; i++) {
		wm_free(r->axes[i].starts);
		wm_free(r->axes[i].vectors);
	}
	wm_free(r->words);
	wm_free(r->allows);
}

void wm_wg_policy_free(struct wm_wg_policy *p)
{
	if (p == NULL)
		return;
	free_rules(&p->v4);
	free_rules(&p->v6);
	wm_free(p);
}

static size_t bytes_of(const struct wm_wg_rules *r)
{
	size_t n = r->n_words * sizeof(*r->words) + r->n_rules * sizeof(*r->allows);
	for (unsigned i = 0; i < WM_WG_AXES; i++)
		n += r->axes[i].n * (sizeof(*r->axes[i].starts) + sizeof(*r->axes[i].vectors));
	return n;
}

size_t wm_wg_policy_bytes(const struct wm_wg_policy *p)
{
	return sizeof(*p) + bytes_of(&p->v4) + bytes_of(&p->v6);
}
