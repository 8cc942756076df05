/* What is compiled is only read while it is, so whoever needs it once more keeps a copy. */
#include <string.h>
#include "base/mem.h"
#include "wg/policy.h"

static size_t count_prefixes(const struct wm_wg_policy_spec *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n_rules; i++)
		n += s->rules[i].n_sources + s->rules[i].n_targets;
	return n;
}

/* The copy of @n prefixes is put at *@room, which goes on behind it. */
static const struct wm_prefix *keep(struct wm_prefix **room, const struct wm_prefix *from, size_t n)
{
	struct wm_prefix *at = *room;
	if (n > 0)
		memcpy(at, from, n * sizeof(*at));
	*room += n;
	return at;
}

struct wm_wg_policy_spec *wm_wg_policy_spec_copy(const struct wm_wg_policy_spec *s)
{
	size_t n_prefixes = count_prefixes(s);
	size_t members = s->n_members * sizeof(*s->members);
	size_t rules = s->n_rules * sizeof(*s->rules);
	/* One piece: the struct, rules (pointers), then what needs less alignment. */
	struct wm_wg_policy_spec *out =
		wm_alloc(sizeof(*out) + rules + n_prefixes * sizeof(struct wm_prefix) + members);
	struct wm_wg_rule *to = (struct wm_wg_rule *)(void *)(out + 1);
	struct wm_prefix *room = (struct wm_prefix *)(void *)(to + s->n_rules);
	*out = *s;
	out->rules = to;
	for (size_t i = 0; i < s->n_rules; i++) {
		to[i] = s->rules[i];
		to[i].sources = keep(&room, s->rules[i].sources, s->rules[i].n_sources);
		to[i].targets = keep(&room, s->rules[i].targets, s->rules[i].n_targets);
	}
	out->members = (const struct wm_addr *)(void *)room;
	if (members > 0)
		memcpy(room, s->members, members);
	return out;
}

void wm_wg_policy_spec_free(struct wm_wg_policy_spec *s)
{
	wm_free(s);
}
