#include "service/service.h"

#include "base/mem.h"
#include "service/internal.h"
#include "service/proxy.h"

struct wm_service *wm_service_new(struct wm_rpc_server *server, const struct wm_service_opts *opts)
{
	struct wm_service *s = wm_alloc(sizeof(*s));
	s->opts = *opts;
	s->server = server;
	wm_list_init(&s->subscribers);
	wm_list_init(&s->changes);
	wm_list_init(&s->proxied);
	wm_membership_register(s, server);
	wm_node_register(s, server);
	wm_health_register(s, server);
	wm_reflection_register(s, server);
	if (opts->mesh_api)
		wm_mesh_register(s, server);
	return s;
}

void wm_service_set_state(struct wm_service *s, struct wm_store *store, struct wm_live *live)
{
	s->opts.store = store;
	s->opts.live = live;
	wm_health_changed(s);
}

void wm_service_leader_changed(struct wm_service *s)
{
	wm_proxy_leader_changed(s);
}

void wm_service_stop(struct wm_service *s)
{
	if (s == NULL)
		return;
	s->stopping = true;
	wm_health_stop(s);
	wm_membership_end_subscriptions(s);
	wm_proxy_stop(s);
}

void wm_service_free(struct wm_service *s)
{
	if (s == NULL)
		return;
	wm_defer_cancel(&s->next_change);
	wm_free(s);
}
