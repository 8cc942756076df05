/*
 * The end of a connection that has failed: its streams are over, then it is lost. A client keeps
 * what has come whole though: a server that stops sends its last answers and hangs up, and whoever
 * reads slowly shall get them all the same.
 */
#include "rpc/h2_impl.h"

/* All of its answer is here, and its owner has yet to take it: the connection is not needed. */
static bool is_complete(const struct wm_h2_stream *s)
{
	return s->paused && !s->deaf && s->closed && s->has_end && !s->told_end &&
	       s->close_code == NGHTTP2_NO_ERROR;
}

/* Callbacks may end streams, so the list is looked at afresh after each. */
static struct wm_h2_stream *next_lost(const struct wm_h2 *h)
{
	bool at_once = h->server || h->aborted || h->cut_off;
	struct wm_list *it;
	wm_list_each (it, &h->streams) {
		struct wm_h2_stream *s = wm_container_of(it, struct wm_h2_stream, node);
		if (at_once || !is_complete(s))
			return s;
	}
	return NULL;
}

/* It is buried when the last of what came whole has been taken. */
static void outlive(struct wm_h2 *h)
{
	if (!wm_list_is_empty(&h->ready))
		wm_h2_schedule(h);
	if (h->goaway_told)
		return;
	h->goaway_told = true;
	h->events->on_goaway(h->arg, h->why);
}

void wm_h2_bury(struct wm_h2 *h)
{
	struct wm_h2_stream *s;
	h->busy = true;
	wm_defer_cancel(&h->work);
	wm_timer_stop(&h->block);
	while ((s = next_lost(h)) != NULL)
		wm_h2_stream_over(s, h->why);
	h->busy = false;
	if (!wm_list_is_empty(&h->streams)) {
		outlive(h);
		return;
	}
	h->lost = true;
	h->events->on_lost(h->arg, h->why); /* last: the connection may be gone */
}
