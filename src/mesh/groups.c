#include "mesh/groups.h"

#include <string.h>

#include "base/str.h"
#include "mesh/paths.h"
#include "mesh/record.h"

int wm_group_get(struct wm_arena *a, struct wm_view *v, const char *name, V1__Group **out,
		 struct wm_err *err)
{
	ProtobufCMessage *m = NULL;
	int rc = wm_id_is_valid(name) ? wm_record_get(a, v, wm_path_group(name).text,
						      &v1__group__descriptor, &m, NULL, err)
				      : WM_NOT_FOUND;

	if (rc == WM_NOT_FOUND)
		return wm_fail(err, WM_NOT_FOUND, "group not found: %.80s", name);
	*out = (V1__Group *)m;
	return rc;
}

int wm_group_list(struct wm_arena *a, struct wm_view *v, V1__Group ***out, size_t *n,
		  struct wm_err *err)
{
	return wm_record_list(a, v, WM_PATH_GROUPS, &v1__group__descriptor, out, n, NULL, err);
}

int wm_subjects_check(V1__Subject *const *subjects, size_t n, struct wm_err *err)
{
	if (n == 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "subjects: at least one is needed");
	for (size_t i = 0; i < n; i++)
		if (!wm_id_is_valid_or_any(subjects[i]->name))
			return wm_fail(err, WM_INVALID_ARGUMENT,
				       "subjects: \"%.80s\" is neither * nor a valid ID",
				       subjects[i]->name);
	return 0;
}

int wm_group_check(const V1__Group *g, struct wm_err *err)
{
	int rc = wm_id_check(g->name, "name", err);

	return rc == 0 ? wm_subjects_check(g->subjects, g->n_subjects, err) : rc;
}

int wm_group_put(struct wm_txn *t, const V1__Group *g, struct wm_err *err)
{
	int rc = wm_group_check(g, err);

	return rc == 0 ? wm_record_put(t, wm_path_group(g->name).text, &g->base, err) : rc;
}

int wm_group_drop(struct wm_txn *t, const char *name, struct wm_err *err)
{
	if (wm_group_is_system(name))
		return wm_fail(err, WM_INVALID_ARGUMENT, "cannot modify system group: %s", name);
	wm_txn_delete(t, wm_path_group(name).text);
	return 0;
}

bool wm_group_is_system(const char *name)
{
	return strcmp(name, WM_GROUP_VOTERS) == 0;
}

bool wm_group_has(const V1__Group *g, const char *name)
{
	for (size_t i = 0; i < g->n_subjects; i++)
		if (wm_streq(g->subjects[i]->name, name) || wm_streq(g->subjects[i]->name, "*"))
			return true;
	return false;
}
