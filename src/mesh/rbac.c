/* The evaluation of roles: from a principal to its bindings, their roles, and what those grant. */
#include <string.h>

#include "base/str.h"
#include "mesh/groups.h"
#include "mesh/ids.h"
#include "mesh/network.h"
#include "mesh/record.h"
#include "mesh/roles.h"

static bool subject_is(struct wm_arena *a, struct wm_view *v, const V1__Subject *s,
		       const char *principal)
{
	V1__Group *g;

	if (s->type == V1__SUBJECT_TYPE__SUBJECT_GROUP)
		return wm_group_get(a, v, s->name, &g, NULL) == 0 && wm_group_has(g, principal);
	if (s->type == V1__SUBJECT_TYPE__SUBJECT_UNKNOWN)
		return false;
	return wm_streq(s->name, "*") || wm_streq(s->name, principal);
}

static bool binds(struct wm_arena *a, struct wm_view *v, const V1__RoleBinding *b,
		  const char *principal)
{
	for (size_t i = 0; i < b->n_subjects; i++)
		if (subject_is(a, v, b->subjects[i], principal))
			return true;
	return false;
}

/* Keeps the list in order of names; a role that is in it already is not added again. */
static void add_role(struct wm_arena *a, V1__Role ***roles, size_t *n, V1__Role *role)
{
	size_t at = 0;

	while (at < *n && strcmp((*roles)[at]->name, role->name) < 0)
		at++;
	if (at < *n && strcmp((*roles)[at]->name, role->name) == 0)
		return;
	wm_pb_append(a, n, roles, role);
	memmove(*roles + at + 1, *roles + at, (*n - 1 - at) * sizeof(**roles));
	(*roles)[at] = role;
}

int wm_rbac_roles_of(struct wm_arena *a, struct wm_view *v, const char *principal, V1__Role ***out,
		     size_t *n, struct wm_err *err)
{
	V1__RoleBinding **bindings;
	size_t n_bindings;
	int rc = wm_binding_list(a, v, &bindings, &n_bindings, err);

	*out = NULL;
	*n = 0;
	for (size_t i = 0; rc == 0 && i < n_bindings; i++) {
		V1__Role *role;

		if (binds(a, v, bindings[i], principal) &&
		    wm_role_get(a, v, bindings[i]->role, &role, NULL) == 0)
			add_role(a, out, n, role);
	}
	return rc;
}

static bool rule_names(const V1__Rule *rule, const char *name)
{
	for (size_t i = 0; i < rule->n_resourcenames; i++)
		if (wm_streq(rule->resourcenames[i], name))
			return true;
	return rule->n_resourcenames == 0;
}

static bool rule_covers(const V1__Rule *rule, const struct wm_rbac_action *action)
{
	bool verb = false, resource = false, all = false;

	for (size_t i = 0; i < rule->n_verbs; i++)
		verb |= rule->verbs[i] == action->verb || rule->verbs[i] == V1__RULE_VERB__VERB_ALL;
	for (size_t i = 0; i < rule->n_resources; i++) {
		resource |= rule->resources[i] == action->resource;
		all |= rule->resources[i] == V1__RULE_RESOURCE__RESOURCE_ALL;
	}
	if (!verb || !(resource || all))
		return false;
	return all || wm_str_is_empty(action->name) || rule_names(rule, action->name);
}

static bool roles_grant(V1__Role *const *roles, size_t n, const struct wm_rbac_action *action)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < roles[i]->n_rules; k++)
			if (rule_covers(roles[i]->rules[k], action))
				return true;
	return false;
}

/* "VERB_PUT" without its prefix, for people. */
static const char *enum_name(const ProtobufCEnumDescriptor *type, int value)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(type, value);
	const char *name = v != NULL ? strchr(v->name, '_') : NULL;

	return name != NULL ? name + 1 : "?";
}

static int deny(const char *principal, const struct wm_rbac_action *action, struct wm_err *err)
{
	bool named = !wm_str_is_empty(action->name);

	return wm_fail(
		err, WM_PERMISSION_DENIED,
		"%.80s is not allowed to %s %s%s%.100s: an administrator can bind it to a role "
		"that grants this",
		principal, enum_name(&v1__rule_verb__descriptor, (int)action->verb),
		enum_name(&v1__rule_resource__descriptor, (int)action->resource), named ? " " : "",
		named ? action->name : "");
}

static int check(struct wm_arena *a, struct wm_view *v, const char *principal,
		 const struct wm_rbac_action *actions, size_t n, struct wm_err *err)
{
	V1__Role **roles;
	size_t n_roles;
	int rc = wm_rbac_roles_of(a, v, principal, &roles, &n_roles, err);

	for (size_t i = 0; rc == 0 && i < n; i++)
		if (!roles_grant(roles, n_roles, &actions[i]))
			rc = deny(principal, &actions[i], err);
	return rc;
}

int wm_rbac_check(struct wm_view *v, const char *principal, const struct wm_rbac_action *actions,
		  size_t n, struct wm_err *err)
{
	struct wm_arena a;
	int rc;

	if (n == 0 || !wm_rbac_is_enabled(v))
		return 0;
	if (wm_str_is_empty(principal))
		return wm_fail(
			err, WM_PERMISSION_DENIED,
			"an anonymous caller may do nothing that needs a role: authenticate");
	if (!wm_node_id_is_valid(principal))
		return wm_fail(err, WM_PERMISSION_DENIED, "%.80s is not a name that roles can know",
			       principal);
	wm_arena_init(&a, 0);
	rc = check(&a, v, principal, actions, n, err);
	wm_arena_fini(&a);
	return rc;
}
