/*
 * A node that holds the state. It opens the store; an empty one is founded in one transaction, a
 * full one gets this node's record brought up to date (its key or its endpoints may be new), the
 * same way as a joiner's. From then on the graph says who our peers are.
 */
#include "agent/announcer.h"
#include "agent/internal.h"
#include "agent/options.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/str.h"
#include "mesh/join.h"
#include "mesh/network.h"
#include "mesh/paths.h"
#include "mesh/peers.h"

#define FAREWELL (150 * WM_NS_PER_MS)

/* True when somebody whom we have as a peer is not in @config. */
static bool loses_a_peer(const struct wm_agent *a, const V1__PeerConfigurations *config)
{
	for (size_t i = 0; i < a->view->n_peers; i++) {
		const V1__MeshNode *had = a->view->peers[i]->node;
		bool found = false;
		for (size_t j = 0; !found && j < config->n_peers; j++)
			found = wm_streq(config->peers[j]->node->id, had->id);
		if (!found)
			return true;
	}
	return false;
}

static void after_farewell(struct wm_timer *t);

/*
 * Applies what the graph says of us. A member that was removed learns it on its subscription, which
 * comes through the very path that is to go: so the path goes a moment later.
 */
static void refresh_peers(struct wm_agent *a, bool said_farewell)
{
	struct wm_arena arena;
	struct wm_err err;
	V1__PeerConfigurations *config;
	wm_arena_init(&arena, 0);
	int rc =
		wm_peers_config(wm_live_graph(a->live), a->identity.node_id, &arena, &config, &err);
	if (rc == 0 && !said_farewell && loses_a_peer(a, config)) {
		if (!wm_timer_is_running(&a->farewell))
			wm_timer_start(a->loop, &a->farewell, FAREWELL, after_farewell);
	} else if (rc == 0) {
		rc = wm_agent_apply_peers(a, config, &err);
	}
	if (rc != 0)
		wm_warn(a->log, "peers.not_applied", "error=\"%s\"", err.text);
	wm_arena_fini(&arena);
}

static void after_farewell(struct wm_timer *t)
{
	refresh_peers(wm_container_of(t, struct wm_agent, farewell), true);
}

static void refresh(struct wm_defer *d)
{
	refresh_peers(wm_container_of(d, struct wm_agent, refresh), false);
}

static void on_own_peers_change(struct wm_live_listener *l)
{
	struct wm_agent *a = wm_container_of(l, struct wm_agent, own_peers);
	wm_defer(a->loop, &a->refresh, refresh);
}

/* The state has us: serve it and live by it. */
static int settle(struct wm_agent *a, struct wm_err *err)
{
	int rc = wm_live_open(a->loop, a->log, a->store, &a->live, err);
	if (rc != 0)
		return rc;
	wm_service_set_state(a->service, a->store, a->live);
	a->own_peers.node_id = a->identity.node_id;
	a->own_peers.on_change = on_own_peers_change;
	wm_live_listen(a->live, &a->own_peers);
	struct wm_arena arena;
	V1__JoinResponse *view;
	wm_arena_init(&arena, 0);
	rc = wm_join_answer(wm_live_graph(a->live), a->identity.node_id, &arena, &view, err);
	if (rc == 0)
		wm_agent_become_member(a, view);
	wm_arena_fini(&arena);
	if (rc == 0)
		wm_quorum_open(a);
	return rc;
}

static void on_founded(struct wm_propose *p, const struct wm_err *err)
{
	struct wm_agent *a = wm_container_of(p, struct wm_agent, founding);
	struct wm_err failure;
	if (a->stopping)
		return;
	if (err != NULL)
		return wm_agent_stop(a, err);
	if (settle(a, &failure) != 0)
		wm_agent_stop(a, &failure);
}

static int build_first_state(struct wm_agent *a, struct wm_arena *arena, struct wm_txn **out,
			     struct wm_err *err)
{
	const struct wm_node_options *o = a->options;
	struct wm_bootstrap b = {
		.admin = o->bootstrap_admin,
		.self = wm_agent_join_request(a, arena),
		.voters = (const char *const *)o->bootstrap_voters.items,
		.n_voters = o->bootstrap_voters.n,
		.rbac = !o->bootstrap_disable_rbac && a->identity.auth != NULL,
		.accept = wm_streq(o->bootstrap_default_network_policy, "accept"),
		.joined_at_ns = wm_clock_wall(),
	};
	b.network.v4 = o->bootstrap_ipv4_network;
	b.network.v6 = o->bootstrap_ipv6_network;
	if (!wm_prefix_is_valid(&b.network.v6)) {
		uint8_t mac[6], seed[16];
		wm_rand_bytes(mac, sizeof(mac));
		wm_ula_seed(b.joined_at_ns, mac, seed);
		b.network.v6 = wm_ula_from_seed(seed, sizeof(seed));
	}
	if (!wm_str_copy(b.network.domain, sizeof(b.network.domain), o->bootstrap_mesh_domain))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "bootstrap.mesh-domain: longer than %d bytes", WM_DOMAIN_MAX);
	return wm_bootstrap_build(&b, out, err);
}

/* The state is there: our own record is written as if we joined again, so address and edges stay.
 */
static int build_return(struct wm_agent *a, struct wm_view *v, struct wm_arena *arena,
			struct wm_txn **out, struct wm_err *err)
{
	struct wm_graph *graph = wm_graph_new();
	struct wm_join join = {
		.req = wm_agent_join_request(a, arena),
		.server = a->identity.node_id,
		.authenticated = true, /* whoever holds the state is who it says */
		.now_ns = wm_clock_wall(),
	};
	int rc = wm_graph_load(graph, v, err);
	if (rc == 0)
		rc = wm_join_build(v, graph, &join, out, err);
	wm_graph_free(graph);
	if (rc == 0)
		return 0;
	return wm_wrap(err, "storage.path %s holds a mesh that this node cannot come back to",
		       a->options->storage_path);
}

/*
 * Roles name callers. Where nobody proves who they are, the first to come as "admin" would be the
 * administrator, so a state with roles in force is not served to anonymous callers.
 */
static int check_access(const struct wm_agent *a, struct wm_view *v, struct wm_err *err)
{
	if (a->identity.auth != NULL || !wm_rbac_is_enabled(v))
		return 0;
	return wm_fail(
		err, WM_FAILED_PRECONDITION,
		"storage.path %s holds a mesh whose roles are in force, and nothing here tells "
		"who calls: start with --global.mtls as before (or found a new mesh with "
		"--bootstrap.force)",
		a->options->storage_path);
}

/* ---- telling our own record again ---- */

static int propose_record(struct wm_agent *a, struct wm_err *err);

static void on_record(struct wm_propose *p, const struct wm_err *err)
{
	struct wm_agent *a = wm_container_of(p, struct wm_agent, founding);
	struct wm_err failure;
	if (a->stopping)
		return;
	/* A change that was faster: our record stands on a newer view then. */
	if (err != NULL && err->code == WM_FAILED_PRECONDITION) {
		if (propose_record(a, &failure) == 0)
			return;
		err = &failure;
	}
	wm_announcer_done(a, err);
}

static int propose_record(struct wm_agent *a, struct wm_err *err)
{
	struct wm_view *view;
	struct wm_arena arena;
	struct wm_txn *txn = NULL;
	int rc = wm_store_view(a->store, &view, err);
	if (rc != 0)
		return rc;
	wm_arena_init(&arena, 0);
	rc = build_return(a, view, &arena, &txn, err);
	wm_view_close(view);
	wm_arena_fini(&arena);
	if (rc == 0)
		wm_store_propose(a->store, &a->founding, txn, on_record);
	return rc;
}

int wm_founder_announce(struct wm_agent *a, struct wm_err *err)
{
	return propose_record(a, err);
}

/* ---- the start ---- */

static int collect(void *arg, const struct wm_kv *kv)
{
	wm_txn_delete(arg, kv->key);
	return 0;
}

static void on_wiped(struct wm_propose *p, const struct wm_err *err);

/* bootstrap.force: one transaction takes everything away, then the mesh is founded anew. */
static int start_over(struct wm_agent *a, struct wm_view *v, struct wm_err *err)
{
	struct wm_txn *txn = wm_txn_new();
	int rc = wm_view_scan(v, "/", collect, txn, err);
	if (rc != 0) {
		wm_txn_free(txn);
		return rc;
	}
	wm_warn(a->log, "state.wiped", "keys=%zu reason=bootstrap.force", wm_txn_changes(txn));
	wm_store_propose(a->store, &a->founding, txn, on_wiped);
	return 0;
}

static int found_or_return(struct wm_agent *a, bool force, struct wm_err *err)
{
	struct wm_view *view;
	struct wm_network network;
	struct wm_txn *txn = NULL;
	int rc = wm_store_view(a->store, &view, err);
	if (rc != 0)
		return rc;
	bool founded = wm_network_get(view, &network, err) == 0;
	if (founded && force) {
		rc = start_over(a, view, err);
		wm_view_close(view);
		return rc;
	}
	struct wm_arena arena;
	wm_arena_init(&arena, 0);
	if (founded)
		rc = check_access(a, view, err);
	if (founded && rc == 0)
		rc = build_return(a, view, &arena, &txn, err);
	else if (!founded)
		rc = build_first_state(a, &arena, &txn, err);
	wm_view_close(view);
	wm_arena_fini(&arena);
	if (rc != 0)
		return rc;
	wm_info(a->log, founded ? "mesh.recovered" : "mesh.founded", "node=%s incarnation=%s",
		a->identity.node_id, wm_store_incarnation(a->store));
	wm_store_propose(a->store, &a->founding, txn, on_founded);
	return 0;
}

static void on_wiped(struct wm_propose *p, const struct wm_err *err)
{
	struct wm_agent *a = wm_container_of(p, struct wm_agent, founding);
	struct wm_err failure;
	if (a->stopping)
		return;
	if (err != NULL)
		return wm_agent_stop(a, err);
	if (found_or_return(a, false, &failure) != 0)
		wm_agent_stop(a, &failure);
}

int wm_founder_start(struct wm_agent *a, struct wm_err *err)
{
	int rc = wm_agent_open_state(a, err);
	if (rc != 0)
		return wm_wrap(err, "storage.path");
	return found_or_return(a, a->options->bootstrap_force, err);
}
