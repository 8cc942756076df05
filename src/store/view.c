#include "store/view.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/wire.h"

struct lmdb_view {
	struct wm_view view;
	struct wm_snapshot *snapshot;
	unsigned *open;
};

bool wm_stored_split(const MDB_val *stored, struct wm_kv *out)
{
	struct wm_wire w;

	wm_wire_init_read(&w, stored->mv_data, stored->mv_size);
	out->revision = wm_wire_get_be64(&w);
	out->value_len = wm_wire_left(&w);
	out->value = (const uint8_t *)stored->mv_data + 8;
	return wm_wire_ok(&w);
}

static int split(const struct wm_snapshot *s, const MDB_val *k, const MDB_val *v, struct wm_kv *out,
		 struct wm_err *err)
{
	out->key = k->mv_data;
	out->key_len = k->mv_size - 1;
	if (k->mv_size == 0 || out->key[out->key_len] != '\0' || !wm_stored_split(v, out))
		return wm_env_fail(s->env, MDB_CORRUPTED, "reading", err);
	return 0;
}

static int view_get(struct wm_view *view, const char *key, struct wm_kv *out, struct wm_err *err)
{
	struct wm_snapshot *s = wm_container_of(view, struct lmdb_view, view)->snapshot;
	size_t len = strnlen(key, WM_KEY_MAX + 1);
	MDB_val k = {.mv_size = len + 1, .mv_data = (void *)(uintptr_t)key}, v;
	int rc = len > WM_KEY_MAX || len == 0 ? MDB_NOTFOUND
					      : mdb_cursor_get(s->cursor, &k, &v, MDB_SET_KEY);

	if (rc == MDB_NOTFOUND)
		return wm_fail(err, WM_NOT_FOUND, "key not found: %.200s", key);
	if (rc != 0)
		return wm_env_fail(s->env, rc, "reading", err);
	return split(s, &k, &v, out, err);
}

static int position(MDB_cursor *c, const char *prefix, const char *from, MDB_val *k, MDB_val *v)
{
	const char *first = from != NULL && strcmp(from, prefix) > 0 ? from : prefix;

	if (*first == '\0')
		return mdb_cursor_get(c, k, v, MDB_FIRST);
	*k = (MDB_val){.mv_size = strlen(first), .mv_data = (void *)(uintptr_t)first};
	return mdb_cursor_get(c, k, v, MDB_SET_RANGE);
}

static int scan_from(struct wm_snapshot *s, MDB_cursor *c, const char *prefix, const char *from,
		     int (*each)(void *arg, const struct wm_kv *kv), void *arg, struct wm_err *err)
{
	size_t prefix_len = strlen(prefix);
	MDB_val k, v;
	int rc;

	for (rc = position(c, prefix, from, &k, &v); rc == 0;
	     rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
		struct wm_kv kv;
		int code = split(s, &k, &v, &kv, err);

		if (code != 0)
			return code;
		if (kv.key_len < prefix_len || memcmp(kv.key, prefix, prefix_len) != 0)
			return 0;
		code = each(arg, &kv);
		if (code != 0)
			return code;
	}
	return rc == MDB_NOTFOUND ? 0 : wm_env_fail(s->env, rc, "reading", err);
}

static int view_scan(struct wm_view *view, const char *prefix, const char *from,
		     int (*each)(void *arg, const struct wm_kv *kv), void *arg, struct wm_err *err)
{
	struct wm_snapshot *s = wm_container_of(view, struct lmdb_view, view)->snapshot;
	MDB_cursor *c;
	int rc;

	if (strlen(prefix) > WM_KEY_MAX || (from != NULL && strlen(from) > WM_KEY_MAX))
		return wm_fail(err, WM_INVALID_ARGUMENT, "a prefix of more than %d bytes",
			       WM_KEY_MAX);
	rc = mdb_cursor_open(s->txn, s->env->kv, &c);
	if (rc != 0)
		return wm_env_fail(s->env, rc, "reading", err);
	rc = scan_from(s, c, prefix, from, each, arg, err);
	mdb_cursor_close(c);
	return rc;
}

static void view_close(struct wm_view *view)
{
	struct lmdb_view *v = wm_container_of(view, struct lmdb_view, view);

	assert(*v->open > 0);
	--*v->open;
	wm_free(v);
}

static const struct wm_view_ops ops = {.get = view_get, .scan = view_scan, .close = view_close};

struct wm_view *wm_snapshot_view(struct wm_snapshot *s, unsigned *open)
{
	struct lmdb_view *v = wm_alloc(sizeof(*v));

	assert(s->active);
	v->view = (struct wm_view){.ops = &ops, .revision = s->revision};
	v->snapshot = s;
	v->open = open;
	++*open;
	return &v->view;
}
