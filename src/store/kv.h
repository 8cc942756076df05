#pragma once
/*
 * Reading ordered key-value state: a view is one consistent revision of it. Keys are text paths
 * ("/registry/nodes/a"), values are bytes. mesh/ computes over this interface alone, so the same
 * code runs over LMDB, over memory and over what an external engine answers.
 */
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_KEY_MAX   480           /* bytes of a key; LMDB's own limit is 511 */
#define WM_VALUE_MAX (1024 * 1024) /* bytes of one value */

struct wm_view;

struct wm_kv {
	const char *key; /* NUL behind it */
	size_t key_len;
	const uint8_t *value;
	size_t value_len;
	uint64_t revision; /* at which this key was last written */
};

struct wm_view_ops {
	/* Borrowed until the view closes. NOT_FOUND when absent; @err may be NULL. */
	int (*get)(struct wm_view *v, const char *key, struct wm_kv *out, struct wm_err *err);
	/*
	 * Calls @each for every key that begins with @prefix, in byte order, from @from on (NULL =
	 * the first), until it returns nonzero; returns that, or 0 at the end, or a code.
	 */
	int (*scan)(struct wm_view *v, const char *prefix, const char *from,
		    int (*each)(void *arg, const struct wm_kv *kv), void *arg, struct wm_err *err);
	void (*close)(struct wm_view *v);
};

struct wm_view {
	const struct wm_view_ops *ops;
	uint64_t revision; /* number of the last change that it contains */
};

/* Convenience forms; the view is borrowed. */
int wm_view_get(struct wm_view *v, const char *key, struct wm_kv *out, struct wm_err *err);
bool wm_view_has(struct wm_view *v, const char *key);
int wm_view_scan(struct wm_view *v, const char *prefix,
		 int (*each)(void *arg, const struct wm_kv *kv), void *arg, struct wm_err *err);
void wm_view_close(struct wm_view *v); /* NULL is allowed */
