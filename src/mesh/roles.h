#pragma once
/*
 * Roles, their bindings, and the one question: may this principal do that? A rule covers an action
 * when verb and resource match and its resourceNames are empty or hold the action's name. Subjects
 * of type GROUP are expanded; a binding whose role is missing or unreadable grants nothing.
 */
#include "base/arena.h"
#include "pb/v1.h"
#include "store/kv.h"
#include "store/txn.h"

#define WM_ROLE_ADMIN        "mesh-admin"
#define WM_ROLE_VOTERS       "voters"
#define WM_BINDING_ADMIN     "mesh-admin"
#define WM_BINDING_BOOTSTRAP "bootstrap-voters"

WM_MUST_CHECK int wm_role_get(struct wm_arena *a, struct wm_view *v, const char *name,
			      V1__Role **out, struct wm_err *err);
WM_MUST_CHECK int wm_role_list(struct wm_arena *a, struct wm_view *v, V1__Role ***out, size_t *n,
			       struct wm_err *err);
/* INVALID_ARGUMENT naming the field. */
WM_MUST_CHECK int wm_role_check(const V1__Role *r, struct wm_err *err);
WM_MUST_CHECK int wm_role_put(struct wm_txn *t, const V1__Role *r, struct wm_err *err);
void wm_role_drop(struct wm_txn *t, const char *name);
/* One that the bootstrap makes and nobody may change afterwards. */
bool wm_role_is_system(const char *name);

WM_MUST_CHECK int wm_binding_get(struct wm_arena *a, struct wm_view *v, const char *name,
				 V1__RoleBinding **out, struct wm_err *err);
WM_MUST_CHECK int wm_binding_list(struct wm_arena *a, struct wm_view *v, V1__RoleBinding ***out,
				  size_t *n, struct wm_err *err);
/* INVALID_ARGUMENT naming the field. */
WM_MUST_CHECK int wm_binding_check(const V1__RoleBinding *b, struct wm_err *err);
WM_MUST_CHECK int wm_binding_put(struct wm_txn *t, const V1__RoleBinding *b, struct wm_err *err);
void wm_binding_drop(struct wm_txn *t, const char *name);
bool wm_binding_is_system(const char *name);

/* One thing that somebody wants to do; @name may be NULL or "" for an unnamed action. */
struct wm_rbac_action {
	V1__RuleResource resource;
	V1__RuleVerb verb;
	const char *name;
};

/*
 * 0 when @principal may do all of @actions (or RBAC is switched off), else PERMISSION_DENIED whose
 * text names the principal and the first action that no role grants.
 */
WM_MUST_CHECK int wm_rbac_check(struct wm_view *v, const char *principal,
				const struct wm_rbac_action *actions, size_t n, struct wm_err *err);
/* The roles bound to @principal, each once, in order of their names. */
WM_MUST_CHECK int wm_rbac_roles_of(struct wm_arena *a, struct wm_view *v, const char *principal,
				   V1__Role ***out, size_t *n, struct wm_err *err);
