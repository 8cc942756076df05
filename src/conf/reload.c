/* Two loads of one table: where they differ, and taking over what may change while running. */
#include "base/mem.h"
#include "conf/load.h"
#include "conf/value.h"
#include <string.h>

static bool is_equal(const struct wm_conf *a, const struct wm_conf *b,
		     const struct wm_conf_option *o)
{
	struct wm_buf x = {0}, y = {0};
	wm_conf_value_format(o, wm_conf_value_at(a, o), &x);
	wm_conf_value_format(o, wm_conf_value_at(b, o), &y);
	bool equal = strcmp(wm_buf_str(&x), wm_buf_str(&y)) == 0;
	if (x.data != NULL)
		wm_wipe(x.data, x.cap);
	if (y.data != NULL)
		wm_wipe(y.data, y.cap);
	wm_buf_fini(&x);
	wm_buf_fini(&y);
	return equal;
}

size_t wm_conf_compare(const struct wm_conf *a, const struct wm_conf *b,
		       void (*differs)(void *arg, const struct wm_conf_option *o), void *arg)
{
	size_t n = 0;
	for (size_t i = 0; i < a->table->n_rows; i++) {
		const struct wm_conf_option *o = &a->table->rows[i];
		if ((o->attrs & WM_CONF_FAMILY) != 0 || !wm_conf_option_is_in(o, a->scope) ||
		    is_equal(a, b, o))
			continue;
		n++;
		if (differs != NULL)
			differs(arg, o);
	}
	return n;
}

/* Where a value came from is kept beside it, in the memory of who has the value. */
static void exchange_origins(struct wm_conf *a, struct wm_conf *b, const struct wm_conf_option *o)
{
	struct wm_conf_origin *x = wm_conf_origin_of(a, o), *y = wm_conf_origin_of(b, o);
	struct wm_conf_origin kept = *x;
	*x = *y;
	*y = kept;
	x->where = wm_arena_strdup(&a->arena, x->where);
	y->where = wm_arena_strdup(&b->arena, y->where);
}

void wm_conf_exchange(struct wm_conf *c, struct wm_conf *fresh)
{
	for (size_t i = 0; i < c->table->n_rows; i++) {
		const struct wm_conf_option *o = &c->table->rows[i];
		union wm_conf_any kept;
		if ((o->attrs & WM_CONF_RELOAD) == 0 || is_equal(c, fresh, o))
			continue;
		void *x = wm_conf_value_at(c, o), *y = wm_conf_value_at(fresh, o);
		size_t size = wm_conf_value_size(o);
		memcpy(&kept, x, size);
		memcpy(x, y, size);
		memcpy(y, &kept, size);
		exchange_origins(c, fresh, o);
	}
}
