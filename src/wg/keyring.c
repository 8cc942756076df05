#include "wg/keyring.h"
#include "wg/worker.h"

static void retire(struct wm_wg_core *c, struct wm_wg_session *s)
{
	if (s == NULL)
		return;
	wm_wg_index_drop(&c->index, s->keys.local_index);
	wm_wg_session_retire(s, c->epoch);
	atomic_fetch_add(&c->retired_sessions, 1);
	/* Sleeping workers wipe the keys of the dead session too. */
	for (unsigned i = 0; i < c->n_workers; i++)
		wm_wg_wake_set(&c->workers[i].wake);
}

void wm_wg_keyring_put_initiated(struct wm_wg_core *c, struct wm_wg_peer *p,
				 struct wm_wg_session *s)
{
	struct wm_wg_session *next = atomic_exchange(&p->next, NULL);
	wm_wg_index_set(&c->index, s);
	struct wm_wg_session *old = atomic_exchange(&p->current, s);
	retire(c, p->previous);
	/* Initiations that crossed each other: the peer may already be sending on the other one. */
	p->previous = next != NULL ? next : old;
	if (next != NULL)
		retire(c, old);
}

void wm_wg_keyring_put_answered(struct wm_wg_core *c, struct wm_wg_peer *p, struct wm_wg_session *s)
{
	wm_wg_index_set(&c->index, s);
	retire(c, atomic_exchange(&p->next, s));
}

bool wm_wg_keyring_confirm(struct wm_wg_core *c, struct wm_wg_peer *p)
{
	struct wm_wg_session *next = atomic_load(&p->next);
	if (next == NULL || !atomic_load(&next->is_used))
		return false;
	retire(c, p->previous);
	p->previous = atomic_exchange(&p->current, next);
	atomic_store(&p->next, NULL);
	return true;
}

void wm_wg_keyring_end_initiation(struct wm_wg_core *c, struct wm_wg_peer *p)
{
	if (p->initiator.is_live)
		wm_wg_index_drop(&c->index, p->initiator.index);
	wm_wg_initiator_fini(&p->initiator);
}

void wm_wg_keyring_forget(struct wm_wg_core *c, struct wm_wg_peer *p)
{
	wm_wg_keyring_end_initiation(c, p);
	retire(c, atomic_exchange(&p->current, NULL));
	retire(c, atomic_exchange(&p->next, NULL));
	retire(c, p->previous);
	p->previous = NULL;
}

struct wm_wg_session *wm_wg_keyring_usable(struct wm_wg_peer *p, int64_t now)
{
	struct wm_wg_session *s = atomic_load(&p->current);
	return s != NULL && wm_wg_session_can_send(s, now) ? s : NULL;
}
