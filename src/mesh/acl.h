#pragma once
/*
 * Network ACLs: which node may talk to which, on which addresses. A struct wm_acls is the whole set
 * compiled once (groups expanded, prefixes parsed, ordered by priority) and asked often. The
 * highest priority that matches decides; at equal priority a denial goes before an acceptance; no
 * match denies, and so does an ACL that cannot be read.
 */
#include "base/addr.h"
#include "base/arena.h"
#include "pb/v1.h"
#include "store/kv.h"
#include "store/txn.h"

WM_MUST_CHECK int wm_acl_get(struct wm_arena *a, struct wm_view *v, const char *name,
			     V1__NetworkACL **out, struct wm_err *err);
WM_MUST_CHECK int wm_acl_list(struct wm_arena *a, struct wm_view *v, V1__NetworkACL ***out,
			      size_t *n, struct wm_err *err);
/* INVALID_ARGUMENT naming the field. */
WM_MUST_CHECK int wm_acl_check(const V1__NetworkACL *acl, struct wm_err *err);
WM_MUST_CHECK int wm_acl_put(struct wm_txn *t, const V1__NetworkACL *acl, struct wm_err *err);
void wm_acl_drop(struct wm_txn *t, const char *name);

struct wm_acls;

/* From messages; entries of @groups are found by name. Everything is copied. */
struct wm_acls *wm_acls_new(V1__NetworkACL *const *acls, size_t n, V1__Group *const *groups,
			    size_t n_groups);
void wm_acls_free(struct wm_acls *s); /* NULL is allowed */
/* From a view: all ACLs and groups. */
WM_MUST_CHECK int wm_acls_load(struct wm_view *v, struct wm_acls **out, struct wm_err *err);
/* Adds a denial of everything in front: what stands for an ACL that cannot be read. */
void wm_acls_deny_all(struct wm_acls *s);
size_t wm_acls_count(const struct wm_acls *s);

/* An address whose family is NONE is not tested, nor is a node that is "". */
struct wm_acl_action {
	const char *src_node;
	struct wm_addr src;
	const char *dst_node;
	struct wm_addr dst;
};
bool wm_acls_allow(const struct wm_acls *s, const struct wm_acl_action *action);

struct wm_acl_node {
	const char *id;
	struct wm_addr v4; /* NONE when it has none */
	struct wm_addr v6;
};
/* True when @from may talk to @to over IPv4 or over IPv6 (one direction). */
bool wm_acls_allow_nodes(const struct wm_acls *s, const struct wm_acl_node *from,
			 const struct wm_acl_node *to);
