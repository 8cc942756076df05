/* Who waits for what is applied, and how they are told (cluster/applier.h). */
#include "cluster/applier.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* What ends without having been applied, each with a reason of its own. */
struct refusal {
	struct wm_list node;
	struct wm_batch *batch;
};

static void move_all(struct wm_list *from, struct wm_list *to)
{
	struct wm_list *node;

	while ((node = wm_list_first(from)) != NULL) {
		wm_list_remove(node);
		wm_list_push(to, node);
	}
}

static void drop_pending(struct wm_applier *a, struct wm_pending *p)
{
	if (a->proposing == p)
		a->proposing = NULL;
	wm_list_remove(&p->node);
	wm_free(p);
}

void wm_applier_settle(struct wm_applier *a)
{
	struct wm_list *it, *next;
	struct wm_err why;

	wm_list_each_safe (it, next, &a->pending) {
		struct wm_pending *p = wm_container_of(it, struct wm_pending, node);

		if (p->applied) {
			a->batch->took_ns = wm_clock_now() - p->began_ns;
			move_all(&p->proposals, &a->batch->proposals);
			drop_pending(a, p);
		} else if (p->index != 0 && p->index <= a->index) {
			wm_fail(&why, WM_UNAVAILABLE,
				"another server leads now and did not get this change: it was not "
				"made, try again");
			wm_applier_give_up(a, p, &why);
		}
	}
}

void wm_applier_forget_changes(struct wm_applier *a)
{
	struct wm_batch *b = a->batch;

	for (size_t i = 0; i < b->n_changes; i++)
		wm_txn_free(b->changes[i]);
	b->n_changes = 0;
	b->gap = true;
}

void wm_applier_replaced(struct wm_applier *a)
{
	a->revision = a->env->revision;
	a->index = a->env->applied_index;
	a->term = a->env->applied_term;
	wm_applier_forget_changes(a);
	memcpy(a->batch->incarnation, a->env->incarnation, sizeof(a->env->incarnation));
	a->moved = true;
	wm_applier_expire(a, INT64_MAX);
}

void wm_applier_forget(struct wm_applier *a)
{
	wm_batch_free(a->batch);
	a->batch = wm_batch_new(a->engine);
	a->bytes = 0;
	a->moved = false;
}

/* ---- proposals ---- */

struct wm_pending *wm_applier_expect(struct wm_applier *a, struct wm_list *list, int64_t now_ns)
{
	struct wm_pending *p = wm_alloc(sizeof(*p));

	p->began_ns = now_ns;
	wm_list_init(&p->proposals);
	move_all(list, &p->proposals);
	wm_list_push(&a->pending, &p->node);
	a->proposing = p;
	return p;
}

void wm_applier_refuse(struct wm_applier *a, struct wm_list *proposals, const struct wm_err *why)
{
	struct refusal *r;
	struct wm_list *it;

	if (wm_list_is_empty(proposals))
		return;
	r = wm_alloc(sizeof(*r));
	r->batch = wm_batch_new(a->engine);
	wm_err_copy(&r->batch->err, why);
	r->batch->ill = why->code != WM_UNAVAILABLE && why->code != WM_UNKNOWN;
	move_all(proposals, &r->batch->proposals);
	wm_list_each (it, &r->batch->proposals)
		wm_propose_end(wm_container_of(it, struct wm_propose, node), why->code, 0);
	wm_list_push(&a->refused, &r->node);
}

void wm_applier_give_up(struct wm_applier *a, struct wm_pending *p, const struct wm_err *why)
{
	wm_applier_refuse(a, &p->proposals, why);
	drop_pending(a, p);
}

void wm_applier_expire(struct wm_applier *a, int64_t then)
{
	struct wm_list *it, *next;
	struct wm_err why;

	wm_list_each_safe (it, next, &a->pending) {
		struct wm_pending *p = wm_container_of(it, struct wm_pending, node);

		if (p->began_ns >= then)
			break;
		wm_fail(&why, WM_UNKNOWN,
			"whether this change was made is not known here: look at the state before "
			"trying again");
		wm_applier_give_up(a, p, &why);
	}
}

/* ---- telling ---- */

bool wm_applier_has_news(const struct wm_applier *a)
{
	return a->moved || !wm_list_is_empty(&a->batch->proposals) ||
	       !wm_list_is_empty(&a->refused);
}

static void post_batch(struct wm_applier *a, struct wm_snapshot *s,
		       void (*post)(struct wm_engine *e, struct wm_batch *b))
{
	struct wm_batch *b = a->batch;

	if (s != NULL) {
		/* Needs no memory and no place among the readers, so it cannot fail. */
		int rc = wm_snapshot_renew(s, a->revision);

		assert(rc == 0);
		(void)rc;
	}
	b->snapshot = s;
	a->batch = wm_batch_new(a->engine);
	a->bytes = 0;
	a->moved = false;
	post(a->engine, b);
}

bool wm_applier_flush(struct wm_applier *a, struct wm_snapshot_pool *unused,
		      void (*post)(struct wm_engine *e, struct wm_batch *b))
{
	struct wm_list *node;
	struct wm_snapshot *s;

	while ((node = wm_list_first(&a->refused)) != NULL) {
		struct refusal *r = wm_container_of(node, struct refusal, node);

		wm_list_remove(node);
		post(a->engine, r->batch);
		wm_free(r);
	}
	if (!wm_applier_has_news(a))
		return true;
	if (!a->moved) {
		post_batch(a, NULL, post);
		return true;
	}
	s = wm_snapshot_pool_take(unused);
	if (s == NULL)
		return false;
	post_batch(a, s, post);
	return true;
}
