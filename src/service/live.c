#include "service/live.h"

#include "base/log.h"
#include "mesh/paths.h"
#include "store/store.h"

struct wm_live {
	struct wm_loop *loop;
	struct wm_log *log;
	struct wm_store *store;
	struct wm_graph *graph;
	struct wm_watch watch;
	bool watching;
	struct wm_graph_delta delta;
	struct wm_list listeners;
	struct wm_defer reload;
};

static void tell_affected(struct wm_live *l)
{
	struct wm_list *it, *tmp;
	wm_list_each_safe (it, tmp, &l->listeners) {
		struct wm_live_listener *listener =
			wm_container_of(it, struct wm_live_listener, node);
		if (wm_graph_affects(l->graph, &l->delta, listener->node_id))
			listener->on_change(listener);
	}
}

static void on_changes(struct wm_watch *w, uint64_t revision, const struct wm_change *changes,
		       size_t n)
{
	struct wm_live *l = wm_container_of(w, struct wm_live, watch);
	wm_graph_delta_clear(&l->delta);
	wm_graph_apply(l->graph, revision, changes, n, &l->delta);
	tell_affected(l);
}

static int load(struct wm_live *l, struct wm_err *err)
{
	struct wm_view *view;
	int rc = wm_store_view(l->store, &view, err);
	if (rc != 0)
		return rc;
	uint64_t revision = view->revision;
	rc = wm_graph_load(l->graph, view, err);
	wm_view_close(view);
	if (rc != 0)
		return rc;
	wm_store_watch(l->store, &l->watch, WM_REGISTRY, revision);
	l->watching = true;
	return 0;
}

static void reload(struct wm_defer *d)
{
	struct wm_live *l = wm_container_of(d, struct wm_live, reload);
	struct wm_err err;
	if (load(l, &err) != 0) {
		wm_error(l->log, "state.unreadable", "error=\"%s\"", err.text);
		return;
	}
	l->delta.all = true;
	tell_affected(l);
}

/* Being too slow for the history means starting over; a store that closes is the end. */
static void on_watch_end(struct wm_watch *w, const struct wm_err *err)
{
	struct wm_live *l = wm_container_of(w, struct wm_live, watch);
	l->watching = false;
	if (err != NULL && err->code == WM_OUT_OF_RANGE)
		wm_defer(l->loop, &l->reload, reload);
}

int wm_live_open(struct wm_loop *loop, struct wm_log *log, struct wm_store *store,
		 struct wm_live **out, struct wm_err *err)
{
	struct wm_live *l = wm_alloc(sizeof(*l));
	l->loop = loop;
	l->log = log;
	l->store = store;
	l->graph = wm_graph_new();
	l->watch.on_changes = on_changes;
	l->watch.on_end = on_watch_end;
	wm_list_init(&l->listeners);
	int rc = load(l, err);
	if (rc != 0) {
		wm_live_close(l);
		return rc;
	}
	*out = l;
	return 0;
}

void wm_live_close(struct wm_live *l)
{
	if (l == NULL)
		return;
	if (l->watching)
		wm_watch_stop(&l->watch);
	wm_defer_cancel(&l->reload);
	while (!wm_list_is_empty(&l->listeners))
		wm_list_remove(wm_list_first(&l->listeners));
	wm_graph_delta_fini(&l->delta);
	wm_graph_free(l->graph);
	wm_free(l);
}

struct wm_graph *wm_live_graph(struct wm_live *l)
{
	return l->graph;
}

void wm_live_listen(struct wm_live *l, struct wm_live_listener *listener)
{
	wm_list_push(&l->listeners, &listener->node);
}

void wm_live_unlisten(struct wm_live_listener *listener)
{
	wm_list_remove(&listener->node);
}
