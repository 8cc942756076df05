#include "rpc/sources.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include <assert.h>
#include <string.h>

#define KEY_MAX 8 /* bytes of an address */

#define RATE      20                 /* of blame that is forgotten in a second */
#define FREE      100                /* up to here nobody waits */
#define WAIT_NS   (5 * WM_NS_PER_MS) /* between two beginnings, for each unit above */
#define FLOOD     20
#define FLOOD_MAX 200 /* so two begin in a second, */
#define VAIN      2
#define VAIN_MAX  120 /* and here ten, which is how many are forgotten */

struct wm_rpc_source {
	struct wm_rpc_sources *all;
	struct wm_list node; /* among those that are remembered for their blame only */
	uint8_t key[KEY_MAX];
	size_t key_len;
	uint32_t n_conns;
	uint32_t blame;
	int64_t at; /* up to when blame has been forgotten */
	struct wm_list line;
	struct wm_timer next; /* when the first in the line may begin */
	int64_t free_at;      /* before that, nobody else begins */
};

void wm_rpc_sources_init(struct wm_rpc_sources *all, struct wm_loop *loop)
{
	*all = (struct wm_rpc_sources){.loop = loop};
	wm_list_init(&all->blamed);
}

/* ---- what is remembered, and for how long ---- */

static void forget_source(struct wm_rpc_source *s)
{
	struct wm_rpc_sources *all = s->all;
	assert(s->n_conns == 0 && wm_list_is_empty(&s->line));
	if (wm_list_is_linked(&s->node))
		all->n_blamed--;
	wm_list_remove(&s->node);
	wm_timer_stop(&s->next);
	(void)wm_map_drop_n(&all->by_address, s->key, s->key_len);
	wm_free(s);
}

void wm_rpc_sources_fini(struct wm_rpc_sources *all)
{
	struct wm_list *it;
	while ((it = wm_list_first(&all->blamed)) != NULL)
		forget_source(wm_container_of(it, struct wm_rpc_source, node));
	assert(all->by_address.count == 0);
	wm_map_fini(&all->by_address);
}

static void forget_blame(struct wm_rpc_source *s)
{
	const int64_t tick = WM_NS_PER_S / RATE;
	int64_t ticks = (wm_loop_now(s->all->loop) - s->at) / tick;
	s->blame = ticks > s->blame ? 0 : s->blame - (uint32_t)ticks;
	s->at += ticks * tick;
}

/* The oldest are those with the least blame left, as a rule: a few are looked at each time. */
static void forget_some(struct wm_rpc_sources *all)
{
	struct wm_list *it;
	for (int i = 0; i < 2 && (it = wm_list_first(&all->blamed)) != NULL; i++) {
		struct wm_rpc_source *s = wm_container_of(it, struct wm_rpc_source, node);
		forget_blame(s);
		if (s->blame == 0 || all->n_blamed > WM_RPC_SOURCES_BLAMED)
			forget_source(s);
	}
}

static struct wm_rpc_source *new_source(struct wm_rpc_sources *all, const uint8_t *key, size_t len)
{
	struct wm_rpc_source *s = wm_alloc(sizeof(*s));
	s->all = all;
	memcpy(s->key, key, len);
	s->key_len = len;
	s->at = wm_loop_now(all->loop);
	wm_list_init(&s->line);
	(void)wm_map_put_n(&all->by_address, key, len, s);
	return s;
}

struct wm_rpc_source *wm_rpc_source_enter(struct wm_rpc_sources *all,
					  const struct wm_endpoint *peer)
{
	struct wm_addr at = wm_addr_unmapped(&peer->addr);
	size_t len = at.family == WM_IPV4 ? 4 : KEY_MAX;
	struct wm_rpc_source *s = wm_map_find_n(&all->by_address, at.bytes, len);
	if (s == NULL)
		s = new_source(all, at.bytes, len);
	if (wm_list_is_linked(&s->node)) {
		wm_list_remove(&s->node);
		all->n_blamed--;
	}
	s->n_conns++;
	return s;
}

void wm_rpc_source_leave(struct wm_rpc_source *s)
{
	struct wm_rpc_sources *all = s->all;
	if (--s->n_conns > 0)
		return;
	forget_blame(s);
	if (s->blame == 0) {
		forget_source(s);
		return;
	}
	wm_list_push(&all->blamed, &s->node);
	all->n_blamed++;
	forget_some(all);
}

uint32_t wm_rpc_source_count(const struct wm_rpc_source *s)
{
	return s->n_conns;
}

/* ---- blame ---- */

static void add_blame(struct wm_rpc_source *s, uint32_t much, uint32_t most)
{
	uint32_t sum = s->blame + much < most ? s->blame + much : most;
	s->blame = sum > s->blame ? sum : s->blame;
}

void wm_rpc_source_blame(struct wm_rpc_source *s, enum wm_rpc_blame what)
{
	forget_blame(s);
	switch (what) {
	case WM_RPC_BLAME_FLOOD: add_blame(s, FLOOD, FLOOD_MAX); break;
	case WM_RPC_BLAME_VAIN: add_blame(s, VAIN, VAIN_MAX); break;
	}
}

/* From one beginning to the next. */
static int64_t pause_of(struct wm_rpc_source *s)
{
	forget_blame(s);
	return s->blame <= FREE ? 0 : (s->blame - FREE) * WAIT_NS;
}

static void on_next(struct wm_timer *t)
{
	struct wm_rpc_source *s = wm_container_of(t, struct wm_rpc_source, next);
	struct wm_list *first = wm_list_first(&s->line);
	if (first == NULL) /* it has left */
		return;
	int64_t pause = pause_of(s);
	wm_list_remove(first);
	s->free_at = wm_loop_now(s->all->loop) + pause;
	if (!wm_list_is_empty(&s->line))
		wm_timer_start(s->all->loop, &s->next, pause, on_next);
	struct wm_rpc_turn *turn = wm_container_of(first, struct wm_rpc_turn, node);
	turn->cb(turn); /* last: the source may be gone */
}

bool wm_rpc_source_wait(struct wm_rpc_source *s, struct wm_rpc_turn *t,
			void (*cb)(struct wm_rpc_turn *t))
{
	int64_t now = wm_loop_now(s->all->loop), pause = pause_of(s);
	if (wm_list_is_empty(&s->line) && (pause == 0 || s->free_at <= now)) {
		s->free_at = now + pause;
		return false;
	}
	t->cb = cb;
	wm_list_push_front(&s->line, &t->node);
	if (!wm_timer_is_running(&s->next))
		wm_timer_start(s->all->loop, &s->next, s->free_at > now ? s->free_at - now : 0,
			       on_next);
	return true;
}
