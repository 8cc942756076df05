/*
 * The compiled set. Where other implementations let 0.0.0.0/x stand for everything of both
 * families, a prefix here holds the addresses that it holds; an empty list of nodes matches no
 * node, as there. What cannot be read in a rule is taken against whoever asks: it matches in a
 * denial and matches nothing in an acceptance.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "mesh/acl.h"
#include "pb/message.h"

#define GROUP_PREFIX "group:"

struct names {
	char **names; /* sorted, each once; in the set's arena */
	size_t n;
	bool any;
};

struct networks {
	struct wm_prefix *prefixes;
	size_t n;
	bool limited; /* the list was not empty */
	bool any;     /* it holds "*" */
	bool unreadable;
};

struct rule {
	const char *name;
	int32_t priority;
	bool accept;
	struct names src_nodes, dst_nodes;
	struct networks src, dst;
};

struct wm_acls {
	struct wm_arena arena;
	struct rule *rules; /* in order of evaluation */
	size_t n;
	bool deny_all;
};

static void add_name(struct wm_arena *a, struct names *list, const char *name)
{
	if (strcmp(name, "*") == 0)
		list->any = true;
	else
		wm_pb_append(a, &list->n, &list->names, wm_arena_strdup(a, name));
}

static void add_group(struct wm_arena *a, struct names *list, const char *name,
		      V1__Group *const *groups, size_t n_groups)
{
	for (size_t i = 0; i < n_groups; i++) {
		if (strcmp(groups[i]->name, name) != 0)
			continue;
		for (size_t k = 0; k < groups[i]->n_subjects; k++)
			add_name(a, list, groups[i]->subjects[k]->name);
	}
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct names compile_names(struct wm_arena *a, char *const *entries, size_t n,
				  V1__Group *const *groups, size_t n_groups)
{
	struct names list = {0};

	for (size_t i = 0; i < n; i++) {
		if (wm_str_starts(entries[i], GROUP_PREFIX))
			add_group(a, &list, entries[i] + strlen(GROUP_PREFIX), groups, n_groups);
		else
			add_name(a, &list, entries[i]);
	}
	if (list.n > 1)
		qsort(list.names, list.n, sizeof(*list.names), compare_names);
	return list;
}

static struct networks compile_networks(struct wm_arena *a, char *const *entries, size_t n)
{
	struct networks list = {.limited = n > 0};

	if (n > 0)
		list.prefixes = wm_arena_alloc(a, n * sizeof(*list.prefixes));
	for (size_t i = 0; i < n; i++) {
		if (strcmp(entries[i], "*") == 0)
			list.any = true;
		else if (wm_prefix_parse(entries[i], &list.prefixes[list.n]))
			list.n++;
		else
			list.unreadable = true;
	}
	return list;
}

static int compare_rules(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority > y->priority ? -1 : 1;
	if (x->accept != y->accept)
		return x->accept ? 1 : -1;
	return strcmp(x->name, y->name);
}

struct wm_acls *wm_acls_new(V1__NetworkACL *const *acls, size_t n, V1__Group *const *groups,
			    size_t n_groups)
{
	struct wm_acls *s = wm_alloc(sizeof(*s));
	struct wm_arena *a = &s->arena;

	wm_arena_init(a, 0);
	s->n = n;
	s->rules = wm_arena_alloc(a, (n + 1) * sizeof(*s->rules));
	for (size_t i = 0; i < n; i++) {
		const V1__NetworkACL *m = acls[i];

		s->rules[i] = (struct rule){
			.name = wm_arena_strdup(a, m->name),
			.priority = m->priority,
			.accept = m->action == V1__ACLACTION__ACTION_ACCEPT,
			.src_nodes = compile_names(a, m->sourcenodes, m->n_sourcenodes, groups,
						   n_groups),
			.dst_nodes = compile_names(a, m->destinationnodes, m->n_destinationnodes,
						   groups, n_groups),
			.src = compile_networks(a, m->sourcecidrs, m->n_sourcecidrs),
			.dst = compile_networks(a, m->destinationcidrs, m->n_destinationcidrs),
		};
	}
	qsort(s->rules, n, sizeof(*s->rules), compare_rules);
	return s;
}

void wm_acls_free(struct wm_acls *s)
{
	if (s == NULL)
		return;
	wm_arena_fini(&s->arena);
	wm_free(s);
}

void wm_acls_deny_all(struct wm_acls *s)
{
	s->deny_all = true;
}

size_t wm_acls_count(const struct wm_acls *s)
{
	return s->n;
}

static bool names_match(const struct names *list, const char *name)
{
	if (wm_str_is_empty(name) || list->any)
		return true;
	return list->n > 0 &&
	       bsearch(&name, list->names, list->n, sizeof(*list->names), compare_names) != NULL;
}

static bool networks_match(const struct networks *list, const struct wm_addr *addr, bool accept)
{
	if (addr->family == WM_FAMILY_NONE || !list->limited || list->any)
		return true;
	for (size_t i = 0; i < list->n; i++)
		if (wm_prefix_contains(&list->prefixes[i], addr))
			return true;
	return list->unreadable && !accept;
}

bool wm_acls_allow(const struct wm_acls *s, const struct wm_acl_action *action)
{
	if (s->deny_all)
		return false;
	for (size_t i = 0; i < s->n; i++) {
		const struct rule *r = &s->rules[i];

		if (names_match(&r->src_nodes, action->src_node) &&
		    names_match(&r->dst_nodes, action->dst_node) &&
		    networks_match(&r->src, &action->src, r->accept) &&
		    networks_match(&r->dst, &action->dst, r->accept))
			return r->accept;
	}
	return false;
}

bool wm_acls_allow_nodes(const struct wm_acls *s, const struct wm_acl_node *from,
			 const struct wm_acl_node *to)
{
	const struct wm_acl_action v4 = {from->id, from->v4, to->id, to->v4};
	const struct wm_acl_action v6 = {from->id, from->v6, to->id, to->v6};

	return wm_acls_allow(s, &v4) || wm_acls_allow(s, &v6);
}
