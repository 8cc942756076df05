#include "rpc/turns.h"
#include "base/list.h"
#include "base/mem.h"
#include <assert.h>

void wm_rpc_turns_init(struct wm_rpc_turns *turns, struct wm_loop *loop)
{
	*turns = (struct wm_rpc_turns){.loop = loop};
	wm_list_init(&turns->line);
}

void wm_rpc_turns_fini(struct wm_rpc_turns *turns)
{
	assert(wm_list_is_empty(&turns->line));
	wm_defer_cancel(&turns->next);
}

static void on_next(struct wm_defer *d)
{
	struct wm_rpc_turns *turns = wm_container_of(d, struct wm_rpc_turns, next);
	struct wm_list *first = wm_list_first(&turns->line);
	if (first == NULL) /* it has left */
		return;
	wm_list_remove(first);
	if (!wm_list_is_empty(&turns->line))
		wm_defer(turns->loop, &turns->next, on_next);
	struct wm_rpc_turn *t = wm_container_of(first, struct wm_rpc_turn, node);
	t->cb(t); /* last: it may be gone */
}

void wm_rpc_turn_wait(struct wm_rpc_turns *turns, struct wm_rpc_turn *t,
		      void (*cb)(struct wm_rpc_turn *t))
{
	assert(!wm_list_is_linked(&t->node));
	t->cb = cb;
	wm_list_push(&turns->line, &t->node);
	wm_defer(turns->loop, &turns->next, on_next);
}

void wm_rpc_turn_cancel(struct wm_rpc_turn *t)
{
	wm_list_remove(&t->node);
}
