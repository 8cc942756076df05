#pragma once
/* Groups of the registry: names for sets of nodes and users. Groups do not nest. */
#include "base/arena.h"
#include "pb/v1.h"
#include "store/kv.h"
#include "store/txn.h"

#define WM_GROUP_VOTERS "voters"

WM_MUST_CHECK int wm_group_get(struct wm_arena *a, struct wm_view *v, const char *name,
			       V1__Group **out, struct wm_err *err);
WM_MUST_CHECK int wm_group_list(struct wm_arena *a, struct wm_view *v, V1__Group ***out, size_t *n,
				struct wm_err *err);
/* INVALID_ARGUMENT naming the field. */
WM_MUST_CHECK int wm_group_check(const V1__Group *g, struct wm_err *err);
WM_MUST_CHECK int wm_group_put(struct wm_txn *t, const V1__Group *g, struct wm_err *err);
/* INVALID_ARGUMENT for the group of the system. */
WM_MUST_CHECK int wm_group_drop(struct wm_txn *t, const char *name, struct wm_err *err);
bool wm_group_is_system(const char *name);
/* True when one of its subjects has this name (or is "*"), whatever the subject's type. */
bool wm_group_has(const V1__Group *g, const char *name);
/* What holds for the subjects of groups and of role bindings: INVALID_ARGUMENT names the one. */
WM_MUST_CHECK int wm_subjects_check(V1__Subject *const *subjects, size_t n, struct wm_err *err);
