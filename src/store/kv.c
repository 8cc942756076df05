#include "store/kv.h"

int wm_view_get(struct wm_view *v, const char *key, struct wm_kv *out, struct wm_err *err)
{
	return v->ops->get(v, key, out, err);
}

bool wm_view_has(struct wm_view *v, const char *key)
{
	struct wm_kv kv;

	return v->ops->get(v, key, &kv, NULL) == 0;
}

int wm_view_scan(struct wm_view *v, const char *prefix,
		 int (*each)(void *arg, const struct wm_kv *kv), void *arg, struct wm_err *err)
{
	return v->ops->scan(v, prefix, NULL, each, arg, err);
}

void wm_view_close(struct wm_view *v)
{
	if (v != NULL)
		v->ops->close(v);
}
