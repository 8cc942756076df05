#include "fabric/failures.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

void wm_failures_fini(struct wm_failures *f)
{
	wm_free(f->items);
	wm_free(f->is_noted);
	memset(f, 0, sizeof(*f));
}

void wm_failures_begin(struct wm_failures *f)
{
	f->retry = false;
	if (f->n > 0)
		memset(f->is_noted, 0, f->n * sizeof(*f->is_noted));
}

static size_t find(const struct wm_failures *f, const char *what)
{
	size_t i = 0;

	while (i < f->n && strncmp(f->items[i].what, what, sizeof(f->items[i].what) - 1) != 0)
		i++;
	return i;
}

bool wm_failures_note(struct wm_failures *f, const char *what, int code, const char *why,
		      bool tried, int64_t now_ns)
{
	size_t at = find(f, what);
	bool is_new = at == f->n;
	struct wm_fabric_failure *x;

	f->retry |= tried;
	if (is_new && f->n >= WM_FAILURES_MAX)
		return false;
	if (is_new) {
		if (f->n == f->cap) {
			f->cap = f->cap == 0 ? 8 : 2 * f->cap;
			f->items = wm_realloc(f->items, f->cap * sizeof(*f->items));
			f->is_noted = wm_realloc(f->is_noted, f->cap * sizeof(*f->is_noted));
		}
		memset(&f->items[at], 0, sizeof(f->items[at]));
		f->items[at].since_ns = now_ns;
		(void)wm_str_copy(f->items[at].what, sizeof(f->items[at].what), what);
		f->n++;
	}
	x = &f->items[at];
	x->code = code;
	x->tries = tried ? x->tries + 1 : 0;
	(void)wm_str_copy(x->why, sizeof(x->why), why);
	f->is_noted[at] = true;
	return is_new;
}

static int compare(const void *a, const void *b)
{
	const struct wm_fabric_failure *x = a, *y = b;

	return strcmp(x->what, y->what);
}

void wm_failures_end(struct wm_failures *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->n; i++)
		if (f->is_noted[i])
			f->items[kept++] = f->items[i];
	f->n = kept;
	if (kept > 1)
		qsort(f->items, kept, sizeof(*f->items), compare);
}
