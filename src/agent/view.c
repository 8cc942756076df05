/*
 * From what the mesh says of us to what this machine shall be: the last answer of the mesh is kept,
 * and every new one becomes a desired state that the fabric takes.
 */
#include "agent/internal.h"
#include "agent/lastview.h"
#include "agent/options.h"
#include "agent/places.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "fabric/desired.h"
#include "fabric/fabric.h"
#include "fabric/peers.h"
#include "mesh/join.h"
#include "mesh/nodes.h"
#include "pb/message.h"
#include "platform/sysctl.h"

/* A prefix of the answer, or none when the family is off or the text is none. */
static struct wm_prefix prefix_of(const char *text, bool off)
{
	struct wm_prefix p = {0};
	if (!off && !wm_str_is_empty(text) && !wm_prefix_parse(text, &p))
		p = (struct wm_prefix){0};
	return p;
}

/*
 * Do others send through us? Certainly when we offer routes. A member that holds no graph cannot
 * see who is whose neighbour; but a peer that nobody can reach from outside is reached by the other
 * peers through somebody who has a path to it, which may be us.
 */
static bool carries_others(const struct wm_agent *a, const V1__JoinResponse *view)
{
	if (a->options->mesh_routes.n > 0)
		return true;
	if (view->n_peers < 2)
		return false;
	for (size_t i = 0; i < view->n_peers; i++) {
		const V1__MeshNode *node = view->peers[i]->node;
		if (node != NULL && wm_str_is_empty(wm_node_text(node->primaryendpoint)))
			return true;
	}
	return false;
}

static void add_peers(struct wm_agent *a, struct wm_desired *d, const V1__JoinResponse *view)
{
	for (size_t i = 0; i < view->n_peers; i++) {
		struct wm_err err;
		unsigned skipped = 0;
		if (wm_desired_add_wire(d, view->peers[i], &skipped, &err) != 0)
			wm_warn(a->log, "peer.unusable", "error=\"%s\"", err.text);
		if (skipped > 0)
			wm_warn(a->log, "peer.prefixes_skipped", "count=%u", skipped);
	}
}

static struct wm_desired *desire(struct wm_agent *a, const V1__JoinResponse *view)
{
	const struct wm_node_options *o = a->options;
	struct wm_desired *d = wm_desired_new();
	d->addr4 = prefix_of(view->addressipv4, o->mesh_disable_ipv4);
	d->addr6 = prefix_of(view->addressipv6, o->mesh_disable_ipv6);
	struct wm_prefix v4 = prefix_of(view->networkipv4, o->mesh_disable_ipv4);
	struct wm_prefix v6 = prefix_of(view->networkipv6, o->mesh_disable_ipv6);
	if (wm_prefix_is_valid(&d->addr4) && wm_prefix_is_valid(&v4))
		wm_desired_add_network(d, &v4);
	if (wm_prefix_is_valid(&d->addr6) && wm_prefix_is_valid(&v6))
		wm_desired_add_network(d, &v6);
	d->mtu = (uint32_t)o->wireguard_mtu;
	d->keepalive_s = (uint16_t)(o->wireguard_persistent_keepalive / WM_NS_PER_S);
	d->is_public = wm_addr_is_valid(&o->mesh_primary_endpoint);
	d->no_full_tunnel = o->wireguard_disable_full_tunnel;
	wm_desired_set_zone(d, o->mesh_zone_awareness_id);
	add_peers(a, d, view);
	if (carries_others(a, view))
		d->forwarding = (wm_prefix_is_valid(&d->addr4) ? (unsigned)WM_FORWARDING_V4 : 0U) |
				(wm_prefix_is_valid(&d->addr6) ? (unsigned)WM_FORWARDING_V6 : 0U);
	return d;
}

/* ---- the view on disk ---- */

#define SAVE_PAUSE (500 * WM_NS_PER_MS)

static struct wm_last_view last_view(const struct wm_agent *a)
{
	return (struct wm_last_view){.folder = a->options->storage_path,
				     .node_id = a->identity.node_id,
				     .public_key = a->identity.public_text};
}

/* A node that holds the state has better, and one whose key dies with it has nothing to come back
 * to. */
static bool keeps_view(const struct wm_agent *a)
{
	return !a->options->bootstrap_enabled && !a->options->storage_in_memory &&
	       !wm_str_is_empty(a->options->wireguard_key_file);
}

static void save(struct wm_timer *t)
{
	struct wm_agent *a = wm_container_of(t, struct wm_agent, save);
	struct wm_last_view at = last_view(a);
	struct wm_err err;
	if (wm_last_view_save(&at, a->view, &err) == 0 || a->cannot_save)
		return;
	a->cannot_save = true;
	wm_warn(a->log, "view.not_saved",
		"error=\"%s\" meaning=\"this node cannot start while no server answers\"",
		err.text);
}

void wm_agent_save_view(struct wm_agent *a)
{
	if (!wm_timer_is_running(&a->save))
		return;
	wm_timer_stop(&a->save);
	save(&a->save);
}

int wm_agent_restore_view(struct wm_agent *a, struct wm_err *err)
{
	struct wm_last_view at = last_view(a);
	struct wm_arena arena;
	V1__JoinResponse *view;
	int64_t age = 0;
	if (!keeps_view(a))
		return wm_fail(err, WM_NOT_FOUND, "no view is kept");
	wm_arena_init(&arena, 0);
	int rc = wm_last_view_load(&at, &arena, &view, &age, err);
	if (rc == 0) {
		wm_warn(a->log, "view.restored",
			"age_s=%lld peers=%zu reason=\"no server answers\"",
			(long long)(age / WM_NS_PER_S), view->n_peers);
		wm_agent_become_member(a, view);
	}
	wm_arena_fini(&arena);
	return rc;
}

static void resume(struct wm_agent *a, const V1__JoinResponse *view, int64_t age)
{
	struct wm_err err;
	int rc = wm_agent_apply_view(a, view, &err);
	wm_timer_stop(&a->save); /* it is as old as it is */
	if (rc != 0)
		wm_warn(a->log, "peers.not_applied", "error=\"%s\"", err.text);
	else
		wm_info(a->log, "view.resumed", "age_s=%lld peers=%zu inherited=%s",
			(long long)(age / WM_NS_PER_S), view->n_peers,
			wm_wg_device_is_inherited(a->device) ? "yes" : "no");
}

void wm_agent_resume_view(struct wm_agent *a)
{
	struct wm_last_view at = last_view(a);
	struct wm_arena arena;
	V1__JoinResponse *view;
	int64_t age = 0;
	if (!keeps_view(a) ||
	    (!wm_wg_device_is_inherited(a->device) && !wm_places_are_fresh(a->places)))
		return;
	wm_arena_init(&arena, 0);
	if (wm_last_view_load(&at, &arena, &view, &age, NULL) == 0)
		resume(a, view, age);
	wm_arena_fini(&arena);
}

void wm_agent_forget_view(struct wm_agent *a)
{
	struct wm_last_view at = last_view(a);
	wm_timer_stop(&a->save);
	wm_places_forget(a->places);
	if (keeps_view(a))
		wm_last_view_forget(&at);
}

/* ---- taking over what the mesh says ---- */

static int take(struct wm_agent *a, struct wm_arena *arena, V1__JoinResponse *view,
		struct wm_err *err)
{
	wm_arena_fini(&a->view_arena);
	a->view_arena = *arena;
	a->view = view;
	a->n_networks = 0;
	if (wm_prefix_parse(view->networkipv4, &a->networks[a->n_networks]))
		a->n_networks++;
	if (wm_prefix_parse(view->networkipv6, &a->networks[a->n_networks]))
		a->n_networks++;
	if (keeps_view(a) && !wm_timer_is_running(&a->save))
		wm_timer_start(a->loop, &a->save, SAVE_PAUSE, save);
	return wm_fabric_apply(a->fabric, desire(a, view), err);
}

int wm_agent_apply_view(struct wm_agent *a, const V1__JoinResponse *view, struct wm_err *err)
{
	struct wm_arena arena;
	int rc = wm_join_answer_check(view, err);
	if (rc != 0)
		return rc;
	wm_arena_init(&arena, 0);
	return take(a, &arena, wm_pb_copy(&arena, &view->base), err);
}

int wm_agent_apply_peers(struct wm_agent *a, const V1__PeerConfigurations *config,
			 struct wm_err *err)
{
	struct wm_arena arena;
	wm_arena_init(&arena, 0);
	V1__JoinResponse next = *a->view;
	next.n_peers = config->n_peers;
	next.peers = config->peers;
	next.n_iceservers = config->n_iceservers;
	next.iceservers = config->iceservers;
	next.n_dnsservers = config->n_dnsservers;
	next.dnsservers = config->dnsservers;
	return take(a, &arena, wm_pb_copy(&arena, &next.base), err);
}

int wm_agent_reapply_view(struct wm_agent *a, struct wm_err *err)
{
	return wm_fabric_apply(a->fabric, desire(a, a->view), err);
}

bool wm_agent_find_peer(const struct wm_agent *a, const char *id, struct wm_endpoint *out)
{
	for (size_t i = 0; a->view != NULL && i < a->view->n_peers; i++) {
		const V1__MeshNode *node = a->view->peers[i]->node;
		if (node == NULL || !wm_streq(node->id, id))
			continue;
		struct wm_prefix p;
		out->port = wm_node_feature_port(node, V1__FEATURE__NODES);
		if (!a->options->mesh_disable_ipv4 && wm_node_ipv4(node, &p))
			out->addr = p.addr;
		else if (!a->options->mesh_disable_ipv6 && wm_node_ipv6(node, &p))
			out->addr = p.addr;
		else
			return false;
		return out->port != 0;
	}
	return false;
}
