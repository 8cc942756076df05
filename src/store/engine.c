#include "store/engine.h"

#include "base/mem.h"

struct wm_batch *wm_batch_new(struct wm_engine *e)
{
	struct wm_batch *b = wm_alloc(sizeof(*b));

	b->engine = e;
	wm_list_init(&b->proposals);
	return b;
}

void wm_batch_add_change(struct wm_batch *b, struct wm_txn *t)
{
	if (b->n_changes == b->cap_changes) {
		b->cap_changes = b->cap_changes == 0 ? 16 : b->cap_changes * 2;
		b->changes = wm_realloc(b->changes, b->cap_changes * sizeof(struct wm_txn *));
	}
	b->changes[b->n_changes++] = t;
}

void wm_batch_free(struct wm_batch *b)
{
	if (b == NULL)
		return;
	for (size_t i = 0; i < b->n_changes; i++)
		wm_txn_free(b->changes[i]);
	wm_free(b->changes);
	wm_free(b);
}

void wm_propose_end(struct wm_propose *p, int code, uint64_t revision)
{
	p->code = code;
	p->revision = code == 0 ? revision : 0;
}
