#include "mesh/roles.h"

#include "base/str.h"
#include "mesh/groups.h"
#include "mesh/ids.h"
#include "mesh/paths.h"
#include "mesh/record.h"

int wm_role_get(struct wm_arena *a, struct wm_view *v, const char *name, V1__Role **out,
		struct wm_err *err)
{
	ProtobufCMessage *m = NULL;
	int rc = wm_id_is_valid(name) ? wm_record_get(a, v, wm_path_role(name).text,
						      &v1__role__descriptor, &m, NULL, err)
				      : WM_NOT_FOUND;

	if (rc == WM_NOT_FOUND)
		return wm_fail(err, WM_NOT_FOUND, "role not found: %.80s", name);
	*out = (V1__Role *)m;
	return rc;
}

int wm_role_list(struct wm_arena *a, struct wm_view *v, V1__Role ***out, size_t *n,
		 struct wm_err *err)
{
	return wm_record_list(a, v, WM_PATH_ROLES, &v1__role__descriptor, out, n, NULL, err);
}

int wm_role_check(const V1__Role *r, struct wm_err *err)
{
	int rc = wm_id_check(r->name, "name", err);

	if (rc == 0 && r->n_rules == 0)
		rc = wm_fail(err, WM_INVALID_ARGUMENT, "rules: at least one is needed");
	return rc;
}

int wm_role_put(struct wm_txn *t, const V1__Role *r, struct wm_err *err)
{
	int rc = wm_role_check(r, err);

	return rc == 0 ? wm_record_put(t, wm_path_role(r->name).text, &r->base, err) : rc;
}

void wm_role_drop(struct wm_txn *t, const char *name)
{
	wm_txn_delete(t, wm_path_role(name).text);
}

bool wm_role_is_system(const char *name)
{
	return wm_streq(name, WM_ROLE_ADMIN) || wm_streq(name, WM_ROLE_VOTERS);
}

int wm_binding_get(struct wm_arena *a, struct wm_view *v, const char *name, V1__RoleBinding **out,
		   struct wm_err *err)
{
	ProtobufCMessage *m = NULL;
	int rc = wm_id_is_valid(name) ? wm_record_get(a, v, wm_path_binding(name).text,
						      &v1__role_binding__descriptor, &m, NULL, err)
				      : WM_NOT_FOUND;

	if (rc == WM_NOT_FOUND)
		return wm_fail(err, WM_NOT_FOUND, "rolebinding not found: %.80s", name);
	*out = (V1__RoleBinding *)m;
	return rc;
}

int wm_binding_list(struct wm_arena *a, struct wm_view *v, V1__RoleBinding ***out, size_t *n,
		    struct wm_err *err)
{
	return wm_record_list(a, v, WM_PATH_BINDINGS, &v1__role_binding__descriptor, out, n, NULL,
			      err);
}

int wm_binding_check(const V1__RoleBinding *b, struct wm_err *err)
{
	int rc = wm_id_check(b->name, "name", err);

	if (rc == 0)
		rc = wm_id_check(b->role, "role", err);
	return rc == 0 ? wm_subjects_check(b->subjects, b->n_subjects, err) : rc;
}

int wm_binding_put(struct wm_txn *t, const V1__RoleBinding *b, struct wm_err *err)
{
	int rc = wm_binding_check(b, err);

	return rc == 0 ? wm_record_put(t, wm_path_binding(b->name).text, &b->base, err) : rc;
}

void wm_binding_drop(struct wm_txn *t, const char *name)
{
	wm_txn_delete(t, wm_path_binding(name).text);
}

bool wm_binding_is_system(const char *name)
{
	return wm_streq(name, WM_BINDING_ADMIN) || wm_streq(name, WM_BINDING_BOOTSTRAP);
}
