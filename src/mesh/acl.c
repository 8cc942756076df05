#include "mesh/acl.h"

#include <string.h>

#include "base/str.h"
#include "mesh/groups.h"
#include "mesh/ids.h"
#include "mesh/paths.h"
#include "mesh/record.h"

#define GROUP_PREFIX "group:"

int wm_acl_get(struct wm_arena *a, struct wm_view *v, const char *name, V1__NetworkACL **out,
	       struct wm_err *err)
{
	ProtobufCMessage *m = NULL;
	int rc = wm_id_is_valid(name) ? wm_record_get(a, v, wm_path_acl(name).text,
						      &v1__network_acl__descriptor, &m, NULL, err)
				      : WM_NOT_FOUND;

	if (rc == WM_NOT_FOUND)
		return wm_fail(err, WM_NOT_FOUND, "network acl not found: %.80s", name);
	*out = (V1__NetworkACL *)m;
	return rc;
}

int wm_acl_list(struct wm_arena *a, struct wm_view *v, V1__NetworkACL ***out, size_t *n,
		struct wm_err *err)
{
	return wm_record_list(a, v, WM_PATH_ACLS, &v1__network_acl__descriptor, out, n, NULL, err);
}

static int check_nodes(char *const *nodes, size_t n, const char *field, struct wm_err *err)
{
	for (size_t i = 0; i < n; i++) {
		const char *name = nodes[i];

		if (wm_str_starts(name, GROUP_PREFIX))
			name += strlen(GROUP_PREFIX);
		if (!wm_id_is_valid_or_any(name))
			return wm_fail(
				err, WM_INVALID_ARGUMENT,
				"%s: \"%.80s\" is neither *, nor a node ID, nor group:<name>",
				field, nodes[i]);
	}
	return 0;
}

static int check_cidrs(char *const *cidrs, size_t n, const char *field, struct wm_err *err)
{
	struct wm_prefix p;

	for (size_t i = 0; i < n; i++)
		if (!wm_streq(cidrs[i], "*") && !wm_prefix_parse(cidrs[i], &p))
			return wm_fail(
				err, WM_INVALID_ARGUMENT,
				"%s: \"%.60s\" is neither * nor a prefix such as 10.1.0.0/16",
				field, cidrs[i]);
	return 0;
}

int wm_acl_check(const V1__NetworkACL *acl, struct wm_err *err)
{
	int rc = wm_id_check(acl->name, "name", err);

	if (rc == 0 && (acl->action < V1__ACLACTION__ACTION_UNKNOWN ||
			acl->action > V1__ACLACTION__ACTION_DENY))
		rc = wm_fail(err, WM_INVALID_ARGUMENT, "action %d is unknown", (int)acl->action);
	if (rc == 0)
		rc = check_nodes(acl->sourcenodes, acl->n_sourcenodes, "sourceNodes", err);
	if (rc == 0)
		rc = check_nodes(acl->destinationnodes, acl->n_destinationnodes, "destinationNodes",
				 err);
	if (rc == 0)
		rc = check_cidrs(acl->sourcecidrs, acl->n_sourcecidrs, "sourceCIDRs", err);
	if (rc == 0)
		rc = check_cidrs(acl->destinationcidrs, acl->n_destinationcidrs, "destinationCIDRs",
				 err);
	return rc;
}

int wm_acl_put(struct wm_txn *t, const V1__NetworkACL *acl, struct wm_err *err)
{
	int rc = wm_acl_check(acl, err);

	return rc == 0 ? wm_record_put(t, wm_path_acl(acl->name).text, &acl->base, err) : rc;
}

void wm_acl_drop(struct wm_txn *t, const char *name)
{
	wm_txn_delete(t, wm_path_acl(name).text);
}

static int load(struct wm_arena *a, struct wm_view *v, struct wm_acls **out, struct wm_err *err)
{
	V1__NetworkACL **acls;
	V1__Group **groups;
	size_t n, n_groups, unreadable;
	int rc = wm_record_list(a, v, WM_PATH_ACLS, &v1__network_acl__descriptor, &acls, &n,
				&unreadable, err);

	if (rc == 0)
		rc = wm_group_list(a, v, &groups, &n_groups, err);
	if (rc != 0)
		return rc;
	*out = wm_acls_new(acls, n, groups, n_groups);
	if (unreadable > 0)
		wm_acls_deny_all(*out);
	return 0;
}

int wm_acls_load(struct wm_view *v, struct wm_acls **out, struct wm_err *err)
{
	struct wm_arena a;
	int rc;

	wm_arena_init(&a, 0);
	rc = load(&a, v, out, err);
	wm_arena_fini(&a);
	return rc;
}
